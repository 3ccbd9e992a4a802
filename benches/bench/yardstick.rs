//! Runs the hand-written SQL (`../yardstick/*.sql`) in one psql session, and reads what it took and what it counted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result};

use crate::Load;
use crate::feed::Counters;
use crate::support::muster::Measured;
use crate::support::server::{Server, succeeded};

const DATABASE: &str = "yardstick";
const SCHEMA: &str = include_str!("../yardstick/schema.sql");
const RUN: &str = include_str!("../yardstick/run.sql");

/// A database of its own for the yardstick.
pub struct Yardstick<'a> {
    server: &'a Server,
}

impl<'a> Yardstick<'a> {
    /// Makes the database and its empty store.
    pub fn set_up(server: &'a Server) -> Result<Self> {
        server.execute("postgres", &["create database yardstick"])?;
        let yardstick = Yardstick { server };
        yardstick.script(SCHEMA, Path::new("."))?;
        server.execute(DATABASE, &["checkpoint"])?;
        Ok(yardstick)
    }

    /// One run over the feed in a folder: what it took, and its counters by entity type and association.
    pub fn run(&self, feed: &Path) -> Result<(Measured, BTreeMap<String, Counters>)> {
        let printed = self.script(RUN, feed)?;
        let (times, counters) = printed.split_once("COUNTERS\n").context("the yardstick printed no counters")?;
        let stages = stages(times)?;
        let seconds = stages.iter().map(|(_, seconds)| seconds).sum();
        let counters = counters.lines().map(counters_of).collect::<Option<_>>();
        let counters = counters.context("the yardstick's counters cannot be read")?;
        Ok((Measured { seconds, stages, peak_kib: None, feed_bytes: None }, counters))
    }

    /// After the first load, what time would do anyway before the next.
    pub fn rest(&self, load: Load) -> Result<()> {
        if load == Load::First { self.server.rest(DATABASE) } else { Ok(()) }
    }

    /// Gives the disk back.
    pub fn remove(self) -> Result<()> {
        self.server.execute("postgres", &["drop database yardstick with (force)"])
    }

    fn script(&self, script: &str, folder: &Path) -> Result<String> {
        let output = self.server.psql(DATABASE).current_dir(folder).stdin(readable(script)?).output()?;
        succeeded("the yardstick", &output)?;
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// The script as a file to read from: psql may print while it reads, so that a pipe would need a second thread.
fn readable(script: &str) -> Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(script.as_bytes())?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// Adds up psql's lines `Time: 12.345 ms (…)` by the `STEP name` that they follow; a step may come more than once.
fn stages(printed: &str) -> Result<Vec<(String, f64)>> {
    let mut stages: Vec<(String, f64)> = Vec::new();
    let mut current = 0;
    for line in printed.lines() {
        if let Some(name) = line.strip_prefix("STEP ") {
            current = stages.iter().position(|(stage, _)| stage == name).unwrap_or(stages.len());
            if current == stages.len() {
                stages.push((name.to_owned(), 0.0));
            }
        } else if let Some(time) = line.strip_prefix("Time: ") {
            let milliseconds: f64 = time.split(' ').next().unwrap_or_default().parse().context("psql's timing")?;
            stages.get_mut(current).context("psql's timing precedes the first step")?.1 += milliseconds / 1_000.0;
        }
    }
    Ok(stages)
}

/// `user inserted 5 updated 0 …`
fn counters_of(line: &str) -> Option<(String, Counters)> {
    let (name, counters) = line.split_once(' ')?;
    let words: Vec<&str> = counters.split(' ').collect();
    let counters = words.chunks(2).map(|pair| Some((pair[0].to_owned(), pair.get(1)?.parse().ok()?)));
    Some((name.to_owned(), counters.collect::<Option<Counters>>()?))
}
