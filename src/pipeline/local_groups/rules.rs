//! Rules: a local group whose members are those current persons for whose profile an expression gives true. Worked out
//! for the persons that a run or an edit writes, in the same transaction; for everybody, in pieces, when a rule changes.

mod previewing;
mod profiles;

pub use previewing::{Preview, preview};
pub use profiles::{RuleError, compile};

use super::{GroupError, edit, find, keep, subject};
use crate::model::{applying, audit};
use crate::pipeline::TaskError;
use crate::values::expression::{Columns, Expression};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use profiles::{Profile, Reading};
use serde_json::json;
use std::collections::HashSet;

/// Who adds and removes by a rule.
const BY_RULE: &str = "rule";
/// Persons looked at together.
const BATCH: i64 = 5000;

/// The rules of all groups, each compiled once.
pub struct Rules {
    groups: Vec<(i64, Result<Expression, RuleError>)>,
    reading: Reading,
}

impl Rules {
    /// All rules; none where no group has one, which costs nothing then.
    pub fn load(connection: &mut PgConnection) -> QueryResult<Option<Self>> {
        Self::of(connection, None)
    }

    fn of(connection: &mut PgConnection, group: Option<i64>) -> QueryResult<Option<Self>> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = BigInt)]
            id: i64,
            #[diesel(sql_type = Text)]
            rule: String,
        }
        let rows: Vec<Row> = diesel::sql_query(
            "select id, rule from groups where rule is not null and ($1 is null or id = $1) order by id",
        )
        .bind::<Nullable<BigInt>, _>(group)
        .load(connection)?;
        if rows.is_empty() {
            return Ok(None);
        }
        let declared = crate::model::profile_field::list(connection)?;
        let groups: Vec<_> = rows.into_iter().map(|row| (row.id, compile(&row.rule, &declared))).collect();
        let compiled = groups.iter().filter_map(|(_, rule)| rule.as_ref().ok());
        let reading = Reading::of(compiled, &declared);
        Ok(Some(Self { groups, reading }))
    }

    /// Works out the memberships of these persons; `run` is told in the outbox.
    pub fn settle(
        &self,
        connection: &mut PgConnection,
        persons: &[i64],
        run: Option<i32>,
        now: DateTime<Utc>,
    ) -> QueryResult<()> {
        let profiles = self.reading.of_persons(connection, persons)?;
        let members = self.members(connection, persons)?;
        let mut outcome = Outcome::default();
        for profile in &profiles {
            for (group, rule) in &self.groups {
                outcome.add(*group, profile, rule, members.contains(&(*group, profile.id)));
            }
        }
        let groups: Vec<i64> = self.groups.iter().map(|(group, _)| *group).collect();
        outcome.write(connection, &groups, persons, run, now)
    }

    fn members(&self, connection: &mut PgConnection, persons: &[i64]) -> QueryResult<HashSet<(i64, i64)>> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = BigInt)]
            group_id: i64,
            #[diesel(sql_type = BigInt)]
            person_id: i64,
        }
        let groups: Vec<i64> = self.groups.iter().map(|(group, _)| *group).collect();
        let rows: Vec<Row> = diesel::sql_query(
            "select group_id, person_id from local_memberships where person_id = any($1) and group_id = any($2)",
        )
        .bind::<Array<BigInt>, _>(persons)
        .bind::<Array<BigInt>, _>(groups)
        .load(connection)?;
        Ok(rows.into_iter().map(|row| (row.group_id, row.person_id)).collect())
    }
}

/// What becomes of memberships.
#[derive(Default)]
struct Outcome {
    added: (Vec<i64>, Vec<i64>),
    removed: (Vec<i64>, Vec<i64>),
    failed: (Vec<i64>, Vec<i64>),
    messages: Vec<String>,
}

impl Outcome {
    fn add(&mut self, group: i64, profile: &Profile, rule: &Result<Expression, RuleError>, is_member: bool) {
        let verdict = match rule {
            Ok(rule) => profile.fulfils(rule),
            Err(error) => Err(error.clone()),
        };
        let list = match verdict {
            Ok(true) if !is_member => &mut self.added,
            Ok(false) if is_member => &mut self.removed,
            Ok(_) => return,
            // What can't be told is no reason to give or to take a membership.
            Err(error) => {
                self.messages.push(error.to_string());
                &mut self.failed
            }
        };
        list.0.push(group);
        list.1.push(profile.id);
    }

