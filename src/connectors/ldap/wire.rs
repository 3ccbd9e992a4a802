//! The shape of what a server sends, checked before ldap3 parses it.
//!
//! ldap3's parser recurses as deep as the data says and waits for any length that is declared (lber 0.5). Here each
//! message (RFC 4511 5.1, a subset of BER) is bounded in size, depth and number of elements first.

use std::fmt;

/// The largest message. An entry is one message: a group of 400,000 members fits.
pub const MAX_MESSAGE: usize = 32 << 20;

/// A search result entry nests six deep.
const MAX_DEPTH: usize = 16;

/// What ldap3 allocates grows with this number.
const MAX_ELEMENTS: usize = 500_000;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const BOOLEAN: u8 = 0x01;
const ENUMERATED: u8 = 0x0a;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const EXTENDED_RESPONSE: u8 = 0x78;

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireFault {
    /// It does not follow the encoding.
    Malformed,
    /// It declares more than [`MAX_MESSAGE`] bytes.
    TooLong(u64),
    /// It nests too deep.
    TooDeep,
    /// It has too many elements.
    TooMany,
}

impl fmt::Display for WireFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => write!(f, "the server sent something that is not LDAP"),
            Self::TooLong(length) => {
                write!(f, "the server announced a message of {length} bytes; at most {MAX_MESSAGE} are taken")
            }
            Self::TooDeep => write!(f, "the server sent a message nested deeper than {MAX_DEPTH} levels"),
            Self::TooMany => write!(f, "the server sent a message of more than {MAX_ELEMENTS} elements"),
        }
    }
}

/// The length in bytes of the message that begins here; `None` as long as its header is incomplete.
pub fn message_length(bytes: &[u8]) -> Result<Option<usize>, WireFault> {
    if bytes.first().is_some_and(|tag| *tag != SEQUENCE) {
        return Err(WireFault::Malformed);
    }
    let Some(header) = header(bytes)? else { return Ok(None) };
    let length = header.content as u64 + header.length;
    if length > MAX_MESSAGE as u64 {
        return Err(WireFault::TooLong(length));
    }
    Ok(Some(length as usize))
}

/// Walks through a whole message without recursion.
pub fn check_message(message: &[u8]) -> Result<(), WireFault> {
    let mut open_ends = vec![message.len()];
    let mut elements = 0;
    let mut at = 0;
    while let Some(&end) = open_ends.last() {
        if at == end {
            open_ends.pop();
            continue;
        }
        elements += 1;
        if elements > MAX_ELEMENTS {
            return Err(WireFault::TooMany);
        }
        let header = header(&message[at..end])?.ok_or(WireFault::Malformed)?;
        let content = at + header.content;
        if header.length > (end - content) as u64 {
            return Err(WireFault::Malformed);
        }
        at = content;
        if header.constructed {
            if open_ends.len() > MAX_DEPTH {
                return Err(WireFault::TooDeep);
            }
            open_ends.push(content + header.length as usize);
        } else {
            at += header.length as usize;
        }
    }
    Ok(())
}

/// The result code and the server's words if this is an extended response with the given message id: 0 is a notice of
/// disconnection (RFC 4511 4.4.1), 1 here the answer to StartTLS.
pub fn extended_response(message: &[u8], id: u8) -> Option<(u32, String)> {
    let mut parts = Elements(Elements(message).next_as(SEQUENCE)?);
    if parts.next_as(INTEGER)? != [id] {
        return None;
    }
    let mut result = Elements(parts.next_as(EXTENDED_RESPONSE)?);
    let code = unsigned(result.next()?.1)?;
    let _matched_dn = result.next()?;
    let text = String::from_utf8_lossy(result.next()?.1).into_owned();
    Some((code, text))
}

/// The cookie of a paged results control's value (RFC 2696 2).
pub fn paging_cookie(value: &[u8]) -> Option<Vec<u8>> {
    let mut parts = Elements(Elements(value).next_as(SEQUENCE)?);
    parts.next_as(INTEGER)?;
    parts.next_as(OCTET_STRING).map(<[u8]>::to_vec)
}

