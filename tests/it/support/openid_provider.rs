//! A real OpenID provider (oidc-provider, as `make test` installs it) on a free port of this machine.

use super::guest::Guest;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// What Muster proves itself with there.
pub const SECRET: &str = "canary-provider-secret";

/// A provider; it ends with the value.
pub struct OpenIdProvider {
    port: u64,
    host: &'static str,
    server: Child,
    folder: TempDir,
}

impl OpenIdProvider {
    /// One that sends people back to that Muster. `userinfo`: what is said of them is told at an endpoint of its own.
    pub fn start(muster: &str, people: &Value, userinfo: bool) -> Self {
        Self::start_as("127.0.0.1", muster, people, userinfo)
    }

    /// The same by another name of this machine: for browsers, another site.
    pub fn start_as(host: &'static str, muster: &str, people: &Value, userinfo: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = json!({
            "modules": modules(),
            "client": { "id": "muster", "secret": SECRET, "back": format!("{muster}/sign-in/provider/back") },
            "people": folder.path().join("people.json"),
            "userinfo": userinfo,
            "host": host,
        });
        std::fs::write(folder.path().join("people.json"), people.to_string()).unwrap();
        let mut server = Command::new("node")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/openid_provider.mjs"))
            .arg(options.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node is installed (apt-get install nodejs)");
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map_while(Result::ok);
        // Warnings about the runtime may come first.
        let port = lines.find_map(|line| serde_json::from_str::<Value>(&line).ok()?.get("port")?.as_u64());
        let port = port.expect("the OpenID provider starts (make test installs it)");
        std::thread::spawn(move || lines.for_each(drop));
        Self { port, host, server, folder }
    }

    /// Its address, as it calls itself.
    pub fn issuer(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }

    /// From now on this is what is known there.
    pub fn people(&self, people: &Value) {
        std::fs::write(self.folder.path().join("people.json"), people.to_string()).unwrap();
    }

    /// Somebody signs in there, where they were led to, and agrees. Returns the address that they are sent back to.
    #[track_caller]
    pub fn sign_in(&self, guest: &Guest, address: &str, login: &str) -> String {
        let whole = |to: &str| if to.starts_with('/') { format!("{}{to}", self.issuer()) } else { to.to_owned() };
        let mut at = address.to_owned();
        for _ in 0..10 {
            if !at.starts_with(&self.issuer()) {
                return at;
            }
            let page = match at.contains("/interaction/") {
                false => guest.get(&at),
                true => {
                    let shown = guest.get(&at);
                    let prompt = if shown.body.contains("value=\"login\"") { "login" } else { "consent" };
                    guest.post_elsewhere(&at, &[("prompt", prompt), ("login", login), ("password", "any")])
                }
            };
            assert_eq!(page.status, 303, "{page:#?}");
            at = whole(&page.to);
        }
        panic!("the provider leads nowhere: {at}");
    }
}

impl Drop for OpenIdProvider {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Where `make test` installs it.
fn modules() -> PathBuf {
    std::env::var_os("OPENID_PROVIDER").map_or_else(
        || {
            let program = PathBuf::from(env!("CARGO_BIN_EXE_muster"));
            program.ancestors().nth(2).unwrap().join("openid/node_modules")
        },
        PathBuf::from,
    )
}
