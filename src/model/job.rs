//! A job: a named schedule that starts runs of all connectors that take part.

use super::run::Mode;
use crate::schema::jobs;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// One `[[job]]` of the settings document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobDefinition {
    /// Unique. `complete` and `incremental` exist from the start and can be redefined.
    pub name: String,
    /// Five fields: minute, hour, day of the month, month, day of the week.
    pub cron: String,
    /// IANA zone of `cron`; UTC if absent.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// `complete` or `incremental`.
    pub mode: Mode,
    /// Whether it starts anything.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn yes() -> bool {
    true
}

/// A job as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = jobs, check_for_backend(diesel::pg::Pg))]
pub struct Job {
    /// Unique.
    pub name: String,
    /// Five fields.
    pub cron: String,
    /// IANA zone of `cron`.
    pub time_zone: String,
    /// The word of [`Mode`].
    pub mode: String,
    /// Whether it starts anything.
    pub enabled: bool,
}

/// The jobs that exist from the start, until the settings document redefines them.
pub fn built_in() -> [JobDefinition; 2] {
    let job = |name: &str, cron: &str, mode| JobDefinition {
        name: name.to_owned(),
        cron: cron.to_owned(),
        time_zone: utc(),
        mode,
        enabled: true,
    };
    [job("complete", "0 0 * * *", Mode::Complete), job("incremental", "0 */4 * * *", Mode::Incremental)]
}

/// All jobs, in the order of their names.
pub fn list(connection: &mut PgConnection) -> QueryResult<Vec<Job>> {
    jobs::table.order(jobs::name).select(Job::as_select()).load(connection)
}

/// Makes the stored jobs those of the settings document, and the built-in ones where it does not redefine them. Others
/// are gone afterwards.
pub(super) fn store(connection: &mut PgConnection, definitions: &[JobDefinition]) -> QueryResult<()> {
    let built_in = built_in();
    let kept = built_in.iter().filter(|job| definitions.iter().all(|definition| definition.name != job.name));
    let all: Vec<&JobDefinition> = definitions.iter().chain(kept).collect();
    let names: Vec<&str> = all.iter().map(|job| job.name.as_str()).collect();
    diesel::delete(jobs::table.filter(jobs::name.ne_all(names))).execute(connection)?;
    for job in all {
        let row = (
            jobs::cron.eq(&job.cron),
            jobs::time_zone.eq(&job.time_zone),
            jobs::mode.eq(job.mode.as_str()),
            jobs::enabled.eq(job.enabled),
        );
        diesel::insert_into(jobs::table)
            .values((jobs::name.eq(&job.name), row))
            .on_conflict(jobs::name)
            .do_update()
            .set(row)
            .execute(connection)?;
    }
    Ok(())
}
