//! Muster, driven as by its user: the command line, a connector document, files in a folder.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use serde_json::Value;
use tempfile::TempDir;

use crate::memory;
use crate::one_core::OneCore;
use crate::server::Server;
use crate::settings::Settings;
use crate::{Load, Measured};

/// The exit code of a run that a guard stopped.
const BLOCKED: i32 = 3;

/// An installation of Muster with one connector named `bench`: a database and a data directory of its own.
pub struct Muster<'a> {
    server: &'a Server,
    database: String,
    program: PathBuf,
    one_core: OneCore,
    folder: TempDir,
}

impl<'a> Muster<'a> {
    /// Installs Muster with the connector document of that name, which lies beside the folder of the feed.
    pub fn set_up(server: &'a Server, settings: &Settings, name: &str) -> Result<Self> {
        let (file, document) = match name {
            "A" => ("a.toml", include_str!("../a.toml")),
            _ => ("b.toml", include_str!("../b.toml")),
        };
        let database = format!("muster_{}", name.to_lowercase());
        server.execute("postgres", &[&format!("create database {database}")])?;
        let folder = tempfile::Builder::new().prefix("muster-bench-").tempdir()?;
        // Muster may read the feed as another user than root.
        fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
        fs::create_dir(folder.path().join("feed"))?;
        fs::write(folder.path().join(file), document)?;
        let (program, one_core) = (settings.muster.clone(), settings.one_core);
        let muster = Muster { server, database, program, one_core, folder };
        muster.expect_success(&["migrate"])?;
        muster.expect_success(&["apply", file])?;
        server.execute(&muster.database, &["checkpoint"])?;
        Ok(muster)
    }

    /// One run over the files of a folder: what it took, and the run as JSON.
    pub fn run(&self, load: Load, feed: &Path) -> Result<(Measured, Value)> {
        let mut feed_bytes = 0;
        for file in fs::read_dir(feed).with_context(|| format!("cannot read {}", feed.display()))? {
            let file = file?;
            feed_bytes += file.metadata()?.len();
            fs::copy(file.path(), self.folder.path().join("feed").join(file.file_name()))
                .with_context(|| format!("cannot copy {}", file.path().display()))?;
        }
        let mode = if load == Load::Incremental { "incremental" } else { "complete" };
        let start = Utc::now();
        let mut answer = self.call(&["run", "bench", "--mode", mode, "--wait", "--json"])?;
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
            bail!("`muster run bench` failed ({}):\n{}{}", answer.status, answer.stdout, answer.stderr);
        }
        let run: Value = serde_json::from_str(&answer.stdout).context("the run's JSON")?;
        let milliseconds = run["result"]["timeLapsed"].as_f64().context("the run's result.timeLapsed")?;
        let mut stages = stages(&run)?;
        stages.push(("whole process".to_owned(), whole));
        let seconds = milliseconds / 1_000.0;
        Ok((Measured { seconds, stages, peak_kib: Some(peak_kib), feed_bytes: Some(feed_bytes) }, run))
    }

    /// After the first load, what time would do anyway before the next.
    pub fn rest(&self, load: Load) -> Result<()> {
        if load == Load::First { self.server.rest(&self.database) } else { Ok(()) }
    }

    /// Gives the disk back.
    pub fn remove(self) -> Result<()> {
        self.server.execute("postgres", &[&format!("drop database {} with (force)", self.database)])
    }

    fn expect_success(&self, arguments: &[&str]) -> Result<()> {
        let answer = self.call(arguments)?;
        if !answer.status.success() {
            bail!("`muster {}` failed ({}):\n{}", arguments.join(" "), answer.status, answer.stderr);
        }
        Ok(())
    }

    fn call(&self, arguments: &[&str]) -> Result<Answer> {
        // Files rather than pipes: nothing has to be read while the program runs and is watched.
        let (stdout, stderr) = (self.folder.path().join("stdout"), self.folder.path().join("stderr"));
        let confined = self.one_core.for_muster()?;
        let mut process = Command::new(&self.program)
            .args(arguments)
            .current_dir(&self.folder)
            .env("DATABASE_URL", self.server.url(&self.database))
            .env("MUSTER_DATA_DIR", self.folder.path().join("data"))
            .env_remove("MUSTER_BIN")
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
