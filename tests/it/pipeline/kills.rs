//! SIGKILL at random moments of runs over 20,000 users, twenty times: what is stored in the end is what undisturbed
//! runs store, and a revert leads back to where it began. `KILLS_SEED` repeats the moments of an earlier test.

use super::directory_example::Company;
use super::stored::{count, lines, report, state};
use crate::support::directory::Organization;
use crate::support::program::Program;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

#[path = "../../../benches/yardstick/feed.rs"]
#[allow(dead_code, unused_imports)]
mod feed;

const USERS: u64 = 20_000;
/// Take-over within 30 s is the promise; the rest is for a machine that does many other things at once.
const TAKE_OVER: Duration = Duration::from_secs(30 + 15);
/// The end of a stage that nobody disturbs.
const OVER: Duration = Duration::from_secs(180);

/// How many kills hit each part of a scenario: the first load until it is blocked, its synchronization, day 2, and the
/// revert of day 2.
const SCENARIOS: [[usize; PARTS]; 4] = [[2, 1, 1, 1], [1, 2, 1, 1], [1, 1, 2, 1], [1, 1, 1, 2]];
const PARTS: usize = 4;
/// How each part begins, of which run it is, and how that ends.
const STARTS: [(&[&str], i32, &str); PARTS] = [
    (&["run", "bench"], 1, "blocked"),
    (&["resume", "1"], 1, "completed"),
    (&["run", "bench"], 2, "completed_with_problems"),
    (&["revert", "2"], 3, "completed"),
];

