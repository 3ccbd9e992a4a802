//! The schema of one claim: where prepare builds what it will freeze.
//!
//! Every claim writes into a schema of its own, `run_<run>_<epoch>`, so a worker that wakes up after its run was taken
//! over spoils nothing. What is left over is dropped by the clean-up. In it stand
//! - `resources_<entity type>` and `links_<association>`: rows in their final shape, with their indexes, for scopes that
//!   are still empty; synchronize attaches them as partitions. They *are* the insert part of the change set;
//! - `persons_<connector>`: likewise the persons that a connector makes first. They follow from the change set; here they
//!   are only worked out ahead;
//! - `marks`: digests to write on records whose values stay as they are;
//! - `changes`, `problems` and `moves`, until the fenced end of prepare moves them to the tables that everybody reads.

mod builds;

pub use builds::{Build, Builds};

use crate::db::copy::CopyIn;
use crate::db::{self, DbError};
use crate::model::claim::Claim;
use crate::model::entity_type::Represents;
use crate::model::person::partition;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;

#[allow(missing_docs)]
mod table {
    diesel::table! {
        marks (id) {
            id -> Int8,
            entity_type_id -> Int4,
            digest -> Nullable<Uuid>,
            links_digest -> Nullable<Uuid>,
        }
    }

    diesel::table! {
        persons (id) {
            id -> Int8,
            state -> Text,
            created_by -> Int4,
            created_run_id -> Int4,
            run_id -> Int4,
            fields -> Jsonb,
            provenance -> Jsonb,
            search -> Text,
        }
    }
}
pub use table::{marks, persons};

/// The schema of one claim.
#[derive(Debug, Clone)]
pub struct Pending {
    /// Its name, safe to stand in SQL.
    pub schema: String,
    database_url: String,
    application: String,
}

impl Pending {
    /// Makes the schema, empty, and throws away what earlier claims of the run left behind, but for `seen`: what was
    /// looked at and approved.
    pub fn create(
        connection: &mut PgConnection,
        claim: &Claim,
        database_url: &str,
        seen: Option<&str>,
    ) -> QueryResult<Self> {
        let schema = claim.pending_schema();
        drop_of_run(connection, claim.run.0, seen)?;
        connection.batch_execute(&format!(
            "create schema {schema};
             create unlogged table {schema}.moves (like moves);
             create unlogged table {schema}.changes (like changes including defaults);
             create unlogged table {schema}.problems (like problems);
             create table {schema}.marks (id bigint not null, entity_type_id integer not null, digest uuid, links_digest uuid)"
        ))?;
        Ok(Self { schema, database_url: database_url.to_owned(), application: claim.application_name() })
    }

    /// A connection whose unqualified names mean this schema first.
    pub fn connect(&self) -> Result<PgConnection, DbError> {
        let mut connection = db::connect(&self.database_url, &self.application)?;
        connection
            .batch_execute(&format!("set search_path = {}, public", self.schema))
            .map_err(|error| DbError::Migration(error.to_string()))?;
        Ok(connection)
    }

    /// The names of its pending tables of one kind: `resources`, `links` or `persons`.
    pub fn tables(&self, connection: &mut PgConnection, kind: &str) -> QueryResult<Vec<String>> {
        tables(connection, &self.schema, kind)
    }

    /// Begins to load the pending table of an entity type. They are loaded one after the other.
    pub fn load_resources(&self, entity_type: i32) -> Result<CopyIn, LoadError> {
        let mut connection = self.connect()?;
        // With room on each page a new digest or value stays where the row is, and no index hears of it.
        connection.batch_execute(&format!(
            "create table {schema}.resources (like public.resources, check (entity_type_id = {entity_type}))
               with (fillfactor = 92);
             alter table {schema}.resources {}",
            without_statistics(&["digest", "links_digest", "attributes"]),
            schema = self.schema
        ))?;
        Ok(CopyIn::start(connection, crate::schema::resources::table))
    }

    /// Ends the loading: gives the table its final name, and says what remains to be built.
    pub fn loaded_resources(
        &self,
        mut copy: PgConnection,
        entity_type: i32,
        represents: Represents,
        unique: &[&str],
    ) -> QueryResult<Build> {
        let table = format!("{}.resources_{entity_type}", self.schema);
        copy.batch_execute(&format!("alter table {}.resources rename to resources_{entity_type}", self.schema))?;
        let statements = vec![resource_indexes(&table, entity_type, represents, unique)];
        Ok(Build { table, statements, links: None })
    }

    /// Begins to load the persons that a connector makes, if these are its first. When they come to be is not known yet:
    /// that column is added when they are attached.
    pub fn load_persons(&self, connector: i32) -> Result<CopyIn, LoadError> {
        let mut connection = self.connect()?;
        connection.batch_execute(&format!(
            "create table {schema}.persons (like public.persons including defaults, {check});
             alter table {schema}.persons drop column valid_from, {}",
            without_statistics(&["fields", "provenance", "local"]),
            schema = self.schema,
            check = partition::check(connector)
        ))?;
        Ok(CopyIn::start(connection, persons::table))
    }

