//! Somebody whom a directory or a provider knows: the account follows what is known there.

use super::{Account, AccountId, AccountRow, Origin, Role};
use crate::model::audit;
use crate::schema::accounts;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Timestamptz};
use serde_json::json;

/// Somebody who has proven elsewhere who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Where.
    pub origin: Origin,
    /// What tells them apart there for ever. Never a name or an address, which somebody else may get.
    pub subject: String,
    /// What they are called.
    pub name: String,
    /// What their groups let them do.
    pub role: Role,
    /// The user they are.
    pub person: Option<i64>,
}

/// Why somebody who has proven who they are has no account.
#[derive(Debug, thiserror::Error)]
pub enum ArrivalError {
    /// Others are called so.
    #[error("there are other accounts of that name")]
    NameTaken,
    /// The database failed.
    #[error("the account can't be stored: {0}")]
    Database(#[from] diesel::result::Error),
}

/// The account of somebody who arrives: found by origin and subject, made where there is none, and brought up to what is
/// known of them. Whether it may sign in is not looked at ([`may_sign_in`]).
pub fn arrive(connection: &mut PgConnection, arrival: &Arrival) -> Result<Account, ArrivalError> {
    connection.transaction(|connection| {
        let known: Option<AccountRow> = accounts::table
            .filter(accounts::origin.eq(arrival.origin.as_str()).and(accounts::subject.eq(&arrival.subject)))
            .select(AccountRow::as_select())
            .for_update()
            .first(connection)
            .optional()?;
        match known {
            Some(known) => Ok(bring_up(connection, known, arrival)?.into()),
            None => Ok(make(connection, arrival)?.into()),
        }
    })
}

fn bring_up(connection: &mut PgConnection, known: AccountRow, arrival: &Arrival) -> QueryResult<AccountRow> {
    if known.role == arrival.role.as_str() && known.person_id == arrival.person {
        return Ok(known);
    }
    let row: AccountRow = diesel::update(accounts::table.find(known.id))
        .set((accounts::role.eq(arrival.role.as_str()), accounts::person_id.eq(arrival.person)))
        .returning(AccountRow::as_returning())
        .get_result(connection)?;
    let detail = json!({ "role": arrival.role, "user": arrival.person, "because": "groups" });
    audit::record(connection, arrival.origin.as_str(), "change", &format!("account {}", row.name), detail)?;
    Ok(row)
}

/// The name is a label: where somebody else has it, where they are from is added.
fn make(connection: &mut PgConnection, arrival: &Arrival) -> Result<AccountRow, ArrivalError> {
    let origin = arrival.origin.as_str();
    for name in [arrival.name.clone(), format!("{} ({origin})", arrival.name)] {
        let made: Option<AccountRow> = diesel::insert_into(accounts::table)
            .values((
                accounts::name.eq(&name),
                accounts::role.eq(arrival.role.as_str()),
                accounts::origin.eq(origin),
                accounts::subject.eq(&arrival.subject),
                accounts::person_id.eq(arrival.person),
            ))
            .on_conflict_do_nothing()
            .returning(AccountRow::as_returning())
            .get_result(connection)
            .optional()?;
        if let Some(made) = made {
            let detail = json!({ "role": arrival.role, "user": arrival.person });
            audit::record(connection, origin, "add", &format!("account {name}"), detail)?;
            return Ok(made);
        }
    }
    Err(ArrivalError::NameTaken)
}

/// Whether an account may sign in: it is switched on, and the user whose it is, if any, is there and not blocked.
pub fn may_sign_in(connection: &mut PgConnection, id: AccountId, now: DateTime<Utc>) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Verdict {
        #[diesel(sql_type = Bool)]
        may: bool,
    }
    let verdict: Option<Verdict> =
        diesel::sql_query(format!("select a.active and {UNBLOCKED} as may from accounts a where a.id = $1"))
            .bind::<Integer, _>(id)
            .bind::<Timestamptz, _>(now)
            .get_result(connection)
            .optional()?;
    Ok(verdict.is_some_and(|verdict| verdict.may))
}

/// Of an account `a` at the moment `$2`: whether the user whose it is may sign in. A user who is gone may not; an account
/// that is nobody's may.
pub(in crate::model) const UNBLOCKED: &str = "(a.person_id is null or exists (
    select from persons p
     where p.id = a.person_id
       and not exists (select from jsonb_array_elements(p.blocks) b where (b ->> 'since')::timestamptz <= $2)))";
