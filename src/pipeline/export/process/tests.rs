//! The server's side, with shell scripts in place of the child.

use super::*;
use crate::pipeline::export::message::Limits;
use serde_json::json;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

struct Script {
    folder: tempfile::TempDir,
}

impl Script {
    /// A program that does this with the folder as its current one.
    fn new(body: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        let text = format!("#!/bin/sh\ncd '{}'\n{body}\n", folder.path().display());
        // Written under another name: a program that is still open for writing can't be started.
        std::fs::write(folder.path().join("draft"), text).unwrap();
        std::fs::set_permissions(folder.path().join("draft"), PermissionsExt::from_mode(0o700)).unwrap();
        std::process::Command::new("cp").arg("-p").arg(folder.path().join("draft")).arg(&path).status().unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("program")
    }

    fn wrote(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).unwrap()
    }

    fn perform(&self, time: Option<Duration>) -> Result<Answer, Interrupted> {
        perform(&self.path(), &task(), time, &mut |_| Ok(()))
    }
}

fn task() -> Task {
    let definition = json!({"name": "feed", "kind": "files", "folder": "/srv", "table": []});
    let request = crate::connectors::ConnectionRequest {
        definition: serde_json::from_value(definition).unwrap(),
        secrets: BTreeMap::from([("password".to_owned(), "canary".to_owned())]),
        uploads: BTreeMap::new(),
        mapped_columns: BTreeMap::new(),
        pair_columns: BTreeMap::new(),
        key_columns: BTreeMap::new(),
        matched_columns: BTreeMap::new(),
    };
    Task::new(Operation::Check, request, Limits::default())
}

#[track_caller]
fn refusal(result: Result<Answer, Interrupted>) -> ConnectionError {
    match result {
        Err(Interrupted::Refused(error)) => error,
        Err(Interrupted::Stopped(_)) => panic!("stopped"),
        Ok(_) => panic!("answered"),
    }
}

fn is_alive(pid: &str) -> bool {
    // A zombie is as good as gone.
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn a_child_is_killed_with_its_children_within_a_second() {
    let script = Script::new("sleep 60 & echo $! > inner; echo $$ > outer; wait");
    let mut stop_at = None;
    let result = perform(&script.path(), &task(), None, &mut |_| {
        if script.folder.path().join("outer").exists() && stop_at.is_none() {
            stop_at = Some(Instant::now());
        }
        if stop_at.is_some() { Err(Stopped) } else { Ok(()) }
    });
    assert!(matches!(result, Err(Interrupted::Stopped(_))));
    assert!(stop_at.unwrap().elapsed() < Duration::from_secs(1));
    let deadline = Instant::now() + Duration::from_secs(1);
    while is_alive(&script.wrote("inner")) || is_alive(&script.wrote("outer")) {
        assert!(Instant::now() < deadline, "a process was left");
        std::thread::yield_now();
    }
}

#[test]
fn a_child_that_does_not_answer_in_time_is_killed() {
    let script = Script::new("echo $$ > outer; sleep 60");
    let begun = Instant::now();
    let error = refusal(script.perform(Some(Duration::from_millis(300))));
    assert!(error.transient && error.message.contains("no answer within"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_child_knows_its_task_and_little_of_our_environment() {
    // Cargo sets this one for tests, as an administrator may set secrets.
    assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok());
    let script = Script::new("env > environment; cat > task; echo '{\"answer\":{\"findings\":[]}}'");
    assert!(matches!(script.perform(None), Ok(Answer::Findings(findings)) if findings.is_empty()));
    let environment = script.wrote("environment");
    let names: Vec<_> = environment.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    assert!(names.contains(&"PATH"), "{names:?}");
    let own = ["PWD", "OLDPWD", "SHLVL", "_"];
    assert!(names.iter().all(|name| KNOWN.contains(name) || own.contains(name)), "{names:?}");
    let task: Task = serde_json::from_str(&script.wrote("task")).unwrap();
    assert_eq!(task.request.secrets["password"], "canary");
    assert_eq!(task.parent, std::process::id());
}

#[test]
fn a_child_that_ends_without_a_word_is_an_error_that_says_how() {
    for (body, message) in [
        ("cat > /dev/null; kill -SEGV $$", "was ended by SIGSEGV"),
        ("cat > /dev/null; exit 7", "exit status: 7"),
        ("exit 0", "without an answer"),
        ("echo nonsense", "is not understood"),
        ("echo '{\"error\":{\"place\":\"people.csv, line 2\",\"message\":\"m\",\"transient\":false}}'", "m"),
    ] {
        let error = refusal(Script::new(body).perform(None));
        assert!(error.message.contains(message), "{body}: {error}");
    }
    let error = refusal(perform(Path::new("/nowhere/muster"), &task(), None, &mut |_| Ok(())));
    assert!(error.message.contains("can't be started"), "{error}");
}

#[test]
fn progress_is_heard_in_order() {
    let script = Script::new(
        "cat > /dev/null
         for rows in 1024 2048; do echo \"{\\\"progress\\\":{\\\"table\\\":\\\"feed.people\\\",\\\"rows\\\":$rows}}\"; done
         echo '{\"answer\":{\"exported\":{\"files\":[],\"unchanged\":[]}}}'",
    );
    let mut heard = Vec::new();
    let answer = perform(&script.path(), &task(), None, &mut |news| {
        heard.extend(news.map(|news| (news.table, news.rows)));
        Ok(())
    });
    assert!(matches!(answer, Ok(Answer::Exported { .. })));
    assert_eq!(heard, [("feed.people".to_owned(), 1024), ("feed.people".to_owned(), 2048)]);
}
