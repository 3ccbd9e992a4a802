//! Makes a cluster where there is none, and starts a server on it.

use std::fs::{self, File};
use std::io;
use std::process::{Child, Command};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use super::binaries::Binaries;
use super::folder::{Folder, LogTail, PORT, io_error};
use super::postmaster::{self, Postmaster, State};
use super::{DATABASE, POLL, PrivateServerError, START_PATIENCE, connection};

/// How long processes of a killed server may keep us from starting a new one.
const REMAINS_PATIENCE: Duration = Duration::from_secs(30);
/// Between two tries to start beside such remains.
const RETRY: Duration = Duration::from_millis(200);

/// What the server runs with: a small machine shared with Muster, few sessions, large loads.
const SETTINGS: &[&str] = &[
    "listen_addresses=",
    "unix_socket_permissions=0700",
    // What is committed stays so; the speed comes from large transactions.
    "fsync=on",
    "shared_buffers=256MB",
    "max_wal_size=4GB",
    "wal_compression=on",
    "max_connections=200",
    // A session whose client was killed ends instead of finishing its statement.
    "client_connection_check_interval=2s",
    // Costs more than it gains with our short statements.
    "jit=off",
    "timezone=UTC",
    "log_timezone=UTC",
    // `log` leaves out errors of statements: they go to the client, and they quote values.
    "log_min_messages=log",
];

/// Starts a server and waits until it takes connections to the database. Expects none to run.
pub(super) fn launch(folder: &Folder) -> Result<Postmaster, PrivateServerError> {
    let binaries = Binaries::for_cluster(&folder.cluster())?;
    folder.account().check_way(&binaries.postgres(), folder.home())?;
    if !folder.cluster().exists() {
        make_cluster(folder, &binaries)?;
    }
    let mut server = server_command(folder, &binaries)?;
    let began = Instant::now();
    loop {
        let (log, end) = folder.open_log()?;
        let program = binaries.postgres();
        let mut child = spawn(&mut server, log).map_err(io_error("run", &program))?;
        match wait_until_ready(folder, &mut child, end) {
            Ok(postmaster) => {
                collect_later(child).map_err(io_error("watch", &program))?;
                return Ok(postmaster);
            }
            Err(PrivateServerError::Ended { log, .. }) if is_kept_out(&log) => {
                if began.elapsed() > REMAINS_PATIENCE {
                    return Err(PrivateServerError::Remains {
                        cluster: folder.cluster(),
                        seconds: REMAINS_PATIENCE.as_secs(),
                        log,
                    });
                }
                postmaster::end_remaining(&folder.cluster());
                sleep(RETRY);
            }
            Err(error) => {
                collect_later(child).map_err(io_error("watch", &program))?;
                return Err(error);
            }
        }
    }
}

/// Runs initdb under a temporary name, so that an interrupted one is never taken for a cluster.
fn make_cluster(folder: &Folder, binaries: &Binaries) -> Result<(), PrivateServerError> {
    let draft = folder.draft();
    match fs::remove_dir_all(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_error("remove", &draft)(error));
        }
        _ => {}
    }
    let mut initdb = folder.account().command(&binaries.initdb(), folder.home());
    initdb.arg("--pgdata").arg(&draft);
    // Nobody but the account (and root) can enter the socket's folder, so the socket may trust.
    initdb.args(["--username=postgres", "--auth-local=trust", "--auth-host=reject"]);
    // Bytewise order is fast and the same everywhere; upper and lower case know all letters.
    initdb.args(["--encoding=UTF8", "--no-locale", "--lc-ctype=C.UTF-8"]);
    initdb.arg("--no-instructions");
    let output = initdb.output().map_err(io_error("run", &binaries.initdb()))?;
    if !output.status.success() {
        let printed = [output.stdout, output.stderr].concat();
        return Err(PrivateServerError::Initdb {
            cluster: folder.cluster(),
            output: String::from_utf8_lossy(&printed).trim().to_owned(),
        });
    }
    let cluster = folder.cluster();
    fs::rename(&draft, &cluster).map_err(io_error("name", &cluster))?;
    // Else a power cut could undo the new name, and the next start would remove the data.
    let sync = File::open(folder.home()).and_then(|home| home.sync_all());
    sync.map_err(io_error("sync", folder.home()))?;
    tracing::info!(postgres.version = binaries.major(), "made the private database");
    Ok(())
}

fn server_command(folder: &Folder, binaries: &Binaries) -> Result<Command, PrivateServerError> {
    let mut server = folder.account().command(&binaries.postgres(), folder.home());
    server.arg("-D").arg(folder.cluster());
    server.args(["-p", &PORT.to_string()]);
    let sockets = folder.socket_folder()?;
    // In quotes it is one folder, whatever it contains.
    let sockets = format!("unix_socket_directories=\"{}\"", sockets.display());
    server.args(["-c", &sockets]);
    for setting in SETTINGS {
        server.args(["-c", setting]);
    }
    Ok(server)
}

fn spawn(server: &mut Command, log: File) -> io::Result<Child> {
    server.stdout(log.try_clone()?).stderr(log).spawn()
}

/// Waits for a server of ours; `log_end` is where its part of the log begins.
fn wait_until_ready(folder: &Folder, child: &mut Child, log_end: u64) -> Result<Postmaster, PrivateServerError> {
    let began = Instant::now();
    let pid = child.id().cast_signed();
    let program = folder.cluster();
    loop {
        if let Some(status) = child.try_wait().map_err(io_error("watch", &program))? {
            return Err(PrivateServerError::Ended { status, log: folder.log_tail(log_end) });
        }
        // Until it has written its own, the file may still be that of a dead server.
        let recorded = Postmaster::recorded(&folder.cluster())?.filter(|found| found.pid == pid);
        if let Some(postmaster) = recorded
            && postmaster.state == State::Ready
        {
            connection::ensure_database(&postmaster, DATABASE)?;
            return Ok(postmaster);
        }
        if began.elapsed() > START_PATIENCE {
            return Err(PrivateServerError::NotReady {
                pid,
                state: State::Starting,
                seconds: START_PATIENCE.as_secs(),
                log: folder.log_tail(log_end),
            });
        }
        sleep(POLL);
    }
}

/// Whether a server refused to start because of remains of an earlier one: its main process is
/// dead but not collected, or its sessions still hold the shared memory.
fn is_kept_out(log: &LogTail) -> bool {
    (log.contains("FATAL:  lock file ") && log.contains("already exists")) || log.contains("still in use")
}

/// Collects the server when it ends, whoever stops it: else it stays a zombie as long as we run.
fn collect_later(mut child: Child) -> io::Result<()> {
    let collector = thread::Builder::new().name("postgres-collector".to_owned());
    collector.spawn(move || child.wait()).map(drop)
}
