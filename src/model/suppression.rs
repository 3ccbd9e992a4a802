//! Suppression: what keeps later runs from bringing an anonymized person back. Only keyed digests are stored, and the key
//! does not stand in the database: who has only that can't tell whom they are about.

use crate::schema::suppressions;
use crate::secret::Key;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use std::collections::HashSet;

/// What the digests are made for, so that the same key gives others elsewhere.
const PURPOSE: &str = "muster suppression 1";

type Digest = [u8; 32];

/// All suppressions there are.
#[derive(Clone)]
pub struct Suppressions {
    key: Key,
    digests: HashSet<Digest>,
}

impl std::fmt::Debug for Suppressions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Suppressions({})", self.digests.len())
    }
}

/// Whether anybody is suppressed.
pub fn any(conn: &mut PgConnection) -> QueryResult<bool> {
    let first: Option<i64> = suppressions::table.select(suppressions::anonymization_id).first(conn).optional()?;
    Ok(first.is_some())
}

/// Stores suppressions of an anonymization; those that are there stay.
pub fn store(conn: &mut PgConnection, anonymization: i64, digests: &[Digest]) -> QueryResult<()> {
    for digests in digests.chunks(1000) {
        let rows: Vec<_> = digests
            .iter()
            .map(|digest| {
                (suppressions::digest.eq(digest.as_slice()), suppressions::anonymization_id.eq(anonymization))
            })
            .collect();
        diesel::insert_into(suppressions::table).values(rows).on_conflict_do_nothing().execute(conn)?;
    }
    Ok(())
}

impl Suppressions {
    /// All that are stored.
    pub fn load(conn: &mut PgConnection, key: Key) -> QueryResult<Self> {
        let stored: Vec<Vec<u8>> = suppressions::table.select(suppressions::digest).load(conn)?;
        Ok(Self { key, digests: stored.into_iter().filter_map(|digest| digest.try_into().ok()).collect() })
    }

    /// Whether records of this entity type with this key are suppressed. `key`: the digest under which it is kept.
    pub fn has_key(&self, entity_type: i32, key: u128) -> bool {
        self.digests.contains(&of_key(&self.key, entity_type, key))
    }

    /// Whether records of this entity type with this value of a property, by which associations refer to them, are
    /// suppressed. `value`: its digest, made as that of keys.
    pub fn has_match(&self, entity_type: i32, property: &str, value: u128) -> bool {
        self.digests.contains(&of_match(&self.key, entity_type, property, value))
    }

    /// Whether users with this value, by which persons are correlated, are suppressed.
    pub fn has_value(&self, field: &str, value: &str) -> bool {
        self.digests.contains(&of_value(&self.key, field, value))
    }

    /// Whether a text names somebody who is suppressed.
    pub fn has_text(&self, text: &str) -> bool {
        is_telling(text) && self.digests.contains(&of_text(&self.key, text))
    }
}

/// The digest of a record's key.
pub fn of_key(key: &Key, entity_type: i32, record: u128) -> Digest {
    key.digest(PURPOSE, &[b"key", &entity_type.to_be_bytes(), &record.to_be_bytes()])
}

/// The digest of a value by which associations refer to a record.
pub fn of_match(key: &Key, entity_type: i32, property: &str, value: u128) -> Digest {
    key.digest(PURPOSE, &[b"match", &entity_type.to_be_bytes(), property.as_bytes(), &value.to_be_bytes()])
}

/// The digest of a value that persons are correlated by, whatever its case.
pub fn of_value(key: &Key, field: &str, value: &str) -> Digest {
    key.digest(PURPOSE, &[b"value", field.as_bytes(), value.trim().to_lowercase().as_bytes()])
}

/// The digest of a text that names somebody, whatever its case.
pub fn of_text(key: &Key, text: &str) -> Digest {
    key.digest(PURPOSE, &[b"text", text.trim().to_lowercase().as_bytes()])
}

/// Whether a text says by itself whom it is about, as addresses and distinguished names do. A number may stand for
/// anything, and letters alone may be the name of somebody else.
pub fn is_telling(text: &str) -> bool {
    let text = text.trim();
    let is_made = |c: char| c.is_ascii_digit() || matches!(c, '@' | '=' | '_' | '\\');
    let is_dotted = || {
        let parts = text.split('.');
        text.contains('.') && parts.clone().all(|part| part.ends_with(char::is_alphanumeric) && !part.contains(' '))
    };
    text.chars().count() >= 5 && text.chars().any(char::is_alphabetic) && (text.contains(is_made) || is_dotted())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_told_apart_by_what_they_are_of_and_by_the_key() {
        let (one, other) = (Key::of(b"0123456789abcdef0123456789abcdef"), Key::of(b"another key of thirty-two bytes!"));
        let text = of_text(&one, " Ada@Example.org ");
        assert_eq!(text, of_text(&one, "ada@example.org"));
        assert_ne!(text, of_text(&other, "ada@example.org"));
        assert_ne!(text, of_value(&one, "mail", "ada@example.org"));
        assert_ne!(of_key(&one, 1, 7), of_key(&one, 2, 7));
        for telling in ["ada@x", "ada.l", "cn=ada,dc=x", "alovelace2", "DOM\\ada"] {
            assert!(is_telling(telling), "{telling}");
        }
        for open in ["1001001", "ada", "Smith", "Jean-Luc", "St. John", "smith.", "Dr. Wu"] {
            assert!(!is_telling(open), "{open}");
        }
    }
}
