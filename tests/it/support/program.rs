//! The program itself, as a person runs it.

use super::database::TestDatabase;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Where the project's example documents and their feed are.
pub fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/examples")
}

/// `muster` with a database and a data directory of its own.
pub struct Program {
    /// Its database.
    pub database: TestDatabase,
    /// Its data directory and current directory.
    pub folder: TempDir,
    environment: Vec<(String, String)>,
}

/// How a command ended, and what it wrote.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Data.
    pub stdout: String,
    /// Messages.
    pub stderr: String,
}

impl Program {
    /// With an empty database.
    pub fn new() -> Self {
        Self { database: TestDatabase::new(), folder: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    /// Gives every command this environment variable.
    pub fn with_environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with_stdin(arguments, "")
    }

    /// Runs a command that reads this.
    pub fn run_with_stdin(&self, arguments: &[&str], stdin: &str) -> Ran {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        // A command that does not read its stdin closes it; that is no failure of the test.
        let _ = pipe.write_all(stdin.as_bytes());
        drop(pipe);
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code().expect("the command ends by itself"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The command, ready to be spawned; nothing of the tests' own environment reaches it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MUSTER_")) {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .env("DATABASE_URL", self.database.url())
            .env("MUSTER_DATA_DIR", self.folder.path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Applies one of the example documents as it stands.
    pub fn apply_example(&self, name: &str) {
        self.run(&["apply", examples().join(name).to_str().unwrap()]).succeeded();
    }
}

impl Ran {
    /// The same, if the exit code is 0.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        self.exited(0)
    }

    /// The same, if this is the exit code.
    #[track_caller]
    pub fn exited(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// The same, if it says so in its data.
    #[track_caller]
    pub fn shows(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "{text:?} does not stand in {self:#?}");
        self
    }

    /// The same, if it says so in its messages.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{text:?} does not stand in {self:#?}");
        self
    }

    /// The JSON objects of its data, one a line.
    pub fn json(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
