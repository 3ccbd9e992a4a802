//! What is asked for, by the environment.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::one_core::OneCore;

/// The settings of the benchmark; `../README.md` lists the variables.
pub struct Settings {
    /// `USERS`
    pub users: u64,
    /// `SEED`
    pub seed: u64,
    /// `REPS`
    pub repetitions: u32,
    /// `CONNECTORS`: which of A and B; none measures the yardstick alone.
    pub connectors: Vec<&'static str>,
    /// `ONE_CORE`: who has to share one.
    pub one_core: OneCore,
    /// `MUSTER_BIN`
    pub muster: PathBuf,
    /// Where the feed is kept: it is the same the next time.
    pub feed: PathBuf,
}

impl Settings {
    pub fn from_environment() -> Result<Self> {
        let users = number("USERS", 100_000)?;
        let repetitions = number("REPS", if users >= 1_000_000 { 1 } else { 3 })?;
        if repetitions == 0 {
            bail!("REPS=0 would measure nothing");
        }
        let mut connectors = Vec::new();
        for name in text("CONNECTORS")?.unwrap_or_else(|| "A B".to_owned()).split_whitespace() {
            connectors.push(match name {
                "A" => "A",
                "B" => "B",
                other => bail!("CONNECTORS={other}: there are A and B"),
            });
        }
        let muster = text("MUSTER_BIN")?.unwrap_or_else(|| env!("CARGO_BIN_EXE_muster").to_owned());
        Ok(Settings {
            users,
            seed: number("SEED", 1)?,
            repetitions,
            connectors,
            one_core: OneCore::parse(&text("ONE_CORE")?.unwrap_or_default())?,
            muster: Path::new(&muster).canonicalize().with_context(|| format!("no program at MUSTER_BIN={muster}"))?,
            feed: Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench").join(users.to_string()),
        })
    }
}

fn text(name: &str) -> Result<Option<String>> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(error).with_context(|| name.to_owned()),
    }
}

fn number<T: std::str::FromStr>(name: &str, default: T) -> Result<T> {
    match text(name)? {
        None => Ok(default),
        Some(value) => value.parse().ok().with_context(|| format!("{name}={value}: a number is wanted")),
    }
}
