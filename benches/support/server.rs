//! A private PostgreSQL for the length of the benchmark: default durability, and memory and log sized for bulk loads.

use std::env;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use tempfile::TempDir;

/// What the yardstick was measured with; Muster's database gets the same.
const OPTIONS: [&str; 3] = ["listen_addresses=", "shared_buffers=1GB", "max_wal_size=8GB"];

/// A running server, which is stopped and removed with this value.
pub struct Server {
    process: Child,
    programs: PathBuf,
    folder: TempDir,
}

impl Server {
    /// Starts a new server on a socket in a temporary folder. `ctype` is the locale that says what a letter is.
    pub fn start(ctype: &str) -> Result<Self> {
        let programs = find_programs()?;
        let folder = tempfile::Builder::new().prefix("muster-bench-").tempdir()?;
        fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
        // PostgreSQL refuses to run as root.
        let user = if geteuid().is_root() {
            Some(User::from_name("postgres")?.context("as root, a user named postgres is needed to run PostgreSQL")?)
        } else {
            None
        };
        if let Some(user) = &user {
            chown(folder.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
        let program = |name: &str| {
            let mut command = Command::new(programs.join(name));
            command.current_dir(&folder).arg("-D").arg(folder.path().join("data"));
            if let Some(user) = &user {
                command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
            }
            command
        };
        let initdb = program("initdb")
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"])
            .arg(format!("--lc-ctype={ctype}"))
            .output()
            .context("cannot run initdb")?;
        succeeded("initdb", &initdb)?;
        let log = File::create(folder.path().join("log"))?;
        let process = program("postgres")
            .arg("-k")
            .arg(folder.path())
            .args(OPTIONS.iter().flat_map(|option| ["-c", option]))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot run postgres")?;
        let server = Server { process, programs, folder };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// The address of one of its databases, as `DATABASE_URL`.
    pub fn url(&self, database: &str) -> String {
        let socket = self.folder.path().to_string_lossy().replace('%', "%25").replace('/', "%2F").replace(' ', "%20");
        format!("postgres://postgres@localhost/{database}?host={socket}")
    }

    /// `psql` on one of its databases: bare output, stops at the first error.
    pub fn psql(&self, database: &str) -> Command {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-h"])
            .arg(self.folder.path());
        for variable in ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGOPTIONS", "PGSERVICE"] {
            psql.env_remove(variable);
        }
        psql
    }

    /// Executes statements, each in a transaction of its own.
    pub fn execute(&self, database: &str, statements: &[&str]) -> Result<()> {
        let output = self.psql(database).args(statements.iter().flat_map(|sql| ["-c", sql])).output()?;
        succeeded("psql", &output)
    }

    /// What time does between two runs of a connector, without being measured: statistics, dead rows, dirty pages.
    pub fn rest(&self, database: &str) -> Result<()> {
        self.execute(database, &["vacuum (analyze)", "checkpoint"])
    }

    fn wait_until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.execute("postgres", &["select"]).is_err() {
            if Instant::now() > deadline {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                bail!("PostgreSQL does not answer after a minute; its log:\n{log}");
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An immediate shutdown: nothing of it is wanted any more.
        if kill(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGQUIT).is_ok() {
            let _ = self.process.wait();
        }
    }
}

/// An error with what the program said, unless it succeeded.
pub fn succeeded(program: &str, output: &Output) -> Result<()> {
    if !output.status.success() {
        bail!("{program} failed ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// The folder of PostgreSQL's programs: `PGBIN`, else the newest that Debian installed, else where PATH has them.
fn find_programs() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("PGBIN") {
        return Ok(folder.into());
    }
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    let path = env::var_os("PATH").unwrap_or_default();
    let newest = versions.pop().map(|(_, folder)| folder);
    newest
        .into_iter()
        .chain(env::split_paths(&path))
        .find(|folder| is_complete(folder))
        .context("no PostgreSQL server found: install postgresql, or set PGBIN to the folder of its programs")
}

fn is_complete(folder: &Path) -> bool {
    ["initdb", "postgres", "psql"].iter().all(|program| folder.join(program).is_file())
}
