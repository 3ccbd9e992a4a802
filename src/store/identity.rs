//! Store and database know each other: two local folders must never pose as one store.

use super::{Store, StoreError};
use crate::db::DbConnection;
use crate::model::installation;
use uuid::Uuid;

const NAME: &str = "store_id";

/// Why store and database don't go together.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The store is another one than the database was bound to.
    #[error(
        "the extraction store ({location}) is not the one that this database works with. Several servers on one \
         database need the same MUSTER_STORE_URL; after moving the data directory, move its folder \"store\" along"
    )]
    Foreign {
        /// The store.
        location: String,
    },
    /// The object `store_id` was edited.
    #[error("the object store_id in the extraction store ({location}) is not a UUID; restore it from a backup")]
    Damaged {
        /// The store.
        location: String,
    },
    /// The store can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database can't be read or written.
    #[error("the database: {0}")]
    Database(#[from] diesel::result::Error),
}

/// Checks at start that this store is the database's own. The first store that a database meets is bound to it.
pub fn ensure_bound(store: &Store, connection: &mut DbConnection) -> Result<(), IdentityError> {
    let id = store.id()?;
    if installation::bind_store(connection, id)? == id {
        return Ok(());
    }
    Err(IdentityError::Foreign { location: store.location.0.clone() })
}

impl Store {
    /// The store's own id: made by whoever opens an empty store first.
    pub fn id(&self) -> Result<Uuid, IdentityError> {
        let content = match self.small(NAME)? {
            Some(content) => content,
            None => {
                self.create_small(NAME, Uuid::new_v4().to_string().into_bytes())?;
                self.small(NAME)?.unwrap_or_default()
            }
        };
        let text = std::str::from_utf8(&content).unwrap_or_default();
        text.trim().parse().map_err(|_| IdentityError::Damaged { location: self.location.0.clone() })
    }
}
