//! A person: our own record of a human. What pages and command line read of it; runs write it (`pipeline::people`).

pub mod blocking;
mod by_account;
mod history;
mod listing;
mod memberships;
mod of_type;
mod organizations;
pub mod partition;
mod profile_types;
mod selection;

pub use by_account::{LocalEdit, OverrideRecord, local_edits, overrides, overrides_of};
pub use history::{PastVersion, history, life};
pub(super) use listing::ids_matching;
pub use listing::{Filter, MOST_FOUND, Page, StateFilter, after_id, page};
use listing::{bind_words, columns, matching};
pub use memberships::{Membership, memberships};
pub use of_type::{page_of_type, types};
pub use organizations::{Organization, organizations};
pub use profile_types::profile_types;
pub use selection::{Selection, select};

use crate::model::as_of::AsOf;
use crate::schema::persons;
use crate::values::text::simplify;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};
use serde::Deserialize;
use serde_json::Value;

/// A person as it is stored.
#[derive(Debug, Clone, PartialEq, Queryable, QueryableByName, Selectable)]
#[diesel(table_name = persons, check_for_backend(diesel::pg::Pg))]
pub struct Person {
    /// Its id; it keeps it for ever.
    pub id: i64,
    /// `current` or `past`.
    pub state: String,
    /// The connector that made it; `None`: a human.
    pub created_by: Option<i32>,
    /// The run that made it.
    pub created_run_id: Option<i32>,
    /// The run that wrote this version.
    pub run_id: Option<i32>,
    /// Since when this version holds.
    pub valid_from: DateTime<Utc>,
    /// Profile field → value.
    pub fields: Value,
    /// Profile field → `[connector, entity type, run, line]`; under the empty name for all fields that are not named; what
    /// is outvoted under a name that no field has.
    pub provenance: Value,
    /// Profile field → value that an account set.
    pub local: Value,
    /// Why it can't sign in: see [`Block`].
    pub blocks: Value,
}

impl Person {
    /// What to call it.
    pub fn name(&self) -> String {
        name_of(&self.fields).unwrap_or_else(|| format!("User {}", self.id))
    }

    /// A field as text, from its source or local.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.value(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A field's value, from its source or local.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).or_else(|| self.local.get(name)).filter(|value| !value.is_null())
    }

    /// The names of the fields that have a value.
    pub fn field_names(&self) -> impl Iterator<Item = &String> {
        [&self.fields, &self.local]
            .into_iter()
            .filter_map(Value::as_object)
            .flat_map(|fields| fields.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name))
    }

    /// Whether it was here and is no more.
    pub fn is_past(&self) -> bool {
        self.state == "past"
    }

    /// Why it can't sign in, or will not be able to.
    pub fn blocks(&self) -> Vec<Block> {
        Vec::deserialize(&self.blocks).unwrap_or_default()
    }

    /// Whether it can't sign in at that moment.
    pub fn is_blocked(&self, now: DateTime<Utc>) -> bool {
        self.blocks().iter().any(|block| block.since <= now)
    }

    /// Where a value came from.
    pub fn source(&self, field: &str) -> Option<Source> {
        let shared = || self.fields.get(field).and_then(|_| self.provenance.get(""));
        let numbers = self.provenance.get(field).or_else(shared)?.as_array()?;
        let number = |position: usize| numbers.get(position)?.as_i64().and_then(|number| i32::try_from(number).ok());
        Some(Source { connector: number(0)?, entity_type: number(1)?, run: number(2)?, line: number(3)? })
    }

    /// What users said last that are gone, where another source's value holds: profile field → values, each with where it
    /// is from.
    pub fn outvoted(&self) -> Option<&Value> {
        self.provenance.get(OUTVOTED)
    }

    /// The SHA-256 of its photo.
    pub fn photo(&self) -> Option<&str> {
        let digest = self.field("photo")?.strip_prefix("sha256:")?;
        (digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(digest)
    }
}

/// The name under which outvoted values stand among the provenance. No field is called so.
pub const OUTVOTED: &str = "(outvoted)";

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

