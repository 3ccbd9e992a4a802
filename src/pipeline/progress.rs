//! What a task tells while it works, and what it is told: shared with the heartbeat, which writes and reads it on a
//! connection of its own.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Progress of one task, and the wish that it stop.
#[derive(Debug, Default)]
pub struct Progress {
    rows: AtomicU64,
    total: AtomicU64,
    step: Mutex<String>,
    stop: AtomicBool,
}

/// The task was told to stop: a person cancelled it, the server shuts down, or the claim was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the task was told to stop")]
pub struct Stopped;

impl Progress {
    /// Begins a step, in words for the page, with the number of rows it will pass (0: unknown).
    pub fn begin(&self, step: impl Into<String>, total: u64) {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = step.into();
        self.rows.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// Sets how many rows the current step has passed, and tells whether to go on. Called every few thousand rows.
    pub fn at(&self, rows: u64) -> Result<(), Stopped> {
        self.rows.store(rows, Ordering::Relaxed);
        self.go_on()
    }

    /// Tells whether to go on.
    pub fn go_on(&self) -> Result<(), Stopped> {
        if self.stop.load(Ordering::Relaxed) { Err(Stopped) } else { Ok(()) }
    }

    /// Asks the task to stop at its next look.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Step, rows passed, rows in all (0: unknown).
    pub fn read(&self) -> (String, u64, u64) {
        let step = self.step.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (step, self.rows.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }
}
