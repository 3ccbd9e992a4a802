//! The list of persons of one profile type: members, direct or through groups within, of the groups that set it.

use super::listing::{bind_words, columns, matching, page_of, place};
use super::{Filter, MOST_FOUND, Page, words};
use crate::model::group;
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text};

/// The most profile types that are offered.
const OFFERED: i64 = 20;

/// The profile types that groups set, by name; at most 20.
pub fn types(conn: &mut PgConnection) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "select distinct profile_type as name from groups where profile_type is not null order by 1 limit $1",
    )
    .bind::<BigInt, _>(OFFERED)
    .load(conn)?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// Up to `limit` current persons of a profile type, of those that the filter lets through, after `after`: user name and
/// id. Now only.
///
/// From the groups to their members, who are looked at until [`MOST_FOUND`] are found; these are put in order. So a type
/// that a million have costs what one of thousands does.
pub fn page_of_type(
    conn: &mut PgConnection,
    filter: &Filter,
    profile_type: &str,
    after: Option<(Option<&str>, i64)>,
    limit: i64,
) -> QueryResult<Page> {
    let words = words(&filter.search);
    let users = crate::model::resource::representing(conn, "users")?;
    let (group_first, group_last) = group::membership_ends(conn)?;
    let by_link = |associations: &str, this: &str, other: &str| {
        format!(
            "select r.person_id from held join links l on l.association_id = any({associations})
                                                      and l.{this} = held.resource_id
               join resources r on r.entity_type_id = any($4) and r.id = l.{other}
              where r.person_id is not null"
        )
    };
    // The conditions of the words are bound behind these eight.
    let query = diesel::sql_query(format!(
        "with held as materialized (
           select g.id, g.resource_id from groups g where g.profile_type = $1
           union
           select d.id, d.resource_id
             from groups g join group_closure c on c.ancestor_id = g.id join groups d on d.id = c.descendant_id
            where g.profile_type = $1
         ), found as materialized (
           select distinct id, name from (
             select p.id, lower(p.fields ->> 'user_name') as name
               from (({from_group}) union all ({to_group})
                     union all
                     (select m.person_id from held join local_memberships m on m.group_id = held.id)) member
               join persons p on p.id = member.person_id
              where p.state = 'current' and {state} and {conditions}
              limit {looked_at}) looked_at
            limit {most}
         ), listed as (
           select id, name from found
            where $5 = 'start'
               or ($5 = 'named' and (name > lower($6) or (name = lower($6) and id > $7) or name is null))
               or ($5 = 'nameless' and name is null and id > $7)
            order by name nulls last, id limit $8
         )
         select {columns}, (select count(*) from found) as hits
           from listed join persons p on p.id = listed.id
          order by listed.name nulls last, listed.id",
        from_group = by_link("$2", "from_id", "to_id"),
        to_group = by_link("$3", "to_id", "from_id"),
        state = filter.state.condition(),
        conditions = matching(&words, 9),
        columns = columns("p"),
        most = MOST_FOUND + 1,
        // Somebody in several of the groups is met several times.
        looked_at = 2 * (MOST_FOUND + 1),
    ));
    let (place, name, id) = place(after);
    let query = query
        .into_boxed::<Pg>()
        .bind::<Text, _>(profile_type)
        .bind::<Array<Integer>, _>(group_first)
        .bind::<Array<Integer>, _>(group_last)
        .bind::<Array<Integer>, _>(users)
        .bind::<Text, _>(place)
        .bind::<Nullable<Text>, _>(name)
        .bind::<BigInt, _>(id)
        .bind::<BigInt, _>(limit);
    Ok(page_of(bind_words(query, &words).load(conn)?))
}
