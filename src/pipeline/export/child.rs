//! The child process: reads one connection, and nothing else.

use super::message::{Answer, Limits, Message, News, Operation, Task};
use super::observing;
use super::tables::{self, Before};
use crate::connectors::{self, ConnectionError};
use crate::store::{Store, StoreLocation};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The longest task: a document has at most a megabyte.
const LONGEST_TASK: u64 = 64 << 20;

/// Reads a task from `input`, does it, and writes progress and the answer to `output`. It ends with the process that
/// asked. Meant for a process of its own: it sets limits that can't be taken back.
pub fn serve(input: impl Read, mut output: impl Write + Send) -> std::io::Result<()> {
    let message = match read_task(input) {
        Ok(task) => work(task, &mut output),
        Err(message) => Message::Error(ConnectionError::permanent("export-child", message)),
    };
    send(&mut output, &message)
}

fn read_task(input: impl Read) -> Result<Task, String> {
    let mut line = Vec::new();
    BufReader::new(input.take(LONGEST_TASK)).read_until(b'\n', &mut line).map_err(|error| error.to_string())?;
    let task: Task = serde_json::from_slice(&line)
        .map_err(|error| format!("this command is for Muster itself and expects a task on stdin: {error}"))?;
    confine(&task.limits).map_err(|error| format!("the process can't be confined: {error}"))?;
    // Whoever asked may have ended before we asked to be told.
    if nix::unistd::getppid().as_raw() != i32::try_from(task.parent).unwrap_or(-1) {
        return Err("the process that asked is gone".into());
    }
    Ok(task)
}

fn confine(limits: &Limits) -> nix::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    for (resource, limit) in
        [(Resource::RLIMIT_AS, limits.memory), (Resource::RLIMIT_NOFILE, limits.files), (Resource::RLIMIT_CORE, 0)]
    {
        setrlimit(resource, limit, limit)?;
    }
    Ok(())
}

/// A panic becomes an error with its place in our code. What it says may hold data of persons and is kept to itself.
fn work(task: Task, output: &mut (impl Write + Send)) -> Message {
    static PANICKED_AT: Mutex<String> = Mutex::new(String::new());
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        *PANICKED_AT.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }));
    let connection = task.request.definition.name.clone();
    match catch_unwind(AssertUnwindSafe(|| perform(task, output))) {
        Ok(Ok(answer)) => Message::Answer(answer),
        Ok(Err(error)) => Message::Error(error),
        Err(_) => {
            let place = PANICKED_AT.lock().unwrap_or_else(PoisonError::into_inner);
            let message = format!("what was read could not be understood, through a defect of Muster itself ({place})");
            Message::Error(ConnectionError::permanent(format!("connection {connection:?}"), message))
        }
    }
}

fn perform(task: Task, output: &mut (impl Write + Send)) -> Result<Answer, ConnectionError> {
    let request = &task.request;
    let Some(kind) = connectors::kind(&request.definition.kind) else {
        let message = format!("there is no kind {:?}", request.definition.kind);
        return Err(ConnectionError::permanent(format!("connection {:?}", request.definition.name), message));
    };
    match task.operation {
        Operation::Check => kind.check(request).map(Answer::Findings),
        Operation::Tables => kind.tables(request).map(Answer::Tables),
        Operation::Discover => kind.discover(request).map(Answer::Discovered),
        Operation::SignIn(wish) => kind.sign_in(request, &wish).map(Answer::SignedIn),
        Operation::Observe { rows } => observing::observe(kind, request, rows).map(Answer::Observed),
        Operation::Export { store, prefix, readers, known, instead } => {
            instead.map_or(Ok(()), |since| kind.check_instead(request, &since))?;
            let store = open(&store)?;
            let told = Mutex::new((Instant::now(), output));
            tables::export(kind, request, &store, &prefix, &readers, &known, &|table, rows| tell(&told, table, rows))
        }
        Operation::Changes { store, prefix, since, past } => {
            let store = open(&store)?;
            let told = Mutex::new((Instant::now(), output));
            let before = Before { since, past };
            tables::export_changes(kind, request, &store, &prefix, before, &|table, rows| tell(&told, table, rows))
        }
    }
}

fn open(store: &StoreLocation) -> Result<Store, ConnectionError> {
    Store::at(store).map_err(|error| ConnectionError::transient("extraction store", error.to_string()))
}

/// Tells of rows read, ten times a second at most.
fn tell(told: &Mutex<(Instant, &mut (impl Write + Send))>, table: &str, rows: u64) {
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    if told.0.elapsed() >= Duration::from_millis(100) {
        told.0 = Instant::now();
        // Nobody reads any more: the server is gone, and we are about to be.
        let _ = send(told.1, &Message::Progress(News { table: table.to_owned(), rows }));
    }
}

fn send(output: &mut impl Write, message: &Message) -> std::io::Result<()> {
    serde_json::to_writer(&mut *output, message)?;
    output.write_all(b"\n")?;
    output.flush()
}
