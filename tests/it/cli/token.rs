//! Tokens by the command line.

use crate::support::program::Program;
use chrono::Utc;
use muster::model::token::{self, Scope};

#[test]
fn a_token_is_printed_once_listed_and_revoked() {
    let muster = Program::new();
    let create =
        ["token", "create", "hr feed", "--scope", "upload,configure", "--connector", "hr", "--expires", "2999-01-31"];
    let made = muster.run(&create).succeeded().says("not shown again").says("there is no connector \"hr\" yet");
    let secret = made.stdout.trim();
    assert!(secret.starts_with("muster_") && secret.len() > 45, "{made:?}");
    let mut connection = muster.database.connect();
    let found = token::find(&mut connection, secret, Utc::now()).unwrap().unwrap();
    assert_eq!((found.scopes, found.connector.as_deref()), (vec![Scope::Upload, Scope::Configure], Some("hr")));
    assert!(found.created_by.ends_with("(command line)"));

    let listed = muster.run(&["token", "list", "--json"]).succeeded();
    assert!(!listed.stdout.contains(secret));
    assert_eq!(listed.json()[0]["scopes"], serde_json::json!(["upload", "configure"]));
    muster.run(&["token", "list"]).succeeded().shows("expires 2999-01-31");
    muster.run(&["token", "create", "HR FEED", "--scope", "read"]).exited(5).says("there is a token");
    muster.run(&["token", "revoke", "HR feed"]).succeeded().shows("token hr feed: revoked");
    assert!(token::find(&mut connection, secret, Utc::now()).unwrap().is_none());
    muster.run(&["token", "revoke", "hr feed"]).exited(4).says("muster token list");
    muster.run(&["token", "list"]).succeeded().says("no tokens yet");
}

#[test]
fn a_token_that_makes_no_sense_is_not_made() {
    let muster = Program::new();
    muster.run(&["token", "create", "a"]).exited(2);
    muster.run(&["token", "create", "a", "--scope", "admin"]).exited(2).says("there are read, upload");
    muster.run(&["token", "create", " a", "--scope", "read"]).exited(2).says("without spaces");
    muster.run(&["token", "create", "a", "--scope", "read", "--expires", "2020-01-01"]).exited(2).says("a day to come");
}
