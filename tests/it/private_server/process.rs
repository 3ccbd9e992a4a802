//! The processes of these tests: a second user of the server, and the server itself.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use muster::db::private::PrivateServer;
use nix::unistd::Pid;

use super::cluster;

/// Names the data directory for [`another_process`].
const OTHER: &str = "MUSTER_TEST_PRIVATE_SERVER";

/// What [`OtherProcess`] runs: uses the server until its standard input ends.
#[test]
#[ignore = "run by the other tests, in a process of its own"]
fn another_process() {
    let Some(path) = std::env::var_os(OTHER) else {
        return;
    };
    let server = PrivateServer::start(Path::new(&path)).unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "\n{}", server.url()).unwrap();
    out.flush().unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
    server.stop().unwrap();
}

/// A second process that uses the server of a data directory.
pub(super) struct OtherProcess {
    child: Child,
    pub(super) url: String,
}

impl OtherProcess {
    pub(super) fn start(data_dir: &Path) -> OtherProcess {
        let module = module_path!().split_once("::").unwrap().1;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg(format!("{module}::another_process"))
            .env(OTHER, data_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let url = lines.map(Result::unwrap).find(|line| line.starts_with("postgres://"));
        let url = url.expect("the other process should have printed the server's address");
        OtherProcess { child, url }
    }

    pub(super) fn finish(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }

    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The main process of the server that runs in a data directory.
pub(super) fn postmaster(data_dir: &Path) -> Pid {
    let content = fs::read_to_string(cluster(data_dir).join("postmaster.pid")).unwrap();
    Pid::from_raw(content.lines().next().unwrap().parse().unwrap())
}

/// Whether a process is there and is not just waiting to be collected.
pub(super) fn runs(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

pub(super) fn uid_of(pid: Pid) -> u32 {
    fs::metadata(format!("/proc/{pid}")).unwrap().uid()
}
