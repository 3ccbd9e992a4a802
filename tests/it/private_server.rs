//! The private PostgreSQL against the real thing: started, shared, killed and recovered.

mod process;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::Text;
use muster::db::private::{PrivateServer, PrivateServerError};
use nix::sys::signal::{Signal, kill};
use tempfile::TempDir;

use process::{OtherProcess, postmaster, runs, uid_of};

#[test]
fn starts_answers_and_stops_with_its_only_user() {
    let dir = data_dir();
    let server = PrivateServer::start(dir.path()).unwrap();
    assert_eq!(ask(&server, "select 1::text"), "1");
    assert_eq!(ask(&server, "select current_database()::text"), "muster");
    assert_eq!(ask(&server, "select lower('ÄÖÉ')"), "äöé");
    let pid = postmaster(dir.path());
    server.stop().unwrap();
    assert!(!runs(pid));
    assert!(!cluster(dir.path()).join("postmaster.pid").exists());

    let again = PrivateServer::start(dir.path()).unwrap();
    assert_ne!(postmaster(dir.path()), pid);
    assert_eq!(ask(&again, "select 1::text"), "1");
}

#[test]
fn is_durable_private_and_quiet() {
    let dir = data_dir();
    let server = PrivateServer::start(dir.path()).unwrap();
    for (setting, value) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("listen_addresses", ""),
        ("client_connection_check_interval", "2s"),
        ("jit", "off"),
        ("max_connections", "200"),
        ("TimeZone", "UTC"),
    ] {
        let query = format!("select current_setting('{setting}')");
        assert_eq!(ask(&server, &query), value, "{setting}");
    }
    let home = fs::metadata(dir.path().join("postgres")).unwrap();
    assert_eq!(home.mode() & 0o777, 0o700);

    let mut connection = PgConnection::establish(server.url()).unwrap();
    let wrong = diesel::sql_query("select 'ada@example.org'::integer").execute(&mut connection);
    assert!(wrong.unwrap_err().to_string().contains("ada@example.org"));
    drop(connection);
    server.stop().unwrap();
    let log = fs::read_to_string(dir.path().join("postgres/postgres.log")).unwrap();
    assert!(log.contains("database system is shut down"));
    assert!(!log.contains("ada@example.org"), "{log}");
}

#[test]
fn the_last_of_two_users_in_a_process_stops_it() {
    let dir = data_dir();
    let first = PrivateServer::start(dir.path()).unwrap();
    let pid = postmaster(dir.path());
    let second = PrivateServer::start(dir.path()).unwrap();
    assert_eq!(postmaster(dir.path()), pid);
    assert_eq!(first.url(), second.url());

    drop(first);
    assert_eq!(ask(&second, "select 1::text"), "1");
    drop(second);
    assert!(!runs(pid));
}

#[test]
fn the_last_of_two_processes_stops_it() {
    let dir = data_dir();
    let server = PrivateServer::start(dir.path()).unwrap();
    let pid = postmaster(dir.path());
    let other = OtherProcess::start(dir.path());
    assert_eq!(other.url, server.url());
    server.stop().unwrap();
    assert!(runs(pid), "the other process still uses it");
    other.finish();
    assert!(!runs(pid));
}

#[test]
fn starters_at_the_same_moment_share_one_server() {
    let dir = data_dir();
    let path = dir.path();
    let servers: Vec<PrivateServer> = thread::scope(|scope| {
        let starters: Vec<_> = (0..4).map(|_| scope.spawn(|| PrivateServer::start(path).unwrap())).collect();
        let others: Vec<_> = (0..2).map(|_| scope.spawn(|| OtherProcess::start(path))).collect();
        let others = others.into_iter().map(|other| other.join().unwrap());
        others.for_each(OtherProcess::finish);
        starters.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for server in &servers {
        assert_eq!(server.url(), servers[0].url());
        assert_eq!(ask(server, "select 1::text"), "1");
    }
    let log = fs::read_to_string(path.join("postgres/postgres.log")).unwrap();
    let starts = log.matches("database system is ready to accept").count();
    let ends = log.matches("database system is shut down").count();
    assert_eq!(starts, ends + 1, "{log}");
}

#[test]
fn users_that_come_and_go_never_meet_a_stopped_server() {
    let dir = data_dir();
    let path = dir.path();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let server = PrivateServer::start(path).unwrap();
                    assert_eq!(ask(&server, "select 1::text"), "1");
                    server.stop().unwrap();
                }
            });
        }
    });
    assert!(!cluster(path).join("postmaster.pid").exists());
}

