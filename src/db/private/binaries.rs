//! Finds the installed PostgreSQL server programs.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::PrivateServerError;
use super::folder::io_error;

/// The oldest major version with everything we set (`client_connection_check_interval`).
const OLDEST: u32 = 14;
/// Where Debian and Ubuntu put them: `/usr/lib/postgresql/VERSION/bin`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A folder with `initdb` and `postgres`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    folder: PathBuf,
    major: u32,
}

impl Binaries {
    /// The programs for `cluster`: of the version that wrote it, or the newest for a new one.
    ///
    /// Looks in the folder `MUSTER_POSTGRES_BIN` when that is set; else in `PATH`, in what
    /// `pg_config --bindir` says, and where Debian puts them.
    pub(super) fn for_cluster(cluster: &Path) -> Result<Binaries, PrivateServerError> {
        let wanted = written_by(cluster)?;
        let named = env::var_os("MUSTER_POSTGRES_BIN").filter(|folder| !folder.is_empty());
        let found: Vec<Binaries> = match &named {
            Some(folder) => look(PathBuf::from(folder)).into_iter().collect(),
            None => installed(),
        };
        if found.is_empty() {
            return Err(match named {
                Some(folder) => PrivateServerError::NoBinariesThere { folder: folder.into(), oldest: OLDEST },
                None => PrivateServerError::NoBinaries { oldest: OLDEST },
            });
        }
        choose(&found, wanted).ok_or_else(|| PrivateServerError::VersionMissing {
            cluster: cluster.to_owned(),
            wanted: wanted.unwrap_or_default(),
            found: versions(&found),
        })
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    pub(super) fn major(&self) -> u32 {
        self.major
    }
}

/// The major version that wrote a cluster; `None` when there is no cluster yet.
fn written_by(cluster: &Path) -> Result<Option<u32>, PrivateServerError> {
    let file = cluster.join("PG_VERSION");
    if !cluster.exists() {
        return Ok(None);
    }
    let content = fs::read_to_string(&file).map_err(io_error("read", &file))?;
    match content.trim().parse() {
        Ok(major) => Ok(Some(major)),
        Err(_) => Err(PrivateServerError::VersionUnreadable { file, content }),
    }
}

fn installed() -> Vec<Binaries> {
    let mut folders: Vec<PathBuf> = Vec::new();
    if let Some(path) = env::var_os("PATH") {
        folders.extend(env::split_paths(&path));
    }
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        folders.push(String::from_utf8_lossy(&output.stdout).trim().into());
    }
    let debian = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    folders.extend(debian.map(|version| version.path().join("bin")));
    let mut found: Vec<Binaries> = Vec::new();
    for folder in folders {
        // PATH often holds links to the same programs: ask each for its version once.
        let Ok(program) = folder.join("postgres").canonicalize() else {
            continue;
        };
        let real = program.parent().filter(|real| real.join("initdb").is_file());
        let folder = real.map_or(folder, Path::to_owned);
        if !found.iter().any(|other| other.folder == folder) {
            found.extend(look(folder));
        }
    }
    found
}

/// The programs in one folder, if it has both and they are not too old.
fn look(folder: PathBuf) -> Option<Binaries> {
    let folder = std::path::absolute(folder).ok()?;
    if !folder.join("initdb").is_file() {
        return None;
    }
    let mut version = Command::new(folder.join("postgres"));
    let output = version.arg("--version").output().ok()?;
    let major = parse_major(&String::from_utf8_lossy(&output.stdout))?;
    (major >= OLDEST).then_some(Binaries { folder, major })
}

/// `15` from `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`; betas read `16beta1`.
fn parse_major(printed: &str) -> Option<u32> {
    let (_, version) = printed.split_once("(PostgreSQL) ")?;
    let digits = version.find(|c: char| !c.is_ascii_digit());
    version[..digits.unwrap_or(version.len())].parse().ok()
}

/// The version wanted, else the newest; of two alike the one found first.
fn choose(found: &[Binaries], wanted: Option<u32>) -> Option<Binaries> {
    let fitting = found.iter().filter(|one| wanted.is_none_or(|major| major == one.major));
    fitting.rev().max_by_key(|one| one.major).cloned()
}

fn versions(found: &[Binaries]) -> String {
    let mut majors: Vec<u32> = found.iter().map(|one| one.major).collect();
    majors.sort_unstable();
    majors.dedup();
    let names: Vec<String> = majors.iter().map(u32::to_string).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binaries(folder: &str, major: u32) -> Binaries {
        Binaries { folder: folder.into(), major }
    }

    #[test]
    fn the_major_version_is_read_from_releases_and_betas() {
        let debian = "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n";
        assert_eq!(parse_major(debian), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 19beta1\n"), Some(19));
        assert_eq!(parse_major("postgres (PostgreSQL) 9.6.24\n"), Some(9));
        assert_eq!(parse_major("something else\n"), None);
    }

    #[test]
    fn the_newest_wins_and_a_cluster_gets_its_own_version() {
        let found = [binaries("/a", 15), binaries("/b", 17), binaries("/c", 17), binaries("/d", 9)];
        assert_eq!(choose(&found, None), Some(binaries("/b", 17)));
        assert_eq!(choose(&found, Some(15)), Some(binaries("/a", 15)));
        assert_eq!(choose(&found, Some(16)), None);
        assert_eq!(versions(&found), "9, 15, 17");
    }
}