#[test]
fn twenty_kills_leave_no_trace() {
    let seed: u64 = std::env::var("KILLS_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("KILLS_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    let expected = feed::write(folder.path(), USERS, 1).unwrap();
    let undisturbed = Undisturbed::new(folder.path());
    for (run, expected) in undisturbed.runs.iter().zip([&expected.first, &expected.delta]) {
        is_as_expected(run, expected);
    }
    let hits: usize = std::thread::scope(|scope| {
        let scenarios: Vec<_> = (0..)
            .zip(SCENARIOS)
            .map(|(number, kills)| {
                let (undisturbed, folder) = (&undisturbed, folder.path());
                scope.spawn(move || scenario(number, kills, Dice(seed ^ number), undisturbed, folder))
            })
            .collect();
        scenarios.into_iter().map(|scenario| scenario.join().unwrap()).sum()
    });
    println!("{hits} of 20 kills hit a stage at work");
    assert!(hits >= 10, "only {hits} of 20 kills hit a stage at work");
}

/// Figures of a run that are known from how the feed was made.
fn is_as_expected(run: &Value, expected: &feed::Outcome) {
    for (list, all) in [("entity_types", &expected.entity_types), ("associations", &expected.associations)] {
        for (name, figures) in all {
            let found = run[list].as_array().unwrap().iter().find(|one| one["name"] == **name).unwrap();
            for (figure, value) in figures {
                assert_eq!(found[figure], *value, "{figure} of {name} in {run}");
            }
        }
    }
    for (figure, value) in &expected.persons {
        assert_eq!(run["persons"][figure], *value, "{figure} of persons in {run}");
    }
}

/// All parts without any kill.
struct Undisturbed {
    runs: [Value; 3],
    /// How long each part took.
    took: [Duration; PARTS],
    end: Vec<String>,
}

impl Undisturbed {
    fn new(feed: &Path) -> Self {
        let muster = installed(feed);
        let part = |part: usize| {
            let (start, _, end) = STARTS[part];
            let began = Instant::now();
            let ran = muster.run(&[start, &["--wait", "--json"]].concat());
            (report(&ran.exited(if end == "blocked" { 3 } else { 0 })), began.elapsed())
        };
        let (_, prepared) = part(0);
        let (first, synchronized) = part(1);
        let before = state(&muster);
        bring(feed, "day2", &muster);
        let (delta, second) = part(2);
        assert_ne!(state(&muster), before);
        let (revert, reverted) = part(3);
        assert_eq!(state(&muster), before, "a revert leads back");
        let took = [prepared, synchronized, second, reverted];
        Self { runs: [first, delta, revert], took, end: everything(&muster) }
    }
}

fn installed(feed: &Path) -> Program {
    let muster = Program::new();
    fs::create_dir(muster.folder.path().join("feed")).unwrap();
    bring(feed, "day1", &muster);
    let document = include_str!("../../../benches/b.toml").replace("first_run = false", "first_run = true");
    fs::write(muster.folder.path().join("b.toml"), document).unwrap();
    muster.run(&["apply", "b.toml"]).succeeded();
    muster
}

fn bring(feed: &Path, day: &str, muster: &Program) {
    for name in ["users.csv", "orgs.csv", "groups.csv", "memberships.csv"] {
        fs::copy(feed.join(day).join(name), muster.folder.path().join("feed").join(name)).unwrap();
    }
}

/// One database through all parts, killed again and again; returns how many kills hit a stage at work.
fn scenario(number: u64, kills: [usize; PARTS], mut dice: Dice, undisturbed: &Undisturbed, feed: &Path) -> usize {
    let muster = installed(feed);
    let mut hits = 0;
    for (part, (start, run, end)) in STARTS.into_iter().enumerate() {
        if part == 2 {
            bring(feed, "day2", &muster);
        }
        // The first worker to die may be the command itself.
        let mut first = None;
        if number % 2 == part as u64 % 2 {
            first = Some(spawn(&muster, &[start, &["--wait"]].concat()));
        } else {
            muster.run(start).succeeded();
        }
        let mut killed: Option<(Instant, i32)> = None;
        for kill in 0..kills[part] {
            let worker = first.take().unwrap_or_else(|| spawn(&muster, &["serve", "--role", "worker"]));
            taken_up(&muster, run, killed);
            if part == 1 {
                // Who dies before having decided leaves a run that rests.
                let decided = "select count(*) from decisions where run_id = 1";
                wait(TAKE_OVER, "the decision", || count(&muster, decided) == 1);
            }
            let share = if kill == 0 { 80 } else { 50 };
            std::thread::sleep(undisturbed.took[part] * dice.below(share) / 100);
            let (state, epoch, at_work) = standing(&muster, run);
            slay(worker);
            println!("scenario {number}, part {part}: killed while {state}, at work: {at_work}");
            hits += usize::from(at_work);
            killed = Some((Instant::now(), epoch));
        }
        let last = spawn(&muster, &["serve", "--role", "worker"]);
        taken_up(&muster, run, killed);
        wait(OVER, "the end of the run", || rests(&standing(&muster, run).0));
        let ended = report(&muster.run(&["show", &run.to_string(), "--json"]).succeeded());
        assert_eq!(ended["state"], end, "{ended}");
        stop(last);
    }
    let report = |run: &str| report(&muster.run(&["show", run, "--json"]).succeeded());
    for (run, undisturbed) in ["1", "2", "3"].map(report).iter().zip(&undisturbed.runs) {
        for part in ["state", "entity_types", "associations", "persons", "problems", "breaches"] {
            assert_eq!(run[part], undisturbed[part], "{part} in scenario {number}");
        }
    }
    same(&everything(&muster), &undisturbed.end, number);
    // A server that starts cleans up what dead ones have left.
    let last = spawn(&muster, &["serve", "--role", "worker"]);
    wait(OVER, "the clean-up", || {
        count(&muster, "select count(*) from pg_namespace where nspname like 'run\\_%'") == 0
    });
    stop(last);
    assert_eq!(count(&muster, "select count(*) from leases"), 0);
    hits
}

#[track_caller]
fn same(found: &[String], wanted: &[String], scenario: u64) {
    if found != wanted {
        let (found, wanted): (BTreeSet<_>, BTreeSet<_>) = (found.iter().collect(), wanted.iter().collect());
        let extra: Vec<_> = found.difference(&wanted).take(5).collect();
        let lost: Vec<_> = wanted.difference(&found).take(5).collect();
        panic!("scenario {scenario}: too much: {extra:#?}; missing: {lost:#?}; or lines that stand there twice");
    }
}

/// All that two installations that did the same have in common: what is stored, its history, problems, runs, decisions,
/// and what was told to others.
fn everything(muster: &Program) -> Vec<String> {
    let mut all = state(muster);
    all.extend(lines(
        muster,
        "with named as (
           select r.id, e.name || ':' || r.key as key from resources r join entity_types e on e.id = r.entity_type_id
           union
           select h.id, e.name || ':' || h.key from resources_history h join entity_types e on e.id = h.entity_type_id
         )
         select concat_ws(' ', 'written', n.key, r.run_id, r.line, (d.digest is null), (d.links_digest is null))
           from resources r join named n on n.id = r.id join digested_resources d on d.id = r.id
         union all
         select concat_ws(' ', 'old', n.key, h.run_id, h.ended_by_run_id, h.line, h.attributes)
           from resources_history h join named n on n.id = h.id
         union all
         select concat_ws(' ', 'old link', h.association_id, f.key, t.key, h.run_id, h.ended_by_run_id)
           from links_history h join named f on f.id = h.from_id join named t on t.id = h.to_id
         union all
         select concat_ws(' ', 'old person', state, operation, run_id, ended_by_run_id, fields, provenance)
           from persons_history
         union all
         select concat_ws(' ', 'provenance', fields ->> 'employee_id', provenance, created_run_id, run_id) from persons
         union all
         select concat_ws(' ', 'problem', run_id, scope, file, line, column_name, key, value, code, message)
           from problems
         union all
         select concat_ws(' ', 'change', run_id, coalesce(entity_type_id, association_id), operation, key, to_key,
                          before_to_key, before, after, new_person) from changes
         union all
         select concat_ws(' ', 'told', run_id, kind, operation, count(*)) from outbox group by run_id, kind, operation
         union all
         select concat_ws(' ', 'run', id, state, counters, breaches, (pending_schema is null)) from runs
         union all
         select concat_ws(' ', 'task', run_id, stage, state, rows) from tasks
         union all
         select concat_ws(' ', 'decision', run_id, decision, decided_by) from decisions
         union all
         select concat_ws(' ', 'audit', action, subject) from audit
         union all
         select concat_ws(' ', 'connector', name, state_version, applied_run_id) from connectors
         union all
         select concat_ws(' ', 'extractions', count(*)) from extractions",
    ));
    all
}

