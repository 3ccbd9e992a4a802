//! A person: our own record of a human. What pages read of it; runs write it (`pipeline::people`).

mod memberships;

pub use memberships::{Membership, memberships};

use crate::schema::persons;
use crate::values::text::simplify;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

/// A person as it is stored.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = persons, check_for_backend(diesel::pg::Pg))]
pub struct Person {
    /// Its id; it keeps it for ever.
    pub id: i64,
    /// `current` or `past`.
    pub state: String,
    /// The connector that made it; `None`: a human.
    pub created_by: Option<i32>,
    /// The run that wrote this version.
    pub run_id: Option<i32>,
    /// Since when this version holds.
    pub valid_from: DateTime<Utc>,
    /// Profile field → value.
    pub fields: Value,
    /// Profile field → `[connector, entity type, run, line]`.
    pub provenance: Value,
    /// Profile field → value that an account set.
    pub local: Value,
    /// Why it can't sign in: `[{connector, entity_type, run, since, reason}, …]`.
    pub blocks: Value,
}

impl Person {
    /// What to call it.
    pub fn name(&self) -> String {
        name_of(&self.fields).unwrap_or_else(|| format!("User {}", self.id))
    }

    /// A field as text.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Whether any source blocks it.
    pub fn is_blocked(&self) -> bool {
        self.blocks.as_array().is_some_and(|blocks| !blocks.is_empty())
    }

    /// Where a value came from.
    pub fn source(&self, field: &str) -> Option<Source> {
        let numbers = self.provenance.get(field)?.as_array()?;
        let number = |position: usize| numbers.get(position)?.as_i64().and_then(|number| i32::try_from(number).ok());
        Some(Source { connector: number(0)?, entity_type: number(1)?, run: number(2)?, line: number(3)? })
    }
}

/// Which connector, run and line brought a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The connector's id.
    pub connector: i32,
    /// The entity type's id.
    pub entity_type: i32,
    /// The run.
    pub run: i32,
    /// The line in the source, header = 1.
    pub line: i32,
}

/// What fields call a person.
pub fn name_of(fields: &Value) -> Option<String> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text("display_name").map(str::to_owned).or_else(|| {
        let both = [text("given_name"), text("family_name")].into_iter().flatten().collect::<Vec<_>>().join(" ");
        if both.is_empty() { text("user_name").or_else(|| text("mail")).map(str::to_owned) } else { Some(both) }
    })
}

/// Which persons a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StateFilter {
    /// All of them.
    #[default]
    All,
    /// Those that are here.
    Current,
    /// Those that were.
    Past,
    /// Those that a source blocks.
    Blocked,
}

/// Where the page before ended: in the part sorted by user name, or in the one of persons that have none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// The user name in lower case; `None`: it had none.
    pub user_name: Option<String>,
    /// The person.
    pub id: i64,
}

/// Up to `limit` persons by user name; those without one come last. `search` finds every word of it in names, mail and
/// keys, whatever case and accents (trigram index).
pub fn page(
    conn: &mut PgConnection,
    search: &str,
    state: StateFilter,
    after: Option<&After>,
    limit: i64,
) -> QueryResult<Vec<Person>> {
    let mut found = Vec::new();
    if after.is_none_or(|after| after.user_name.is_some()) {
        let mut query =
            filtered(search, state).filter(user_name().is_not_null()).order((user_name(), persons::id)).limit(limit);
        if let Some(After { user_name: Some(name), id }) = after {
            query = query.filter(
                diesel::dsl::sql::<diesel::sql_types::Bool>("(lower(fields ->> 'user_name'), id) > (")
                    .bind::<Text, _>(name.clone())
                    .sql(", ")
                    .bind::<BigInt, _>(*id)
                    .sql(")"),
            );
        }
        found = query.load(conn)?;
    }
    let missing = limit - found.len() as i64;
    if missing > 0 {
        let mut query = filtered(search, state).filter(user_name().is_null()).order(persons::id).limit(missing);
        if let Some(After { user_name: None, id }) = after {
            query = query.filter(persons::id.gt(*id));
        }
        found.extend(query.load::<Person>(conn)?);
    }
    Ok(found)
}

fn user_name() -> diesel::expression::SqlLiteral<Nullable<Text>> {
    diesel::dsl::sql("lower(fields ->> 'user_name')")
}

fn filtered(
    search: &str,
    state: StateFilter,
) -> diesel::helper_types::IntoBoxed<
    'static,
    diesel::helper_types::Select<persons::table, diesel::helper_types::AsSelect<Person, diesel::pg::Pg>>,
    diesel::pg::Pg,
> {
    let mut query = persons::table.select(Person::as_select()).into_boxed();
    query = match state {
        StateFilter::All => query,
        StateFilter::Current => query.filter(persons::state.eq("current")),
        StateFilter::Past => query.filter(persons::state.eq("past")),
        StateFilter::Blocked => query.filter(persons::blocks.ne(serde_json::json!([]))),
    };
    for word in simplify(search).split_whitespace().take(8) {
        query = query.filter(persons::search.like(format!("%{}%", super::resource::escape_like(word))));
    }
    query
}

/// Ids of at most `limit` persons that a search finds.
pub(super) fn ids_matching(conn: &mut PgConnection, search: &str, limit: i64) -> QueryResult<Vec<i64>> {
    let mut query = persons::table.select(persons::id).limit(limit).into_boxed();
    for word in simplify(search).split_whitespace().take(8) {
        query = query.filter(persons::search.like(format!("%{}%", super::resource::escape_like(word))));
    }
    query.load(conn)
}

/// One person.
pub fn find(conn: &mut PgConnection, id: i64) -> QueryResult<Option<Person>> {
    persons::table.find(id).select(Person::as_select()).first(conn).optional()
}

/// One version of a person that is over.
#[derive(Debug, Clone, QueryableByName)]
pub struct PastVersion {
    /// `current` or `past`.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// The run that ended it.
    #[diesel(sql_type = Nullable<Integer>)]
    pub ended_by_run_id: Option<i32>,
    /// When it came.
    #[diesel(sql_type = Timestamptz)]
    pub valid_from: DateTime<Utc>,
    /// When it went.
    #[diesel(sql_type = Timestamptz)]
    pub valid_to: DateTime<Utc>,
    /// Profile field → value.
    #[diesel(sql_type = Jsonb)]
    pub fields: Value,
    /// Why it could not sign in.
    #[diesel(sql_type = Jsonb)]
    pub blocks: Value,
}

/// Past versions of a person, the latest first.
pub fn history(conn: &mut PgConnection, id: i64, limit: i64) -> QueryResult<Vec<PastVersion>> {
    diesel::sql_query(
        "select state, ended_by_run_id, valid_from, valid_to, fields, blocks
           from persons_history where id = $1 order by valid_to desc limit $2",
    )
    .bind::<BigInt, _>(id)
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// The content of a photo, by its SHA-256.
pub fn photo(conn: &mut PgConnection, sha256: &str) -> QueryResult<Option<Vec<u8>>> {
    use crate::schema::blobs;
    blobs::table.find(sha256).select(blobs::content).first(conn).optional()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_a_name_as_long_as_there_is_any() {
        use serde_json::json;
        assert_eq!(name_of(&json!({"display_name": "Ada Lovelace"})).as_deref(), Some("Ada Lovelace"));
        assert_eq!(name_of(&json!({"family_name": "Wu", "display_name": ""})).as_deref(), Some("Wu"));
        assert_eq!(name_of(&json!({"mail": "a@b"})).as_deref(), Some("a@b"));
        assert_eq!(name_of(&json!({})), None);
    }
}
