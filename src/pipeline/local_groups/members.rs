//! Members of local groups by hand: one by one, or many by a list of names.

use super::{GroupError, LocalGroup, edit, find, subject};
use crate::model::audit;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Jsonb, Text, Timestamptz};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The most names of a list.
pub const MOST_NAMES: usize = 5000;

/// A list of names, looked up.
#[derive(Debug, Clone, Default)]
pub struct Roll {
    /// Persons that would be added.
    pub new: Vec<Named>,
    /// Persons that are members already.
    pub members: Vec<Named>,
    /// Names that nobody has.
    pub unknown: Vec<String>,
    /// Names that several persons have.
    pub ambiguous: Vec<String>,
}

/// A person that was named.
#[derive(Debug, Clone)]
pub struct Named {
    /// The person.
    pub person: i64,
    /// By which it was named.
    pub name: String,
    /// Profile field → value.
    pub fields: Value,
}

/// The names of a pasted list: by lines, commas and semicolons; each once.
pub fn names(list: &str) -> Vec<String> {
    let mut known = BTreeSet::new();
    let names = list.split(['\n', '\r', ',', ';', '\t']).map(str::trim).filter(|name| !name.is_empty());
    names.filter(|name| known.insert(name.to_lowercase())).map(str::to_owned).collect()
}

/// Looks names up: user names, mails and employee ids, whatever their case; each by its index.
pub fn call(connection: &mut PgConnection, group: i64, names: &[String]) -> Result<Roll, GroupError> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Jsonb)]
        fields: Value,
        #[diesel(sql_type = diesel::sql_types::Bool)]
        is_member: bool,
    }
    if names.len() > MOST_NAMES {
        let words = format!("the list has {} names; the most is {MOST_NAMES}, so send it in parts", names.len());
        return Err(GroupError::Refused(words));
    }
    let same = |field: &str| {
        format!(
            "select n.name, p.id, p.fields from names n
               cross join lateral (select id, fields from persons s
                                    where lower(s.fields ->> '{field}') = lower(n.name) limit 3) p"
        )
    };
    let found: Vec<Found> = diesel::sql_query(format!(
        "with names as materialized (select unnest($1) as name), found as ({} union {} union {})
         select f.name, f.id, f.fields, m.person_id is not null as is_member
           from found f left join local_memberships m on m.group_id = $2 and m.person_id = f.id
          order by f.id",
        same("user_name"),
        same("mail"),
        same("employee_id")
    ))
    .bind::<Array<Text>, _>(names)
    .bind::<BigInt, _>(group)
    .load(connection)?;
    let mut by_name: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    for one in found {
        by_name.entry(one.name.clone()).or_default().push(one);
    }
    let mut roll = Roll::default();
    let mut known = BTreeSet::new();
    for name in names {
        let mut found = by_name.remove(name).unwrap_or_default();
        match (found.len(), found.pop()) {
            (1, Some(Found { name, id: person, fields, is_member })) => {
                let list = if is_member { &mut roll.members } else { &mut roll.new };
                if known.insert(person) {
                    list.push(Named { person, name, fields });
                }
            }
            (0, _) => roll.unknown.push(name.clone()),
            _ => roll.ambiguous.push(name.clone()),
        }
    }
    Ok(roll)
}

/// Adds persons to a local group; returns how many were not in it yet. Who is not there any more is passed over.
pub fn add(
    connection: &mut PgConnection,
    group: i64,
    persons: &[i64],
    by: &str,
    now: DateTime<Utc>,
) -> Result<usize, GroupError> {
    edit(connection, now, |connection| {
        by_hand(connection, group)?;
        let added = diesel::sql_query(
            "with added as (
               insert into local_memberships (group_id, person_id, added_by, added_at)
               select $1, id, $3, $4 from persons where id = any($2)
               on conflict do nothing returning person_id
             )
             insert into outbox (kind, operation, person_id, group_id)
             select 'membership', 'insert', person_id, $1 from added",
        )
        .bind::<BigInt, _>(group)
        .bind::<Array<BigInt>, _>(persons)
        .bind::<Text, _>(by)
        .bind::<Timestamptz, _>(now)
        .execute(connection)?;
        if added > 0 {
            audit::record(connection, by, "add-members", &subject(group), json!({ "users": persons }))?;
        }
        Ok(added)
    })
}

/// Takes persons out of a local group; returns how many were in it.
pub fn remove(
    connection: &mut PgConnection,
    group: i64,
    persons: &[i64],
    by: &str,
    now: DateTime<Utc>,
) -> Result<usize, GroupError> {
    edit(connection, now, |connection| {
        by_hand(connection, group)?;
        let removed = take(connection, group, "person_id = any($4)", persons, by, now)?;
        if removed > 0 {
            audit::record(connection, by, "remove-members", &subject(group), json!({ "users": persons }))?;
        }
        Ok(removed)
    })
}

/// Takes everybody out, in the caller's transaction.
pub(super) fn remove_all(
    connection: &mut PgConnection,
    group: i64,
    by: &str,
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    take(connection, group, "$4 = '{}'::bigint[]", &[], by, now)
}

fn take(
    connection: &mut PgConnection,
    group: i64,
    which: &str,
    persons: &[i64],
    by: &str,
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    diesel::sql_query(format!(
        "with gone as (
           delete from local_memberships where group_id = $1 and {which}
           returning group_id, person_id, added_by, added_at
         ), kept as (
           insert into local_memberships_history (group_id, person_id, added_by, added_at, removed_by, valid_to)
           select group_id, person_id, added_by, added_at, $2, $3 from gone
         )
         insert into outbox (kind, operation, person_id, group_id)
         select 'membership', 'delete', person_id, group_id from gone"
    ))
    .bind::<BigInt, _>(group)
    .bind::<Text, _>(by)
    .bind::<Timestamptz, _>(now)
    .bind::<Array<BigInt>, _>(persons)
    .execute(connection)
}

fn by_hand(connection: &mut PgConnection, group: i64) -> Result<LocalGroup, GroupError> {
    let found = find(connection, group)?.ok_or(GroupError::Gone)?;
    match found.rule {
        None => Ok(found),
        Some(_) => Err(GroupError::Refused("its rule decides who is in this group; change the rule instead".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_pasted_list_is_taken_apart() {
        assert_eq!(names("ada\r\ngrace, ADA;\n\t alan \n"), ["ada", "grace", "alan"]);
        assert_eq!(names(" \n"), Vec::<String>::new());
    }
}
