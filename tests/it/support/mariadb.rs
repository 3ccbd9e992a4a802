//! MariaDB as a source: one server for all tests, on TCP and a socket, with TLS, and a database per test.

use super::directory::make_certificate;
use super::server::{Home, finish, free_port};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The password of the user `reader`.
pub const PASSWORD: &str = "canary-mariadb-password";

/// A database of its own; dropped with the value.
pub struct Mariadb {
    /// Its name.
    pub name: String,
    /// Where the server listens.
    pub port: u16,
    /// Its socket.
    pub socket: PathBuf,
    /// The CA that its certificate (for localhost) is from.
    pub ca_file: PathBuf,
}

impl Mariadb {
    /// An empty database, which `reader` may read.
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("source_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let server = Server::running();
        server.execute(
            "mysql",
            &format!("create database {name} character set utf8mb4; grant select on {name}.* to reader@localhost"),
        );
        let folder = &server.home.folder;
        Self { name, port: server.port, socket: server.socket(), ca_file: folder.join("ca.pem") }
    }

    /// Does something there.
    #[track_caller]
    pub fn execute(&self, statements: &str) {
        Server::running().execute(&self.name, statements);
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        Server::running().execute("mysql", &format!("drop database {}", self.name));
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
        let home = Home::new("muster-my-", &["mysql", "nobody"]);
        let data = format!("--datadir={}", home.folder.join("data").display());
        finish(home.command("mariadb-install-db").args([
            "--no-defaults",
            &data,
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        ]));
        make_certificate(&home.folder, "DNS:localhost");
        home.give(&home.folder.join("server.key"));
        let file = |name: &str| home.folder.join(name).display().to_string();
        for _ in 0..10 {
            let port = free_port();
            let mut server = home
                .command(program())
                .args(["--no-defaults", &data, "--bind-address=127.0.0.1", &format!("--port={port}")])
                .args([format!("--socket={}", file("socket")), format!("--pid-file={}", file("pid"))])
                .args([format!("--ssl-cert={}", file("server.pem")), format!("--ssl-key={}", file("server.key"))])
                .args(["--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve=0"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("mariadbd: apt-get install mariadb-server");
            let deadline = Instant::now() + Duration::from_secs(30);
            while Instant::now() < deadline && server.try_wait().unwrap().is_none() {
                if UnixStream::connect(home.folder.join("socket")).is_ok() {
                    let keeper = home.keep(server.id(), "TERM");
                    let running = Self { home, port, _server: server, _keeper: keeper };
                    running.execute("mysql", &format!("create user reader@localhost identified by '{PASSWORD}'"));
                    return running;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = server.kill();
            let _ = server.wait();
        }
        panic!("MariaDB did not start in {}", home.folder.display());
    }

    fn socket(&self) -> PathBuf {
        self.home.folder.join("socket")
    }

    #[track_caller]
    fn execute(&self, database: &str, statements: &str) {
        let mut client = Command::new("mariadb")
            .args(["--no-defaults", "--default-character-set=utf8mb4", "-u", "root", database])
            .arg(format!("--socket={}", self.socket().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mariadb: apt-get install mariadb-server");
        client.stdin.take().unwrap().write_all(statements.as_bytes()).unwrap();
        let output = client.wait_with_output().unwrap();
        assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

fn program() -> PathBuf {
    let places = ["/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd", "/usr/libexec/mariadbd"].map(PathBuf::from);
    places.into_iter().find(|place| place.exists()).expect("mariadbd: apt-get install mariadb-server")
}
