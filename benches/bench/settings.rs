//! What is asked for, by the environment.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::support::environment::{self, number, text};
use crate::support::one_core::OneCore;

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
        Ok(Settings {
            users,
            seed: number("SEED", 1)?,
            repetitions,
            connectors,
            one_core: OneCore::parse(&text("ONE_CORE")?.unwrap_or_default())?,
            muster: environment::program()?,
            feed: environment::feed(users),
        })
    }
}
