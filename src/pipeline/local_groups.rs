//! Local groups: made by administrators, who decide about members, about groups within them, and about rules. Runs leave
//! them alone, but for the rules, which follow the profiles. Each edit keeps what was, and is noted in the audit log.

pub mod members;
pub mod rules;

use super::groups;
use crate::model::{applying, audit, partition};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz};
use serde_json::json;

/// The longest name of a group, in characters.
pub const LONGEST_NAME: usize = 200;
/// The longest description, in characters.
pub const LONGEST_DESCRIPTION: usize = 1000;
/// The most groups directly within a local group.
const MOST_WITHIN: i64 = 1000;

/// Why a group stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// A run is being applied, or somebody else edits.
    #[error("a run is being applied right now, so nothing was changed; try again in a moment")]
    Busy,
    /// There is no such local group.
    #[error("there is no such local group any more")]
    Gone,
    /// It can't be so.
    #[error("{0}")]
    Refused(String),
    /// Working out memberships failed.
    #[error(transparent)]
    Task(#[from] super::TaskError),
    /// The database failed us.
    #[error("the database: {0}")]
    Database(#[from] DieselError),
}

/// A local group as it is edited.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct LocalGroup {
    /// Its id.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// What it is for.
    #[diesel(sql_type = Text)]
    pub description: String,
    /// The rule that decides who is in it; none: members by hand.
    #[diesel(sql_type = Nullable<Text>)]
    pub rule: Option<String>,
    /// The rule is being worked out for everybody, and has come to this person.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub rule_after: Option<i64>,
}

/// A local group.
pub fn find(connection: &mut PgConnection, id: i64) -> QueryResult<Option<LocalGroup>> {
    diesel::sql_query(
        "select id, name, description, rule, rule_after from groups where id = $1 and resource_id is null",
    )
    .bind::<BigInt, _>(id)
    .get_result(connection)
    .optional()
}

