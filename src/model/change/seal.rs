//! The seal of a change set: a digest over the sum of the digests of its changes, so that their order does not matter.
//! Each change keeps its own, whatever becomes of what it said.

use crate::model::run::Run;
use crate::schema::{change_set_seals, changes};
use diesel::pg::{PgConnection, PgRowByRowLoadingMode};
use diesel::prelude::*;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// `sha256:…` of a change set whose changes' digests come to this sum.
pub fn seal_of(sum: u128) -> String {
    let mut sha = Sha256::new();
    sha.update(b"muster change set 1");
    sha.update(sum.to_be_bytes());
    sha.finalize().iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// Keeps the sum of what stands in no row of `changes`, in the place of what an earlier preparation had left.
pub fn keep_others(conn: &mut PgConnection, run: i32, others: u128) -> QueryResult<()> {
    let others = change_set_seals::others.eq(Uuid::from_u128(others));
    diesel::insert_into(change_set_seals::table)
        .values((change_set_seals::run_id.eq(run), others))
        .on_conflict(change_set_seals::run_id)
        .do_update()
        .set(others)
        .execute(conn)
        .map(drop)
}

/// Whether the changes of a run are those that were sealed; `None`: that is not known any more.
pub fn seal_holds(conn: &mut PgConnection, run: &Run) -> QueryResult<Option<bool>> {
    let Some(sealed) = &run.change_set_digest else { return Ok(None) };
    let others: Option<Uuid> =
        change_set_seals::table.find(run.id.0).select(change_set_seals::others).first(conn).optional()?;
    let Some(others) = others else { return Ok(None) };
    let mut sum = others.as_u128();
    let seals = changes::table.filter(changes::run_id.eq(run.id.0)).select(changes::seal);
    for seal in seals.load_iter::<Option<Uuid>, PgRowByRowLoadingMode>(conn)? {
        match seal? {
            Some(seal) => sum = sum.wrapping_add(seal.as_u128()),
            None => return Ok(None),
        }
    }
    Ok(Some(seal_of(sum) == *sealed))
}
