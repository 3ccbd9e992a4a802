//! The graceful stop.

use super::office::{Office, passes};
use crate::support::program::Program;
use muster::jobs::stop::Stop;
use muster::model::run::RunState;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
fn a_server_that_stops_gives_its_runs_back() {
    let mut office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    office.serve(Arc::new(|_, _, progress| {
        loop {
            progress.go_on()?;
            std::thread::sleep(Duration::from_millis(5));
        }
    }));
    office.wait_for_state(run, RunState::Exporting);
    office.stop.stop();
    office.wait_for(run, |_| office.count("leases") == 0);
    let given_back = office.run(run);
    assert_eq!((given_back.state, given_back.failure), (RunState::Exporting, None));

    // Another server on the same database goes on.
    office.stop = Stop::default();
    office.serve(passes(office.context.enqueue.clone()));
    office.wait_for_state(run, RunState::Completed);
}

#[test]
fn sigterm_ends_a_worker_with_exit_code_0() {
    ends_with_exit_code_0(&["serve", "--role", "worker"], "Muster works");
}

#[test]
fn sigterm_ends_a_server_with_exit_code_0() {
    ends_with_exit_code_0(&["serve"], "http://127.0.0.1:");
}

#[track_caller]
fn ends_with_exit_code_0(command: &[&str], ready: &str) {
    let program = Program::new();
    let mut server = program.command(command).env("MUSTER_LISTEN", "127.0.0.1:0").spawn().unwrap();
    let mut messages = BufReader::new(server.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(ready) {
        line.clear();
        assert!(messages.read_line(&mut line).unwrap() > 0, "the server ended by itself");
    }
    let drain = std::thread::spawn(move || std::io::copy(&mut messages, &mut std::io::sink()));
    let asked = Instant::now();
    kill(Pid::from_raw(i32::try_from(server.id()).unwrap()), Signal::SIGTERM).unwrap();
    let ended = server.wait().unwrap();
    drain.join().unwrap().unwrap();
    assert_eq!(ended.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(25));
}
