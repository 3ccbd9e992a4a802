//! Muster, driven as by its user: the command line, a connector document, files in a folder.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use serde_json::Value;
use tempfile::TempDir;

use super::memory;
use super::one_core::OneCore;
use super::server::Server;

/// The exit code of a run that a guard stopped.
const BLOCKED: i32 = 3;

/// What one load took.
pub struct Measured {
    /// The time that counts.
    pub seconds: f64,
    /// The same by stage, in the order of the work.
    pub stages: Vec<(String, f64)>,
    /// The most memory that a process of it held, where that was watched.
    pub peak_kib: Option<u64>,
    /// How long the files are that it read, where it reads them itself.
    pub feed_bytes: Option<u64>,
}

/// An installation of Muster: a database and a data directory of its own.
pub struct Muster<'a> {
    server: &'a Server,
    database: String,
    program: PathBuf,
    one_core: OneCore,
    folder: TempDir,
}

impl<'a> Muster<'a> {
    /// Installs Muster in a new database of that name.
    pub fn set_up(server: &'a Server, program: &Path, database: &str, one_core: OneCore) -> Result<Self> {
        let database = database.to_owned();
        server.execute("postgres", &[&format!("create database {database}")])?;
        let folder = tempfile::Builder::new().prefix("muster-bench-").tempdir()?;
        // Muster may read the feed as another user than root.
        fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
        let muster = Muster { server, database, program: program.to_owned(), one_core, folder };
        muster.expect_success(&["migrate"])?;
        Ok(muster)
    }

    /// Applies a document. Folders that it names lie beside it.
    pub fn apply(&self, file: &str, document: &str) -> Result<()> {
        fs::write(self.folder.path().join(file), document)?;
        self.expect_success(&["apply", file])?;
        self.server.execute(&self.database, &["checkpoint"])
    }

    /// Lays the files of a folder into the one of that name beside the documents; returns how long they are.
    pub fn lay(&self, name: &str, files: &Path) -> Result<u64> {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(&folder)?;
        let mut bytes = 0;
        for file in fs::read_dir(files).with_context(|| format!("cannot read {}", files.display()))? {
            let file = file?;
            bytes += file.metadata()?.len();
            fs::copy(file.path(), folder.join(file.file_name()))
                .with_context(|| format!("cannot copy {}", file.path().display()))?;
        }
        Ok(bytes)
    }

    /// One run of a connector: what it took, and the run as JSON.
    pub fn run(&self, connector: &str, mode: &str) -> Result<(Measured, Value)> {
        let start = Utc::now();
        let mut answer = self.call(&["run", connector, "--mode", mode, "--wait", "--json"])?;
        let mut peak_kib = answer.peak_kib;
        if answer.status.code() == Some(BLOCKED) {
            let blocked: Value = serde_json::from_str(&answer.stdout).context("the blocked run's JSON")?;
            let id = blocked["id"].as_i64().context("the blocked run's id")?;
            eprintln!("run {id} is blocked, resuming: {}", blocked["breaches"]);
            answer = self.call(&["resume", &id.to_string(), "--wait", "--json"])?;
            peak_kib = peak_kib.max(answer.peak_kib);
        }
        let whole = (Utc::now() - start).as_seconds_f64();
        if !answer.status.success() {
            bail!("`muster run {connector}` failed ({}):\n{}{}", answer.status, answer.stdout, answer.stderr);
        }
        let run: Value = serde_json::from_str(&answer.stdout).context("the run's JSON")?;
        let milliseconds = run["result"]["timeLapsed"].as_f64().context("the run's result.timeLapsed")?;
        let mut stages = stages(&run)?;
        stages.push(("whole process".to_owned(), whole));
        let seconds = milliseconds / 1_000.0;
        Ok((Measured { seconds, stages, peak_kib: Some(peak_kib), feed_bytes: None }, run))
    }

    /// What time would do anyway before the next load.
    pub fn rest(&self) -> Result<()> {
        self.server.rest(&self.database)
    }

    /// Gives the disk back.
    pub fn remove(self) -> Result<()> {
        self.server.execute("postgres", &[&format!("drop database {} with (force)", self.database)])
    }

    /// What a command prints, which must succeed.
    pub fn expect_success(&self, arguments: &[&str]) -> Result<String> {
        let answer = self.call(arguments)?;
        if !answer.status.success() {
            bail!("`muster {}` failed ({}):\n{}", arguments.join(" "), answer.status, answer.stderr);
        }
        Ok(answer.stdout)
    }

    /// A command in its surroundings, to be started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("DATABASE_URL", self.server.url(&self.database))
            .env("MUSTER_DATA_DIR", self.folder.path().join("data"))
            .env_remove("MUSTER_BIN");
        command
    }

    fn call(&self, arguments: &[&str]) -> Result<Answer> {
        // Files rather than pipes: nothing has to be read while the program runs and is watched. Several may run at once.
        let output = tempfile::Builder::new().prefix("output-").tempdir_in(&self.folder)?;
        let (stdout, stderr) = (output.path().join("stdout"), output.path().join("stderr"));
        let confined = self.one_core.for_muster()?;
        let mut process = self
            .command(arguments)
            .stdout(File::create(&stdout)?)
            .stderr(File::create(&stderr)?)
            .spawn()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        drop(confined);
        let (status, peak_kib) = memory::watch(&mut process)?;
        let stdout = fs::read_to_string(stdout)?;
        let stderr = fs::read_to_string(stderr)?;
        Ok(Answer { status, peak_kib, stdout, stderr })
    }
}

struct Answer {
    status: ExitStatus,
    peak_kib: u64,
    stdout: String,
    stderr: String,
}

/// The seconds of each task of a run.
fn stages(run: &Value) -> Result<Vec<(String, f64)>> {
    let tasks = run["tasks"].as_array().context("the run's tasks")?;
    let moment = |task: &Value, name: &str| -> Result<DateTime<Utc>> {
        let text = task[name].as_str().with_context(|| format!("{name} of task {}", task["stage"]))?;
        text.parse().with_context(|| format!("{name} of task {}: {text}", task["stage"]))
    };
    tasks
        .iter()
        .map(|task| {
            let stage = task["stage"].as_str().context("the stage of a task")?;
            let lapsed = moment(task, "finished_at")? - moment(task, "started_at")?;
            Ok((stage.to_owned(), lapsed.as_seconds_f64()))
        })
        .collect()
}
