//! Servers that all tests of the binary share: each in a temporary folder, as a plain user, stopped by its own process
//! id when the tests end, however they end.

use nix::unistd::{User, chown, geteuid};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Where a server has its data, and as whom it runs.
pub struct Home {
    /// Its folder.
    pub folder: PathBuf,
    user: Option<User>,
}

impl Home {
    /// A new folder. Servers refuse to run as root: then it belongs to one of these users.
    pub fn new(name: &str, users: &[&str]) -> Self {
        let permissions = fs::Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().prefix(name).permissions(permissions).tempdir().unwrap().keep();
        let user = geteuid().is_root().then(|| {
            users.iter().find_map(|user| User::from_name(user).unwrap()).expect("a plain user to run servers as")
        });
        let home = Self { folder, user };
        home.give(&home.folder);
        home
    }

    /// Makes a file or folder the user's own.
    pub fn give(&self, path: &Path) {
        if let Some(user) = &self.user {
            chown(path, Some(user.uid), Some(user.gid)).unwrap();
        }
    }

    /// A program that runs as the user.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        if let Some(user) = &self.user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command.current_dir(&self.folder).env("HOME", &self.folder);
        command
    }

    /// Stops the process when the tests have ended, and removes the folder: a static is never dropped, and a killed
    /// process drops nothing at all, so a child waits for our end. `signal`: which one the server stops at.
    pub fn keep(&self, pid: u32, signal: &str) -> Child {
        let script = "cat; kill -$2 $0; while kill -0 $0; do sleep 0.1; done; rm -rf \"$1\"";
        Command::new("sh")
            .args(["-c", script, &pid.to_string()])
            .arg(&self.folder)
            .arg(signal)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }
}

/// Runs it to its end; what it says if it fails.
#[track_caller]
pub fn finish(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A TCP port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