/// Sync State (RFC 4533 2.3).
pub struct SyncState {
    /// 0 present, 1 add, 2 modify, 3 delete.
    pub state: u32,
    /// `entryUUID`.
    pub entry: Vec<u8>,
    /// A newer cookie.
    pub cookie: Option<Vec<u8>>,
}

/// The value of a sync state control.
pub fn sync_state(value: &[u8]) -> Option<SyncState> {
    let mut parts = Elements(Elements(value).next_as(SEQUENCE)?);
    let state = unsigned(parts.next_as(ENUMERATED)?)?;
    let entry = parts.next_as(OCTET_STRING)?.to_vec();
    Some(SyncState { state, entry, cookie: parts.next_as(OCTET_STRING).map(<[u8]>::to_vec) })
}

/// The value of a sync done control (RFC 4533 2.4): cookie, and whether what is gone was named.
pub fn sync_done(value: &[u8]) -> Option<(Option<Vec<u8>>, bool)> {
    let mut parts = Elements(Elements(value).next_as(SEQUENCE)?);
    let cookie = parts.next_if(OCTET_STRING).map(<[u8]>::to_vec);
    let deletes = parts.next_if(BOOLEAN).is_some_and(|flag| flag.iter().any(|byte| *byte != 0));
    parts.0.is_empty().then_some((cookie, deletes))
}

/// Sync Info (RFC 4533 2.5).
pub struct SyncInfo {
    /// 0 new cookie, 1 refresh delete, 2 refresh present, 3 set of entries.
    pub kind: u8,
    /// A newer cookie.
    pub cookie: Option<Vec<u8>>,
    /// Of a phase: whether the refresh is over; of a set: whether its entries are gone.
    pub flag: bool,
    /// `entryUUID`s of a set.
    pub entries: Vec<Vec<u8>>,
}

/// The value of a sync info message.
pub fn sync_info(value: &[u8]) -> Option<SyncInfo> {
    let (tag, content) = Elements(value).next()?;
    let mut parts = Elements(content);
    let kind = tag & 0x1f;
    if tag == 0x80 {
        return Some(SyncInfo { kind, cookie: Some(content.to_vec()), flag: false, entries: Vec::new() });
    }
    if !matches!(tag, 0xa1..=0xa3) {
        return None;
    }
    let cookie = parts.next_if(OCTET_STRING).map(<[u8]>::to_vec);
    // Phases are over unless they say otherwise; sets are of what is there.
    let flag = parts.next_if(BOOLEAN).map_or(kind != 3, |flag| flag.iter().any(|byte| *byte != 0));
    let mut entries = Vec::new();
    if kind == 3 {
        let mut set = Elements(parts.next_as(SET)?);
        while !set.0.is_empty() {
            entries.push(set.next_as(OCTET_STRING)?.to_vec());
        }
    }
    parts.0.is_empty().then_some(SyncInfo { kind, cookie, flag, entries })
}

/// The value of a DirSync control in an answer (MS-ADTS 3.1.1.3.4.1.3): whether there is more, and the next cookie.
pub fn dirsync(value: &[u8]) -> Option<(bool, Vec<u8>)> {
    let mut parts = Elements(Elements(value).next_as(SEQUENCE)?);
    let more = parts.next_as(INTEGER)?.iter().any(|byte| *byte != 0);
    parts.next_as(INTEGER)?;
    parts.next_as(OCTET_STRING).map(|cookie| (more, cookie.to_vec()))
}

struct Header {
    constructed: bool,
    /// Where the content begins.
    content: usize,
    /// How long the content is.
    length: u64,
}

