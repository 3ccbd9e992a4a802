//! A change: one difference that a run proposes or has applied. What stands in `changes`, and the inserts of scopes that
//! were loaded whole, read as one list.

mod seal;

pub use seal::{keep_others, seal_holds, seal_of};

use super::guard::Operation;
use super::run::Run;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One change, as pages and `show --changes` list it.
#[derive(Debug, Clone, PartialEq, Serialize, QueryableByName)]
pub struct Change {
    /// The entity type, for a change of a resource.
    #[diesel(sql_type = Nullable<Text>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_type: Option<String>,
    /// The association, for a change of a link.
    #[diesel(sql_type = Nullable<Text>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub association: Option<String>,
    /// Key of the resource, or of the link's `from` end.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// Key of the link's `to` end after the change.
    #[diesel(sql_type = Nullable<Text>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_key: Option<String>,
    /// Key of the link's `to` end before an update.
    #[diesel(sql_type = Nullable<Text>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_to_key: Option<String>,
    /// `insert`, `update` or `delete`.
    #[diesel(sql_type = Text)]
    pub operation: String,
    /// The properties that change, as they are.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub before: Option<Value>,
    /// The properties that change, as they will be; null: emptied.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub after: Option<Value>,
    /// Line of the source that brought it; 0 for links.
    #[diesel(sql_type = Integer)]
    #[serde(skip)]
    pub line: i32,
    /// The resource, or the link's `from` end.
    #[diesel(sql_type = BigInt)]
    #[serde(skip)]
    pub resource_id: i64,
    /// The person the resource is correlated with.
    #[diesel(sql_type = Nullable<BigInt>)]
    #[serde(skip)]
    pub person_id: Option<i64>,
    /// Whether that person is made by this run.
    #[diesel(sql_type = Bool)]
    #[serde(skip)]
    pub new_person: bool,
    /// The place after which the next page begins.
    #[diesel(sql_type = Text)]
    #[serde(skip)]
    pub cursor: String,
}

impl Change {
    /// What happens, as a value.
    pub fn operation(&self) -> Option<Operation> {
        Operation::ALL.into_iter().find(|operation| operation.as_str() == self.operation)
    }

    /// Property, before and after, for each property that changes; the target's key for a link.
    pub fn differences(&self) -> Vec<(String, Option<Value>, Option<Value>)> {
        let none = Map::new();
        let before = self.before.as_ref().and_then(Value::as_object).unwrap_or(&none);
        let after = self.after.as_ref().and_then(Value::as_object).unwrap_or(&none);
        let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let value = |map: &Map<String, Value>, name: &str| map.get(name).filter(|value| !value.is_null()).cloned();
        names.into_iter().map(|name| (name.clone(), value(before, name), value(after, name))).collect()
    }
}

/// Which changes are asked for.
#[derive(Debug, Clone, Default)]
pub struct ChangeFilter {
    /// An entity type's or association's name.
    pub scope: Option<String>,
    /// What they do.
    pub operation: Option<Operation>,
    /// A property that changes.
    pub property: Option<String>,
    /// The beginning of the key.
    pub key: Option<String>,
    /// The whole key is meant, not its beginning.
    pub exact: bool,
    /// The [`Change::cursor`] of the last one seen.
    pub after: Option<String>,
    /// Only those with one of these [`Change::cursor`]s; empty: all.
    pub only: Vec<String>,
}

/// Changes that a person has chosen from those of a run.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Single ones, by [`Change::cursor`].
    pub single: Vec<String>,
    /// All that match one of these.
    pub filters: Vec<ChangeFilter>,
}

/// How many changes of each operation a scope has, and of which properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, QueryableByName)]
pub struct PropertyCount {
    /// The entity type.
    #[diesel(sql_type = Text)]
    pub entity_type: String,
    /// The property.
    #[diesel(sql_type = Text)]
    pub property: String,
    /// Updates that change it.
    #[diesel(sql_type = BigInt)]
    pub count: i64,
}

