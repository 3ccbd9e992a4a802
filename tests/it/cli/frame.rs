//! What holds for every command: where data and messages go, exit codes, with and without a server.

use crate::support::program::{Program, examples};
use muster::db::private::PrivateServer;
use std::process::{Command, Stdio};

#[test]
fn a_wrong_command_line_is_exit_code_2_and_a_message() {
    let muster = Program::new();
    for arguments in [&["aply"][..], &["apply", "--dry"], &["activate"], &["diff"], &[]] {
        let ran = muster.run(arguments).exited(2);
        assert_eq!(ran.stdout, "", "{arguments:?}");
        assert!(ran.stderr.contains("Usage"), "{}", ran.stderr);
    }
    muster.run(&["--help"]).succeeded().shows("Usage").shows("diff").shows("--json");
    muster.run(&["--version"]).succeeded().shows("muster ");
}

#[test]
fn a_wrong_environment_lists_all_that_is_wrong() {
    let muster = Program::new();
    let output = muster.command(&["migrate"]).env("MUSTER_LISTN", "x").env("MUSTER_WORKERS", "0").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("MUSTER_LISTN") && message.contains("MUSTER_WORKERS"), "{message}");
    let output = muster.command(&["migrate"]).env("MUSTER_LOG", "=?").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_database_out_of_reach_is_a_message_that_says_where_to_look() {
    let muster = Program::new();
    let output = muster.command(&["migrate"]).env("DATABASE_URL", "postgres://127.0.0.1:1/x").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("DATABASE_URL"));
}

#[test]
fn unknown_connectors_are_exit_code_4() {
    let muster = Program::new();
    for arguments in [["activate", "nobody"], ["deactivate", "nobody"], ["export", "nobody"]] {
        muster.run(&arguments).exited(4).says("there is no connector \"nobody\"");
    }
    muster.run(&["apply", "nowhere.toml"]).exited(4).says("nowhere.toml: there is no such file");
}

#[test]
fn nobody_who_reads_on_is_no_failure() {
    let muster = Program::new();
    muster.apply_example("hr.toml");
    let mut child = muster.command(&["export"]).stdin(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()));
}

#[test]
fn commands_work_without_a_server_and_with_one() {
    let folder = tempfile::Builder::new()
        .prefix("muster-it-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()
        .unwrap();
    let muster = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command.args(arguments).env_remove("DATABASE_URL").env("MUSTER_DATA_DIR", folder.path());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let hr = examples().join("hr.toml");
    assert_eq!(muster(&["apply", hr.to_str().unwrap()]), "connector hr: created, version 1\n");
    assert!(!folder.path().join("postgres/data/postmaster.pid").exists(), "the server ends with the command");

    let server = PrivateServer::start(folder.path()).unwrap();
    assert_eq!(muster(&["deactivate", "hr"]), "connector hr: now deactivated\n");
    assert!(folder.path().join("postgres/data/postmaster.pid").exists(), "a joined server goes on");
    server.stop().unwrap();
}
