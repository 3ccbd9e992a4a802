//! The server's main process, as `postmaster.pid` in the cluster and /proc tell of it.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::folder::{Folder, PORT, io_error};
use super::{POLL, PrivateServerError};

/// A fast shutdown ends the sessions and writes a checkpoint: past this time we stop waiting for it.
const FAST: Duration = Duration::from_secs(20);
/// An immediate shutdown only ends processes; what it skips is recovered at the next start.
const IMMEDIATE: Duration = Duration::from_secs(10);

/// What a cluster's `postmaster.pid` says. The process may have ended since.
#[derive(Debug)]
pub(super) struct Postmaster {
    pub(super) pid: i32,
    pub(super) port: u16,
    pub(super) socket_folder: PathBuf,
    pub(super) state: State,
    cluster: PathBuf,
}

/// What a server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Starting or recovering; it refuses connections.
    Starting,
    /// It takes connections.
    Ready,
    /// Shutting down; it refuses connections.
    Stopping,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Starting => "starting",
            State::Ready => "ready, but refusing us",
            State::Stopping => "stopping",
        })
    }
}

impl Postmaster {
    /// Reads `postmaster.pid`; `None` when there is none, or not enough in it yet.
    pub(super) fn recorded(cluster: &Path) -> Result<Option<Postmaster>, PrivateServerError> {
        let file = cluster.join("postmaster.pid");
        match fs::read(&file) {
            Ok(content) => Ok(parse(&String::from_utf8_lossy(&content), cluster)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error("read", &file)(error)),
        }
    }

    /// Whether the process runs and is (or may be) a PostgreSQL process of this cluster.
    pub(super) fn is_alive(&self) -> bool {
        belonging(self.pid, &self.cluster) != Belonging::No
    }

    /// Stops the server: fast shutdown, and when that takes too long an immediate one.
    pub(super) fn stop(&self, folder: &Folder) -> Result<(), PrivateServerError> {
        for (signal, patience) in [(Signal::SIGINT, FAST), (Signal::SIGQUIT, IMMEDIATE)] {
            if !self.is_alive() {
                return Ok(());
            }
            match kill(Pid::from_raw(self.pid), signal) {
                Ok(()) => {}
                Err(Errno::ESRCH) => return Ok(()),
                Err(errno) => {
                    let file = self.cluster.join("postmaster.pid");
                    return Err(io_error("signal the process named in", &file)(errno.into()));
                }
            }
            let asked = Instant::now();
            while asked.elapsed() < patience {
                if !self.is_alive() {
                    tracing::info!(postgres.pid = self.pid, "private PostgreSQL stopped");
                    return Ok(());
                }
                sleep(POLL);
            }
        }
        Err(PrivateServerError::DoesNotStop { pid: self.pid, log: folder.log_tail(0) })
    }
}

/// Removes the lock files that outlived their server. PostgreSQL would refuse to start when their
/// number is now that of another process (usual after a restart of a container) or of a dead one
/// that is not collected. Call it only when no other Muster uses the cluster.
///
/// The files also guard against remaining processes of the old server, so they stay while there
/// may be any; PostgreSQL judges then.
pub(super) fn remove_stale_locks(folder: &Folder) -> Result<(), PrivateServerError> {
    if !remaining(&folder.cluster()).is_empty() {
        return Ok(());
    }
    let socket = folder.socket_folder()?.join(format!(".s.PGSQL.{PORT}.lock"));
    for file in [folder.cluster().join("postmaster.pid"), socket] {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_error("remove", &file)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Asks the processes that a killed server left behind to end. They end by themselves only when
/// they next wait for something; their sessions are lost anyway.
pub(super) fn end_remaining(cluster: &Path) {
    for (pid, belonging) in remaining(cluster) {
        if belonging == Belonging::Yes {
            // Fails only if it has just ended, which is what we want.
            let _ended = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
    }
}

/// Whether a process is one of PostgreSQL's that works in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Belonging {
    Yes,
    No,
    /// It is PostgreSQL, but the system does not show us (any more) where it works.
    Unknown,
}

/// PostgreSQL's processes are named `postgres` and work in the folder of their cluster. A dead one
/// whose parent has not collected it (a zombie) counts as none.
fn belonging(pid: i32, cluster: &Path) -> Belonging {
    let Ok(stat) = fs::read(format!("/proc/{pid}/stat")) else {
        return Belonging::No;
    };
    // "PID (NAME) STATE …", proc(5)
    let stat = String::from_utf8_lossy(&stat);
    let Some((head, tail)) = stat.rsplit_once(") ") else {
        return Belonging::No;
    };
    if !head.ends_with("(postgres") || tail.starts_with(['Z', 'X']) {
        return Belonging::No;
    }
    match fs::read_link(format!("/proc/{pid}/cwd")) {
        Ok(folder) if folder == cluster => Belonging::Yes,
        Ok(_) => Belonging::No,
        // It is just ending, or we are root in a container without CAP_SYS_PTRACE.
        Err(_) => Belonging::Unknown,
    }
}

/// The running processes that work in a cluster, or may do so.
fn remaining(cluster: &Path) -> Vec<(i32, Belonging)> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .map(|pid: i32| (pid, belonging(pid, cluster)))
        .filter(|(_, belonging)| *belonging != Belonging::No)
        .collect()
}

/// The lines of `postmaster.pid` (PostgreSQL's `miscadmin.h`): 1 pid, 2 data folder, 3 start time,
/// 4 port, 5 socket folder, 6 listen address, 7 shared memory, 8 state.
fn parse(content: &str, cluster: &Path) -> Option<Postmaster> {
    let lines: Vec<&str> = content.lines().collect();
    Some(Postmaster {
        pid: lines.first()?.trim().parse().ok()?,
        port: lines.get(3)?.trim().parse().ok()?,
        socket_folder: PathBuf::from(lines.get(4)?),
        state: match lines.get(7).map(|state| state.trim()) {
            Some("ready" | "standby") => State::Ready,
            Some("stopping") => State::Stopping,
            _ => State::Starting,
        },
        cluster: cluster.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_file_is_read_at_each_stage_of_a_start() {
        let cluster = Path::new("/srv/data");
        assert!(parse("", cluster).is_none());
        assert!(parse("4711\n/srv/data\n", cluster).is_none());
        let begun = parse("4711\n/srv/data\n1700000000\n5432\n/srv\n", cluster).unwrap();
        assert_eq!(begun.state, State::Starting);
        let lines = "4711\n/srv/data\n1700000000\n5432\n/srv\n\n  5432001 32768\nready   \n";
        let ready = parse(lines, cluster).unwrap();
        assert_eq!((ready.pid, ready.port), (4711, 5432));
        assert_eq!(ready.socket_folder, Path::new("/srv"));
        assert_eq!(ready.state, State::Ready);
    }

    #[test]
    fn our_own_process_is_not_taken_for_a_server() {
        let here = std::env::current_dir().unwrap();
        let ours = i32::try_from(std::process::id()).unwrap();
        assert_eq!(belonging(ours, &here), Belonging::No);
    }
}
