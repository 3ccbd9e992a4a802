//! PostgreSQL as a source: a second server, on TCP and a socket, with TLS, passwords, and a database per test.

use super::directory::make_certificate;
use super::server::{Home, finish, free_port};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The password of whoever signs in by TCP.
pub const PASSWORD: &str = "canary-postgres-password";

/// A database of its own; dropped with the value.
pub struct Postgres {
    /// Its name.
    pub name: String,
    /// Where the server listens.
    pub port: u16,
    /// The folder of its socket.
    pub socket: PathBuf,
    /// The CA that its certificate (for localhost) is from.
    pub ca_file: PathBuf,
}

impl Postgres {
    /// An empty database.
    pub fn new() -> Self {
        Self::with("")
    }

    /// The same with options of `create database`.
    pub fn with(options: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("source_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let server = Server::running();
        server.connect("postgres").batch_execute(&format!("create database {name} {options}")).unwrap();
        let folder = &server.home.folder;
        Self { name, port: server.port, socket: folder.clone(), ca_file: folder.join("ca.pem") }
    }

    /// Does something there.
    #[track_caller]
    pub fn execute(&self, statements: &str) {
        self.connect().batch_execute(statements).unwrap();
    }

    /// Its address.
    pub fn url(&self) -> String {
        url(&self.socket, self.port, &self.name)
    }

    /// A connection of the test's own.
    pub fn connect(&self) -> PgConnection {
        Server::running().connect(&self.name)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let statement = format!("drop database {} with (force)", self.name);
        Server::running().connect("postgres").batch_execute(&statement).unwrap();
    }
}

struct Server {
    home: Home,
    port: u16,
    _server: Child,
    _keeper: Child,
}

impl Server {
    fn running() -> &'static Server {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(Server::start)
    }

    fn start() -> Self {
        let home = Home::new("muster-pg-", &["postgres", "nobody"]);
        let data = home.folder.join("data");
        let programs = programs();
        let options = ["-E", "UTF8", "--locale=C", "-U", "postgres", "--no-sync", "-D"];
        finish(home.command(programs.join("initdb")).args(options).arg(&data));
        make_certificate(&home.folder, "DNS:localhost");
        home.give(&home.folder.join("server.key"));
        let rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
        fs::write(data.join("pg_hba.conf"), rules).unwrap();
        for _ in 0..10 {
            let port = free_port();
            let mut server = home
                .command(programs.join("postgres"))
                .arg("-D")
                .arg(&data)
                .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-F"])
                .args(["-c", &format!("unix_socket_directories={}", home.folder.display())])
                .args(["-c", "ssl=on"])
                .args(["-c", &format!("ssl_cert_file={}", home.folder.join("server.pem").display())])
                .args(["-c", &format!("ssl_key_file={}", home.folder.join("server.key").display())])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let deadline = Instant::now() + Duration::from_secs(30);
            while Instant::now() < deadline && server.try_wait().unwrap().is_none() {
                if let Ok(mut connection) = PgConnection::establish(&url(&home.folder, port, "postgres")) {
                    let user = format!("alter user postgres password '{PASSWORD}'; create role nobody_here login");
                    connection.batch_execute(&user).unwrap();
                    let keeper = home.keep(server.id(), "INT");
                    return Self { home, port, _server: server, _keeper: keeper };
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = server.kill();
            let _ = server.wait();
        }
        panic!("PostgreSQL did not start in {}", home.folder.display());
    }

    fn connect(&self, database: &str) -> PgConnection {
        PgConnection::establish(&url(&self.home.folder, self.port, database)).unwrap()
    }
}

fn url(folder: &Path, port: u16, database: &str) -> String {
    let folder = folder.to_str().unwrap().replace('/', "%2F");
    format!("postgres://postgres@localhost:{port}/{database}?host={folder}")
}

/// The folder of the programs of the newest PostgreSQL there is.
fn programs() -> PathBuf {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|version| version.unwrap().path().join("bin"))
        .filter(|programs| programs.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop().unwrap_or_else(|| {
        let output =
            Command::new("pg_config").arg("--bindir").output().expect("PostgreSQL: apt-get install postgresql");
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    })
}