    fn write(
        self,
        connection: &mut PgConnection,
        groups: &[i64],
        persons: &[i64],
        run: Option<i32>,
        now: DateTime<Utc>,
    ) -> QueryResult<()> {
        if !self.added.0.is_empty() {
            diesel::sql_query(
                "with added as (
                   insert into local_memberships (group_id, person_id, added_by, added_at)
                   select group_id, person_id, $3, $4 from unnest($1, $2) as new (group_id, person_id)
                   on conflict do nothing returning group_id, person_id
                 )
                 insert into outbox (run_id, kind, operation, person_id, group_id)
                 select $5, 'membership', 'insert', person_id, group_id from added",
            )
            .bind::<Array<BigInt>, _>(self.added.0)
            .bind::<Array<BigInt>, _>(self.added.1)
            .bind::<Text, _>(BY_RULE)
            .bind::<Timestamptz, _>(now)
            .bind::<Nullable<Integer>, _>(run)
            .execute(connection)?;
        }
        if !self.removed.0.is_empty() {
            diesel::sql_query(
                "with gone as (
                   delete from local_memberships m using unnest($1, $2) as old (group_id, person_id)
                    where m.group_id = old.group_id and m.person_id = old.person_id
                   returning m.group_id, m.person_id, m.added_by, m.added_at
                 ), kept as (
                   insert into local_memberships_history (group_id, person_id, added_by, added_at, removed_by, valid_to)
                   select group_id, person_id, added_by, added_at, $3, $4 from gone
                 )
                 insert into outbox (run_id, kind, operation, person_id, group_id)
                 select $5, 'membership', 'delete', person_id, group_id from gone",
            )
            .bind::<Array<BigInt>, _>(self.removed.0)
            .bind::<Array<BigInt>, _>(self.removed.1)
            .bind::<Text, _>(BY_RULE)
            .bind::<Timestamptz, _>(now)
            .bind::<Nullable<Integer>, _>(run)
            .execute(connection)?;
        }
        diesel::sql_query("delete from rule_failures where person_id = any($1) and group_id = any($2)")
            .bind::<Array<BigInt>, _>(persons)
            .bind::<Array<BigInt>, _>(groups)
            .execute(connection)?;
        if !self.failed.0.is_empty() {
            diesel::sql_query(
                "insert into rule_failures (group_id, person_id, message) select * from unnest($1, $2, $3)",
            )
            .bind::<Array<BigInt>, _>(self.failed.0)
            .bind::<Array<BigInt>, _>(self.failed.1)
            .bind::<Array<Text>, _>(self.messages)
            .execute(connection)?;
        }
        Ok(())
    }
}

/// Works out all rules for the persons that a run has written, in its transaction. Read through by a cursor: one walk
/// along the index of persons by run, however many they are.
pub fn follow_run(connection: &mut PgConnection, run: i32, now: DateTime<Utc>) -> Result<(), TaskError> {
    let Some(rules) = Rules::load(connection)? else { return Ok(()) };
    diesel::sql_query(format!("declare ruled no scroll cursor for select id from persons where run_id = {run}"))
        .execute(connection)?;
    loop {
        let persons: Vec<Id> = diesel::sql_query(format!("fetch {BATCH} from ruled")).load(connection)?;
        if persons.is_empty() {
            break;
        }
        let persons: Vec<i64> = persons.into_iter().map(|row| row.id).collect();
        rules.settle(connection, &persons, Some(run), now)?;
    }
    diesel::sql_query("close ruled").execute(connection)?;
    // A person that goes leaves its failures behind.
    diesel::sql_query(
        "delete from rule_failures f using persons_history h
          where h.ended_by_run_id = $1 and h.operation = 'delete' and f.person_id = h.id",
    )
    .bind::<Integer, _>(run)
    .execute(connection)?;
    Ok(())
}

/// Works out all rules for these persons, whom somebody has edited, in the caller's transaction.
pub fn follow_edit(connection: &mut PgConnection, persons: &[i64], now: DateTime<Utc>) -> QueryResult<()> {
    match Rules::load(connection)? {
        Some(rules) if !persons.is_empty() => rules.settle(connection, persons, None, now),
        _ => Ok(()),
    }
}

/// Gives a group a rule, or takes it away: then who is in it stays, by hand. With a rule everybody is looked at again, in
/// pieces, by [`work_out`].
pub fn set_rule(
    connection: &mut PgConnection,
    group: i64,
    rule: Option<&str>,
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), GroupError> {
    let rule = rule.map(str::trim);
    edit(connection, now, |connection| {
        let before = find(connection, group)?.ok_or(GroupError::Gone)?;
        if let Some(rule) = rule {
            let declared = crate::model::profile_field::list(connection)?;
            compile(rule, &declared).map_err(|error| GroupError::Refused(error.to_string()))?;
        }
        keep(connection, group, now)?;
        diesel::sql_query("update groups set rule = $2, rule_after = $3, valid_from = $4 where id = $1")
            .bind::<BigInt, _>(group)
            .bind::<Nullable<Text>, _>(rule)
            .bind::<Nullable<BigInt>, _>(rule.map(|_| i64::MIN))
            .bind::<Timestamptz, _>(now)
            .execute(connection)?;
        diesel::sql_query("delete from rule_failures where group_id = $1")
            .bind::<BigInt, _>(group)
            .execute(connection)?;
        audit::record(connection, by, "rule", &subject(group), json!({ "before": before.rule, "after": rule }))?;
        Ok(())
    })
}

