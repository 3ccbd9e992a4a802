//! A real SCIM service (scim2-server, as `make test` installs it) on a free port of this machine.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What one signs in with.
pub const TOKEN: &str = "canary-scim-token";

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A service; it ends with the value.
pub struct ScimServer {
    port: u16,
    server: Child,
}

impl ScimServer {
    /// One that asks for the token, and is as the options say (see `tests/fixtures/scim_server.py`).
    pub fn start(options: Value) -> Self {
        let mut options = options;
        options["token"] = TOKEN.into();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/scim_server.py");
        let mut server = Command::new("python3")
            .arg(script)
            .arg(options.to_string())
            .env("PYTHONPATH", packages())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let port: Value = serde_json::from_str(&first).expect("the SCIM service starts (make test installs it)");
        Self { port: port["port"].as_u64().unwrap() as u16, server }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v2", self.port)
    }

    /// Makes a resource; returns its id.
    pub fn create(&self, endpoint: &str, resource: &Value) -> String {
        let made = self.ask("POST", endpoint, Some(resource));
        made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }

    /// Makes many; returns their ids in order.
    pub fn create_all(&self, endpoint: &str, resources: &[Value]) -> Vec<String> {
        let mut ids = Vec::new();
        for some in resources.chunks(500) {
            let operations: Vec<Value> = some
                .iter()
                .enumerate()
                .map(|(number, one)| {
                    json!({ "method": "POST", "path": format!("/{endpoint}"), "bulkId": number.to_string(), "data": one })
                })
                .collect();
            let request = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations
            });
            let answer = self.ask("POST", "Bulk", Some(&request));
            let made = answer["Operations"].as_array().unwrap_or_else(|| panic!("{answer}"));
            let id = |one: &Value| one["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
            ids.extend(made.iter().map(id));
        }
        assert_eq!(ids.len(), resources.len());
        ids
    }

    /// Sets one attribute of a resource.
    pub fn set(&self, endpoint: &str, id: &str, attribute: &str, value: Value) {
        self.patch(endpoint, id, json!({ "op": "replace", "path": attribute, "value": value }));
    }

    /// Changes a resource.
    pub fn patch(&self, endpoint: &str, id: &str, operation: Value) {
        let patch = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] });
        self.ask("PATCH", &format!("{endpoint}/{id}"), Some(&patch));
    }

    /// Deletes a resource.
    pub fn delete(&self, endpoint: &str, id: &str) {
        self.ask("DELETE", &format!("{endpoint}/{id}"), None);
    }

    /// One request; what is answered with a success.
    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} /v2/{path} HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: \
             application/scim+json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.split(' ').nth(1).unwrap().starts_with('2'), "{method} {path}: {answer}");
        if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() }
    }
}

impl Drop for ScimServer {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Somebody: `user0007`, with a personnel number, and a manager where there is one.
pub fn user(number: usize, manager: Option<&str>) -> Value {
    let name = format!("user{number:04}");
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "userName": name, "active": true, "title": "Clerk",
        "name": { "givenName": format!("G{number}"), "familyName": format!("Family{number}") },
        "emails": [
            { "value": format!("{name}@work.example"), "type": "work", "primary": true },
            { "value": format!("{name}@home.example"), "type": "home" },
        ],
        ENTERPRISE: { "employeeNumber": (1000 + number).to_string(), "manager": manager.map(|id| json!({ "value": id })) },
    })
}

/// A group of these.
pub fn group(name: &str, members: &[String]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name, "members": members,
    })
}

/// Where `make test` puts scim2-server and what it needs.
fn packages() -> PathBuf {
    // target/debug/muster
    let target = || PathBuf::from(env!("CARGO_BIN_EXE_muster")).ancestors().nth(2).unwrap().join("scim");
    std::env::var_os("SCIM_SERVER").map_or_else(target, PathBuf::from)
}
