//! What this database is: one row.

use crate::schema::installation;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use uuid::Uuid;

/// Binds the database to an extraction store if it is bound to none, and tells which one it is bound to.
pub fn bind_store(connection: &mut PgConnection, store_id: Uuid) -> QueryResult<Uuid> {
    diesel::update(installation::table.filter(installation::store_id.is_null()))
        .set(installation::store_id.eq(store_id))
        .execute(connection)?;
    installation::table.select(installation::store_id.assume_not_null()).first(connection)
}
