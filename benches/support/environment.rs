//! Settings from the environment.

use std::env;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};

/// A variable, if it is set.
pub fn text(name: &str) -> Result<Option<String>> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(error).with_context(|| name.to_owned()),
    }
}

/// A variable that is a number, or what it is if it is not set.
pub fn number<T: FromStr>(name: &str, default: T) -> Result<T> {
    match text(name)? {
        None => Ok(default),
        Some(value) => value.parse().ok().with_context(|| format!("{name}={value}: a number is wanted")),
    }
}

/// The Muster that is measured: `MUSTER_BIN`, or the one that was just built.
pub fn program() -> Result<PathBuf> {
    let muster = text("MUSTER_BIN")?.unwrap_or_else(|| env!("CARGO_BIN_EXE_muster").to_owned());
    Path::new(&muster).canonicalize().with_context(|| format!("no program at MUSTER_BIN={muster}"))
}

/// Where the feed of so many users is kept: it is the same the next time.
pub fn feed(users: u64) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench").join(users.to_string())
}
