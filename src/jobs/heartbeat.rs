//! The heartbeat of a claim: renews the lease, tells how far the task is, hears that it shall stop. A thread and a
//! connection of its own, so that it never waits for the work's transaction.

use super::stop::Stop;
use crate::db::{self, backend};
use crate::model::claim::Claim;
use crate::model::lease::{self, Beat, ProgressReport};
use crate::model::run_log;
use crate::pipeline::progress::Progress;
use diesel::pg::PgConnection;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a worker may be silent before its run is taken over.
pub const LEASE: Duration = Duration::from_secs(15);
const RENEW_EVERY: Duration = Duration::from_secs(3);
const TICK: Duration = Duration::from_millis(300);

/// Why a task was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// A person cancelled the run.
    Cancelled,
    /// This process stops.
    Shutdown,
    /// The claim is no longer ours, or the database was silent for as long as a lease lasts.
    Lost,
}

/// A heartbeat at work.
pub struct Heartbeat {
    end: mpsc::Sender<()>,
    thread: JoinHandle<Option<StopReason>>,
}

impl Heartbeat {
    /// Begins to beat for `claim`.
    pub fn start(database_url: &str, claim: &Claim, progress: Arc<Progress>, stop: Stop) -> std::io::Result<Heartbeat> {
        let (end, ended) = mpsc::channel();
        let mut beating = Beating {
            database_url: database_url.to_owned(),
            claim: claim.clone(),
            progress,
            stop,
            connection: None,
            renewed: Instant::now(),
            told: ProgressReport::default(),
            told_at: Instant::now(),
            reason: None,
        };
        let thread = std::thread::Builder::new().name("heartbeat".into()).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(TICK) {
                beating.tick();
            }
            beating.reason
        })?;
        Ok(Heartbeat { end, thread })
    }

    /// Ends it. The result tells whether the task had been told to stop.
    pub fn end(self) -> Option<StopReason> {
        drop(self.end);
        self.thread.join().unwrap_or(None)
    }
}

struct Beating {
    database_url: String,
    claim: Claim,
    progress: Arc<Progress>,
    stop: Stop,
    connection: Option<PgConnection>,
    renewed: Instant,
    told: ProgressReport,
    told_at: Instant,
    reason: Option<StopReason>,
}

impl Beating {
    fn tick(&mut self) {
        match self.beat() {
            Ok(Beat::Held) => {}
            Ok(Beat::CancelRequested) => self.tell(StopReason::Cancelled),
            Ok(Beat::Lost) => self.tell(StopReason::Lost),
            Err(error) => {
                // The connection may be broken: the next tick makes a new one.
                self.connection = None;
                tracing::debug!(run.id = self.claim.run.0, error = %error, "a heartbeat failed");
                if self.renewed.elapsed() > LEASE {
                    self.tell(StopReason::Lost);
                }
            }
        }
        if self.stop.is_asked() {
            self.tell(StopReason::Shutdown);
        }
        if self.reason.is_some() {
            self.progress.stop();
            self.interrupt();
        }
    }

    /// The first reason stays, except that a lost claim outweighs all: then nothing may be written any more.
    fn tell(&mut self, reason: StopReason) {
        if self.reason.is_none() || reason == StopReason::Lost {
            self.reason = Some(reason);
        }
    }

    fn beat(&mut self) -> Result<Beat, Box<dyn std::error::Error>> {
        let report = self.report();
        let moved = (&report.step, report.rows, report.total) != (&self.told.step, self.told.rows, self.told.total);
        let due = self.renewed.elapsed() >= RENEW_EVERY;
        let conn = match &mut self.connection {
            Some(conn) => conn,
            none => none.insert(db::connect(&self.database_url, "muster heartbeat")?),
        };
        if !moved && !due {
            return Ok(lease::look(conn, &self.claim)?);
        }
        let beat = lease::renew(conn, &self.claim, LEASE.as_secs_f64(), moved.then_some(&report))?;
        self.renewed = Instant::now();
        if moved {
            run_log::notify(conn, self.claim.run)?;
            self.told = report;
            self.told_at = Instant::now();
        }
        Ok(beat)
    }

    fn report(&self) -> ProgressReport {
        let (step, rows, total) = self.progress.read();
        let seconds = self.told_at.elapsed().as_secs_f64();
        let rate = if step == self.told.step && rows >= self.told.rows && seconds > 0.0 {
            let latest = (rows - self.told.rows) as f64 / seconds;
            // Smoothed, so that the estimate on the page does not jump.
            if self.told.rate > 0.0 { 0.7 * self.told.rate + 0.3 * latest } else { latest }
        } else {
            0.0
        };
        ProgressReport { step, rows, total, rate }
    }

    /// Interrupts the statements that run under the claim, so that the task hears of the wish at once; when we stop, what
    /// is done after its end, too.
    fn interrupt(&mut self) {
        let Some(conn) = &mut self.connection else { return };
        let mut interrupted = backend::interrupt(conn, &self.claim.application_name());
        if self.stop.is_asked() {
            interrupted = interrupted.and_then(|()| backend::interrupt(conn, &self.claim.afterwards_name()));
        }
        if let Err(error) = interrupted {
            tracing::debug!(run.id = self.claim.run.0, error = %error, "statements could not be interrupted");
            self.connection = None;
        }
    }
}
