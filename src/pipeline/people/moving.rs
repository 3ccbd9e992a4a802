//! Moves: new keys of users whose old keys are gone. Prepare notes them with the change set; who decides about them is
//! `model/correlation`.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text};

/// A new key of a person whose old key is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The key that is gone.
    pub old_key: String,
    /// The key that came.
    pub new_key: String,
    /// The person that both are.
    pub person: i64,
    /// The profile field that tells; none: decided by hand.
    pub field: Option<String>,
}

/// Notes moves of an entity type's users, in the claim's schema.
pub fn note(
    connection: &mut PgConnection,
    schema: &str,
    run: i32,
    entity_type: i32,
    moves: &[Move],
) -> QueryResult<()> {
    if moves.is_empty() {
        return Ok(());
    }
    let (mut old, mut new, mut persons, mut fields) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for one in moves {
        old.push(one.old_key.as_str());
        new.push(one.new_key.as_str());
        persons.push(one.person);
        fields.push(one.field.as_deref());
    }
    diesel::sql_query(format!(
        "insert into {schema}.moves (run_id, entity_type_id, old_key, new_key, person_id, field)
         select $1, $2, * from unnest($3, $4, $5, $6)"
    ))
    .bind::<Integer, _>(run)
    .bind::<Integer, _>(entity_type)
    .bind::<Array<Text>, _>(old)
    .bind::<Array<Text>, _>(new)
    .bind::<Array<BigInt>, _>(persons)
    .bind::<Array<Nullable<Text>>, _>(fields)
    .execute(connection)
    .map(drop)
}

/// Moves them to the table that everybody reads, less those whose record is not taken after all.
pub fn publish(connection: &mut PgConnection, schema: &str, run: i32) -> QueryResult<()> {
    diesel::sql_query("delete from moves where run_id = $1").bind::<Integer, _>(run).execute(connection)?;
    diesel::sql_query(format!(
        "insert into moves
         select m.* from {schema}.moves m
          where exists (select from {schema}.changes c
                         where c.entity_type_id = m.entity_type_id and c.key = m.new_key and c.operation <> 'delete')
         on conflict do nothing"
    ))
    .execute(connection)?;
    diesel::sql_query(format!("drop table {schema}.moves")).execute(connection).map(drop)
}
