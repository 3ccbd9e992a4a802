//! Lists of persons: searched, filtered, in pages by user name.

use super::{Person, words};
use crate::model::amount::{self, Amount};
use crate::model::as_of::AsOf;
use crate::model::resource::escape_like;
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text};

/// A search lists so many at most: ordering all hits of a short word would take longer than anybody waits.
pub const MOST_FOUND: i64 = 500;

/// Which persons a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Every word of it stands in names, mail or keys, whatever case and accents; empty: all.
    pub search: String,
    /// Here, gone or blocked.
    pub state: StateFilter,
}

/// Here, gone or blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StateFilter {
    /// All of them.
    #[default]
    All,
    /// Those that are here.
    Current,
    /// Those that were.
    Past,
    /// Those that a source or an account blocks, or will when a grace period ends.
    Blocked,
}

impl StateFilter {
    /// The word in addresses and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Current => "current",
            Self::Past => "past",
            Self::Blocked => "blocked",
        }
    }

    /// The filter of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::All, Self::Current, Self::Past, Self::Blocked].into_iter().find(|filter| filter.as_str() == word)
    }

    /// As SQL. Written out, not bound, so that the partial indexes of past and blocked persons serve it.
    pub(super) fn condition(self) -> &'static str {
        match self {
            Self::All => "true",
            Self::Current => "state = 'current'",
            Self::Past => "state = 'past'",
            Self::Blocked => "blocks <> '[]'",
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page {
    /// The persons, by user name; those without one come last, by id.
    pub persons: Vec<Person>,
    /// How many the filter lets through. A search stops at [`MOST_FOUND`] and lists these.
    pub amount: Amount,
}

/// Up to `limit` persons after `after`: user name, if it has one, and id of the last one before.
pub fn page(
    conn: &mut PgConnection,
    at: &AsOf,
    filter: &Filter,
    after: Option<(Option<&str>, i64)>,
    limit: i64,
) -> QueryResult<Page> {
    let words = words(&filter.search);
    if !words.is_empty() {
        return found(conn, at, &words, filter.state, after, limit);
    }
    let amount = match at {
        AsOf::Now => amount(conn, filter.state),
        AsOf::Then(_) => amount::count(conn, &format!("{} p where {}", at.persons(), filter.state.condition())),
    }?;
    Ok(Page { persons: walk(conn, at, filter.state.condition(), after, limit)?, amount })
}

/// How many stand so, without counting many: the planner knows the sizes of the table and of its partial indexes.
fn amount(conn: &mut PgConnection, state: StateFilter) -> QueryResult<Amount> {
    let from = format!("persons where {}", state.condition());
    match state {
        StateFilter::All => amount::rows(conn, "persons", "persons"),
        StateFilter::Past => amount::rows(conn, "persons_past", &from),
        StateFilter::Blocked => amount::rows(conn, "persons_blocked", &from),
        StateFilter::Current => match (amount(conn, StateFilter::All)?, amount(conn, StateFilter::Past)?) {
            (all @ Amount::About(_), past) => Ok(all.without(past)),
            _ => amount::count(conn, &from),
        },
    }
}

/// Walks along the index by user name (`persons_by_user_name`, `persons_past`, `persons_blocked`; as of a moment, also
/// `persons_history_by_user_name`), then along the ids of those that have none.
pub(super) fn walk(
    conn: &mut PgConnection,
    at: &AsOf,
    condition: &str,
    after: Option<(Option<&str>, i64)>,
    limit: i64,
) -> QueryResult<Vec<Person>> {
    let (columns, persons_then) = (columns("p"), at.persons());
    let named = |keyset: &str| {
        format!(
            "select {columns} from {persons_then} p
              where {condition} and lower(fields ->> 'user_name') is not null {keyset}
              order by lower(fields ->> 'user_name'), id limit $1"
        )
    };
    let mut persons: Vec<Person> = match after {
        None => diesel::sql_query(named("")).bind::<BigInt, _>(limit).load(conn)?,
        Some((Some(name), id)) => diesel::sql_query(named("and (lower(fields ->> 'user_name'), id) > (lower($2), $3)"))
            .bind::<BigInt, _>(limit)
            .bind::<Text, _>(name)
            .bind::<BigInt, _>(id)
            .load(conn)?,
        Some((None, _)) => Vec::new(),
    };
    let missing = limit - persons.len() as i64;
    if missing > 0 {
        let after_id = after.filter(|(name, _)| name.is_none()).map_or(i64::MIN, |(_, id)| id);
        let nameless: Vec<Person> = diesel::sql_query(format!(
            "select {columns} from {persons_then} p
              where {condition} and lower(fields ->> 'user_name') is null and id > $2 order by id limit $1"
        ))
        .bind::<BigInt, _>(missing)
        .bind::<BigInt, _>(after_id)
        .load(conn)?;
        persons.extend(nameless);
    }
    Ok(persons)
}

/// Collects at most [`MOST_FOUND`] hits by the trigrams, then orders these.
fn found(
    conn: &mut PgConnection,
    at: &AsOf,
    words: &[String],
    state: StateFilter,
    after: Option<(Option<&str>, i64)>,
    limit: i64,
) -> QueryResult<Page> {
    // The conditions of the words are bound behind these four.
    let condition = format!("{} and {} limit {}", matching(words, 5), state.condition(), MOST_FOUND + 1);
    ordered(conn, at, &condition, after, limit, |query| bind_words(query, words))
}

/// Those of these persons whom these words find and a condition lets through, in order.
pub(super) fn among(
    conn: &mut PgConnection,
    ids: &[i64],
    words: &[String],
    condition: &str,
    after: Option<(Option<&str>, i64)>,
    limit: i64,
) -> QueryResult<Page> {
    // The ids are bound behind the words, which stand behind these four.
    let condition = format!("{} and {condition} and id = any(${})", matching(words, 5), 5 + 2 * words.len());
    ordered(conn, &AsOf::Now, &condition, after, limit, |query| {
        bind_words(query, words).bind::<Array<BigInt>, _>(ids.to_vec())
    })
}

/// Ids of at most [`MOST_FOUND`] + 1 persons whom these words find and a condition lets through, in order, each with
/// whether it comes after a place.
pub(super) fn hits_after(
    conn: &mut PgConnection,
    words: &[String],
    condition: &str,
    after: Option<(Option<&str>, i64)>,
) -> QueryResult<Vec<(i64, bool)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Bool)]
        is_after: bool,
    }
    let query = diesel::sql_query(format!(
        "with found as materialized (
           select id, lower(fields ->> 'user_name') as name from persons
            where {conditions} and {condition} limit {most}
         )
         select id, {IS_AFTER} as is_after from found order by name nulls last, id",
        conditions = matching(words, 4),
        most = MOST_FOUND + 1,
    ));
    let (place, name, id) = place(after);
    let query = query.into_boxed::<Pg>().bind::<Text, _>(place).bind::<Nullable<Text>, _>(name).bind::<BigInt, _>(id);
    let rows: Vec<Row> = bind_words(query, words).load(conn)?;
    Ok(rows.into_iter().map(|row| (row.id, row.is_after)).collect())
}

