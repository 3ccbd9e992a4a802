//! The system user that runs the server's processes: PostgreSQL refuses to run as root.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, chown, fchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{Uid, User, geteuid};

use super::PrivateServerError;
use super::folder::io_error;

/// Who runs the server.
#[derive(Debug)]
pub(super) enum Account {
    /// The user that runs Muster.
    Ourselves,
    /// Another one, because Muster runs as root.
    Other { name: String, uid: u32, gid: u32 },
}

impl Account {
    /// As root: the owner of an existing cluster, else `postgres`, else `nobody`.
    pub(super) fn for_cluster(cluster: &Path) -> Result<Account, PrivateServerError> {
        if !geteuid().is_root() {
            return Ok(Account::Ourselves);
        }
        if let Ok(found) = fs::symlink_metadata(cluster)
            && found.uid() != 0
        {
            let user = User::from_uid(Uid::from_raw(found.uid())).ok().flatten();
            return Ok(Account::Other {
                name: user.map_or_else(|| found.uid().to_string(), |user| user.name),
                uid: found.uid(),
                gid: found.gid(),
            });
        }
        let user = ["postgres", "nobody"]
            .iter()
            .find_map(|name| User::from_name(name).ok().flatten())
            .ok_or(PrivateServerError::NoAccount)?;
        Ok(Account::Other { uid: user.uid.as_raw(), gid: user.gid.as_raw(), name: user.name })
    }

    /// A command that runs as this account in `folder`, apart from our terminal's process group
    /// (Ctrl-C is for Muster, which then stops the server in order) and without our environment
    /// (it may hold secrets, and `PG…` variables that mean another server).
    pub(super) fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).process_group(0);
        command.stdin(Stdio::null()).env_clear();
        command.env("LC_ALL", "C").env("HOME", folder);
        for kept in ["PATH", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        if let Account::Other { uid, gid, .. } = self {
            // As root the standard library drops the supplementary groups as well.
            command.uid(*uid).gid(*gid);
        }
        command
    }

    /// Checks that the account can run `program` in `home`, by doing it; if not, finds out why.
    pub(super) fn check_way(&self, program: &Path, home: &Path) -> Result<(), PrivateServerError> {
        let Account::Other { name, .. } = self else {
            return Ok(());
        };
        if self.can_run(program, home)? {
            return Ok(());
        }
        let mut way: Vec<&Path> = home.ancestors().collect();
        way.reverse();
        if !self.can_run(program, Path::new("/"))? {
            return Err(PrivateServerError::ProgramClosed { user: name.clone(), program: program.to_owned() });
        }
        let mut closed: PathBuf = home.to_owned();
        for folder in way {
            if !self.can_run(program, folder)? {
                closed = folder.to_owned();
                break;
            }
        }
        Err(PrivateServerError::Unreachable { user: name.clone(), closed, home: home.to_owned() })
    }

    /// Makes the account the owner of a folder.
    pub(super) fn give_folder(&self, folder: &Path) -> Result<(), PrivateServerError> {
        let Account::Other { uid, gid, .. } = self else {
            return Ok(());
        };
        chown(folder, Some(*uid), Some(*gid)).map_err(io_error("change the owner of", folder))
    }

    /// Makes the account the owner of a file.
    pub(super) fn give_file(&self, file: &File) -> io::Result<()> {
        match self {
            Account::Ourselves => Ok(()),
            Account::Other { uid, gid, .. } => fchown(file, Some(*uid), Some(*gid)),
        }
    }

    /// Whether a file belongs to the account or to us.
    pub(super) fn owns(&self, found: &Metadata) -> bool {
        let ours = geteuid().as_raw();
        match self {
            Account::Ourselves => found.uid() == ours,
            Account::Other { uid, .. } => found.uid() == *uid || found.uid() == ours,
        }
    }

    fn can_run(&self, program: &Path, folder: &Path) -> Result<bool, PrivateServerError> {
        let mut version = self.command(program, folder);
        match version.arg("--version").output() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
            Err(error) => Err(io_error("run", program)(error)),
        }
    }
}
