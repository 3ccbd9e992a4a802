//! What can go wrong with the private PostgreSQL, and what to do then.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use super::folder::LogTail;
use super::postmaster::State;

/// Why the private PostgreSQL could not be started, joined or stopped. Each message says what
/// happened, where, and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateServerError {
    /// No usable `initdb` and `postgres` anywhere.
    #[error(
        "no PostgreSQL server (version {oldest} or newer) found in PATH, by `pg_config --bindir` \
         or in /usr/lib/postgresql/*/bin: install one (Debian, Ubuntu: `apt-get install \
         postgresql`), name the folder of its programs in MUSTER_POSTGRES_BIN, or set \
         DATABASE_URL to a server of yours"
    )]
    NoBinaries {
        /// The oldest major version that Muster works with.
        oldest: u32,
    },
    /// `MUSTER_POSTGRES_BIN` names a folder without them.
    #[error(
        "MUSTER_POSTGRES_BIN={} holds no `initdb` and `postgres` of version {oldest} or newer: \
         name the folder of the server's programs, such as /usr/lib/postgresql/15/bin, or unset it",
        folder.display()
    )]
    NoBinariesThere {
        /// The folder named.
        folder: PathBuf,
        /// The oldest major version that Muster works with.
        oldest: u32,
    },
    /// The data belong to another major version than the ones installed.
    #[error(
        "the data in {} were written by PostgreSQL {wanted}, but only {found} is installed: \
         install that version (Debian, Ubuntu: `apt-get install postgresql-{wanted}`) or name the \
         folder of its programs in MUSTER_POSTGRES_BIN; to move to a newer version, use \
         `pg_upgrade` or dump and restore",
        cluster.display()
    )]
    VersionMissing {
        /// The cluster.
        cluster: PathBuf,
        /// The major version in its `PG_VERSION`.
        wanted: u32,
        /// The major versions found, for people.
        found: String,
    },
    /// `PG_VERSION` holds no version.
    #[error(
        "{} should hold the major version of the data beside it, but holds {content:?}: restore \
         the folder from a backup, or move it away to begin with an empty database",
        file.display()
    )]
    VersionUnreadable {
        /// The file.
        file: PathBuf,
        /// What is in it.
        content: String,
    },
    /// Muster runs as root and there is nobody to run the server.
    #[error(
        "PostgreSQL does not run as root, and neither user `postgres` nor `nobody` exists: start \
         Muster as a plain user, or create the user with `useradd --system postgres`"
    )]
    NoAccount,
    /// A folder on the way is closed to the server's user.
    #[error(
        "Muster runs as root, so user `{user}` runs the private PostgreSQL, and {user} may not \
         pass {} on the way to {}: open it with `chmod o+x {}`, choose a MUSTER_DATA_DIR that is \
         not under a closed home directory (such as /var/lib/muster), or start Muster as a plain \
         user", closed.display(), home.display(), closed.display()
    )]
    Unreachable {
        /// The server's user.
        user: String,
        /// The first folder that it may not pass.
        closed: PathBuf,
        /// Where it has to go.
        home: PathBuf,
    },
    /// The server's user may not run the program.
    #[error(
        "user `{user}`, who runs the private PostgreSQL, may not execute {}: name other programs \
         in MUSTER_POSTGRES_BIN, or start Muster as a plain user", program.display()
    )]
    ProgramClosed {
        /// The server's user.
        user: String,
        /// The program.
        program: PathBuf,
    },
    /// The folder for the socket is not ours.
    #[error(
        "the socket of the private PostgreSQL needs the folder {}, but that {problem}: remove it, \
         or choose a MUSTER_DATA_DIR with a shorter path", folder.display()
    )]
    SocketFolder {
        /// The folder in the temp directory.
        folder: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// `initdb` failed.
    #[error("initdb could not make a database in {}: {output}", cluster.display())]
    Initdb {
        /// The cluster that was to be made.
        cluster: PathBuf,
        /// What it printed.
        output: String,
    },
    /// The server ended while it started.
    #[error(
        "the private PostgreSQL ended while it started ({status}); it says what is wrong with its \
         folder or this machine: {log}"
    )]
    Ended {
        /// How it ended.
        status: ExitStatus,
        /// The log since the start.
        log: LogTail,
    },
    /// Remains of an earlier server are in the way.
    #[error(
        "an earlier PostgreSQL of {} has not ended completely after {seconds} s: end its \
         processes, and if none is left remove {}; {log}",
        cluster.display(), cluster.join("postmaster.pid").display()
    )]
    Remains {
        /// The cluster.
        cluster: PathBuf,
        /// How long we waited.
        seconds: u64,
        /// The log since the last try.
        log: LogTail,
    },
    /// The server runs but takes no connections.
    #[error(
        "the private PostgreSQL (process {pid}) is still {state} after {seconds} s: it goes on by \
         itself, so start Muster again to wait longer; {log}"
    )]
    NotReady {
        /// The server's main process.
        pid: i32,
        /// What it is doing.
        state: State,
        /// How long we waited.
        seconds: u64,
        /// The end of the log.
        log: LogTail,
    },
    /// The server refused us.
    #[error(
        "the private PostgreSQL (process {pid}) refused a connection to {url}: {source}; if it \
         was not started by Muster, stop it and try again"
    )]
    Refused {
        /// The server's main process.
        pid: i32,
        /// The address tried.
        url: String,
        /// What libpq said.
        source: diesel::ConnectionError,
    },
    /// The database could not be created.
    #[error("cannot create the database `{database}` in the private PostgreSQL: {source}")]
    CreateDatabase {
        /// Its name.
        database: &'static str,
        /// What the server said.
        source: diesel::result::Error,
    },
    /// The server outlives its shutdown.
    #[error(
        "the private PostgreSQL (process {pid}) did not stop, not even at once (SIGQUIT): see \
         what holds it, then end it with `kill -9 {pid}`; nothing committed is lost by that; {log}"
    )]
    DoesNotStop {
        /// The server's main process.
        pid: i32,
        /// The end of the log.
        log: LogTail,
    },
    /// A file or a process could not be dealt with.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
