//! The schedule: every server ticks, each slot (job, due time) starts once.
//!
//! A slot and the runs that it starts are written in one transaction, so that a server which dies in between has done
//! nothing, and the next tick of any server does it.

mod cron;
mod slot;

pub use cron::{CronError, JobTimes};

use super::stop::Stop;
use super::{feeds, retries};
use crate::db::{Db, DbConnection};
use crate::model::claim::Enqueue;
use crate::model::job::{self, Job};
use crate::model::job_slot::{self, SlotOutcome};
use crate::model::run::Mode;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;
use std::time::Duration;

const TICK: Duration = Duration::from_secs(2);
/// A slot that was missed for longer than this is gone.
const MISSED_AT_MOST: TimeDelta = TimeDelta::days(1);

/// Why a tick came to nothing; the next one tries again.
#[derive(Debug, thiserror::Error)]
#[error("jobs could not be looked after: {0}")]
pub struct ScheduleError(#[from] diesel::result::Error);

/// The memory of one server's ticks.
pub struct Schedule {
    server: String,
    enqueue: Enqueue,
    /// The jobs as the last tick saw them; none before the first.
    seen: Option<BTreeMap<String, Job>>,
}

impl Schedule {
    /// A schedule that signs its slots with the server's name.
    pub fn new(server: &str, enqueue: Enqueue) -> Self {
        Self { server: server.to_owned(), enqueue, seen: None }
    }

    /// Starts what is due at `now`, by the database's clock: the last due time of each job, if nobody has taken it and
    /// it is less than a day old. Due times from before a job was defined, changed or switched on are passed over.
    pub fn tick(&mut self, conn: &mut DbConnection, now: DateTime<Utc>) -> Result<(), ScheduleError> {
        let jobs: Vec<Job> = job::list(conn)?.into_iter().filter(|job| job.enabled).collect();
        let mut timed = Vec::new();
        for job in &jobs {
            match JobTimes::of(job) {
                Ok(times) => timed.push((job, times)),
                Err(error) => tracing::warn!(job.name = job.name, error = %error, "the job can't be scheduled"),
            }
        }
        // Where two are due at once the complete one goes first.
        timed.sort_by_key(|(job, _)| job.mode != Mode::Complete.as_str());
        for (job, times) in &timed {
            let Some(due_at) = times.last_until(now) else { continue };
            if job_slot::is_taken(conn, &job.name, due_at)? {
                continue;
            }
            let changed = self.seen.as_ref().is_some_and(|seen| seen.get(&job.name) != Some(job));
            if changed || !job_slot::has_any(conn, &job.name)? || now - due_at >= MISSED_AT_MOST {
                self.pass_over(conn, job, due_at)?;
                continue;
            }
            let complete: Vec<&JobTimes> =
                timed.iter().filter(|(job, _)| job.mode == Mode::Complete.as_str()).map(|(_, times)| times).collect();
            let complete_wins =
                job.mode != Mode::Complete.as_str() && complete.iter().any(|times| times.is_due(due_at));
            slot::start(conn, job, due_at, complete_wins, &self.server, &self.enqueue)?;
        }
        slot::start_waiting(conn, now, &jobs, &self.enqueue)?;
        retries::take_up(conn, now, &self.enqueue)?;
        feeds::start_waiting(conn, &self.enqueue)?;
        self.seen = Some(jobs.into_iter().map(|job| (job.name.clone(), job)).collect());
        Ok(())
    }

    fn pass_over(&self, conn: &mut DbConnection, job: &Job, due_at: DateTime<Utc>) -> Result<(), ScheduleError> {
        if job_slot::take(conn, &job.name, due_at, &self.server)? {
            let reason = "the job was defined, changed or switched on after this time, or no server ran for a day";
            let outcome = SlotOutcome { skipped: Some(reason.to_owned()), ..SlotOutcome::default() };
            job_slot::write(conn, &job.name, due_at, vec![outcome])?;
        }
        Ok(())
    }
}

/// Ticks until we stop.
pub async fn tick_regularly(db: Db, mut schedule: Schedule, stop: Stop) {
    loop {
        let db = db.clone();
        let ticked = tokio::task::spawn_blocking(move || {
            let ticked = db.get().map_err(|error| error.to_string()).and_then(|mut conn| {
                let now = job_slot::clock(&mut conn).map_err(|error| error.to_string())?;
                schedule.tick(&mut conn, now).map_err(|error| error.to_string())
            });
            (schedule, ticked)
        })
        .await;
        match ticked {
            Ok((kept, ticked)) => {
                schedule = kept;
                if let Err(error) = ticked {
                    tracing::warn!(error, "the schedule could not be looked at");
                }
            }
            Err(error) => {
                tracing::error!(error = %error, "the schedule of this server ended; others go on");
                return;
            }
        }
        if !stop.sleep(TICK).await {
            return;
        }
    }
}
