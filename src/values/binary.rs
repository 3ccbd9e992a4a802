//! Bytes: base64 in an extraction, stored once under their SHA-256.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Bytes that a resource refers to; whoever applies the record stores them in `blobs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// SHA-256 of the content, 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// The bytes.
    pub content: Vec<u8>,
}

impl Blob {
    /// Names the content by its digest.
    pub fn new(content: Vec<u8>) -> Self {
        let mut sha256 = String::with_capacity(64);
        for byte in Sha256::digest(&content) {
            // writing to a string does not fail
            let _ = write!(sha256, "{byte:02x}");
        }
        Self { sha256, content }
    }

    /// What stands in the resource: `sha256:<hex>`.
    pub fn reference(&self) -> String {
        format!("sha256:{}", self.sha256)
    }
}

/// Standard alphabet; the padding may be missing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes that the base64 text stands for (RFC 4648, padding optional), `None` if it is not base64.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn content_is_named_by_its_digest() {
        let blob = Blob::new(b"abc".to_vec());
        assert_eq!(blob.reference(), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        for text in ["a", "ab*d", "YWJj\nZGVm", "é"] {
            assert_eq!(decode_base64(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn bytes_come_back_with_and_without_padding(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            let text = BASE64.encode(&bytes);
            prop_assert_eq!(decode_base64(&text), Some(bytes.clone()));
            prop_assert_eq!(decode_base64(text.trim_end_matches('=')), Some(bytes));
        }
    }
}