#[test]
fn a_killed_server_is_started_again_with_its_data() {
    let dir = data_dir();
    let server = PrivateServer::start(dir.path()).unwrap();
    let mut connection = PgConnection::establish(server.url()).unwrap();
    for statement in ["create table kept (v text)", "insert into kept values ('yes')"] {
        diesel::sql_query(statement).execute(&mut connection).unwrap();
    }
    // A session that computes does not notice by itself that its server is gone.
    let url = server.url().to_owned();
    let busy = thread::spawn(move || {
        let mut connection = PgConnection::establish(&url).unwrap();
        let long = "select count(*) from generate_series(1, 3000000000) s where s < 0";
        diesel::sql_query(long).execute(&mut connection)
    });
    let running = "select count(*)::text from pg_stat_activity where query like '%3000000000%' \
                   and pid <> pg_backend_pid()";
    eventually(|| ask(&server, running) == "1");
    let pid = postmaster(dir.path());
    kill(pid, Signal::SIGKILL).unwrap();

    let again = PrivateServer::start(dir.path()).unwrap();
    assert_ne!(postmaster(dir.path()), pid);
    assert_eq!(ask(&again, "select v from kept"), "yes");
    assert!(busy.join().unwrap().is_err());
    drop(server);
    assert_eq!(ask(&again, "select 1::text"), "1");
}

#[test]
fn a_server_whose_muster_was_killed_is_adopted() {
    let dir = data_dir();
    let other = OtherProcess::start(dir.path());
    let pid = postmaster(dir.path());
    other.kill();
    assert!(runs(pid));
    let server = PrivateServer::start(dir.path()).unwrap();
    assert_eq!(postmaster(dir.path()), pid);
    assert_eq!(ask(&server, "select 1::text"), "1");
    server.stop().unwrap();
    assert!(!runs(pid));
}

#[test]
fn muster_and_its_server_killed_together_are_recovered() {
    let dir = data_dir();
    let other = OtherProcess::start(dir.path());
    let pid = postmaster(dir.path());
    kill(pid, Signal::SIGKILL).unwrap();
    other.kill();
    let server = PrivateServer::start(dir.path()).unwrap();
    assert_eq!(ask(&server, "select 1::text"), "1");
}

