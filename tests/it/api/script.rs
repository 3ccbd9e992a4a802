//! The script for cron, as it stands in the repository, with the real curl.

use crate::support::api::{Api, CLUBS, PEOPLE, campus};
use crate::support::program::Program;
use crate::support::site::Site;
use muster::model::token::Scope;
use std::path::PathBuf;
use std::process::{Command, Output};

fn script(site: &Site, arguments: &[&str]) -> Output {
    let folder = site.program.folder.path();
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/send-feed.sh");
    Command::new("sh")
        .arg(script)
        .args(["-u", &site.address, "-t", "token"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

#[tokio::test]
async fn mapping_and_files_are_sent_together() {
    let site = Site::start(Program::new());
    let folder = site.program.folder.path();
    let sender = Api::with(&site, &[Scope::Upload, Scope::Configure], Some("campus"));
    let reader = Api::with(&site, &[Scope::Read], None);
    std::fs::write(folder.join("token"), format!("{}\n", sender.secret)).unwrap();
    std::fs::write(folder.join("campus.toml"), campus(false)).unwrap();
    std::fs::write(folder.join("people of today.csv"), PEOPLE).unwrap();
    std::fs::write(folder.join("clubs.csv"), CLUBS).unwrap();
    let all = ["-m", "campus.toml", "campus", "people=people of today.csv", "feed.clubs=clubs.csv"];

    let sent = script(&site, &all);
    assert!(sent.status.success(), "{sent:?}");
    let run: serde_json::Value = serde_json::from_slice(&sent.stdout).unwrap();
    let report = reader.rests(&run["id"]).await;
    assert_eq!((report["connector"].as_str(), report["result"]["created"].as_u64()), (Some("campus"), Some(3)));
    let problems = reader.get("/api/v1/runs/1/problems").await.json();
    assert_eq!(problems["items"][0]["file"], "people of today.csv");

    // The next night nothing is new, and a connector that applies its feeds needs no start.
    std::fs::write(folder.join("campus.toml"), campus(true)).unwrap();
    let sent = script(&site, &all);
    assert!(sent.status.success(), "{sent:?}");
    let received: serde_json::Value = serde_json::from_slice(&sent.stdout).unwrap();
    let report = reader.rests(&received["run"]).await;
    assert_eq!((report["result"]["created"].as_u64(), report["result"]["skipped"].as_u64()), (Some(0), Some(3)));

    std::fs::write(folder.join("campus.toml"), campus(true).replace("kind", "kin")).unwrap();
    let refused = script(&site, &all);
    assert!(!refused.status.success());
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(words.contains("\"code\":\"document\"") && words.contains("\"line\":"), "{words}");
    assert!(!words.contains(&sender.secret));
    std::fs::write(folder.join("token"), "muster_wrong").unwrap();
    let refused = script(&site, &["campus", "people=clubs.csv"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8(refused.stderr).unwrap().contains("\"code\":\"token\""));
}