    /// Ends the loading: gives the table its final name, and says what remains to be built, the costliest apart.
    pub fn loaded_persons(&self, mut copy: PgConnection, connector: i32) -> QueryResult<Vec<Build>> {
        let name = partition::name(connector);
        let table = format!("{}.{name}", self.schema);
        copy.batch_execute(&format!("alter table {}.persons rename to {name}", self.schema))?;
        let mut statements = partition::indexes(&mut copy, &table)?;
        let others = statements.split_off(statements.len().min(1));
        let build = |statements| Build { table: table.clone(), statements, links: None };
        Ok(vec![build(statements), build(others)])
    }

    /// Begins to load the pending table of an association. Several are loaded at once, and a COPY names its target
    /// `links`: so each is made in a schema of its own, and moved when it is done.
    pub fn load_links(&self, association: i32) -> Result<CopyIn, LoadError> {
        let mut connection = self.connect()?;
        connection.batch_execute(&format!(
            "create schema {schema}_{association};
             set search_path = {schema}_{association}, public;
             create table links (like public.links, check (association_id = {association}))",
            schema = self.schema
        ))?;
        Ok(CopyIn::start(connection, crate::schema::links::table))
    }

    /// Ends the loading: gives the table its final name, and says what remains to be built.
    pub fn loaded_links(&self, mut copy: PgConnection, association: i32) -> QueryResult<Build> {
        let table = format!("{}.links_{association}", self.schema);
        copy.batch_execute(&format!(
            "alter table links rename to links_{association};
             alter table links_{association} set schema {schema};
             drop schema {schema}_{association}",
            schema = self.schema
        ))?;
        // A single link is found by either index, and PostgreSQL takes the one made last: that in which the links of
        // changes, which come owner by owner, stand side by side.
        let statements = vec![
            format!("create index on {table} (to_id, from_id)"),
            format!("create unique index on {table} (from_id, to_id)"),
        ];
        Ok(Build { table, statements, links: Some(association) })
    }
}

/// Statistics of columns that no plan asks about, and that are long to take.
fn without_statistics(columns: &[&str]) -> String {
    let columns: Vec<String> = columns.iter().map(|name| format!("alter column {name} set statistics 0")).collect();
    columns.join(", ")
}

/// Why a pending table can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No connection.
    #[error(transparent)]
    Connection(#[from] DbError),
    /// The table can't be made.
    #[error(transparent)]
    Database(#[from] diesel::result::Error),
}

/// The indexes of one partition of `resources`: by key, by id, by person where there are persons, and by the value of
/// each unique property (its digest, since a value may be longer than an index entry).
pub fn resource_indexes(table: &str, entity_type: i32, represents: Represents, unique: &[&str]) -> String {
    let mut sql = format!("create unique index on {table} (key); create unique index on {table} (id);");
    if represents == Represents::Users {
        sql += &format!("create index on {table} (person_id) where person_id is not null;");
    }
    sql + &unique_indexes(table, entity_type, unique.iter().copied())
}

/// The indexes over the values of unique properties. Named by the property, so that a property that becomes unique later
/// gets its own.
pub fn unique_indexes<'p>(table: &str, entity_type: i32, unique: impl Iterator<Item = &'p str>) -> String {
    unique
        .map(|property| {
            let name =
                format!("resources_{entity_type}_unique_{:016x}", xxhash_rust::xxh3::xxh3_64(property.as_bytes()));
            let property = property.replace('\'', "''");
            format!("create index if not exists {name} on {table} (md5(attributes ->> '{property}'));")
        })
        .collect()
}

/// Drops every schema that claims of this run have made, but for one.
pub fn drop_of_run(connection: &mut PgConnection, run: i32, kept: Option<&str>) -> QueryResult<()> {
    #[derive(QueryableByName)]
    struct Name {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }
    let names: Vec<Name> = diesel::sql_query("select nspname::text as name from pg_namespace where nspname like $1")
        .bind::<diesel::sql_types::Text, _>(format!("run\\_{run}\\_%"))
        .load(connection)?;
    for Name { name } in names {
        if Some(name.as_str()) != kept {
            connection.batch_execute(&format!("drop schema if exists {name} cascade"))?;
        }
    }
    Ok(())
}

/// The names of a schema's pending tables of one kind: `resources`, `links` or `persons`.
pub fn tables(connection: &mut PgConnection, schema: &str, kind: &str) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Name {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }
    let names: Vec<Name> = diesel::sql_query(
        "select tablename::text as name from pg_tables where schemaname = $1 and tablename like $2 order by 1",
    )
    .bind::<diesel::sql_types::Text, _>(schema)
    .bind::<diesel::sql_types::Text, _>(format!("{kind}\\_%"))
    .load(connection)?;
    Ok(names.into_iter().map(|row| row.name).collect())
}
