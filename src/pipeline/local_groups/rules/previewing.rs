//! What a rule would do: who would come and who would go, counted over everybody and named for the first ones. Streamed
//! by a cursor, so that memory does not grow with the number of persons; nothing is written.

use super::profiles::{ProfileRow, Reading, compile};
use super::{BATCH, RuleError};
use crate::pipeline::local_groups::GroupError;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Text};
use std::collections::HashSet;

/// Persons and messages that are named.
const NAMED: usize = 20;
/// Longer than this nobody waits for a page.
const PATIENCE: &str = "60s";

/// What a rule would do to a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// Persons who would come.
    pub comes: u64,
    /// The first of them.
    pub first_to_come: Vec<i64>,
    /// Members who would go.
    pub goes: u64,
    /// The first of them.
    pub first_to_go: Vec<i64>,
    /// Members who would stay.
    pub stays: u64,
    /// Persons for whom it can't be told: they stay as they are.
    pub failed: u64,
    /// The first of them, with the reason.
    pub first_failures: Vec<(i64, String)>,
}

impl Preview {
    fn add(&mut self, person: i64, verdict: Result<bool, RuleError>, is_member: bool) {
        let (count, first) = match verdict {
            Ok(true) if is_member => {
                self.stays += 1;
                return;
            }
            Ok(true) => (&mut self.comes, &mut self.first_to_come),
            Ok(false) if is_member => (&mut self.goes, &mut self.first_to_go),
            Ok(false) => return,
            Err(error) => {
                self.failed += 1;
                if self.first_failures.len() < NAMED {
                    self.first_failures.push((person, error.to_string()));
                }
                return;
            }
        };
        *count += 1;
        if first.len() < NAMED {
            first.push(person);
        }
    }
}

/// Works out what `rule` would do to the group.
pub fn preview(connection: &mut PgConnection, group: i64, rule: &str) -> Result<Preview, GroupError> {
    let declared = crate::model::profile_field::list(connection)?;
    let rule = compile(rule.trim(), &declared).map_err(|error| GroupError::Refused(error.to_string()))?;
    let reading = Reading::of(std::iter::once(&rule), &declared);
    connection.transaction(|connection| {
        diesel::sql_query(format!("set local statement_timeout = '{PATIENCE}'")).execute(connection)?;
        diesel::sql_query(format!("declare everybody no scroll cursor for select {} from persons p", Reading::COLUMNS))
            .bind::<Array<Text>, _>(reading.fields())
            .execute(connection)?;
        let mut preview = Preview::default();
        loop {
            let rows: Vec<ProfileRow> = diesel::sql_query(format!("fetch {BATCH} from everybody")).load(connection)?;
            if rows.is_empty() {
                return Ok(preview);
            }
            let profiles: Vec<_> = rows.into_iter().map(|row| reading.profile(row)).collect();
            let ids: Vec<i64> = profiles.iter().map(|profile| profile.id).collect();
            let members = members(connection, group, &ids)?;
            for profile in &profiles {
                preview.add(profile.id, profile.fulfils(&rule), members.contains(&profile.id));
            }
        }
    })
}

fn members(connection: &mut PgConnection, group: i64, persons: &[i64]) -> QueryResult<HashSet<i64>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        person_id: i64,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "select person_id from local_memberships where group_id = $1 and person_id = any($2) limit $3",
    )
    .bind::<BigInt, _>(group)
    .bind::<Array<BigInt>, _>(persons)
    .bind::<Integer, _>(i32::try_from(persons.len()).unwrap_or(i32::MAX))
    .load(connection)?;
    Ok(rows.into_iter().map(|row| row.person_id).collect())
}
