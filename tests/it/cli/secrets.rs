//! Secrets in files: read from the folders that are meant for them, and from nowhere else.

use crate::support::program::Program;
use std::fs;
use std::os::unix::fs::symlink;

const DIRECTORY: &str = include_str!("../../fixtures/examples/directory.toml");
const REFUSED: &str = "is in none of the folders that secrets are read from";

/// What a check says of the example's directory, which nobody runs, with this secret.
#[track_caller]
fn check(muster: &Program, secret: &str) -> String {
    let document =
        DIRECTORY.replace("127.0.0.1:3389", "127.0.0.1:1").replace("{ env = \"DIRECTORY_PASSWORD\" }", secret);
    fs::write(muster.folder.path().join("directory.toml"), document).unwrap();
    muster.run(&["apply", "directory.toml"]).succeeded();
    let ran = muster.run(&["check", "directory"]).exited(1);
    assert!(!format!("{ran:?}").contains("canary"), "{ran:?}");
    ran.stdout + &ran.stderr
}

#[test]
fn a_file_is_read_where_secrets_lie_and_nowhere_else() {
    // Its data directory is the folder of its documents.
    let muster = Program::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let other = elsewhere.path().join("password");
    let secrets = muster.folder.path().join("secrets");
    fs::create_dir(&secrets).unwrap();
    for place in [&other, &secrets.join("password"), &muster.folder.path().join("password")] {
        fs::write(place, "canary\n").unwrap();
    }
    symlink(&other, secrets.join("out")).unwrap();
    let file = |path: &str| format!("{{ file = {path:?} }}");

    let said = check(&muster, &file("secrets/password"));
    assert!(said.contains("ldap://127.0.0.1:1"), "it was read, and the server was asked: {said}");
    let other = other.to_str().unwrap();
    for path in [other, "secrets/out", "password", "secrets/../password", "/etc/hostname", "/nowhere"] {
        let said = check(&muster, &file(path));
        assert!(said.contains(REFUSED) && said.contains("MUSTER_SECRETS_DIR"), "{path}: {said}");
    }
    assert!(check(&muster, "{ env = \"DATABASE_URL\" }").contains("DATABASE_URL is Muster's own"));

    let muster = muster.with_environment("MUSTER_SECRETS_DIR", elsewhere.path().to_str().unwrap());
    for path in [other, "secrets/out", "secrets/password"] {
        let said = check(&muster, &file(path));
        assert!(!said.contains(REFUSED) && said.contains("ldap://127.0.0.1:1"), "{path}: {said}");
    }
    let muster = muster.with_environment("MUSTER_SECRETS_DIR", "secrets:/run/secrets");
    muster.run(&["runs"]).exited(2).says("MUSTER_SECRETS_DIR names secrets; write whole paths");
}