/// Whether one of what was found, `name` and `id`, comes after the place that is bound first.
const IS_AFTER: &str = "($1 = 'start'
               or $1 = 'named' and (name > lower($2) or (name = lower($2) and id > $3) or name is null)
               or $1 = 'nameless' and name is null and id > $3)";

/// Collects those that a condition lets through, and puts them in order. `bind`: what the condition asks for, behind four.
fn ordered<'q>(
    conn: &mut PgConnection,
    at: &AsOf,
    condition: &str,
    after: Option<(Option<&'q str>, i64)>,
    limit: i64,
    bind: impl FnOnce(BoxedSqlQuery<'q, Pg, SqlQuery>) -> BoxedSqlQuery<'q, Pg, SqlQuery>,
) -> QueryResult<Page> {
    let columns = columns("p");
    let query = diesel::sql_query(format!(
        "with found as materialized (
           select id, lower(fields ->> 'user_name') as name from {persons} p where {condition}
         ), listed as (
           select id, name from found where {IS_AFTER} order by name nulls last, id limit $4
         )
         select {columns}, (select count(*) from found) as hits
           from listed join {persons} p on p.id = listed.id
          order by listed.name nulls last, listed.id",
        persons = at.persons(),
    ));
    let (place, name, id) = place(after);
    let query = query
        .into_boxed::<Pg>()
        .bind::<Text, _>(place)
        .bind::<Nullable<Text>, _>(name)
        .bind::<BigInt, _>(id)
        .bind::<BigInt, _>(limit);
    Ok(page_of(bind(query).load(conn)?))
}

