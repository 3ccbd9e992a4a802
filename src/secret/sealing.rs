//! Encryption at rest: what is sealed can be read with the installation's key, in the place it was sealed for, and nowhere
//! else.

use super::key;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use rand::Rng;
use sha2::{Digest, Sha256};
use std::path::Path;
use zeroize::Zeroizing;

/// The first byte of what is sealed this way.
const VERSION: u8 = 1;
const KEY_ID: usize = 4;
const NONCE: usize = 24;

/// Seals and unseals, with XChaCha20-Poly1305 under a key derived from the installation's.
pub struct Sealing {
    cipher: XChaCha20Poly1305,
    key_id: [u8; KEY_ID],
}

/// Why what is sealed can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It was sealed with another key.
    #[error("it was sealed with another key than the one in MUSTER_SECRET_KEY_FILE; bring that key back")]
    OtherKey,
    /// It was changed, moved to another place, or is nothing that was sealed.
    #[error("it is not what was sealed for this place")]
    Damaged,
}

impl Sealing {
    /// With the key in `file`, which is made where there is none.
    pub fn open(file: &Path) -> std::io::Result<Self> {
        Ok(Self::with(key::Key::open(file)?.expose()))
    }

    fn with(installation: &[u8]) -> Self {
        let mut derived = Zeroizing::new([0_u8; 32]);
        // A key of any length will do.
        if let Ok(mut mac) = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(installation) {
            mac.update(b"muster: sealed at rest, 1");
            derived.copy_from_slice(&mac.finalize().into_bytes());
        }
        let mut key_id = [0; KEY_ID];
        key_id.iter_mut().zip(Sha256::digest(derived.as_slice())).for_each(|(to, from)| *to = from);
        Self { cipher: XChaCha20Poly1305::new(&Key::from(*derived)), key_id }
    }

    /// Seals a text for a place, such as a table, a column and a row: elsewhere it can't be read.
    pub fn seal(&self, place: &str, text: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let mut nonce = [0_u8; NONCE];
        rand::rng().fill_bytes(&mut nonce);
        let payload = Payload { msg: text, aad: place.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| Unreadable::Damaged)?;
        Ok([&[VERSION], self.key_id.as_slice(), &nonce, &sealed].concat())
    }

    /// What was sealed for that place.
    pub fn unseal(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        let rest = sealed.strip_prefix(&[VERSION]).ok_or(Unreadable::Damaged)?;
        let (key_id, rest) = rest.split_first_chunk::<KEY_ID>().ok_or(Unreadable::Damaged)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(Unreadable::Damaged)?;
        if *key_id != self.key_id {
            return Err(Unreadable::OtherKey);
        }
        let payload = Payload { msg: rest, aad: place.as_bytes() };
        let text = self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| Unreadable::Damaged)?;
        Ok(Zeroizing::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_read_in_its_place_with_its_key_and_not_otherwise() {
        let sealing = Sealing::with(&[7; 32]);
        let sealed = sealing.seal("a|1", b"a secret").unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_ne!(sealed, sealing.seal("a|1", b"a secret").unwrap(), "never the same twice");
        assert_eq!(sealing.unseal("a|1", &sealed).unwrap().as_slice(), b"a secret");
        assert_eq!(sealing.unseal("a|2", &sealed).err(), Some(Unreadable::Damaged));
        assert_eq!(Sealing::with(&[8; 32]).unseal("a|1", &sealed).err(), Some(Unreadable::OtherKey));
        for position in [0, 5, 20, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(sealing.unseal("a|1", &changed).is_err(), "byte {position}");
        }
        assert_eq!(sealing.unseal("a|1", &[]).err(), Some(Unreadable::Damaged));
    }
}