/// Works out a piece of a rule that changed; `false`: there is none, or a run is being applied. Safe from several servers
/// at once.
pub fn work_out(connection: &mut PgConnection, now: DateTime<Utc>) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Waiting {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = BigInt)]
        rule_after: i64,
    }
    if !waits(connection)? {
        return Ok(false);
    }
    crate::model::partition::ensure_months(connection, now.date_naive(), 1)?;
    connection.transaction(|connection| {
        if !applying::try_alone(connection)? {
            return Ok(false);
        }
        let waiting: Option<Waiting> = diesel::sql_query(
            "select id, rule_after from groups where rule is not null and rule_after is not null order by id limit 1",
        )
        .get_result(connection)
        .optional()?;
        let Some(Waiting { id, rule_after }) = waiting else { return Ok(false) };
        let Some(rules) = Rules::of(connection, Some(id))? else { return Ok(false) };
        let persons: Vec<Id> = diesel::sql_query("select id from persons where id > $1 order by id limit $2")
            .bind::<BigInt, _>(rule_after)
            .bind::<BigInt, _>(BATCH)
            .load(connection)?;
        let persons: Vec<i64> = persons.into_iter().map(|row| row.id).collect();
        rules.settle(connection, &persons, None, now)?;
        let last = persons.last().filter(|_| persons.len() as i64 == BATCH);
        diesel::sql_query("update groups set rule_after = $2 where id = $1")
            .bind::<BigInt, _>(id)
            .bind::<Nullable<BigInt>, _>(last)
            .execute(connection)?;
        Ok(true)
    })
}

/// Whether a rule that changed waits to be worked out.
pub fn waits(connection: &mut PgConnection) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Waits {
        #[diesel(sql_type = Bool)]
        waits: bool,
    }
    let found: Waits = diesel::sql_query(
        "select exists (select from groups where rule is not null and rule_after is not null) as waits",
    )
    .get_result(connection)?;
    Ok(found.waits)
}

/// The name of a group whose rule reads a profile field.
pub fn reading(connection: &mut PgConnection, field: &str) -> QueryResult<Option<String>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = Text)]
        rule: String,
    }
    let rows: Vec<Row> =
        diesel::sql_query("select name, rule from groups where rule is not null order by id").load(connection)?;
    let reads = |rule: &str| {
        let compiled = Expression::compile_for_profile(rule);
        compiled.is_ok_and(|rule| matches!(rule.columns(), Columns::Named(names) if names.contains(field)))
    };
    Ok(rows.into_iter().find(|row| reads(&row.rule)).map(|row| row.name))
}

/// A person for whom a rule could not be evaluated.
#[derive(Debug, Clone, QueryableByName)]
pub struct Failure {
    /// The person.
    #[diesel(sql_type = BigInt)]
    pub person_id: i64,
    /// The group.
    #[diesel(sql_type = BigInt)]
    pub group_id: i64,
    /// The group's name.
    #[diesel(sql_type = Text)]
    pub group: String,
    /// Why.
    #[diesel(sql_type = Text)]
    pub message: String,
}

/// The first `limit` failures of a group's rule.
pub fn failures_of_group(connection: &mut PgConnection, group: i64, limit: i64) -> QueryResult<Vec<Failure>> {
    failures(connection, "f.group_id = $1", group, limit)
}

/// The failures of all rules for a person.
pub fn failures_of_person(connection: &mut PgConnection, person: i64) -> QueryResult<Vec<Failure>> {
    failures(connection, "f.person_id = $1", person, 20)
}

fn failures(connection: &mut PgConnection, which: &str, id: i64, limit: i64) -> QueryResult<Vec<Failure>> {
    diesel::sql_query(format!(
        "select f.person_id, f.group_id, g.name as group, f.message from rule_failures f join groups g on g.id = f.group_id
          where {which} order by f.group_id, f.person_id limit $2"
    ))
    .bind::<BigInt, _>(id)
    .bind::<BigInt, _>(limit)
    .load(connection)
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}
