//! The benchmark: the yardstick and Muster over the same feed, in turn, on the same PostgreSQL. `../README.md` says
//! how it is run and what it prints.
//!
//! ```text
//! main ── settings              what is asked for (environment)
//!      ── feed, yardstick       ../yardstick: the feed, and the hand-written SQL that is the measure
//!      ── changes               the changes of a quiet day, for an incremental run
//!      ── support               ../support: a private PostgreSQL for both; Muster, driven by its own command line, and
//!                               watched; one core for it, if that is asked for
//!      ── check                 is what they found what the feed holds?
//!      ── report                ratios, memory, seconds per stage
//! ```

#[path = "../yardstick/feed.rs"]
mod feed;
#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;

mod changes;
mod check;
mod report;
mod settings;
mod yardstick;

use std::process::ExitCode;

use anyhow::{Context, Result};

use feed::{Expected, Outcome};
use report::Report;
use settings::Settings;
use support::muster::{Measured, Muster};
use support::one_core::OneCore;
use support::server::Server;
use yardstick::Yardstick;

/// What is loaded, in this order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Day 1, into an empty store.
    First,
    /// Day 1 again, with two rows of each file in each other's place: not a byte can be taken for granted, and nothing
    /// has changed.
    NoChange,
    /// The very same files again.
    Identical,
    /// Day 2.
    Delta,
    /// A thousand changes after that, from a file of changes.
    Incremental,
}

impl Load {
    const ALL: [Load; 5] = [Load::First, Load::NoChange, Load::Identical, Load::Delta, Load::Incremental];

    fn name(self) -> &'static str {
        match self {
            Load::First => "first",
            Load::NoChange => "nochange",
            Load::Identical => "identical",
            Load::Delta => "delta",
            Load::Incremental => "incremental",
        }
    }

    /// The folder of the feed that is loaded.
    fn day(self) -> &'static str {
        match self {
            Load::First => "day1",
            Load::NoChange | Load::Identical => "day1swapped",
            Load::Delta => "day2",
            Load::Incremental => changes::FOLDER,
        }
    }

    /// The yardstick's load that it is measured by: hand-written SQL does the same work for the same rows, whether it has
    /// seen the files or not. It knows no files of changes.
    fn yardstick(self) -> Option<Self> {
        match self {
            Load::Identical => Some(Load::NoChange),
            Load::Incremental => None,
            load => Some(load),
        }
    }

    fn expected(self, feed: &Expected, users: u64) -> Outcome {
        match self {
            Load::First => feed.first.clone(),
            Load::NoChange | Load::Identical => feed.nochange.clone(),
            Load::Delta => feed.delta.clone(),
            Load::Incremental => changes::expected(users),
        }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("bench: a result was wrong (see above): these figures are worth nothing");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints; says whether every result was right.
fn run() -> Result<bool> {
    let settings = Settings::from_environment()?;
    eprintln!("feed of {} users: {}", settings.users, settings.feed.display());
    let feed = feed::write(&settings.feed, settings.users, settings.seed)
        .with_context(|| format!("cannot write the feed to {}", settings.feed.display()))?;
    changes::write(&settings.feed, settings.users).context("cannot write the file of changes")?;
    let server = {
        let _confined = settings.one_core.for_postgres()?;
        Server::start("C")?
    };
    let mut report = Report::default();
    let mut right = true;
    for repetition in 1..=settings.repetitions {
        let turn = format!("{repetition}/{}", settings.repetitions);
        // On one core there is nothing to compare: `psql` does next to nothing itself.
        if settings.one_core == OneCore::Nobody {
            right &= measure_yardstick(&turn, &server, &settings, &feed, &mut report)?;
        }
        for &name in &settings.connectors {
            right &= measure_muster(&turn, name, &server, &settings, &feed, &mut report)?;
        }
    }
    if let Some(words) = settings.one_core.words() {
        println!("{words}");
    }
    report.print();
    Ok(right)
}

fn measure_yardstick(
    turn: &str,
    server: &Server,
    settings: &Settings,
    feed: &Expected,
    report: &mut Report,
) -> Result<bool> {
    let mut right = true;
    let yardstick = Yardstick::set_up(server)?;
    for load in Load::ALL.into_iter().filter(|load| load.yardstick() == Some(*load)) {
        let (measured, counted) = yardstick.run(&settings.feed.join(load.day()))?;
        eprintln!("{turn} yardstick {}: {:.2} s", load.name(), measured.seconds);
        right &= check::yardstick(&load.expected(feed, settings.users), &counted);
        report.add("yardstick", load, measured);
        yardstick.rest(load)?;
    }
    yardstick.remove()?;
    Ok(right)
}

fn measure_muster(
    turn: &str,
    name: &'static str,
    server: &Server,
    settings: &Settings,
    feed: &Expected,
    report: &mut Report,
) -> Result<bool> {
    let mut right = true;
    let (file, document) = match name {
        "A" => ("a.toml", include_str!("../a.toml")),
        _ => ("b.toml", include_str!("../b.toml")),
    };
    let database = format!("muster_{}", name.to_lowercase());
    let muster = Muster::set_up(server, &settings.muster, &database, settings.one_core)?;
    muster.apply(file, document)?;
    for load in Load::ALL {
        let feed_bytes = muster.lay("feed", &settings.feed.join(load.day()))?;
        let mode = if load == Load::Incremental { "incremental" } else { "complete" };
        let (measured, found) = muster.run("bench", mode)?;
        let measured = Measured { feed_bytes: Some(feed_bytes), ..measured };
        eprintln!("{turn} {name} {}: {:.2} s", load.name(), measured.seconds);
        right &= check::muster(&load.expected(feed, settings.users), name == "B", &found);
        report.add(name, load, measured);
        if load == Load::First {
            muster.rest()?;
        }
    }
    muster.remove()?;
    Ok(right)
}
