//! How fast pages about people answer, and how fast people are worked out, among as many as `USERS` says. `../README.md`
//! says how it is run and what it prints.
//!
//! ```text
//! main ── feed                  ../yardstick: the feed
//!      ── changes               ../bench: the changes of a quiet day
//!      ── support               ../support: a private PostgreSQL, and Muster in it
//!      ── desk                  `muster serve`, and an administrator who is signed in there
//!      ── sample                people to ask for, out of the feed
//!      ── questions             what is asked, and what the answer has to hold
//!      ── answer                an answer, read as a person reads it
//!      ── deeds                 what is done with people: a rule tried, somebody anonymized
//!      ── figures               p50, p95 and the longest of each kind
//!      ── phones                a second source of a few columns, for the same people
//! ```

#[path = "../bench/changes.rs"]
mod changes;
#[path = "../yardstick/feed.rs"]
#[allow(unused_imports)]
mod feed;
#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;

mod answer;
mod deeds;
mod desk;
mod figures;
mod phones;
mod questions;
mod sample;

use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::Utc;
use serde_json::Value;

use desk::Desk;
use figures::Figures;
use questions::Questions;
use sample::Sample;
use support::environment::{self, number};
use support::muster::Muster;
use support::one_core::OneCore;
use support::server::Server;

/// What upper and lower case and letters are to PostgreSQL: as in the one that Muster starts itself.
const CTYPE: &str = "C.UTF-8";

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(wrong) => {
            eprintln!("people: {wrong} answers were wrong (see above): these figures are worth nothing");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("people: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints; says how many answers were wrong.
fn run() -> Result<usize> {
    let users: u64 = number("USERS", 100_000)?;
    let rounds: usize = number("ROUNDS", 200)?;
    let busy_runs: usize = number("RUNS", 3)?;
    let program = environment::program()?;
    let folder = environment::feed(users);
    eprintln!("feed of {users} users: {}", folder.display());
    feed::write(&folder, users, number("SEED", 1)?)
        .with_context(|| format!("cannot write the feed to {}", folder.display()))?;
    changes::write(&folder, users).context("cannot write the file of changes")?;
    let sample = Sample::read(&folder, number("SEED", 1)?)?;

    let server = Server::start(CTYPE)?;
    let muster = Muster::set_up(&server, &program, "muster_people", OneCore::Nobody)?;
    // Everybody in a group has a profile type, so that a list by type has to do with all of them.
    let document = include_str!("../b.toml").replace(
        "  [entity_type.groups]\n  name = \"cn\"",
        "  [entity_type.groups]\n  name = \"cn\"\n  profile_type = \"staff\"",
    );
    ensure!(document.contains("profile_type"), "b.toml has no groups any more that a profile type could be put into");
    muster.apply("b.toml", &document)?;
    load(&muster, &folder, "day1")?;
    muster.rest()?;
    let between = Utc::now();
    load(&muster, &folder, "day2")?;
    muster.rest()?;

    let mut figures = Figures::default();
    let desk = Desk::open(&muster)?;
    let mut questions = Questions::prepare(&desk, &sample, between)?;
    // Once each unmeasured: caches are filled by the first who come.
    questions.round(&desk, &mut Figures::default())?;
    for _ in 0..rounds {
        questions.round(&desk, figures.when("idle"))?;
    }
    for day in ["day1", "day2"].into_iter().cycle().take(busy_runs) {
        let took = busy(&muster, &folder, day, &mut questions, &desk, figures.when("busy"))?;
        eprintln!("a run of {day} with all that: {took:.2} s");
    }
    if busy_runs % 2 == 1 {
        load(&muster, &folder, "day2")?;
    }
    figures.print();
    let wrong = figures.wrong();
    deeds::measure(&desk, &sample)?;
    drop(desk);

    muster.rest()?;
    recompute(&muster, &folder, users)?;
    if number("PHONES", 1)? > 0 {
        phones::measure(&muster, &folder, users)?;
    }
    muster.remove()?;
    Ok(wrong)
}

/// A complete run over a day of the feed.
fn load(muster: &Muster, folder: &std::path::Path, day: &str) -> Result<f64> {
    muster.lay("feed", &folder.join(day))?;
    let (measured, _) = muster.run("bench", "complete")?;
    eprintln!("{day}: {:.2} s", measured.seconds);
    Ok(measured.seconds)
}

/// Asks as long as a run over a day of the feed is going on; returns what the run took.
fn busy(
    muster: &Muster,
    folder: &std::path::Path,
    day: &str,
    questions: &mut Questions,
    desk: &Desk,
    figures: &mut Figures,
) -> Result<f64> {
    muster.lay("feed", &folder.join(day))?;
    let mut command = muster.command(&["run", "bench", "--wait", "--json"]);
    let mut run = Running(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("muster run")?);
    let began = Instant::now();
    while run.0.try_wait()?.is_none() {
        questions.next(desk, figures)?;
    }
    let took = began.elapsed();
    let output = std::io::read_to_string(run.0.stdout.take().context("what the run says")?)?;
    let said: Value = serde_json::from_str(&output).context("the run's JSON")?;
    let state = said["state"].as_str().unwrap_or_default();
    ensure!(state.starts_with("completed"), "the run of {day} beside the questions is {state:?}: {output:.500}");
    Ok(took.as_secs_f64())
}

/// A process of ours, ended with the value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// A thousand users got another title: how long until their persons have it.
fn recompute(muster: &Muster, folder: &std::path::Path, users: u64) -> Result<()> {
    muster.lay("feed", &folder.join(changes::FOLDER))?;
    let (measured, run) = muster.run("bench", "incremental")?;
    let expected = changes::expected(users).persons["updated"];
    ensure!(run["persons"]["updated"] == expected, "{} persons changed, not {expected}", run["persons"]["updated"]);
    print_recomputed("by an incremental run", expected, &measured);
    Ok(())
}

/// A line `recomputed 1000 persons …`.
fn print_recomputed(how: &str, persons: u64, measured: &support::muster::Measured) {
    let applying =
        measured.stages.iter().find(|(stage, _)| stage == "synchronize").map_or(0.0, |(_, seconds)| *seconds);
    println!("recomputed {persons} persons {how}: applied in {applying:.2} s, whole run {:.2} s", measured.seconds);
}

/// A process that is asked to end by itself, and waited for.
fn end(process: &mut Child) -> Result<()> {
    let asked = Command::new("kill").args(["-TERM", &process.id().to_string()]).status()?;
    ensure!(asked.success(), "`muster serve` can't be asked to end");
    let deadline = Instant::now() + Duration::from_secs(40);
    while process.try_wait()?.is_none() {
        if Instant::now() > deadline {
            process.kill()?;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
