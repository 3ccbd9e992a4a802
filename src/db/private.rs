//! The private PostgreSQL: what Muster runs for itself when `DATABASE_URL` is unset.
//!
//! One data directory has at most one server. Every process that uses it holds a shared lock on
//! `users.lock`; the one that can turn its lock into an exclusive one was the last and stops the
//! server. Starting and stopping happen under an exclusive `start.lock`, so two processes that
//! begin at the same moment take turns: the first starts the server, the second joins it.
//!
//! ```text
//! MUSTER_DATA_DIR/postgres/      0700, owned by the user that runs the server
//!     data/                      the database cluster
//!     data.init/                 a cluster being made; renamed to data/ when it is complete
//!     .s.PGSQL.5432              the socket, the only way in (see `folder` for long paths)
//!     postgres.log               the server's log, without statements
//!     start.lock  users.lock
//! ```
//!
//! A server whose Muster was killed keeps running and is adopted by the next start. A server that
//! was killed itself is started again and recovers from its write-ahead log: `fsync` stays on.

mod account;
mod binaries;
mod connection;
mod error;
mod folder;
mod launch;
mod postmaster;

use std::fs::File;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

pub use error::PrivateServerError;

use folder::Folder;
use postmaster::{Postmaster, State};

/// The database that Muster keeps its data in.
const DATABASE: &str = "muster";
/// Between two looks at a server that is starting or stopping.
const POLL: Duration = Duration::from_millis(10);
/// How long a server may take to start: it may have to replay 4 GB of write-ahead log first.
const START_PATIENCE: Duration = Duration::from_secs(300);
/// How long a server that says it is ready may refuse us before we believe the refusal.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(10);

/// A PostgreSQL server that belongs to one data directory.
///
/// Dropping it is the same as [`PrivateServer::stop`], with a failure logged instead of returned.
#[derive(Debug)]
pub struct PrivateServer {
    folder: Folder,
    url: String,
    /// The shared lock that says "in use"; taken out when we let go.
    in_use: Option<File>,
}

impl PrivateServer {
    /// Makes sure that the server of `data_dir` runs, joins it, and creates the database `muster`.
    ///
    /// Whatever is found there is brought to that state: nothing yet, a cluster at rest, a server
    /// that runs, starts, stops or was killed. Blocks: about 1 s the first time, 15 ms to join;
    /// a recovery takes as long as the write-ahead log is. `data_dir` is created when missing.
    ///
    /// # Errors
    /// See [`PrivateServerError`]. A server that started all the same is adopted by the next call.
    pub fn start(data_dir: &Path) -> Result<PrivateServer, PrivateServerError> {
        let began = Instant::now();
        let folder = Folder::open(data_dir)?;
        let starting = folder.lock_start()?;
        let in_use = folder.users_lock()?;
        let alone = in_use.try_lock().is_ok();
        let postmaster = match adopt(&folder)? {
            Some(postmaster) => postmaster,
            None => {
                if alone {
                    postmaster::remove_stale_locks(&folder)?;
                }
                launch::launch(&folder)?
            }
        };
        // Between giving back the exclusive lock and taking the shared one nobody can slip in:
        // whoever wants to stop the server needs the start lock, which we still hold.
        let share = in_use.unlock().and_then(|()| in_use.lock_shared());
        share.map_err(|source| folder.io("lock", "users.lock", source))?;
        drop(starting);
        tracing::info!(
            postgres.pid = postmaster.pid,
            postgres.folder = %folder.home().display(),
            elapsed_ms = began.elapsed().as_millis() as u64,
            "private PostgreSQL is ready"
        );
        Ok(PrivateServer { url: connection::url(&postmaster, DATABASE), folder, in_use: Some(in_use) })
    }

    /// The address for libpq: `postgres://postgres@localhost:PORT/muster?host=%2Fsocket%2Ffolder`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets go of the server. The last process (or handle) that uses it stops it and waits for that.
    ///
    /// # Errors
    /// [`PrivateServerError::DoesNotStop`] when the server outlives even an immediate shutdown.
    pub fn stop(mut self) -> Result<(), PrivateServerError> {
        self.let_go()
    }

    fn let_go(&mut self) -> Result<(), PrivateServerError> {
        let Some(in_use) = self.in_use.take() else {
            return Ok(());
        };
        // An explicit unlock: closing the file would leave the lock with any child process that
        // another thread has just forked and that has not reached its exec.
        let unlock = in_use.unlock();
        unlock.map_err(|source| self.folder.io("unlock", "users.lock", source))?;
        let _stopping = self.folder.lock_start()?;
        if in_use.try_lock().is_err() {
            return Ok(());
        }
        let stopped = match Postmaster::recorded(&self.folder.cluster())? {
            Some(postmaster) => postmaster.stop(&self.folder),
            None => Ok(()),
        };
        let unlock = in_use.unlock();
        unlock.map_err(|source| self.folder.io("unlock", "users.lock", source))?;
        stopped
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        if let Err(error) = self.let_go() {
            tracing::warn!(%error, "the private PostgreSQL was not stopped");
        }
    }
}

/// The server that already runs on this folder, once it takes connections; `None` if there is none.
///
/// The connection is tried before the process is looked at, because a server started in another
/// container may share the folder (and its socket) with us while its process is invisible here.
fn adopt(folder: &Folder) -> Result<Option<Postmaster>, PrivateServerError> {
    let began = Instant::now();
    while let Some(postmaster) = Postmaster::recorded(&folder.cluster())? {
        let refusal = match connection::ensure_database(&postmaster, DATABASE) {
            Ok(()) => return Ok(Some(postmaster)),
            Err(refusal) => refusal,
        };
        if !postmaster.is_alive() {
            return Ok(None);
        }
        if postmaster.state == State::Ready && began.elapsed() > REFUSAL_PATIENCE {
            return Err(refusal);
        }
        if began.elapsed() > START_PATIENCE {
            return Err(PrivateServerError::NotReady {
                pid: postmaster.pid,
                state: postmaster.state,
                seconds: START_PATIENCE.as_secs(),
                log: folder.log_tail(0),
            });
        }
        sleep(POLL);
    }
    Ok(None)
}
