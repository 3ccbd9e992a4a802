//! The server's place on disk: its folder, locks, log and socket.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use xxhash_rust::xxh3::xxh3_64;

use super::PrivateServerError;
use super::account::Account;

/// The port in the name of the socket. Any number does: the folder is ours alone.
pub(super) const PORT: u16 = 5432;
/// The system takes 107 bytes for a socket's path; some leave less.
const LONGEST_SOCKET_PATH: usize = 100;
/// Past this size the log starts anew and the old one is kept once.
const LARGEST_LOG: u64 = 10 * 1024 * 1024;
/// How many lines of the log a message quotes, and how many bytes are read for them.
const TAIL_LINES: usize = 8;
const TAIL_BYTES: u64 = 16 * 1024;

/// `MUSTER_DATA_DIR/postgres`: absolute, without symbolic links, closed to everybody else.
#[derive(Debug)]
pub(super) struct Folder {
    home: PathBuf,
    account: Account,
}

impl Folder {
    /// Creates it when missing, and finds the account that runs the server in it.
    pub(super) fn open(data_dir: &Path) -> Result<Folder, PrivateServerError> {
        let home = data_dir.join("postgres");
        fs::create_dir_all(&home).map_err(io_error("create", &home))?;
        let home = home.canonicalize().map_err(io_error("find", &home))?;
        let account = Account::for_cluster(&cluster_in(&home))?;
        let found = fs::metadata(&home).map_err(io_error("look at", &home))?;
        if found.mode() & 0o777 != 0o700 {
            let close = fs::set_permissions(&home, Permissions::from_mode(0o700));
            close.map_err(io_error("close to other users", &home))?;
        }
        account.give_folder(&home)?;
        Ok(Folder { home, account })
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// Who runs the server here.
    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    pub(super) fn cluster(&self) -> PathBuf {
        cluster_in(&self.home)
    }

    /// Where a new cluster is made before it gets its name.
    pub(super) fn draft(&self) -> PathBuf {
        self.home.join("data.init")
    }

    /// Waits until nobody else starts or stops the server; held until the file is dropped.
    pub(super) fn lock_start(&self) -> Result<File, PrivateServerError> {
        let file = self.open_own("start.lock")?;
        let lock = file.lock();
        lock.map_err(|source| self.io("lock", "start.lock", source))?;
        Ok(file)
    }

    /// The file whose shared lock says "the server is in use"; not locked yet.
    pub(super) fn users_lock(&self) -> Result<File, PrivateServerError> {
        self.open_own("users.lock")
    }

    /// The log, opened at its end, and its length now.
    pub(super) fn open_log(&self) -> Result<(File, u64), PrivateServerError> {
        let path = self.home.join("postgres.log");
        if fs::symlink_metadata(&path).is_ok_and(|log| log.len() > LARGEST_LOG) {
            let old = self.home.join("postgres.log.1");
            fs::rename(&path, old).map_err(io_error("rename", &path))?;
        }
        let mut file = self.open_own("postgres.log")?;
        let end = file.seek(SeekFrom::End(0));
        let end = end.map_err(io_error("read", &path))?;
        Ok((file, end))
    }

    /// The last lines of the log after byte `from`.
    pub(super) fn log_tail(&self, from: u64) -> LogTail {
        let path = self.home.join("postgres.log");
        let lines = read_end(&path, from).unwrap_or_default();
        LogTail { path, lines }
    }

    /// The folder for the socket: our own, or a private one in the temp directory when the path is
    /// too long for a socket or has characters that libpq or the server's settings give a meaning.
    pub(super) fn socket_folder(&self) -> Result<PathBuf, PrivateServerError> {
        let socket = self.home.join(format!(".s.PGSQL.{PORT}"));
        let path = socket.as_os_str().as_bytes();
        let special = |byte: &u8| b",\"\\".contains(byte) || byte.is_ascii_control();
        if path.len() <= LONGEST_SOCKET_PATH && socket.to_str().is_some() && !path.iter().any(special) {
            return Ok(self.home.clone());
        }
        let name = format!("muster-{:016x}", xxh3_64(self.home.as_os_str().as_bytes()));
        let folder = std::env::temp_dir().join(name);
        make_private(&folder, &self.account)?;
        Ok(folder)
    }

    /// An [`PrivateServerError::Io`] about the file `name` in this folder.
    pub(super) fn io(&self, action: &'static str, name: &str, source: io::Error) -> PrivateServerError {
        io_error(action, &self.home.join(name))(source)
    }

    /// Opens a file of ours for appending. It belongs to the account, so that Muster can be
    /// started under that account later; a symbolic link is refused, because as root we would
    /// follow one that the account has put there.
    fn open_own(&self, name: &str) -> Result<File, PrivateServerError> {
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .mode(0o600)
            .custom_flags(OFlag::O_NOFOLLOW.bits())
            .open(self.home.join(name))
            .map_err(|source| self.io("open", name, source))?;
        let give = self.account.give_file(&file);
        give.map_err(|source| self.io("change the owner of", name, source))?;
        Ok(file)
    }
}

fn cluster_in(home: &Path) -> PathBuf {
    home.join("data")
}

/// The end of the server's log, to be quoted in a message.
#[derive(Debug)]
pub struct LogTail {
    path: PathBuf,
    lines: String,
}

impl LogTail {
    /// Whether one of these lines contains `text`.
    pub(super) fn contains(&self, text: &str) -> bool {
        self.lines.contains(text)
    }
}

impl fmt::Display for LogTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        if self.lines.is_empty() {
            write!(f, "its log {path} says nothing")
        } else {
            write!(f, "the end of its log {path}:\n{}", self.lines)
        }
    }
}

/// Makes an I/O error of an action on a path.
pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PrivateServerError + use<> {
    let path = path.to_owned();
    move |source| PrivateServerError::Io { action, path, source }
}

fn read_end(path: &Path, from: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(TAIL_BYTES).max(from);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"))
}

/// Makes `folder` with access for the account alone. Everybody may write in the temp directory, so
/// one that is there already must be a real folder that belongs to the account (or to us, when we
/// ended between creating it and giving it away).
fn make_private(folder: &Path, account: &Account) -> Result<(), PrivateServerError> {
    let wrong = |problem| PrivateServerError::SocketFolder { folder: folder.to_owned(), problem };
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(io_error("create", folder)(error));
        }
        _ => {}
    }
    let found = fs::symlink_metadata(folder).map_err(io_error("look at", folder))?;
    if !found.is_dir() {
        return Err(wrong("is no folder"));
    }
    if !account.owns(&found) {
        return Err(wrong("belongs to somebody else"));
    }
    if found.mode() & 0o077 != 0 {
        return Err(wrong("is open to other users"));
    }
    account.give_folder(folder)
}
