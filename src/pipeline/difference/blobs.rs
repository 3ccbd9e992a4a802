//! Large values, stored by content. They belong to nobody until the change set is applied.

use crate::pipeline::TaskError;
use crate::pipeline::mapping::Blob;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bytea, Text};

/// Stores those that are not there yet.
pub fn store<'b>(connection: &mut PgConnection, blobs: impl Iterator<Item = &'b Blob>) -> Result<(), TaskError> {
    let blobs: Vec<&Blob> = blobs.collect();
    if blobs.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = blobs.iter().map(|blob| blob.sha256.as_str()).collect();
    let contents: Vec<&[u8]> = blobs.iter().map(|blob| blob.content.as_slice()).collect();
    diesel::sql_query(
        "insert into blobs (sha256, content) select * from unnest($1, $2) as blob (sha256, content) on conflict do nothing",
    )
    .bind::<Array<Text>, _>(names)
    .bind::<Array<Bytea>, _>(contents)
    .execute(connection)?;
    Ok(())
}
