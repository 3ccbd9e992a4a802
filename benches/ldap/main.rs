//! How fast a directory is read, compared with `ldapsearch`: the same search over the same slapd, in turn, both in pages
//! of 1,000. `../README.md` says how it is run and what it prints.
//!
//! Muster's side is the export as a run does it: the child process from its start to its end, with sealed files, profile
//! and index. `ldapsearch` writes LDIF to nowhere.

use anyhow::{Context, Result, bail, ensure};
use directory::{ADMIN, Directory, Organization, PASSWORD};
use muster::document::{self, Document};
use muster::pipeline::export;
use muster::pipeline::index::Readers;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[path = "../../tests/it/support/directory.rs"]
#[allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod directory;

const ATTRIBUTES: [&str; 6] = ["entryUUID", "uid", "givenName", "cn", "mail", "telephoneNumber"];
const BASE: &str = "ou=people,dc=example,dc=org";
const FILTER: &str = "(objectClass=inetOrgPerson)";

fn main() -> Result<()> {
    let users: usize = setting("USERS", 100_000)?;
    let repetitions: usize = setting("REPS", 5)?;
    println!("{users} users, {repetitions} repetitions");
    let directory =
        Directory::builder().entries(&Organization { users, groups: 0, staff: 0 }.ldif()).synchronized(1000).start();
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("password"), PASSWORD)?;

    // Once each unmeasured: slapd fills its caches.
    let mut times = Vec::new();
    for repetition in 0..=repetitions {
        let least = search(&directory, users)?;
        let ours = read(&directory, folder.path(), users, repetition)?;
        if repetition > 0 {
            println!("ldapsearch {:.2} s, export {:.2} s", least.as_secs_f64(), ours.as_secs_f64());
            times.push((least.as_secs_f64(), ours.as_secs_f64()));
        }
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    println!("seconds ldapsearch {:.2}", median(times.iter().map(|(least, _)| *least).collect()));
    println!("seconds export {:.2}", median(times.iter().map(|(_, ours)| *ours).collect()));
    println!("ratio ldap {:.2}", median(times.iter().map(|(least, ours)| ours / least).collect()));
    Ok(())
}

fn setting(name: &str, default: usize) -> Result<usize> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} is {text:?}: a whole number is wanted")),
        Err(_) => Ok(default),
    }
}

/// The time of `ldapsearch`.
fn search(directory: &Directory, users: usize) -> Result<Duration> {
    let begun = Instant::now();
    let mut child = Command::new("ldapsearch")
        .args(["-x", "-LLL", "-o", "ldif-wrap=no", "-E", "pr=1000/noprompt", "-H", &directory.url(), "-D", ADMIN])
        .args(["-w", PASSWORD, "-b", BASE, FILTER])
        .args(ATTRIBUTES)
        .stdout(Stdio::piped())
        .spawn()
        .context("ldapsearch: apt-get install ldap-utils")?;
    let output = BufReader::with_capacity(1 << 18, child.stdout.take().context("its output")?);
    let mut found = 0;
    for line in output.split(b'\n') {
        found += usize::from(line?.starts_with(b"dn:"));
    }
    ensure!(child.wait()?.success(), "ldapsearch failed");
    let time = begun.elapsed();
    ensure!(found == users, "ldapsearch found {found} of {users} users");
    Ok(time)
}

/// The time of an export.
fn read(directory: &Directory, folder: &std::path::Path, users: usize, repetition: usize) -> Result<Duration> {
    let text = format!(
        r#"
name = "staff"
[[connection]]
name = "ldap"
kind = "ldap"
servers = ["{}"]
bind_dn = "{ADMIN}"
bind_password = {{ file = "password" }}
page_size = 1000
[[connection.table]]
name = "people"
base = "{BASE}"
filter = "{FILTER}"
attributes = {ATTRIBUTES:?}
[[entity_type]]
name = "person"
source = "ldap.people"
  [[entity_type.property]]
  name = "id"
  column = "entryUUID"
  key = true
  [[entity_type.property]]
  name = "name"
  column = "cn"
  [[entity_type.property]]
  name = "mail"
  column = "mail"
"#,
        directory.url()
    );
    let Document::Connector { definition, .. } = document::parse(&text, Some(folder)).map_err(anyhow::Error::msg)?
    else {
        bail!("this is a connector")
    };
    let request = export::requests(&definition, &HashMap::new())?.remove(0);
    let store = format!("file://{}/store", folder.display());
    std::fs::create_dir_all(folder.join("store"))?;
    let task = json!({
        "operation": { "export": {
            "store": store, "prefix": format!("bench/{repetition}"), "readers": Readers::of(&definition), "known": [],
        } },
        "request": request,
        "limits": { "memory": 2u64 << 30, "files": 256 },
        "parent": std::process::id(),
    });

    let begun = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_muster"))
        .arg("export-child")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().context("its input")?;
    writeln!(input, "{task}")?;
    drop(input);
    let output = child.wait_with_output()?;
    let time = begun.elapsed();
    let last = String::from_utf8(output.stdout)?.lines().last().unwrap_or_default().to_owned();
    let answer: Value = serde_json::from_str(&last).with_context(|| format!("the answer {last:?}"))?;
    let rows = &answer["answer"]["exported"]["files"][0]["rows"];
    ensure!(rows.as_u64() == Some(users as u64), "the export has read {rows} of {users} users: {last:.500}");
    Ok(time)
}
