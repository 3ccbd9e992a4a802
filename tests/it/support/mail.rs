//! A real mail server (aiosmtpd), with STARTTLS and sign-in where a test wants them.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tempfile::TempDir;

/// With what one signs in as `muster`.
pub const MAIL_PASSWORD: &str = "five soft brown shoes";

/// A mail server on a free port of this machine; it stops with the value.
pub struct MailServer {
    /// Where it listens.
    pub port: u16,
    mails: Receiver<Value>,
    server: Child,
    folder: TempDir,
}

impl MailServer {
    /// One that takes everything, in the clear.
    pub fn plain() -> Self {
        Self::start(tempfile::tempdir().unwrap(), &[])
    }

    /// One for `localhost` that wants STARTTLS and a sign-in.
    pub fn encrypted() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "certificate.pem"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        Self::start(folder, &["certificate.pem", "key.pem"])
    }

    fn start(folder: TempDir, arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mail_server.py");
        // The system's own Python: packages of the system are not seen by another one.
        let mut server = Command::new("/usr/bin/python3")
            .arg(script)
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let parsed = |line: String| serde_json::from_str::<Value>(&line).unwrap();
        let first = lines.next().expect("the mail server starts (apt-get install python3-aiosmtpd)").unwrap();
        let port = u16::try_from(parsed(first)["port"].as_u64().unwrap()).unwrap();
        let (tell, mails) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = tell.send(parsed(line));
            }
        });
        Self { port, mails, server, folder }
    }

    /// The file of its certificate.
    pub fn certificate(&self) -> String {
        self.folder.path().join("certificate.pem").to_str().unwrap().to_owned()
    }

    /// The next mail.
    #[track_caller]
    pub fn next(&self) -> Value {
        self.mails.recv_timeout(Duration::from_secs(30)).expect("a mail comes")
    }

    /// Whether no other mail has come.
    pub fn is_empty(&self) -> bool {
        self.mails.try_recv().is_err()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
