//! A database for one test. All tests of the binary share one PostgreSQL server, started for the first of them in a
//! temporary folder; each gets a copy of a template with all tables.

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use muster::db;
use muster::db::private::PrivateServer;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

const TEMPLATE: &str = "muster_template";

/// An empty database with all tables; dropped with the value.
pub struct TestDatabase {
    name: String,
    url: String,
}

impl TestDatabase {
    /// Copies the template: some 50 ms.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let server = Server::running();
        server.execute(&format!("create database {name} template {TEMPLATE}"));
        Self { url: server.url_of(&name), name }
    }

    /// Its address, for `DATABASE_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection of the test's own.
    pub fn connect(&self) -> PgConnection {
        db::connect(&self.url, "test").unwrap()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        Server::running().execute(&format!("drop database {} with (force)", self.name));
    }
}

/// The server that all tests share.
struct Server {
    private: PrivateServer,
    /// Its stdin ends with this process, however that ends; it stops the server then.
    _keeper: Child,
}

impl Server {
    fn running() -> &'static Server {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(Server::start)
    }

    fn start() -> Self {
        // Started as root, the server runs as another user, who must be able to reach the folder.
        let permissions = fs::Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new().prefix("muster-it-").permissions(permissions).tempdir().unwrap().keep();
        let private = PrivateServer::start(&folder).unwrap();
        let postmaster = fs::read_to_string(folder.join("postgres/data/postmaster.pid")).unwrap();
        let pid = postmaster.lines().next().unwrap();
        // A static is never dropped, and a killed process drops nothing at all: a child waits for our end.
        let keeper = Command::new("sh")
            .args(["-c", "cat; kill -INT $0; while kill -0 $0; do sleep 0.1; done; rm -rf \"$1\"", pid])
            .arg(&folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { private, _keeper: keeper };
        // Durable as in production, but no test waits for the disk.
        server.execute("alter role current_user set synchronous_commit = off");
        server.execute(&format!("create database {TEMPLATE}"));
        db::migrate(&server.url_of(TEMPLATE)).unwrap();
        server
    }

    fn url_of(&self, database: &str) -> String {
        self.private.url().replacen("/muster?", &format!("/{database}?"), 1)
    }

    fn execute(&self, statement: &str) {
        PgConnection::establish(self.private.url()).unwrap().batch_execute(statement).unwrap();
    }
}
