//! A task: one stage of one run.

use super::run::{RunId, Stage, TaskState};
use crate::schema::tasks;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;

/// A task as it stands in the database.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = tasks, check_for_backend(diesel::pg::Pg))]
pub struct Task {
    /// The stage.
    pub stage: Stage,
    /// Where it stands.
    pub state: TaskState,
    /// How often a worker took it up.
    pub attempts: i32,
    /// When it was last taken up.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Rows it has read (export, prepare) or changed (synchronize).
    pub rows: i64,
}

/// The tasks of a run, in the order in which it goes through them.
pub fn of(conn: &mut PgConnection, run: RunId) -> QueryResult<Vec<Task>> {
    let mut tasks: Vec<Task> = tasks::table.filter(tasks::run_id.eq(run)).select(Task::as_select()).load(conn)?;
    tasks.sort_by_key(|task| Stage::ALL.iter().position(|stage| *stage == task.stage));
    Ok(tasks)
}

/// How often a worker took that task up.
pub fn attempts(conn: &mut PgConnection, run: RunId, stage: Stage) -> QueryResult<i32> {
    tasks::table.find((run, stage)).select(tasks::attempts).first(conn)
}
