//! Who may sign in to Muster itself.

use crate::support::program::Program;
use muster::model::account::{self, Role};
use std::fs;

#[test]
fn a_new_account_gets_a_one_time_sign_in() {
    let muster = Program::new();
    let ran = muster.run(&["account", "add", "Ada", "--role", "operator"]).succeeded();
    let token = ran.stdout.trim().strip_prefix("http://127.0.0.1:8080/welcome/").expect("an address of ours");
    let mut connection = muster.database.connect();
    let now = chrono::Utc::now();
    let invited = account::by_invitation(&mut connection, token, now).unwrap().unwrap();
    assert_eq!((invited.name.as_str(), invited.role, invited.has_password), ("Ada", Role::Operator, false));

    let again = muster.run(&["account", "add", "ada", "--role", "operator", "--json"]).succeeded();
    assert_eq!(again.json()[0]["outcome"], "invited");
    assert!(account::by_invitation(&mut connection, token, now).unwrap().is_none(), "the first one is void");
    muster.run(&["account", "add", "ADA", "--role", "viewer"]).exited(5).says("with another role");
}

#[test]
fn a_password_comes_from_a_file_and_is_stored_as_a_hash() {
    let muster = Program::new();
    let file = muster.folder.path().join("password");
    fs::write(&file, "four quiet green lamps\n").unwrap();
    let add = ["account", "add", "grace", "--role", "administrator", "--password-file", file.to_str().unwrap()];
    let ran = muster.run(&add).succeeded();
    assert_eq!(ran.stdout, "account grace: created, administrator\n");
    let mut connection = muster.database.connect();
    let (account, hash) = account::to_sign_in(&mut connection, "GRACE").unwrap().unwrap();
    assert_eq!(account.role, Role::Administrator);
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !hash.contains("lamps"), "{hash}");
    muster.run(&add).exited(5).says("it keeps its password");

    let weak = ["account", "add", "eve", "--role", "viewer", "--password-file", "-"];
    muster.run_with_stdin(&weak, "secret").exited(2).says("it needs 12 or more");
    assert_eq!(account::all(&mut connection).unwrap().len(), 1);
}

#[test]
fn names_and_roles_are_checked() {
    let muster = Program::new();
    muster.run(&["account", "add", " ada", "--role", "viewer"]).exited(2).says("can't be the name of an account");
    muster.run(&["account", "add", "ada", "--role", "king"]).exited(2).says("\"king\" is no role");
    muster.run(&["account", "add", "ada"]).exited(2).says("--role");
}
