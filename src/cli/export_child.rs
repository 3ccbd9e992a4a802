//! `muster export-child`: what an export starts to read one connection (see `pipeline::export`).

use super::Exit;
use crate::pipeline::export;
use std::io;

pub(super) fn run() -> anyhow::Result<Exit> {
    export::serve(io::stdin().lock(), io::stdout())?;
    Ok(Exit::Done)
}