/// A page of a run's changes: those listed one by one first, then the inserts of scopes that were loaded whole.
pub fn page(connection: &mut PgConnection, run: &Run, filter: &ChangeFilter, limit: i64) -> QueryResult<Vec<Change>> {
    let whole = WholeScopes::of(connection, run)?;
    let mut sources = vec![format!(
        "(select e.name as entity_type, a.name as association, c.key, c.to_key, c.before_to_key, c.operation, c.before,
                 c.after, c.line, coalesce(c.resource_id, c.from_id) as resource_id, c.person_id, c.new_person,
                 'a' || lpad(c.seq::text, 12, '0') as cursor
            from changes c
            left join entity_types e on e.id = c.entity_type_id
            left join associations a on a.id = c.association_id
           where c.run_id = $1 and c.seq > $6 and {CONDITIONS}
             and ($9 is null or 'a' || lpad(c.seq::text, 12, '0') = any($9))
           order by c.seq limit $7)"
    )];
    sources.extend(whole.questions());
    let seen = filter.after.as_deref().unwrap_or("a0");
    let listed_after = match seen.strip_prefix('a') {
        Some(seq) => seq.parse().unwrap_or(0),
        None => i64::MAX,
    };
    diesel::sql_query(format!(
        "select * from ({}) changes where cursor > $8 collate \"C\" order by cursor collate \"C\" limit $7",
        sources.join(" union all ")
    ))
    .bind::<Integer, _>(run.id.0)
    .bind::<Nullable<Text>, _>(filter.scope.as_deref())
    .bind::<Nullable<Text>, _>(filter.operation.map(Operation::as_str))
    .bind::<Nullable<Text>, _>(filter.property.as_deref())
    .bind::<Nullable<Text>, _>(pattern(filter))
    .bind::<BigInt, _>(listed_after)
    .bind::<BigInt, _>(limit)
    .bind::<Text, _>(seen)
    .bind::<Nullable<Array<Text>>, _>((!filter.only.is_empty()).then_some(&filter.only))
    .load(connection)
}

/// What the key has to be like.
fn pattern(filter: &ChangeFilter) -> Option<String> {
    filter.key.as_deref().map(|key| format!("{}{}", like(key), if filter.exact { "" } else { "%" }))
}

/// The chosen changes, each once, in the order of the list: at most `limit`, and one more if there are more.
pub fn chosen(
    connection: &mut PgConnection,
    run: &Run,
    selection: &Selection,
    limit: usize,
) -> QueryResult<Vec<Change>> {
    let mut filters = selection.filters.clone();
    if !selection.single.is_empty() {
        filters.push(ChangeFilter { only: selection.single.clone(), ..ChangeFilter::default() });
    }
    let mut chosen = BTreeMap::new();
    for mut filter in filters {
        while chosen.len() <= limit {
            let changes = page(connection, run, &filter, 5000)?;
            let Some(last) = changes.last() else { break };
            filter.after = Some(last.cursor.clone());
            chosen.extend(changes.into_iter().map(|change| (change.cursor.clone(), change)));
        }
    }
    Ok(chosen.into_values().take(limit + 1).collect())
}

