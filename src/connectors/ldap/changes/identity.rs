//! What tells an entry apart from all others for all its life: `entryUUID` (RFC 4530) or `objectGUID`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;
use uuid::Uuid;

/// The 16 bytes, as the directory has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity(pub [u8; 16]);

impl Identity {
    /// From a control or a binary value.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// From a cell of an extraction: text as `entryUUID` has it, or base64 as bytes leave.
    pub fn of_cell(cell: &str) -> Option<Self> {
        if let Ok(uuid) = Uuid::try_parse(cell) {
            return Some(Self(uuid.into_bytes()));
        }
        Self::of_bytes(&STANDARD.decode(cell).ok()?)
    }

    /// From the attribute's value: text as `entryUUID` has it, or bytes.
    pub fn of_value(value: &[u8]) -> Option<Self> {
        Self::of_bytes(value).or_else(|| Some(Self(Uuid::try_parse_ascii(value).ok()?.into_bytes())))
    }

    /// As a condition of a filter (RFC 4515) on `attribute`.
    pub fn condition(&self, attribute: &str) -> String {
        if attribute.eq_ignore_ascii_case("objectGUID") {
            let mut escaped = String::with_capacity(48);
            for byte in self.0 {
                let _ = write!(escaped, "\\{byte:02x}");
            }
            return format!("({attribute}={escaped})");
        }
        format!("({attribute}={})", Uuid::from_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_read_as_both_kinds_of_directories_write_it() {
        let identity = Identity([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(Identity::of_cell("00010203-0405-0607-0809-0a0b0c0d0eff"), Some(identity));
        assert_eq!(Identity::of_cell("AAECAwQFBgcICQoLDA0O/w=="), Some(identity));
        for other in ["", "AAEC", "00010203-0405-0607-0809", "no identity at all"] {
            assert_eq!(Identity::of_cell(other), None, "{other}");
        }
        assert_eq!(identity.condition("entryUUID"), "(entryUUID=00010203-0405-0607-0809-0a0b0c0d0eff)");
        assert!(identity.condition("objectGUID").ends_with("\\0d\\0e\\ff)"));
    }
}
