//! The server's side of a child process: start, listen, stop within a second.

use super::message::{Answer, Message, News, Operation, Task};
use crate::connectors::ConnectionError;
use crate::pipeline::progress::Stopped;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

/// How often the wish to stop is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The longest line of a child: the manifest of an extraction.
const LONGEST_LINE: u64 = 256 << 20;

/// What a child may know of our environment. Everything else, secrets and the database's address above all, stays here.
const KNOWN: &[&str] = &["PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Why there is no answer.
pub(super) enum Interrupted {
    /// It was told to stop.
    Stopped(Stopped),
    /// The connection can't be read, or the child ended without a word.
    Refused(ConnectionError),
}

/// Has a child do the task. `tell` hears of progress, and `None` ten times a second; when it says so, or when the time
/// is over, the child is killed.
pub(super) fn perform(
    program: &Path,
    task: &Task,
    time: Option<Duration>,
    tell: &mut dyn FnMut(Option<News>) -> Result<(), Stopped>,
) -> Result<Answer, Interrupted> {
    let place = format!("connection {:?}", task.request.definition.name);
    let refused = |message: String| Interrupted::Refused(ConnectionError::transient(&place, message));
    let deadline = time.map(|time| Instant::now() + time);
    let (mut running, messages) = begin(program, task)
        .map_err(|error| refused(format!("the process that reads it can't be started: {error}")))?;
    loop {
        match messages.recv_timeout(LOOK_EVERY) {
            Ok(Ok(Message::Progress(news))) => tell(Some(news)).map_err(Interrupted::Stopped)?,
            Ok(Ok(Message::Answer(answer))) => return Ok(answer),
            Ok(Ok(Message::Error(error))) => return Err(Interrupted::Refused(error)),
            Ok(Err(error)) => return Err(refused(format!("what the reading process says is not understood: {error}"))),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let status = running.wait().map_err(|error| refused(error.to_string()))?;
                return Err(refused(obituary(status, task)));
            }
        }
        tell(None).map_err(Interrupted::Stopped)?;
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            let seconds = time.unwrap_or_default().as_secs();
            return Err(refused(format!("there was no answer within {seconds} seconds")));
        }
    }
}

/// An answer to another question than the one that was asked.
pub(super) fn unexpected(_answer: &Answer) -> ConnectionError {
    ConnectionError::permanent("export-child", "gave another answer than was asked for; is it of another version?")
}

/// A child that is killed, with all it may have started, and waited for when it is dropped.
struct Running(Child);

impl Running {
    fn wait(&mut self) -> io::Result<ExitStatus> {
        self.0.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            // It leads a process group of its own, and is not waited for yet: the id can't be somebody else's.
            if let Ok(group) = i32::try_from(self.0.id()) {
                let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
            }
            let _ = self.0.wait();
        }
    }
}

type Line = io::Result<Message>;

fn begin(program: &Path, task: &Task) -> io::Result<(Running, mpsc::Receiver<Line>)> {
    let question = {
        let mut question = serde_json::to_vec(task)?;
        question.push(b'\n');
        zeroize::Zeroizing::new(question)
    };
    let mut command = Command::new(program);
    command.arg("export-child").env_clear().process_group(0);
    command.envs(std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(|name| is_known(name, task))));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut running = Running(command.spawn()?);
    let pipes = (running.0.stdin.take(), running.0.stdout.take());
    let (Some(input), Some(output)) = pipes else { return Err(io::ErrorKind::BrokenPipe.into()) };
    // A few lines at most wait to be heard; a child that talks faster waits.
    let (sender, messages) = mpsc::sync_channel(16);
    std::thread::Builder::new()
        .name("muster-export".into())
        .spawn(move || converse(input, &question, output, sender))?;
    Ok((running, messages))
}

/// The store's credentials are for the child that writes there.
fn is_known(name: &str, task: &Task) -> bool {
    let writes_to_s3 = matches!(&task.operation, Operation::Export { store, .. } if store.0.starts_with("s3"));
    KNOWN.contains(&name) || (writes_to_s3 && name.starts_with("AWS_"))
}

fn converse(mut input: ChildStdin, question: &[u8], output: ChildStdout, sender: SyncSender<Line>) {
    // Should the child be gone already, its silence says so.
    let _ = input.write_all(question);
    drop(input);
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        let message = match output.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => serde_json::from_slice(&line).map_err(io::Error::from),
            Err(error) => Err(error),
        };
        if sender.send(message).is_err() {
            return;
        }
    }
}

/// What to say of a child that ended without an answer.
fn obituary(status: ExitStatus, task: &Task) -> String {
    match status.signal() {
        Some(signal) => {
            let name = Signal::try_from(signal).map_or_else(|_| signal.to_string(), |signal| signal.to_string());
            let memory = task.limits.memory >> 20;
            format!(
                "the process that reads it was ended by {name}: what the source sent may have been too much for its \
                 {memory} MiB of memory, or malformed"
            )
        }
        None => format!("the process that reads it ended with {status} and without an answer"),
    }
}

#[cfg(test)]
mod tests;