/// The header of one element; `None` if bytes are missing. Tags past 30 and indefinite lengths do not occur in LDAP.
fn header(bytes: &[u8]) -> Result<Option<Header>, WireFault> {
    let (Some(&tag), Some(&first)) = (bytes.first(), bytes.get(1)) else { return Ok(None) };
    if tag & 0x1f == 0x1f {
        return Err(WireFault::Malformed);
    }
    let constructed = tag & 0x20 != 0;
    if first < 0x80 {
        return Ok(Some(Header { constructed, content: 2, length: u64::from(first) }));
    }
    let width = usize::from(first & 0x7f);
    if width == 0 || width > 8 {
        return Err(WireFault::Malformed);
    }
    let Some(digits) = bytes.get(2..2 + width) else { return Ok(None) };
    let length = digits.iter().fold(0, |length, digit| length << 8 | u64::from(*digit));
    if length > u64::from(u32::MAX) {
        return Err(WireFault::TooLong(length));
    }
    Ok(Some(Header { constructed, content: 2 + width, length }))
}

/// The elements in a stretch of BER, one after the other: tag and content.
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let header = header(self.0).ok()??;
        let end = header.content.checked_add(usize::try_from(header.length).ok()?)?;
        let content = self.0.get(header.content..end)?;
        let tag = self.0[0];
        self.0 = &self.0[end..];
        Some((tag, content))
    }

    /// The next element if it has that tag; it stays where it is otherwise.
    fn next_if(&mut self, tag: u8) -> Option<&'a [u8]> {
        (self.0.first() == Some(&tag)).then(|| self.next_as(tag))?
    }

    fn next_as(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }
}

fn unsigned(digits: &[u8]) -> Option<u32> {
    (1..=4).contains(&digits.len()).then(|| digits.iter().fold(0, |value, digit| value << 8 | u32::from(*digit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag, 0x84];
        bytes.extend((content.len() as u32).to_be_bytes());
        bytes.extend(content);
        bytes
    }

    #[test]
    fn a_message_waits_for_its_header_and_no_longer() {
        let message = element(SEQUENCE, &element(INTEGER, &[1]));
        assert_eq!(message_length(&message[..5]), Ok(None));
        assert_eq!(message_length(&message[..6]), Ok(Some(message.len())));
        assert_eq!(check_message(&message), Ok(()));
    }

    #[test]
    fn a_huge_length_is_refused_before_it_arrives() {
        assert_eq!(message_length(&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]), Err(WireFault::TooLong(0x8000_0005)));
        assert!(matches!(message_length(&[0x30, 0x88, 1, 0, 0, 0, 0, 0, 0, 0]), Err(WireFault::TooLong(_))));
    }

    #[test]
    fn deep_nesting_is_refused() {
        let mut message = element(INTEGER, &[1]);
        for _ in 0..MAX_DEPTH {
            message = element(SEQUENCE, &message);
        }
        assert_eq!(check_message(&message), Ok(()));
        assert_eq!(check_message(&element(SEQUENCE, &message)), Err(WireFault::TooDeep));
    }

    #[test]
    fn many_elements_are_refused() {
        assert_eq!(check_message(&element(SEQUENCE, &[5, 0].repeat(MAX_ELEMENTS))), Err(WireFault::TooMany));
    }

    #[test]
    fn an_element_that_outgrows_its_parent_is_refused() {
        assert_eq!(check_message(&[0x30, 3, 0x02, 5, 1]), Err(WireFault::Malformed));
        assert_eq!(check_message(&[0x30, 0x80, 0, 0]), Err(WireFault::Malformed));
        assert_eq!(message_length(b"HTTP/1.1"), Err(WireFault::Malformed));
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(bytes: Vec<u8>) {
            let _ = (message_length(&bytes), check_message(&bytes), paging_cookie(&bytes), extended_response(&bytes, 0));
            let _ = (sync_state(&bytes).is_some(), sync_done(&bytes), sync_info(&bytes).is_some());
            let _ = dirsync(&bytes);
        }

        #[test]
        fn what_passes_is_parsed_by_ldap3(bytes: Vec<u8>) {
            let message = element(SEQUENCE, &bytes);
            if check_message(&message).is_ok() {
                prop_assert!(ldap3::asn1::parse_tag(&message).is_ok());
            }
        }
    }
}
