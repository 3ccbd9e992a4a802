//! Identifiers of Windows and Active Directory: GUIDs and SIDs, as text or as base64 of their bytes.

use super::binary::decode_base64;
use uuid::Uuid;

/// A GUID in lower case with hyphens. Accepts its text forms (with or without hyphens, in braces, in any case) and
/// base64 of the 16 bytes of `objectGUID`, whose first three groups are little-endian (MS-DTYP 2.3.4.2). `None` if it
/// is none of these.
pub fn parse_guid(text: &str) -> Option<String> {
    let guid = Uuid::try_parse(text).ok().or_else(|| {
        let bytes: [u8; 16] = decode_base64(text)?.try_into().ok()?;
        Some(Uuid::from_bytes_le(bytes))
    })?;
    Some(guid.hyphenated().to_string())
}

/// A security identifier as `S-1-5-21-…`. Accepts that form and base64 of the bytes of `objectSid` (MS-DTYP 2.4.2).
/// `None` if it is neither.
pub fn parse_sid(text: &str) -> Option<String> {
    if text.starts_with("S-") || text.starts_with("s-") {
        sid_of_text(text)
    } else {
        sid_of_bytes(&decode_base64(text)?)
    }
}

/// The most sub-authorities a SID can have.
const MOST_SUB_AUTHORITIES: usize = 15;

fn sid_of_text(text: &str) -> Option<String> {
    let mut parts = text.split('-').skip(1);
    let revision: u8 = parts.next()?.parse().ok()?;
    let authority = parts.next()?;
    let authority = match authority.strip_prefix("0x").or_else(|| authority.strip_prefix("0X")) {
        Some(hexadecimal) => u64::from_str_radix(hexadecimal, 16).ok()?,
        None => authority.parse().ok()?,
    };
    let subs = parts.map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>()?;
    sid(revision, authority, &subs)
}

fn sid_of_bytes(bytes: &[u8]) -> Option<String> {
    let (&[revision, count, ref authority @ ..], subs) = bytes.split_first_chunk::<8>()?;
    let authority = authority.iter().fold(0, |authority, &byte| authority << 8 | u64::from(byte));
    if subs.len() != usize::from(count) * 4 {
        return None;
    }
    let subs: Vec<u32> = subs.as_chunks().0.iter().map(|&sub| u32::from_le_bytes(sub)).collect();
    sid(revision, authority, &subs)
}

fn sid(revision: u8, authority: u64, subs: &[u32]) -> Option<String> {
    if revision != 1 || authority >> 48 != 0 || subs.is_empty() || subs.len() > MOST_SUB_AUTHORITIES {
        return None;
    }
    // an authority that does not fit 32 bits is written in hexadecimal
    let mut sid = if authority >> 32 == 0 { format!("S-1-{authority}") } else { format!("S-1-0x{authority:012X}") };
    for sub in subs {
        sid.push('-');
        sid.push_str(&sub.to_string());
    }
    Some(sid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    #[test]
    fn a_guid_is_read_in_all_its_forms() {
        let guid = "8d3b4c1a-0f2e-4b6d-9a7c-112233445566";
        for text in [
            guid,
            "8D3B4C1A-0F2E-4B6D-9A7C-112233445566",
            "{8d3b4c1a-0f2e-4b6d-9a7c-112233445566}",
            "8d3b4c1a0f2e4b6d9a7c112233445566",
            // 1a4c3b8d 2e0f 6d4b 9a7c 112233445566
            "Gkw7jS4PbUuafBEiM0RVZg==",
        ] {
            assert_eq!(parse_guid(text).as_deref(), Some(guid), "{text}");
        }
        for text in ["", "8d3b4c1a", "{}", "not-a-guid", "Gkw7jS4PbUuafBEiM0RV"] {
            assert_eq!(parse_guid(text), None, "{text}");
        }
    }

    #[test]
    fn a_sid_is_read_from_text_and_bytes() {
        for (text, sid) in [
            ("S-1-5-21-3623811015-3361044348-30300820-1013", Some("S-1-5-21-3623811015-3361044348-30300820-1013")),
            ("s-1-5-18", Some("S-1-5-18")),
            ("S-1-0x5-18", Some("S-1-5-18")),
            ("AQUAAAAAAAUVAAAAR/f912yFVch0+c0B6AMAAA==", Some("S-1-5-21-3623745351-3361047916-30275956-1000")),
            ("S-2-5-18", None),
            ("S-1-5", None),
            ("S-1-5-x", None),
            ("S-1-5-4294967296", None),
            ("AQIAAAAAAAUVAAAA", None),
            ("", None),
        ] {
            assert_eq!(parse_sid(text).as_deref(), sid, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_guid_is_the_same_from_text_and_from_bytes(bytes: [u8; 16]) {
            let guid = Uuid::from_bytes_le(bytes).to_string();
            let from_bytes = parse_guid(&STANDARD.encode(bytes));
            prop_assert_eq!(from_bytes.as_deref(), Some(guid.as_str()));
            let again = parse_guid(&guid.to_uppercase());
            prop_assert_eq!(again.as_deref(), Some(guid.as_str()));
        }

        #[test]
        fn a_sid_is_the_same_from_text_and_from_bytes(
            authority in 0..1u64 << 48,
            subs in prop::collection::vec(any::<u32>(), 1..=15),
        ) {
            let mut bytes = vec![1, subs.len() as u8];
            bytes.extend(&authority.to_be_bytes()[2..]);
            bytes.extend(subs.iter().flat_map(|sub| sub.to_le_bytes()));
            let from_bytes = parse_sid(&STANDARD.encode(bytes));
            prop_assert!(from_bytes.is_some());
            prop_assert_eq!(parse_sid(from_bytes.as_deref().unwrap_or_default()), from_bytes);
        }

        #[test]
        fn nothing_makes_it_panic(text in "\\PC*") {
            parse_guid(&text);
            parse_sid(&text);
        }
    }
}