/// One reason why a person can't sign in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Block {
    /// The connector whose run blocked; `None`: a human.
    pub connector: Option<i32>,
    /// The entity type whose user is missing.
    pub entity_type: Option<i32>,
    /// The run that blocked.
    pub run: Option<i32>,
    /// The account that blocked.
    pub account: Option<String>,
    /// Since when it counts; later than now while a grace period lasts.
    pub since: DateTime<Utc>,
    /// Why.
    pub reason: String,
}

/// What fields call a person.
pub fn name_of(fields: &Value) -> Option<String> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text("display_name").map(str::to_owned).or_else(|| {
        let both = [text("given_name"), text("family_name")].into_iter().flatten().collect::<Vec<_>>().join(" ");
        if both.is_empty() { text("user_name").or_else(|| text("mail")).map(str::to_owned) } else { Some(both) }
    })
}

/// One person.
pub fn find(conn: &mut PgConnection, at: &AsOf, id: i64) -> QueryResult<Option<Person>> {
    diesel::sql_query(format!("select {} from {} p where p.id = $1", listing::columns("p"), at.persons()))
        .bind::<BigInt, _>(id)
        .get_result(conn)
        .optional()
}

/// The persons with exactly this user name, mail or employee id, whatever its case; each has an index. At most 10.
pub fn named(conn: &mut PgConnection, at: &AsOf, name: &str) -> QueryResult<Vec<Person>> {
    let (columns, persons) = (listing::columns("p"), at.persons());
    let same = |field: &str| format!("select id from {persons} s where lower(fields ->> '{field}') = lower($1)");
    diesel::sql_query(format!(
        "select {columns} from {persons} p where p.id in ({} union {} union {}) order by p.id limit 10",
        same("user_name"),
        same("mail"),
        same("employee_id")
    ))
    .bind::<Text, _>(name)
    .load(conn)
}

/// The one person with exactly this value in a field, whatever its case; `None` if there is none, or several. The field
/// is one that has an index: user name, mail or employee id.
pub fn only(conn: &mut PgConnection, field: &str, value: &str) -> QueryResult<Option<i64>> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let field = field.replace('\'', "''");
    let found: Vec<Found> =
        diesel::sql_query(format!("select id from persons where lower(fields ->> '{field}') = lower($1) limit 2"))
            .bind::<Text, _>(value)
            .load(conn)?;
    Ok(match found.as_slice() {
        [only] => Some(only.id),
        _ => None,
    })
}

/// The content of a photo, by its SHA-256, if it is not larger than `most` bytes.
pub fn photo(conn: &mut PgConnection, sha256: &str, most: i32) -> QueryResult<Option<Vec<u8>>> {
    #[derive(QueryableByName)]
    struct Photo {
        #[diesel(sql_type = Binary)]
        content: Vec<u8>,
    }
    let photo: Option<Photo> =
        diesel::sql_query("select content from blobs where sha256 = $1 and octet_length(content) <= $2")
            .bind::<Text, _>(sha256)
            .bind::<diesel::sql_types::Integer, _>(most)
            .get_result(conn)
            .optional()?;
    Ok(photo.map(|photo| photo.content))
}

/// The words of a search, folded as `persons.search` is; at most 8.
fn words(search: &str) -> Vec<String> {
    simplify(search).split_whitespace().take(8).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_person_has_a_name_as_long_as_there_is_any() {
        assert_eq!(name_of(&json!({"display_name": "Ada Lovelace"})).as_deref(), Some("Ada Lovelace"));
        assert_eq!(name_of(&json!({"family_name": "Wu", "display_name": ""})).as_deref(), Some("Wu"));
        assert_eq!(name_of(&json!({"mail": "a@b"})).as_deref(), Some("a@b"));
        assert_eq!(name_of(&json!({})), None);
    }

    #[test]
    fn blocks_are_read_as_runs_write_them() {
        let read: Vec<Block> = serde_json::from_value(json!([
            {"connector": 1, "entity_type": 2, "run": 3, "since": "2026-11-20T02:00:00Z", "reason": "missing"}
        ]))
        .unwrap();
        assert_eq!((read[0].run, read[0].reason.as_str()), (Some(3), "missing"));
    }
}