/// A person that was found, and how many were.
#[derive(QueryableByName)]
struct Hit {
    #[diesel(embed)]
    person: Person,
    #[diesel(sql_type = BigInt)]
    hits: i64,
}

/// The page that these come to.
fn page_of(hits: Vec<Hit>) -> Page {
    let amount = Amount::counted(hits.first().map_or(0, |hit| hit.hits), MOST_FOUND);
    Page { persons: hits.into_iter().map(|hit| hit.person).collect(), amount }
}

/// Where a page of what was found begins, as SQL is told: a word, the user name and the id before it.
fn place(after: Option<(Option<&str>, i64)>) -> (&'static str, Option<&str>, i64) {
    match after {
        None => ("start", None, 0),
        Some((Some(name), id)) => ("named", Some(name), id),
        Some((None, id)) => ("nameless", None, id),
    }
}

/// Up to `limit` persons in the order of their ids, after the id `after`: to go through all of them.
pub fn after_id(
    conn: &mut PgConnection,
    at: &AsOf,
    filter: &Filter,
    after: i64,
    limit: i64,
) -> QueryResult<Vec<Person>> {
    let words = words(&filter.search);
    let query = diesel::sql_query(format!(
        "select {} from {} p where id > $1 and {} and {} order by id limit $2",
        columns("p"),
        at.persons(),
        filter.state.condition(),
        matching(&words, 3)
    ));
    let query = query.into_boxed::<Pg>().bind::<BigInt, _>(after).bind::<BigInt, _>(limit);
    bind_words(query, &words).load(conn)
}

/// Ids of at most `limit` persons that a search finds.
pub(in crate::model) fn ids_matching(conn: &mut PgConnection, search: &str, limit: i64) -> QueryResult<Vec<i64>> {
    hits(conn, &words(search), "true", limit)
}

/// Ids of at most `limit` persons whom these words find and a condition lets through.
pub(super) fn hits(conn: &mut PgConnection, words: &[String], condition: &str, limit: i64) -> QueryResult<Vec<i64>> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let condition = format!("{} and {condition}", matching(words, 2));
    let query = diesel::sql_query(format!("select id from persons where {condition} limit $1"));
    let ids: Vec<Id> = bind_words(query.into_boxed::<Pg>().bind::<BigInt, _>(limit), words).load(conn)?;
    Ok(ids.into_iter().map(|row| row.id).collect())
}

/// The columns of a person, of the table called `alias`.
pub(super) fn columns(alias: &str) -> String {
    const COLUMNS: [&str; 10] = [
        "id",
        "state",
        "created_by",
        "created_run_id",
        "run_id",
        "valid_from",
        "fields",
        "provenance",
        "local",
        "blocks",
    ];
    COLUMNS.map(|column| format!("{alias}.{column}")).join(", ")
}

/// As SQL: every word is found. Two parameters a word, numbered from `first`. A word of one or two letters has no
/// trigram of its own; it is looked for where a word begins, which has.
pub(super) fn matching(words: &[String], first: usize) -> String {
    let conditions = (0..words.len()).map(|word| {
        let parameter = first + 2 * word;
        format!("(search like ${parameter} or search like ${})", parameter + 1)
    });
    conditions.chain(["true".to_owned()]).collect::<Vec<_>>().join(" and ")
}

pub(super) fn bind_words<'q>(
    mut query: BoxedSqlQuery<'q, Pg, SqlQuery>,
    words: &[String],
) -> BoxedSqlQuery<'q, Pg, SqlQuery> {
    for word in words {
        let escaped = escape_like(word);
        let (one, other) = match word.chars().count() {
            1 | 2 => (format!("{escaped}%"), format!("% {escaped}%")),
            _ => (format!("%{escaped}%"), format!("%{escaped}%")),
        };
        query = query.bind::<Text, _>(one).bind::<Text, _>(other);
    }
    query
}