/// State and epoch of a run, and whether a worker holds it.
fn standing(muster: &Program, run: i32) -> (String, i32, bool) {
    let line = lines(
        muster,
        &format!(
            "select concat_ws(' ', r.state, r.epoch, exists (select from leases l where l.run_id = r.id))
               from runs r where r.id = {run}"
        ),
    )
    .pop();
    // The command that starts the run may not have got that far.
    let Some(line) = line else { return ("unborn".to_owned(), 0, false) };
    let mut words = line.split(' ');
    let mut next = || words.next().unwrap().to_owned();
    (next(), next().parse().unwrap(), next() == "t")
}

fn rests(state: &str) -> bool {
    ["blocked", "completed", "completed_with_problems", "failed", "cancelled", "discarded"].contains(&state)
}

/// Waits until a worker has the run; after a kill, a claim newer than that of the dead.
fn taken_up(muster: &Program, run: i32, killed: Option<(Instant, i32)>) {
    let since = killed.map_or_else(Instant::now, |(at, _)| at);
    let old = killed.map_or(-1, |(_, epoch)| epoch);
    wait(TAKE_OVER.saturating_sub(since.elapsed()), "another worker", || {
        let (state, epoch, at_work) = standing(muster, run);
        (at_work && epoch > old) || (rests(&state) && (killed.is_some() || epoch > 0))
    });
}

#[track_caller]
fn wait(at_most: Duration, what: &str, mut over: impl FnMut() -> bool) {
    let deadline = Instant::now() + at_most;
    while !over() {
        assert!(Instant::now() < deadline, "waited {at_most:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn spawn(muster: &Program, arguments: &[&str]) -> Child {
    muster.command(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// SIGKILL; the processes that it had started must die with it.
fn slay(mut worker: Child) {
    let children = children(worker.id());
    worker.kill().unwrap();
    worker.wait().unwrap();
    wait(Duration::from_secs(5), "the end of its children", || !children.iter().any(|&child| lives(child)));
}

fn stop(mut worker: Child) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(worker.id() as i32), nix::sys::signal::Signal::SIGTERM).unwrap();
    wait(Duration::from_secs(30), "the worker's own end", || worker.try_wait().unwrap().is_some());
}

/// Parent and state (`R`, `S`, `Z`, …) of a process, as proc(5) has them.
fn process(pid: u32) -> Option<(u32, char)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut words = stat.rsplit_once(')')?.1.split_whitespace();
    let state = words.next()?.chars().next()?;
    Some((words.next()?.parse().ok()?, state))
}

fn lives(pid: u32) -> bool {
    process(pid).is_some_and(|(_, state)| state != 'Z')
}

fn children(parent: u32) -> Vec<u32> {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| process(pid).is_some_and(|(of, _)| of == parent))
        .collect()
}

/// SplitMix64: the same moments for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed >> 32) as u32) % bound
    }
}

#[test]
fn a_reading_process_dies_with_its_worker() {
    let company = Company::new(&Organization { users: 50, groups: 0, staff: 0 }.ldif());
    let muster = &company.muster;
    company.directory.pause();
    muster.run(&["run", "directory"]).succeeded();
    let worker = spawn(muster, &["serve", "--role", "worker"]);
    wait(TAKE_OVER, "the reading process", || !children(worker.id()).is_empty());
    let (_, epoch, _) = standing(muster, 1);
    slay(worker);
    let killed = Instant::now();

    company.directory.resume();
    let next = spawn(muster, &["serve", "--role", "worker"]);
    taken_up(muster, 1, Some((killed, epoch)));
    wait(OVER, "the end of the run", || rests(&standing(muster, 1).0));
    stop(next);
    let run = report(&muster.run(&["show", "1", "--json"]).succeeded());
    assert_eq!((run["state"].as_str(), run["entity_types"][0]["inserted"].as_u64()), (Some("blocked"), Some(50)));
    assert_eq!(count(muster, "select count(*) from extractions"), 1);
}
