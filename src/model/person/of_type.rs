//! The list of persons of one profile type: members, direct or through groups within, of the groups that set it.
//!
//! Nobody stores who is of which type. Where many are, a walk along all persons by user name soon meets enough of them;
//! where few are, they are collected from their groups. Which of the two it is, is found out by trying.

use super::listing::{among, hits_after, walk};
use super::memberships::direct;
use super::{Filter, MOST_FOUND, Page, Person, StateFilter, words};
use crate::model::amount::Amount;
use crate::model::as_of::AsOf;
use crate::model::group;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Text};
use std::collections::HashSet;

/// The most profile types that are offered.
const OFFERED: i64 = 20;
/// The most memberships that are collected: beyond, the type is one of many.
const COLLECTED: i64 = 5000;
/// Persons that are looked at along the way, at first and at most together.
const STEPS: [i64; 2] = [64, 2048];

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
pub fn page_of_type(
    conn: &mut PgConnection,
    filter: &Filter,
    profile_type: &str,
    after: Option<(Option<&str>, i64)>,
    limit: i64,
) -> QueryResult<Page> {
    let words = words(&filter.search);
    match filter.state {
        StateFilter::Past => Ok(Page { persons: Vec::new(), amount: Amount::Exactly(0) }),
        _ if words.is_empty() => listed(conn, filter.state, profile_type, after, limit),
        _ => searched(conn, &words, filter.state, profile_type, after, limit),
    }
}

/// All of the type: a few steps along the way; if these do not fill the page, from the groups; if there are too many for
/// that, on along the way.
fn listed(
    conn: &mut PgConnection,
    state: StateFilter,
    profile_type: &str,
    after: Option<(Option<&str>, i64)>,
    limit: i64,
) -> QueryResult<Page> {
    let mut way = Way { state, place: after.map(|(name, id)| (name.map(str::to_owned), id)), is_over: false };
    let [few, many] = STEPS;
    let mut persons = Vec::new();
    let mut is_one_of_many = false;
    for step in 1.. {
        let steps = if step == 1 { few.max(limit) } else { many };
        persons.extend(way.go_on(conn, profile_type, steps)?);
        if way.is_over || persons.len() as i64 >= limit {
            break;
        }
        // One of eight: enough for a page are not far.
        is_one_of_many |= persons.len() as i64 * 8 >= steps;
        if !is_one_of_many {
            if let Some(members) = members(conn, profile_type)? {
                return among(conn, &members, &[], standing(state), after, limit);
            }
            is_one_of_many = true;
        }
    }
    // Nobody counts those who come after the page, or came before it.
    let amount = match way.is_over && after.is_none() && persons.len() as i64 <= limit {
        true => Amount::Exactly(persons.len() as i64),
        false => Amount::MoreThan(limit - 1),
    };
    persons.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(Page { persons, amount })
}

/// Those that a search finds: of its hits, as far as these are collected; of a type that few have, of all of these.
fn searched(
    conn: &mut PgConnection,
    words: &[String],
    state: StateFilter,
    profile_type: &str,
    after: Option<(Option<&str>, i64)>,
    limit: i64,
) -> QueryResult<Page> {
    let hits = hits_after(conn, words, standing(state), after)?;
    let is_cut = hits.len() as i64 > MOST_FOUND;
    if is_cut {
        // Whether these hits will do has to be the same for all pages.
        let first: Vec<i64> = hits.iter().take(STEPS[0] as usize).map(|(id, _)| *id).collect();
        let is_common = of_type(conn, profile_type, &first)?.len() * 8 >= first.len();
        if !is_common && let Some(members) = members(conn, profile_type)? {
            return among(conn, &members, words, standing(state), after, limit);
        }
    }
    let hits: Vec<i64> = hits.into_iter().filter(|(_, is_after)| *is_after).map(|(id, _)| id).collect();
    let mut ids = Vec::new();
    let (mut looked_at, mut steps) = (0, STEPS[0]);
    for some in std::iter::from_fn(|| {
        let next = hits.get(looked_at..)?.chunks(usize::try_from(steps).ok()?).next()?;
        looked_at += next.len();
        steps *= 2;
        Some(next)
    }) {
        let of_type = of_type(conn, profile_type, some)?;
        ids.extend(some.iter().filter(|id| of_type.contains(id)));
        if ids.len() as i64 >= limit {
            break;
        }
    }
    let page = among(conn, &ids, &[], "true", None, limit)?;
    // Nobody looks at hits behind the page, nor again at those before it.
    let amount = match is_cut || after.is_some() || ids.len() as i64 >= limit {
        true => Amount::MoreThan((ids.len() as i64).min(limit - 1)),
        false => Amount::Exactly(ids.len() as i64),
    };
    Ok(Page { amount, ..page })
}

