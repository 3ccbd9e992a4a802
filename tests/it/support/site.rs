//! The program as a server: its pages on a free port, its database of its own.

use super::browser::{Browser, free_port};
use super::program::Program;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

/// What the administrator of a test signs in with.
pub const PASSWORD: &str = "four quiet green lamps";

/// A running server.
pub struct Site {
    /// Commands beside it, on the same database.
    pub program: Program,
    /// `http://127.0.0.1:12345`
    pub address: String,
    /// The path of the administrator's one-time sign-in.
    pub welcome: String,
    server: Option<Child>,
}

impl Site {
    /// Starts `muster serve` and waits until it answers.
    pub fn start(program: Program) -> Self {
        Self::start_as(program, &["serve"])
    }

    /// With one of the example documents, applied as it stands; nothing has run.
    pub fn of_example(name: &str) -> Self {
        let program = Program::new();
        program.apply_example(name);
        Self::start(program)
    }

    /// Starts it in another role.
    pub fn start_as(program: Program, command: &[&str]) -> Self {
        super::provide_tls();
        let listen = format!("127.0.0.1:{}", free_port());
        let mut server = program.command(command).env("MUSTER_LISTEN", &listen).stdin(Stdio::null()).spawn().unwrap();
        let address = format!("http://{listen}");
        let mut messages = BufReader::new(server.stderr.take().unwrap()).lines();
        let mut heard = Vec::new();
        let welcome = loop {
            let Some(Ok(line)) = messages.next() else { panic!("the server ended: {}", heard.join("\n")) };
            if let Some(position) = line.find("/welcome/") {
                break line[position..].trim().to_owned();
            }
            heard.push(line);
        };
        // What it says from now on must not fill the pipe.
        std::thread::spawn(move || messages.for_each(drop));
        Self { program, address, welcome, server: Some(server) }
    }

    /// The most memory that the server has had, in bytes.
    pub fn most_memory(&self) -> u64 {
        let server = self.server.as_ref().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        most.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Ends the server; what it worked with stays.
    pub fn stop(mut self) -> Program {
        self.end();
        std::mem::replace(&mut self.program, Program::new())
    }

    fn end(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// A browser in which the administrator has chosen a password and is signed in.
    pub async fn browse(&self) -> Browser {
        let browser = Browser::start(&self.address).await;
        browser.open(&self.welcome).await;
        browser.fill("password", PASSWORD).await;
        browser.fill("again", PASSWORD).await;
        browser.click("Set password and sign in").await;
        browser.shows("Home").await;
        browser
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.end();
    }
}
