//! Blocks by hand: who set one, why, and what else it would do. No run lifts one, unless its source says so.

use crate::model::audit;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Jsonb, Nullable, Text, Timestamptz};
use serde_json::{Value, json};

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// There is no such person.
    #[error("there is no user {0} any more")]
    NoPerson(i64),
    /// Nobody has blocked it by hand.
    #[error("nobody has blocked this user by hand; what a source has blocked, it unblocks itself")]
    NotBlocked,
    /// A run holds the person.
    #[error("a run is changing this user right now; try again when it is over")]
    Busy,
    /// The database failed us.
    #[error("the database: {0}")]
    Database(#[from] diesel::result::Error),
}

/// Blocks a person from `now` on.
pub fn block(conn: &mut PgConnection, id: i64, by: &str, reason: &str, now: DateTime<Utc>) -> Result<(), BlockError> {
    change(conn, id, now, |blocks| {
        blocks.push(json!({ "account": by, "since": now, "reason": reason }));
        Ok(())
    })?;
    audit::record(conn, by, "block", &format!("user {id}"), json!({ "reason": reason }))?;
    Ok(())
}

/// Takes all blocks by hand off a person. What sources have blocked stays.
pub fn unblock(conn: &mut PgConnection, id: i64, by: &str, reason: &str, now: DateTime<Utc>) -> Result<(), BlockError> {
    let mut lifted = Vec::new();
    change(conn, id, now, |blocks| {
        let (by_hand, others): (Vec<Value>, Vec<Value>) =
            std::mem::take(blocks).into_iter().partition(|block| block.get("connector").is_none());
        *blocks = others;
        lifted = by_hand;
        if lifted.is_empty() { Err(BlockError::NotBlocked) } else { Ok(()) }
    })?;
    audit::record(conn, by, "unblock", &format!("user {id}"), json!({ "reason": reason, "lifted": lifted }))?;
    Ok(())
}

/// Writes the person's next version, with other blocks. By hand: no run.
fn change(
    conn: &mut PgConnection,
    id: i64,
    now: DateTime<Utc>,
    edit: impl FnOnce(&mut Vec<Value>) -> Result<(), BlockError>,
) -> Result<(), BlockError> {
    #[derive(QueryableByName)]
    struct Stored {
        #[diesel(sql_type = Jsonb)]
        blocks: Value,
    }
    let changed = conn.transaction(|conn| {
        // A run that applies holds the persons it touches: nobody waits for that.
        diesel::sql_query("set local lock_timeout = '2s'").execute(conn)?;
        let stored: Option<Stored> = diesel::sql_query("select blocks from persons where id = $1 for update")
            .bind::<BigInt, _>(id)
            .get_result(conn)
            .optional()?;
        let Some(Stored { blocks: Value::Array(mut blocks) }) = stored else { return Err(BlockError::NoPerson(id)) };
        edit(&mut blocks)?;
        diesel::sql_query(
            "insert into persons_history (id, state, created_by, created_run_id, run_id, ended_by_run_id, operation,
                                          valid_from, valid_to, fields, provenance, local, blocks, search)
             select id, state, created_by, created_run_id, run_id, null, 'update', valid_from, $2, fields, provenance,
                    local, blocks, search
               from persons where id = $1",
        )
        .bind::<BigInt, _>(id)
        .bind::<Timestamptz, _>(now)
        .execute(conn)?;
        diesel::sql_query("update persons set blocks = $2, run_id = null, valid_from = $3 where id = $1")
            .bind::<BigInt, _>(id)
            .bind::<Jsonb, _>(Value::Array(blocks))
            .bind::<Timestamptz, _>(now)
            .execute(conn)?;
        diesel::sql_query("insert into outbox (kind, operation, person_id) values ('person', 'update', $1)")
            .bind::<BigInt, _>(id)
            .execute(conn)?;
        Ok(())
    });
    match changed {
        Err(BlockError::Database(diesel::result::Error::DatabaseError(_, info)))
            if info.message().contains("lock timeout") =>
        {
            Err(BlockError::Busy)
        }
        other => other,
    }
}

/// Something that would be without anybody who is neither past nor blocked.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Emptied {
    /// The group.
    #[diesel(sql_type = BigInt)]
    pub group_id: i64,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
}

/// The groups of these that have nobody left who can sign in once this person is blocked: members direct and via groups.
pub fn groups_left_alone(conn: &mut PgConnection, person: i64, groups: &[i64]) -> QueryResult<Vec<Emptied>> {
    diesel::sql_query(
        "with recursive inside as (
           select g.id as root, g.id, g.resource_id from groups g where g.id = any($2)
           union
           select inside.root, d.id, d.resource_id
             from inside join group_closure c on c.ancestor_id = inside.id and c.depth = 1
             join groups d on d.id = c.descendant_id
         )
         select g.id as group_id, g.name from groups g
          where g.id = any($2)
            and not exists (
              select from inside
                join links l on l.association_id = any(array(select id from associations where membership))
                 and (l.from_id = inside.resource_id or l.to_id = inside.resource_id)
                join resources r
                  on r.id = case when l.from_id = inside.resource_id then l.to_id else l.from_id end
                 and r.entity_type_id = any(array(select id from entity_types where represents = 'users'))
                join persons p on p.id = r.person_id and p.id <> $1 and p.state = 'current' and p.blocks = '[]'
               where inside.root = g.id)
            and not exists (
              select from inside
                join local_memberships m on m.group_id = inside.id and m.person_id <> $1
                join persons p on p.id = m.person_id and p.state = 'current' and p.blocks = '[]'
               where inside.root = g.id)
          order by lower(g.name), g.id limit 50",
    )
    .bind::<BigInt, _>(person)
    .bind::<diesel::sql_types::Array<BigInt>, _>(groups)
    .load(conn)
}

/// Accounts here whose name is this user name, each with its role.
pub fn accounts_of(conn: &mut PgConnection, user_name: Option<&str>) -> QueryResult<Vec<(String, String)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = Text)]
        role: String,
    }
    let rows: Vec<Row> = diesel::sql_query("select name, role from accounts where active and lower(name) = lower($1)")
        .bind::<Nullable<Text>, _>(user_name)
        .load(conn)?;
    Ok(rows.into_iter().map(|row| (row.name, row.role)).collect())
}
