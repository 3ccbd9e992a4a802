//! Figures over the changes of links.

use super::{CANDIDATES, signed};
use crate::model::guard::Operation;
use crate::pipeline::causes::case::Dominance;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};

/// The ends that most of an association's changes have in common.
pub(super) fn ends(connection: &mut PgConnection, schema: &str, id: i32, stored: u64) -> QueryResult<Vec<Dominance>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        operation: String,
        #[diesel(sql_type = Text)]
        field: String,
        #[diesel(sql_type = Text)]
        value: String,
        #[diesel(sql_type = BigInt)]
        count: i64,
        #[diesel(sql_type = BigInt)]
        of: i64,
        #[diesel(sql_type = BigInt)]
        links: i64,
    }
    if stored == 0 {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = diesel::sql_query(format!(
        "with ends as (
           select operation, field, e.id, value
             from {schema}.keyed_changes, lateral (values
                    ('owner', from_id, key), ('target', to_id, to_key), ('earlier target', before_to_id, before_to_key)) e (field, id, value)
            where association_id = $1 and e.id is not null
         ), counts as (
           select operation, field, id, min(value) as value, count(*) as count,
                  sum(count(*)) over (partition by operation, field)::bigint as of
             from ends group by 1, 2, 3
         )
         select operation, field, coalesce(value, '') as value, count, of,
                (select count(*) from links l where l.association_id = $1
                    and case when field = 'owner' then l.from_id else l.to_id end = counts.id) as links
           from counts where count * 2 >= of and count >= 3 order by count desc limit $2"
    ))
    .bind::<Integer, _>(id)
    .bind::<BigInt, _>(signed(CANDIDATES as u64))
    .load(connection)?;
    let dominance = |row: Row| {
        Some(Dominance {
            operation: Operation::ALL.into_iter().find(|one| one.as_str() == row.operation)?,
            before: row.field == "earlier target",
            field: row.field,
            value: Some(row.value),
            count: row.count.unsigned_abs(),
            of: row.of.unsigned_abs(),
            base: row.links as f64 / stored as f64,
        })
    };
    Ok(rows.into_iter().filter_map(dominance).collect())
}
