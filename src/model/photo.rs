//! Photos as they are stored: what was received stands in `blobs`, once per content; what is shown is made of it once
//! per size.

use crate::schema::{blobs, photo_renditions};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use sha2::{Digest, Sha256};

/// In which sizes photos are shown: the longer side has at most so many pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Size {
    /// In lists.
    Small,
    /// On the profile.
    #[default]
    Medium,
    /// By itself, and as it is kept of an upload.
    Large,
}

impl Size {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// The word in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    /// The size of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.as_str() == word)
    }

    /// The longer side, in pixels, at most.
    pub fn edge(self) -> u32 {
        match self {
            Self::Small => 96,
            Self::Medium => 320,
            Self::Large => 1024,
        }
    }

    fn stored(self) -> i32 {
        self.edge().cast_signed()
    }
}

/// What is shown of a photo in that size, if it was made already; `Some(None)`: it is no photo.
pub fn rendition(conn: &mut PgConnection, sha256: &str, size: Size) -> QueryResult<Option<Option<Vec<u8>>>> {
    photo_renditions::table.find((sha256, size.stored())).select(photo_renditions::content).first(conn).optional()
}

/// Keeps what is shown of a photo in that size; none: it is no photo.
pub fn keep(conn: &mut PgConnection, sha256: &str, size: Size, content: Option<&[u8]>) -> QueryResult<()> {
    diesel::insert_into(photo_renditions::table)
        .values((
            photo_renditions::sha256.eq(sha256),
            photo_renditions::edge.eq(size.stored()),
            photo_renditions::content.eq(content),
        ))
        .on_conflict_do_nothing()
        .execute(conn)?;
    Ok(())
}

/// Stores what a photo is made of; returns the value that a profile has for it.
pub fn store(conn: &mut PgConnection, content: &[u8]) -> QueryResult<String> {
    let sha256: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    diesel::insert_into(blobs::table)
        .values((blobs::sha256.eq(&sha256), blobs::content.eq(content)))
        .on_conflict_do_nothing()
        .execute(conn)?;
    Ok(format!("sha256:{sha256}"))
}