#[test]
fn a_pid_file_that_names_a_foreign_process_is_no_obstacle() {
    let dir = data_dir();
    PrivateServer::start(dir.path()).unwrap().stop().unwrap();
    let cluster = cluster(dir.path());
    let pid_file = cluster.join("postmaster.pid");
    // As after a restart of a container: the number is now that of something else of that user.
    let owner = fs::metadata(&cluster).unwrap();
    let mut sleeper = Command::new("sleep");
    sleeper.arg("60").current_dir("/");
    if owner.uid() != nix::unistd::geteuid().as_raw() {
        sleeper.uid(owner.uid()).gid(owner.gid());
    }
    let mut foreign = sleeper.spawn().unwrap();
    let (number, cluster) = (foreign.id(), cluster.display());
    let content = format!("{number}\n{cluster}\n1700000000\n5432\n/nowhere\n");
    fs::write(&pid_file, content).unwrap();
    fs::copy(&pid_file, dir.path().join("postgres/.s.PGSQL.5432.lock")).unwrap();
    for lock in [pid_file, dir.path().join("postgres/.s.PGSQL.5432.lock")] {
        std::os::unix::fs::chown(lock, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    let server = PrivateServer::start(dir.path()).unwrap();
    assert_eq!(ask(&server, "select 1::text"), "1");
    foreign.kill().unwrap();
    foreign.wait().unwrap();
}

#[test]
fn an_interrupted_initdb_leaves_nothing_half_made() {
    let dir = data_dir();
    let draft = dir.path().join("postgres/data.init/base");
    fs::create_dir_all(&draft).unwrap();
    fs::write(draft.join("half"), "made").unwrap();
    let server = PrivateServer::start(dir.path()).unwrap();
    assert_eq!(ask(&server, "select 1::text"), "1");
    assert!(!dir.path().join("postgres/data.init").exists());
}

#[test]
fn a_long_or_odd_path_gets_a_private_folder_for_its_socket() {
    let dir = data_dir();
    for name in [&"long".repeat(30), "comma, \"quote\""] {
        let path = dir.path().join(name);
        let server = PrivateServer::start(&path).unwrap();
        assert_eq!(ask(&server, "select 1::text"), "1");
        let pid = postmaster(&path);
        let folder = ask(&server, "select current_setting('unix_socket_directories')");
        let folder = Path::new(folder.trim_matches('"')).to_owned();
        assert!(folder.starts_with(std::env::temp_dir()), "{folder:?}");
        let found = fs::metadata(&folder).unwrap();
        assert_eq!(found.mode() & 0o777, 0o700);
        assert_eq!(found.uid(), uid_of(pid));
        let joined = PrivateServer::start(&path).unwrap();
        assert_eq!(joined.url(), server.url());
        drop((server, joined));

        // The folder is found again, but not when somebody has opened it to others.
        fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
        let error = PrivateServer::start(&path).unwrap_err();
        assert!(matches!(error, PrivateServerError::SocketFolder { .. }), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn a_path_with_spaces_and_letters_keeps_its_socket() {
    let dir = data_dir();
    let path = dir.path().join("Müller & co 100%");
    let server = PrivateServer::start(&path).unwrap();
    assert_eq!(ask(&server, "select 1::text"), "1");
    assert!(path.join("postgres/.s.PGSQL.5432").exists());
}

#[test]
fn the_server_runs_apart_from_us() {
    let dir = data_dir();
    let _server = PrivateServer::start(dir.path()).unwrap();
    let pid = postmaster(dir.path());
    let group = nix::unistd::getpgid(Some(pid)).unwrap();
    assert_eq!(group, pid, "Ctrl-C must not reach it");
    let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    for file in files.map(|file| fs::read_link(file.unwrap().path()).unwrap_or_default()) {
        let lock = file.extension().is_some_and(|extension| extension == "lock");
        assert!(!lock, "the server has inherited {file:?}");
    }
    let environment = fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    assert!(!environment.contains("CARGO"), "{environment}");
}

#[test]
fn data_of_another_version_are_left_alone() {
    let dir = data_dir();
    PrivateServer::start(dir.path()).unwrap().stop().unwrap();
    let version = cluster(dir.path()).join("PG_VERSION");
    fs::write(&version, "11\n").unwrap();
    let error = PrivateServer::start(dir.path()).unwrap_err();
    assert!(matches!(error, PrivateServerError::VersionMissing { wanted: 11, .. }));
    let message = error.to_string();
    assert!(message.contains("apt-get install postgresql-11"), "{message}");
    fs::write(&version, "eleven\n").unwrap();
    let error = PrivateServer::start(dir.path()).unwrap_err();
    assert!(matches!(error, PrivateServerError::VersionUnreadable { .. }), "{error}");
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let dir = data_dir();
    PrivateServer::start(dir.path()).unwrap().stop().unwrap();
    fs::remove_file(cluster(dir.path()).join("global/pg_control")).unwrap();
    let error = PrivateServer::start(dir.path()).unwrap_err();
    assert!(matches!(error, PrivateServerError::Ended { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("pg_control"), "{message}");
    assert!(message.contains("postgres.log"), "{message}");
}

#[test]
fn as_root_the_server_runs_under_another_user() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let dir = data_dir();
    let server = PrivateServer::start(dir.path()).unwrap();
    let pid = postmaster(dir.path());
    assert_ne!(uid_of(pid), 0);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let groups = status.lines().find_map(|line| line.strip_prefix("Groups:"));
    assert_eq!(groups.map(str::trim), Some(""), "root's groups are given up");
    server.stop().unwrap();

    // The owner of the data stays who they were: here nobody.
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let owner = nobody.uid.to_string();
    let chown = Command::new("chown").args(["-R", &owner]).arg(dir.path()).status();
    assert!(chown.unwrap().success());
    let server = PrivateServer::start(dir.path()).unwrap();
    assert_eq!(ask(&server, "select 1::text"), "1");
    assert_eq!(uid_of(postmaster(dir.path())), nobody.uid.as_raw());
}

#[test]
fn as_root_a_closed_folder_on_the_way_is_named() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let dir = data_dir();
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let error = PrivateServer::start(&closed.join("muster")).unwrap_err();
    assert!(matches!(error, PrivateServerError::Unreachable { .. }), "{error}");
    let advice = format!("chmod o+x {}`", closed.canonicalize().unwrap().display());
    assert!(error.to_string().contains(&advice), "{error}");
    fs::set_permissions(&closed, Permissions::from_mode(0o711)).unwrap();
    PrivateServer::start(&closed.join("muster")).unwrap();
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Text)]
    v: String,
}

/// The one text that a query gives.
fn ask(server: &PrivateServer, query: &str) -> String {
    let mut connection = PgConnection::establish(server.url()).unwrap();
    let query = format!("select v from ({query}) as answer(v)");
    let answer = diesel::sql_query(query).get_result::<Answer>(&mut connection);
    answer.unwrap().v
}

/// An empty data directory that the server's user can reach when the tests run as root.
fn data_dir() -> TempDir {
    tempfile::Builder::new().prefix("muster-it-").permissions(Permissions::from_mode(0o755)).tempdir().unwrap()
}

fn cluster(data_dir: &Path) -> PathBuf {
    data_dir.join("postgres/data")
}

fn eventually(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "it did not come about within 10 s");
        thread::yield_now();
    }
}
