//! How a command ends.

use std::process::ExitCode;

/// The exit codes of SPEC 9.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: failed; of `diff`: it differs.
    Failed,
    /// 2: the command line or the environment is wrong; of `diff`: any error.
    Usage,
    /// 3: a guard has stopped the run.
    Blocked,
    /// 4: there is no such connector, run, user or file.
    NotFound,
    /// 5: something else is in the way, such as a run that is not over.
    Conflict,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        let code: u8 = match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Blocked => 3,
            Exit::NotFound => 4,
            Exit::Conflict => 5,
        };
        code.into()
    }
}

/// An error that knows its exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The exit code.
    pub exit: Exit,
    /// What is wrong, where, and what to do.
    pub message: String,
}

impl Refusal {
    /// 1: it failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into() }
    }

    /// 2: what was written on the command line can't be.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }

    /// 4: there is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { exit: Exit::NotFound, message: message.into() }
    }

    /// 5: something else is in the way.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self { exit: Exit::Conflict, message: message.into() }
    }
}