/// Makes a local group; returns its id.
pub fn create(
    connection: &mut PgConnection,
    name: &str,
    description: &str,
    by: &str,
    now: DateTime<Utc>,
) -> Result<i64, GroupError> {
    #[derive(QueryableByName)]
    struct Made {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let (name, description) = checked(name, description)?;
    edit(connection, now, |connection| {
        free(connection, name, None)?;
        let made: Made =
            diesel::sql_query("insert into groups (name, description, valid_from) values ($1, $2, $3) returning id")
                .bind::<Text, _>(name)
                .bind::<Text, _>(description)
                .bind::<Timestamptz, _>(now)
                .get_result(connection)?;
        audit::record(
            connection,
            by,
            "create",
            &subject(made.id),
            json!({ "name": name, "description": description }),
        )?;
        Ok(made.id)
    })
}

/// Gives a local group another name or description.
pub fn rename(
    connection: &mut PgConnection,
    id: i64,
    name: &str,
    description: &str,
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), GroupError> {
    let (name, description) = checked(name, description)?;
    edit(connection, now, |connection| {
        let before = find(connection, id)?.ok_or(GroupError::Gone)?;
        if (before.name.as_str(), before.description.as_str()) == (name, description) {
            return Ok(());
        }
        free(connection, name, Some(id))?;
        keep(connection, id, now)?;
        diesel::sql_query("update groups set name = $2, description = $3, valid_from = $4 where id = $1")
            .bind::<BigInt, _>(id)
            .bind::<Text, _>(name)
            .bind::<Text, _>(description)
            .bind::<Timestamptz, _>(now)
            .execute(connection)?;
        let detail = json!({ "before": [before.name, before.description], "after": [name, description] });
        audit::record(connection, by, "change", &subject(id), detail)?;
        Ok(())
    })
}

/// Removes a local group with its memberships; what it was stays to be looked back at.
pub fn delete(connection: &mut PgConnection, id: i64, by: &str, now: DateTime<Utc>) -> Result<(), GroupError> {
    edit(connection, now, |connection| {
        let group = find(connection, id)?.ok_or(GroupError::Gone)?;
        let members = members::remove_all(connection, id, by, now)?;
        diesel::sql_query(
            "update local_nesting set removed_by = $2, removed_at = $3
              where (parent_id = $1 or child_id = $1) and removed_at is null",
        )
        .bind::<BigInt, _>(id)
        .bind::<Text, _>(by)
        .bind::<Timestamptz, _>(now)
        .execute(connection)?;
        keep(connection, id, now)?;
        for statement in ["delete from rule_failures where group_id = $1", "delete from groups where id = $1"] {
            diesel::sql_query(statement).bind::<BigInt, _>(id).execute(connection)?;
        }
        groups::nest(connection)?;
        audit::record(connection, by, "delete", &subject(id), json!({ "name": group.name, "members": members }))?;
        Ok(())
    })
}

/// Puts a group, local or managed, into a local one. Cycles are allowed: nobody is in a group twice.
pub fn nest(
    connection: &mut PgConnection,
    parent: i64,
    child: i64,
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), GroupError> {
    #[derive(QueryableByName)]
    struct There {
        #[diesel(sql_type = Bool)]
        exists: bool,
        #[diesel(sql_type = BigInt)]
        within: i64,
    }
    if parent == child {
        return Err(GroupError::Refused("a group can't be within itself; choose another".into()));
    }
    edit(connection, now, |connection| {
        find(connection, parent)?.ok_or(GroupError::Gone)?;
        let there: There = diesel::sql_query(
            "select exists (select from groups where id = $2) as exists,
                    (select count(*) from local_nesting where parent_id = $1 and removed_at is null) as within",
        )
        .bind::<BigInt, _>(parent)
        .bind::<BigInt, _>(child)
        .get_result(connection)?;
        if !there.exists {
            return Err(GroupError::Refused(format!("there is no group {child}")));
        }
        if there.within >= MOST_WITHIN {
            return Err(GroupError::Refused(format!("a group holds at most {MOST_WITHIN} groups")));
        }
        diesel::sql_query(
            "insert into local_nesting (parent_id, child_id, added_by, added_at) values ($1, $2, $3, $4)
             on conflict do nothing",
        )
        .bind::<BigInt, _>(parent)
        .bind::<BigInt, _>(child)
        .bind::<Text, _>(by)
        .bind::<Timestamptz, _>(now)
        .execute(connection)?;
        groups::nest(connection)?;
        audit::record(connection, by, "add-group", &subject(parent), json!({ "group": child }))?;
        Ok(())
    })
}

/// Takes a group out of a local one.
pub fn take_out(
    connection: &mut PgConnection,
    parent: i64,
    child: i64,
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), GroupError> {
    edit(connection, now, |connection| {
        let gone = diesel::sql_query(
            "update local_nesting set removed_by = $3, removed_at = $4
              where parent_id = $1 and child_id = $2 and removed_at is null",
        )
        .bind::<BigInt, _>(parent)
        .bind::<BigInt, _>(child)
        .bind::<Text, _>(by)
        .bind::<Timestamptz, _>(now)
        .execute(connection)?;
        if gone > 0 {
            groups::nest(connection)?;
            audit::record(connection, by, "remove-group", &subject(parent), json!({ "group": child }))?;
        }
        Ok(())
    })
}

/// A group directly within a local one.
#[derive(Debug, Clone, QueryableByName)]
pub struct Within {
    /// The group.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
}

/// The groups directly within a local one, put there by hand.
pub fn within(connection: &mut PgConnection, id: i64) -> QueryResult<Vec<Within>> {
    diesel::sql_query(
        "select g.id, g.name from local_nesting n join groups g on g.id = n.child_id
          where n.parent_id = $1 and n.removed_at is null order by lower(g.name), g.id",
    )
    .bind::<BigInt, _>(id)
    .load(connection)
}

/// The groups of exactly this name, whatever its case; at most 10.
pub fn named(connection: &mut PgConnection, name: &str) -> QueryResult<Vec<Within>> {
    diesel::sql_query("select id, name from groups where lower(name) = lower($1) order by id limit 10")
        .bind::<Text, _>(name)
        .load(connection)
}

/// Works in a transaction in which nobody else edits and no run is applied.
fn edit<T>(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    work: impl FnOnce(&mut PgConnection) -> Result<T, GroupError>,
) -> Result<T, GroupError> {
    partition::ensure_months(connection, now.date_naive(), 1)?;
    connection.transaction(|connection| match applying::alone(connection)? {
        true => work(connection),
        false => Err(GroupError::Busy),
    })
}

/// Keeps the version of a group that ends now.
fn keep(connection: &mut PgConnection, id: i64, now: DateTime<Utc>) -> QueryResult<()> {
    diesel::sql_query(
        "insert into groups_history (id, name, description, rule, valid_from, valid_to)
         select id, name, description, rule, coalesce(valid_from, '-infinity'), $2 from groups where id = $1",
    )
    .bind::<BigInt, _>(id)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .map(drop)
}

fn checked<'t>(name: &'t str, description: &'t str) -> Result<(&'t str, &'t str), GroupError> {
    let (name, description) = (name.trim(), description.trim());
    let refuse = |words: String| Err(GroupError::Refused(words));
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return refuse(format!("a name has 1 to {LONGEST_NAME} characters, none of them control characters"));
    }
    if description.chars().count() > LONGEST_DESCRIPTION {
        return refuse(format!("a description has at most {LONGEST_DESCRIPTION} characters"));
    }
    Ok((name, description))
}

/// Two local groups of one name could not be told apart.
fn free(connection: &mut PgConnection, name: &str, own: Option<i64>) -> Result<(), GroupError> {
    #[derive(QueryableByName)]
    struct Taken {
        #[diesel(sql_type = Bool)]
        taken: bool,
    }
    let found: Taken = diesel::sql_query(
        "select exists (select from groups where lower(name) = lower($1) and resource_id is null
                           and id is distinct from $2) as taken",
    )
    .bind::<Text, _>(name)
    .bind::<Nullable<BigInt>, _>(own)
    .get_result(connection)?;
    match found.taken {
        true => Err(GroupError::Refused(format!("there is a local group {name} already; choose another name"))),
        false => Ok(()),
    }
}

fn subject(id: i64) -> String {
    format!("group {id}")
}
