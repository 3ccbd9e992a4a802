//! The log: to stderr, as text or JSON (`MUSTER_LOG`, `MUSTER_LOG_FORMAT`).

use crate::config::Config;
use anyhow::Context as _;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging. A service tells what it does, a command only what is wrong, unless `MUSTER_LOG` says otherwise.
pub(super) fn start(config: &Config, is_service: bool) -> anyhow::Result<()> {
    let default = if is_service { "info" } else { "warn" };
    let directives = config.log.as_deref().unwrap_or(default);
    let filter = EnvFilter::try_new(directives)
        .with_context(|| format!("MUSTER_LOG is {directives:?}; write a level such as info, or muster=debug"))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = if config.log_json { log.json().try_init() } else { log.try_init() };
    started.map_err(|error| anyhow::anyhow!("the log can't be started: {error}"))
}
