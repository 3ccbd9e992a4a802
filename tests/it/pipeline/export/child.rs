//! The child process itself: it ends with whoever asked, and stays within its limits.

use super::{Workshop, people_in_a_folder, people_of_a_silent_directory};
use muster::document;
use muster::pipeline::TaskError;
use muster::pipeline::export::requests;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_muster");

/// The task that is given to a child, as the server writes it.
fn task(document: &str, memory: u64, parent: &str) -> String {
    let definition = document::connector(document).unwrap();
    let request = requests(&definition, &HashMap::new()).unwrap().remove(0);
    let limits = json!({"memory": memory, "files": 256});
    let task = json!({"operation": "tables", "request": request, "limits": limits, "parent": 0});
    task.to_string().replace("\"parent\":0", &format!("\"parent\":{parent}")) + "\n"
}

fn child(task: &str) -> Child {
    let mut child = Command::new(PROGRAM)
        .arg("export-child")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(task.as_bytes());
    child
}

#[test]
fn a_child_ends_with_the_process_that_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let document = people_of_a_silent_directory(listener.local_addr().unwrap().port());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("task"), task(&document, 2 << 30, "PARENT")).unwrap();
    let script = "sed \"s/PARENT/$$/\" task > for_me; \"$0\" export-child < for_me & echo $!; wait";
    let mut parent = Command::new("sh")
        .args(["-c", script, PROGRAM])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pid = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut pid).unwrap();
    let _connection = listener.accept().unwrap();
    let stat = format!("/proc/{}/stat", pid.trim());
    assert!(std::fs::read_to_string(&stat).unwrap().contains("(muster)"), "it waits for the directory");
    parent.kill().unwrap();
    parent.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(2);
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(Instant::now() < deadline, "the child lives on");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_child_works_for_nobody_but_the_process_that_started_it() {
    let place = tempfile::tempdir().unwrap();
    let document = people_in_a_folder()
        .replace("\"feed\"\n[[connection.table]]", &format!("{:?}\n[[connection.table]]", place.path()));
    for task in [task(&document, 2 << 30, "1"), "nonsense\n".to_owned(), String::new()] {
        let output = child(&task).wait_with_output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["error"]["place"], "export-child", "{answer}");
    }
}

#[test]
fn memory_ends_before_the_machine_does() {
    let place = tempfile::tempdir().unwrap();
    let mut content = b"id,name\n1,\"".to_vec();
    content.resize(15 << 20, b'x');
    content.extend_from_slice(b"\"\n");
    std::fs::write(place.path().join("people.csv"), content).unwrap();
    let document = people_in_a_folder().replace("folder = \"feed\"", &format!("folder = {:?}", place.path()));
    let own = std::process::id().to_string();
    let enough = child(&task(&document, 2 << 30, &own)).wait_with_output().unwrap();
    assert!(enough.status.success());
    let answer: Value = serde_json::from_slice(&enough.stdout).unwrap();
    assert_eq!(answer["answer"]["tables"][0]["columns"][1]["name"], "name");
    let little = child(&task(&document, 24 << 20, &own)).wait_with_output().unwrap();
    assert!(!little.status.success() || serde_json::from_slice::<Value>(&little.stdout).unwrap()["error"].is_object());
    assert!(!little.status.core_dumped());
}

#[test]
fn a_program_that_dies_is_told_of_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("feed")).unwrap();
    std::fs::write(place.path().join("feed/people.csv"), "id,name\n1,a\n").unwrap();
    let mut workshop = Workshop::new(&people_in_a_folder(), place.path());
    workshop.context.program = "/bin/false".into();
    match workshop.export() {
        Err(TaskError::Failed { place, message, transient }) => {
            assert_eq!(place, "connection \"feed\"");
            assert!(transient && message.contains("without an answer"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert!(workshop.extraction().is_none());
}
