//! Failed sign-ins slow down whoever fails, by name and by address. Both are stored as keyed digests only.

use crate::model::session;
use crate::secret::Key;
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::pg::PgConnection;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::path::Path;
use unicode_normalization::UnicodeNormalization;

/// So many failures of one name in a quarter of an hour are let pass.
const FAILURES_OF_A_NAME: i64 = 8;
/// So many failures from one address: several people may share it.
const FAILURES_OF_AN_ADDRESS: i64 = 40;

/// The key of the digests.
pub struct Throttle {
    key: Key,
}

/// Who tries to sign in, as digests.
pub struct Who {
    name: String,
    address: String,
}

impl Throttle {
    /// With the key in `file`, which is made where there is none.
    pub fn open(file: &Path) -> std::io::Result<Self> {
        Ok(Self { key: Key::open(file)? })
    }

    /// Spellings of a name that mean the same account have one digest.
    pub fn who(&self, name: &str, address: Option<IpAddr>) -> Who {
        let name: String = name.trim().nfkc().flat_map(char::to_lowercase).collect();
        let address = address.map(|address| address.to_canonical().to_string()).unwrap_or_default();
        Who { name: self.digest("name", &name), address: self.digest("address", &address) }
    }

    fn digest(&self, kind: &str, text: &str) -> String {
        let inner = Sha256::digest(format!("{kind}\0{text}").as_bytes());
        let outer = Sha256::new().chain_update(self.key.expose()).chain_update(inner).finalize();
        outer.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Who {
    /// Whether they have to wait.
    pub fn is_slowed(&self, conn: &mut PgConnection, now: DateTime<Utc>) -> QueryResult<bool> {
        Ok(session::failures(conn, &self.name, now)? >= FAILURES_OF_A_NAME
            || session::failures(conn, &self.address, now)? >= FAILURES_OF_AN_ADDRESS)
    }

    /// Whether the name has to wait, from wherever it is tried.
    pub fn is_locked(&self, conn: &mut PgConnection, now: DateTime<Utc>) -> QueryResult<bool> {
        Ok(session::failures(conn, &self.name, now)? >= FAILURES_OF_A_NAME)
    }

    /// Notes a failure.
    pub fn failed(&self, conn: &mut PgConnection, now: DateTime<Utc>) -> QueryResult<()> {
        session::failed(conn, &self.name, now)?;
        session::failed(conn, &self.address, now)
    }

    /// Forgets the failures of the name, not those of the address: others may try from there.
    pub fn succeeded(&self, conn: &mut PgConnection) -> QueryResult<()> {
        session::forget_failures(conn, &self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_however_it_is_written_is_slowed_as_one() {
        let throttle = Throttle { key: Key::of(&[7; 32]) };
        let address = Some(IpAddr::from([127, 0, 0, 1]));
        assert_eq!(throttle.who("Ada", address).name, throttle.who(" aDA ", None).name);
        assert_ne!(throttle.who("Ada", None).name, throttle.who("Bob", None).name);
        assert_ne!(throttle.who("Ada", None).name, Throttle { key: Key::of(&[8; 32]) }.who("Ada", None).name);
    }

    #[test]
    fn the_key_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/secret.key");
        let first = Throttle::open(&file).unwrap();
        assert_eq!(first.key.expose(), Throttle::open(&file).unwrap().key.expose());
        std::fs::write(&file, b"short").unwrap();
        assert!(Throttle::open(&file).is_err());
    }
}