/// Who is past is of no type any more.
fn standing(state: StateFilter) -> &'static str {
    match state {
        StateFilter::Blocked => "state = 'current' and blocks <> '[]'",
        _ => "state = 'current'",
    }
}

/// The way along all persons by user name.
struct Way {
    state: StateFilter,
    /// User name and id of the last one.
    place: Option<(Option<String>, i64)>,
    is_over: bool,
}

impl Way {
    /// Those of the type among the next so many persons.
    fn go_on(&mut self, conn: &mut PgConnection, profile_type: &str, steps: i64) -> QueryResult<Vec<Person>> {
        let place = self.place.as_ref().map(|(name, id)| (name.as_deref(), *id));
        let mut persons = walk(conn, &AsOf::Now, standing(self.state), place, steps)?;
        self.is_over = (persons.len() as i64) < steps;
        if let Some(last) = persons.last() {
            self.place =
                Some((last.fields.get("user_name").and_then(|name| name.as_str()).map(str::to_owned), last.id));
        }
        let ids: Vec<i64> = persons.iter().map(|person| person.id).collect();
        let of_type = of_type(conn, profile_type, &ids)?;
        persons.retain(|person| of_type.contains(&person.id));
        Ok(persons)
    }
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    person_id: i64,
}

/// Who of these persons is of a type: from them to their groups, index by index.
fn of_type(conn: &mut PgConnection, profile_type: &str, persons: &[i64]) -> QueryResult<HashSet<i64>> {
    let rows: Vec<Id> = diesel::sql_query(format!(
        "with {direct}, setting as materialized (
           select d.id from (select distinct id from direct) d
            where exists (select from groups g where g.id = d.id and g.profile_type = $4)
               or exists (select from group_closure c join groups g on g.id = c.ancestor_id
                           where c.descendant_id = d.id and g.profile_type = $4)
         )
         select distinct person_id from direct join setting using (id)",
        direct = direct(&AsOf::Now),
    ))
    .bind::<Array<BigInt>, _>(persons)
    .bind::<Array<Integer>, _>(crate::model::resource::representing(conn, "users")?)
    .bind::<Array<Integer>, _>(group::membership_associations(conn)?)
    .bind::<Text, _>(profile_type)
    .load(conn)?;
    Ok(rows.into_iter().map(|row| row.person_id).collect())
}

/// Everybody who is a member of a group of this type, past or current; `None`: there are too many to collect. From the
/// groups outwards, index by index, and not further than is needed.
fn members(conn: &mut PgConnection, profile_type: &str) -> QueryResult<Option<Vec<i64>>> {
    let (group_first, group_last) = group::membership_ends(conn)?;
    let held = "(select g.id, g.resource_id from groups g where g.profile_type = $1
                 union all
                 select d.id, d.resource_id
                   from groups g join group_closure c on c.ancestor_id = g.id join groups d on d.id = c.descendant_id
                  where g.profile_type = $1) held";
    let by_link = |associations: &str, this: &str, other: &str| {
        format!(
            "select r.person_id from {held}
              cross join lateral (select {other} as other from links l
                                   where l.association_id = any({associations}) and l.{this} = held.resource_id
                                  offset 0) l
              cross join lateral (select person_id from resources r
                                   where r.entity_type_id = any($4) and r.id = l.other and person_id is not null
                                  offset 0) r"
        )
    };
    let mut rows: Vec<Id> = diesel::sql_query(format!(
        "({from_group}) union all ({to_group})
         union all
         (select m.person_id from {held}
           cross join lateral (select person_id from local_memberships m where m.group_id = held.id offset 0) m)
         limit $5",
        from_group = by_link("$2", "from_id", "to_id"),
        to_group = by_link("$3", "to_id", "from_id"),
    ))
    .bind::<Text, _>(profile_type)
    .bind::<Array<Integer>, _>(group_first)
    .bind::<Array<Integer>, _>(group_last)
    .bind::<Array<Integer>, _>(crate::model::resource::representing(conn, "users")?)
    .bind::<BigInt, _>(COLLECTED + 1)
    .load(conn)?;
    if rows.len() as i64 > COLLECTED {
        return Ok(None);
    }
    rows.sort_by_key(|row| row.person_id);
    rows.dedup_by_key(|row| row.person_id);
    Ok(Some(rows.into_iter().map(|row| row.person_id).collect()))
}
