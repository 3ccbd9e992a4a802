//! Persons by what they are, one after the other: what programs ask for.

use super::listing::hits;
use super::{MOST_FOUND, Person, StateFilter, bind_words, columns, matching, words};
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Text};

/// Profile fields with an index of their own.
const INDEXED: [&str; 3] = ["user_name", "mail", "employee_id"];

/// Which persons.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Every word of it stands in names, mail or keys; empty: all.
    pub search: String,
    /// Here, gone or blocked.
    pub state: StateFilter,
    /// Only those that one of these entity types feeds.
    pub fed_by: Option<Vec<i32>>,
    /// The name of a profile field, and the value that it has, whatever the case. The caller knows the name.
    pub field: Option<(String, String)>,
}

/// Up to `limit` of them in the order of their ids, after the id `after`.
///
/// A walk along the ids of persons, or of those whom the entity types feed (`resources` have an index by person), so that
/// a deep page costs what the first does. What a search or an indexed field finds is collected first. A value of another
/// field is looked for on the way: where few have it, the way is long.
pub fn select(conn: &mut PgConnection, wanted: &Selection, after: i64, limit: i64) -> QueryResult<Vec<Person>> {
    let words = words(&wanted.search);
    let field = wanted.field.as_ref().map(|(name, _)| {
        let (quoted, local) = (name.replace('\'', "''"), !INDEXED.contains(&name.as_str()));
        match local {
            true => format!("lower(coalesce(fields ->> '{quoted}', local ->> '{quoted}')) = lower($4)"),
            false => format!("lower(fields ->> '{quoted}') = lower($4)"),
        }
    });
    let found = match words.is_empty() {
        true => None,
        false => Some(hits(conn, &words, wanted.state.condition(), MOST_FOUND + 1)?),
    };
    let is_cut = found.as_ref().is_some_and(|found| found.len() as i64 > MOST_FOUND);
    let source = match wanted.fed_by {
        // Distinct persons come out of the index in their order.
        Some(_) => {
            "(select distinct r.person_id as id from resources r
               where r.entity_type_id = any($3) and r.person_id > $1) fed join persons p using (id)"
        }
        // Conditions outside leave the planner no other way: it can't know how many a search finds.
        None if is_cut => "(select * from persons where id > $1 order by id offset 0) p",
        None => "persons p",
    };
    let search = match (&found, is_cut) {
        (None, _) => String::new(),
        // Behind the four that are always bound.
        (Some(_), true) => format!("and {}", matching(&words, 5)),
        (Some(found), false) => {
            let ids: Vec<String> = found.iter().map(i64::to_string).collect();
            format!("and p.id = any('{{{}}}'::bigint[])", ids.join(","))
        }
    };
    let query = diesel::sql_query(format!(
        "select {columns} from {source}
          where p.id > $1 and {state} and {field} and cardinality($3) >= 0 and $4 is not null {search}
          order by p.id limit $2",
        columns = columns("p"),
        state = wanted.state.condition(),
        field = field.as_deref().unwrap_or("true"),
    ));
    let value = wanted.field.as_ref().map_or("", |(_, value)| value.as_str());
    let query = query
        .into_boxed::<Pg>()
        .bind::<BigInt, _>(after)
        .bind::<BigInt, _>(limit)
        .bind::<Array<Integer>, _>(wanted.fed_by.clone().unwrap_or_default())
        .bind::<Text, _>(value);
    match is_cut {
        true => bind_words(query, &words).load(conn),
        false => query.load(conn),
    }
}
