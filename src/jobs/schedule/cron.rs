//! The due times of a job: cron with five fields, in its own time zone.

use crate::model::job::Job;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// Why a job has no due times. Documents are checked before they are stored, so this is a stored job from elsewhere.
#[derive(Debug, thiserror::Error)]
pub enum CronError {
    /// The five fields can't be read.
    #[error("{cron:?} is not a schedule: {error}; write minute, hour, day, month and weekday: 0 4 * * *")]
    Cron {
        /// What stands there.
        cron: String,
        /// What is wrong with it.
        error: String,
    },
    /// The time zone is unknown.
    #[error("{0:?} is not a time zone; write one such as Europe/Zurich or UTC")]
    TimeZone(String),
}

/// When a job is due.
pub struct JobTimes {
    cron: Cron,
    zone: Tz,
}

impl JobTimes {
    /// The due times of `job`.
    pub fn of(job: &Job) -> Result<Self, CronError> {
        let cron = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build()
            .parse(&job.cron)
            .map_err(|error| CronError::Cron { cron: job.cron.clone(), error: error.to_string() })?;
        let zone = job.time_zone.parse().map_err(|_| CronError::TimeZone(job.time_zone.clone()))?;
        Ok(Self { cron, zone })
    }

    /// The last due time up to `now`, in UTC.
    pub fn last_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let last = self.cron.find_previous_occurrence(&now.with_timezone(&self.zone), true).ok()?;
        Some(last.with_timezone(&Utc))
    }

    /// Whether the job is due at exactly this time.
    pub fn is_due(&self, at: DateTime<Utc>) -> bool {
        self.cron.is_time_matching(&at.with_timezone(&self.zone)).unwrap_or(false)
    }

    /// The next `count` due times after `now`, in the job's time zone: what pages spell out.
    pub fn next(&self, now: DateTime<Utc>, count: usize) -> Vec<DateTime<Tz>> {
        self.cron.iter_after(now.with_timezone(&self.zone)).take(count).collect()
    }
}
