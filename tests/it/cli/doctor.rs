//! What is missing is found before it is missed.

use crate::support::program::Program;
use diesel::connection::SimpleConnection;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_healthy_installation_is_told_to_be_so() {
    let muster = Program::new();
    let ran = muster.run(&["doctor", "--json"]).succeeded();
    let findings = ran.json();
    assert!(findings.iter().all(|finding| finding["ok"] == true), "{ran:#?}");
    assert_eq!(findings.len(), 7);
    let text = muster.run(&["doctor"]).succeeded();
    assert!(text.stdout.contains("ok   database: PostgreSQL "), "{text:#?}");
    assert!(!muster.folder.path().join("store/doctor/probe").exists());
}

#[test]
fn a_delivery_that_failed_waits_for_somebody() {
    let muster = Program::new();
    muster
        .database
        .connect()
        .batch_execute(
            "insert into deliveries (notification, kind, recipient, occasion, message, state)
             values ('chat', 'webhook', 'https://chat.example.org', 'blocked', '{}', 'failed')",
        )
        .unwrap();
    muster.run(&["doctor"]).exited(1).shows("BAD  notifications: deliveries have failed: 1 to \"chat\"");
}

#[test]
fn a_key_that_others_can_read_is_found() {
    let muster = Program::new();
    let key = muster.folder.path().join("secret.key");
    fs::write(&key, "canary").unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    muster.run(&["doctor"]).exited(1).shows("BAD  secret key").shows("chmod 600");
}

#[test]
fn a_store_of_another_database_is_found() {
    let (muster, other) = (Program::new(), Program::new());
    muster.run(&["doctor"]).succeeded();
    let store = format!("file://{}", muster.folder.path().join("store").display());
    other.run(&["doctor"]).succeeded();
    let output = other.command(&["doctor"]).env("MUSTER_STORE_URL", store).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("BAD  extraction store") && told.contains("MUSTER_STORE_URL"), "{told}");
}

#[test]
fn a_database_out_of_reach_keeps_the_other_findings() {
    let muster = Program::new();
    let output = muster.command(&["doctor"]).env("DATABASE_URL", "postgres://127.0.0.1:1/x").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("BAD  database: ") && told.contains("ok   data directory"), "{told}");
}

#[test]
fn a_database_that_knows_few_letters_is_told_to_be_so() {
    let muster = Program::new();
    let (url, ascii) = (muster.database.url(), "ascii_letters");
    let mut connection = muster.database.connect();
    let create = format!("create database {ascii} template template0 lc_collate 'C' lc_ctype 'C'");
    connection.batch_execute(&create).unwrap();
    let name = url.split('?').next().unwrap().rsplit('/').next().unwrap();
    let other = url.replacen(name, ascii, 1);
    let output = muster.command(&["doctor"]).env("DATABASE_URL", other).output().unwrap();
    connection.batch_execute(&format!("drop database {ascii} with (force)")).unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("ok   database: ") && told.contains("LC_CTYPE 'C.UTF-8'"), "{told}");
    let own = muster.run(&["doctor"]).succeeded();
    assert!(!own.stdout.contains("LC_CTYPE"), "{own:#?}");
}