/// How many changes match, counted up to `most` and one more. Without a property or a key the run's figures tell.
pub fn count(connection: &mut PgConnection, run: &Run, filter: &ChangeFilter, most: u64) -> QueryResult<u64> {
    if filter.property.is_none() && filter.key.is_none() {
        return Ok(run.counters.matching(filter.scope.as_deref(), filter.operation));
    }
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let whole = WholeScopes::of(connection, run)?;
    let mut sources = vec![format!(
        "(select '' from changes c left join entity_types e on e.id = c.entity_type_id
                                   left join associations a on a.id = c.association_id
           where c.run_id = $1 and $6 = 0 and {CONDITIONS})"
    )];
    sources
        .extend(whole.questions().map(|question| format!("(select cursor from ({question}) whole ({WHOLE_COLUMNS}))")));
    let count: Count = diesel::sql_query(format!(
        "select count(*) as count from (select from ({}) changes where $8 = 'a0' and $9 is null limit $7) counted",
        sources.join(" union all ")
    ))
    .bind::<Integer, _>(run.id.0)
    .bind::<Nullable<Text>, _>(filter.scope.as_deref())
    .bind::<Nullable<Text>, _>(filter.operation.map(Operation::as_str))
    .bind::<Nullable<Text>, _>(filter.property.as_deref())
    .bind::<Nullable<Text>, _>(pattern(filter))
    .bind::<BigInt, _>(0)
    .bind::<BigInt, _>(i64::try_from(most + 1).unwrap_or(i64::MAX))
    .bind::<Text, _>("a0")
    .bind::<Nullable<Array<Text>>, _>(None::<Vec<String>>)
    .get_result(connection)?;
    Ok(count.count.unsigned_abs())
}

const WHOLE_COLUMNS: &str = "entity_type, association, key, to_key, before_to_key, operation, before, after, line, \
                             resource_id, person_id, new_person, cursor";

/// Updates by entity type and property, the most first.
pub fn properties(connection: &mut PgConnection, run: &Run) -> QueryResult<Vec<PropertyCount>> {
    diesel::sql_query(
        "select e.name as entity_type, property, count(*) as count
           from changes c join entity_types e on e.id = c.entity_type_id, jsonb_object_keys(c.after) as property
          where c.run_id = $1 and c.operation = 'update'
          group by 1, 2 order by 3 desc, 1, 2",
    )
    .bind::<Integer, _>(run.id.0)
    .load(connection)
}

/// The conditions of a [`ChangeFilter`] over `changes c`, `entity_types e` and `associations a`.
const CONDITIONS: &str = "($2 is null or e.name = $2 or a.name = $2) and ($3 is null or c.operation = $3)
  and ($4 is null or c.before ? $4 or c.after ? $4) and ($5 is null or c.key like $5)";

/// A scope that the run adds, or has added, whole.
#[derive(QueryableByName)]
struct WholeScope {
    /// Its pending table, or the partition it became.
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Bool)]
    links: bool,
}

/// The scopes that a run adds whole.
struct WholeScopes {
    scopes: Vec<WholeScope>,
    applied: bool,
}

