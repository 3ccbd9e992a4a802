//! Extractions in the object store: write and seal, open and verify, delete.
//!
//! A local folder by default; `MUSTER_STORE_URL` names another place. All of it is blocking: for plain threads and for
//! `spawn_blocking`, never from within async code.

mod identity;
mod pieces;
mod reader;
mod received;
mod runtime;
mod writer;

pub use identity::{IdentityError, ensure_bound};
pub use pieces::{PieceError, Pieces, forget_pieces, received_before};
pub use reader::{PieceReader, StoreReader, VerifyingReader};
pub use received::{LARGEST_FILE, take_in};
pub use writer::{Sealed, Sealing, StoreWriter};

use crate::config::Config;
use futures::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use runtime::Runtime;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// The object store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    /// The folder, where objects are files of this machine.
    folder: Option<PathBuf>,
    location: StoreLocation,
    runtime: Arc<Runtime>,
}

/// Where a store is, as an URL: what a child process is told. Credentials never stand in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoreLocation(pub String);

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// `MUSTER_STORE_URL` names a place we can't use.
    #[error("MUSTER_STORE_URL is {url:?}: {message}")]
    Location {
        /// The URL as it stands in the setting.
        url: String,
        /// What is wrong with it, and what to write instead.
        message: String,
    },
    /// There is no such object.
    #[error(
        "{path} is not in the extraction store ({location}). If several servers share the work, all need the same \
         MUSTER_STORE_URL"
    )]
    Missing {
        /// The object.
        path: String,
        /// The store.
        location: String,
    },
    /// Reading or writing failed: a full disk, a folder without permission, a network.
    #[error("the extraction store ({location}): {source}")]
    Access {
        /// The store.
        location: String,
        /// What it said.
        source: object_store::Error,
    },
    /// The store's folder or runtime could not be made.
    #[error("the extraction store ({location}): {source}")]
    Io {
        /// The store.
        location: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl From<StoreError> for std::io::Error {
    fn from(error: StoreError) -> Self {
        std::io::Error::other(error)
    }
}

impl Store {
    /// Opens the store that the settings name; a local folder is made if it is not there.
    pub fn open(config: &Config) -> Result<Self, StoreError> {
        Self::at(&StoreLocation::of(config))
    }

    /// Opens the store at a location.
    pub fn at(location: &StoreLocation) -> Result<Self, StoreError> {
        let url = &location.0;
        let wrong = |message: String| StoreError::Location { url: url.clone(), message };
        let parsed = url::Url::parse(url).map_err(|error| wrong(format!("{error}; write file:///… or s3://…")))?;
        let failed = |source| StoreError::Io { location: url.clone(), source };
        let runtime = Arc::new(Runtime::new().map_err(failed)?);
        match parsed.scheme() {
            "file" => {
                let folder = parsed.to_file_path().map_err(|()| wrong("write file:///absolute/path".into()))?;
                std::fs::create_dir_all(&folder).map_err(failed)?;
                let files = LocalFileSystem::new_with_prefix(&folder)
                    .map_err(|source| StoreError::Access { location: url.clone(), source })?
                    .with_fsync(true);
                Ok(Self { objects: Arc::new(files), folder: Some(folder), location: location.clone(), runtime })
            }
            #[cfg(feature = "s3")]
            "s3" | "s3a" => {
                let bucket = object_store::aws::AmazonS3Builder::from_env()
                    .with_url(url)
                    .build()
                    .map_err(|source| StoreError::Access { location: url.clone(), source })?;
                let below = Path::from_url_path(parsed.path()).map_err(|error| wrong(error.to_string()))?;
                let objects = object_store::prefix::PrefixStore::new(bucket, below);
                Ok(Self { objects: Arc::new(objects), folder: None, location: location.clone(), runtime })
            }
            "s3" | "s3a" => Err(wrong("this program was built without S3; build it with --features s3".into())),
            scheme => Err(wrong(format!("{scheme}: is not known here; write file:///… or s3://…"))),
        }
    }

    /// Where it is.
    pub fn location(&self) -> &StoreLocation {
        &self.location
    }

    /// Begins an object. It appears under `path` when it is sealed, and leaves nothing if it never is.
    pub fn writer(&self, path: &str) -> Result<StoreWriter, StoreError> {
        StoreWriter::begin(self.clone(), path)
    }

    /// Opens an object.
    pub fn reader(&self, path: &str) -> Result<StoreReader, StoreError> {
        StoreReader::open(self, path)
    }

    /// Opens an object that was sealed: reading it to its end fails unless content and length are those of the seal.
    pub fn verified(&self, path: &str, sealed: &Sealed) -> Result<VerifyingReader<StoreReader>, StoreError> {
        Ok(VerifyingReader::new(self.reader(path)?, path, sealed))
    }

    /// Reads pieces of an object, in rising order. `None`: only by reading all of it, since it does not lie on this machine.
    pub fn pieces(&self, path: &str, pieces: Vec<Range<u64>>) -> Result<Option<PieceReader>, StoreError> {
        PieceReader::open(self, path, pieces)
    }

    /// The length of an object; `None` if there is none.
    pub fn length(&self, path: &str) -> Result<Option<u64>, StoreError> {
        let at = self.path(path)?;
        match self.run(path, async { self.objects.head(&at).await }) {
            Ok(found) => Ok(Some(found.size)),
            Err(StoreError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The folders directly below a folder, by their whole names.
    pub fn folders(&self, below: &str) -> Result<Vec<String>, StoreError> {
        let path = self.path(below)?;
        let listed = self.run(below, async { self.objects.list_with_delimiter(Some(&path)).await })?;
        Ok(listed.common_prefixes.into_iter().map(String::from).collect())
    }

    /// The objects below a folder, by their whole names.
    pub fn objects(&self, below: &str) -> Result<Vec<String>, StoreError> {
        let path = self.path(below)?;
        let listed = self.run(below, async { self.objects.list(Some(&path)).try_collect::<Vec<_>>().await })?;
        Ok(listed.into_iter().map(|object| object.location.into()).collect())
    }

    /// Deletes an object, if it is there.
    pub fn delete(&self, path: &str) -> Result<(), StoreError> {
        let at = self.path(path)?;
        match self.run(path, async { self.objects.delete(&at).await }) {
            Ok(()) | Err(StoreError::Missing { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes everything under `prefix` (a whole folder), and what an interrupted writer may have left there.
    pub fn delete_prefix(&self, prefix: &str) -> Result<(), StoreError> {
        let path = self.path(prefix)?;
        self.run(prefix, async {
            let listed =
                self.objects.list(Some(&path)).map_ok(|object| object.location).try_collect::<Vec<_>>().await?;
            for object in listed {
                match self.objects.delete(&object).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })?;
        let Some(folder) = &self.folder else { return Ok(()) };
        // Half-written files have names that the listing passes over.
        match std::fs::remove_dir_all(path.parts().fold(folder.clone(), |folder, part| folder.join(part.as_ref()))) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::Io { location: self.location.0.clone(), source: error })
            }
            _ => Ok(()),
        }
    }

    /// Reads a small object; `None` if there is none.
    fn small(&self, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let at = self.path(path)?;
        let read = self.run(path, async { self.objects.get(&at).await?.bytes().await });
        match read {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(StoreError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a small object unless there is one.
    fn create_small(&self, path: &str, content: Vec<u8>) -> Result<(), StoreError> {
        let at = self.path(path)?;
        self.run(path, async {
            match self.objects.put_opts(&at, content.into(), PutMode::Create.into()).await {
                Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        })
    }

    /// Names of objects are ours: plain words with dots, hyphens and slashes.
    fn path(&self, path: &str) -> Result<Path, StoreError> {
        Path::parse(path)
            .map_err(|source| StoreError::Access { location: self.location.0.clone(), source: source.into() })
    }

    fn run<T: Send>(
        &self,
        path: &str,
        work: impl Future<Output = Result<T, object_store::Error>> + Send,
    ) -> Result<T, StoreError> {
        self.runtime.block_on(work).map_err(|error| self.error(path, error))
    }

    fn error(&self, path: &str, error: object_store::Error) -> StoreError {
        let location = self.location.0.clone();
        match error {
            object_store::Error::NotFound { .. } => StoreError::Missing { path: path.to_owned(), location },
            source => StoreError::Access { location, source },
        }
    }
}

impl StoreLocation {
    /// The one that the settings name: `MUSTER_STORE_URL`, or the folder `store` in the data directory.
    pub fn of(config: &Config) -> Self {
        match &config.store_url {
            Some(url) => Self(url.clone()),
            None => Self::folder(&config.data_dir.join("store")),
        }
    }

    /// A folder of this machine; the path is absolute.
    pub fn folder(path: &std::path::Path) -> Self {
        match url::Url::from_file_path(path) {
            Ok(url) => Self(url.into()),
            Err(()) => Self(format!("file://{}", path.display())),
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.location.0).finish()
    }
}