impl WholeScopes {
    /// The pending tables before the run is applied; afterwards the outbox tells which partitions they became.
    fn of(connection: &mut PgConnection, run: &Run) -> QueryResult<Self> {
        let applied = run.applied_at.is_some();
        let scopes = match &run.pending_schema {
            Some(schema) if !applied => diesel::sql_query(
                "with pending as (
                   select schemaname, tablename, substring(tablename from '\\d+$')::integer as id,
                          tablename like 'links%' as links
                     from pg_tables where schemaname = $1 and tablename ~ '^(resources|links)_\\d+$'
                 )
                 select quote_ident(schemaname) || '.' || quote_ident(tablename) as table_name, p.id,
                        coalesce(e.name, a.name) as name, links
                   from pending p left join entity_types e on not links and e.id = p.id
                                  left join associations a on links and a.id = p.id
                  where coalesce(e.name, a.name) is not null order by links, p.id",
            )
            .bind::<Text, _>(schema)
            .load(connection)?,
            _ if applied => diesel::sql_query(
                "select case when e.id is null then 'links_' || a.id else 'resources_' || e.id end as table_name,
                        coalesce(e.id, a.id) as id, coalesce(e.name, a.name) as name, e.id is null as links
                   from outbox o left join entity_types e on e.id = o.entity_type_id
                                 left join associations a on a.id = o.association_id and o.entity_type_id is null
                  where o.run_id = $1 and o.kind = 'scope' order by 4, 2",
            )
            .bind::<Integer, _>(run.id.0)
            .load(connection)?,
            _ => Vec::new(),
        };
        Ok(Self { scopes, applied })
    }

    fn questions(&self) -> impl Iterator<Item = String> {
        self.scopes.iter().map(|scope| if scope.links { self.links(scope) } else { self.resources(scope) })
    }

    /// What was inserted is what stands there with this run as its version, and what did until a later run ended it.
    fn resources(&self, scope: &WholeScope) -> String {
        let WholeScope { table_name, id, .. } = scope;
        let name = scope.name.replace('\'', "''");
        let prefix = format!("r{id:09}");
        let conditions = format!(
            "r.run_id = $1 and ($2 is null or $2 = '{name}') and ($3 is null or $3 = 'insert')
               and ($4 is null or r.attributes ? $4) and ($5 is null or r.key like $5)
               and r.id > case when $8 like '{prefix}%' then substr($8, 11)::bigint else 0 end
               and ($9 is null or '{prefix}' || lpad(r.id::text, 19, '0') = any($9))"
        );
        let columns = format!(
            "'{name}', null, r.key, null, null, 'insert', null::jsonb, r.attributes, r.line, r.id, r.person_id,
             r.person_id is not null, '{prefix}' || lpad(r.id::text, 19, '0')"
        );
        let mut question = format!("(select {columns} from {table_name} r where {conditions} order by r.id limit $7)");
        if self.applied {
            question += &format!(
                " union all (select {columns} from resources_history r where r.entity_type_id = {id} and {conditions}
                   order by r.id limit $7)"
            );
        }
        question
    }

    fn links(&self, scope: &WholeScope) -> String {
        let WholeScope { table_name, id, .. } = scope;
        let name = scope.name.replace('\'', "''");
        let prefix = format!("s{id:09}");
        let conditions = format!(
            "l.run_id = $1 and ($2 is null or $2 = '{name}') and ($3 is null or $3 = 'insert') and $4 is null
               and (l.from_id, l.to_id) > (case when $8 like '{prefix}%' then substr($8, 11, 19)::bigint else 0 end,
                                           case when $8 like '{prefix}%' then substr($8, 30, 19)::bigint else 0 end)
               and ($9 is null
                    or '{prefix}' || lpad(l.from_id::text, 19, '0') || lpad(l.to_id::text, 19, '0') = any($9))"
        );
        let mut ends = format!(
            "(select l.from_id, l.to_id from {table_name} l where {conditions} order by l.from_id, l.to_id limit $7)"
        );
        if self.applied {
            ends += &format!(
                " union all (select l.from_id, l.to_id from links_history l where l.association_id = {id}
                    and {conditions} order by l.from_id, l.to_id limit $7)"
            );
        }
        // The keys of both ends are looked up for the rows of the page only.
        format!(
            "(select * from (
               select null, '{name}', {from_key} as key, {to_key}, null, 'insert', null::jsonb, null::jsonb, 0,
                      ends.from_id, null::bigint, false,
                      '{prefix}' || lpad(ends.from_id::text, 19, '0') || lpad(ends.to_id::text, 19, '0')
                 from ({ends}) ends
             ) keyed where $5 is null or key like $5)",
            from_key = self.key_of("ends.from_id"),
            to_key = self.key_of("ends.to_id"),
        )
    }

    /// The key of a resource, wherever it stands now.
    fn key_of(&self, id: &str) -> String {
        let pending = self.scopes.iter().filter(|scope| !scope.links && !self.applied);
        let mut places: Vec<String> =
            pending.map(|scope| format!("(select key from {} where id = {id})", scope.table_name)).collect();
        places.push(format!(
            "(select key from resources where id = {id} and entity_type_id in (
                select e.id from entity_types e join runs on runs.connector_id = e.connector_id where runs.id = $1))"
        ));
        places.push(format!("(select key from resources_history where id = {id} limit 1)"));
        format!("coalesce({}, '')", places.join(", "))
    }
}

/// Text that stands for itself in a LIKE pattern.
pub fn like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
