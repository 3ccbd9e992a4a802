//! The schema of one claim: where prepare builds what it will freeze.
//!
//! Every claim writes into a schema of its own, `run_<run>_<epoch>`, so a worker that wakes up after its run was taken
//! over spoils nothing. What is left over is dropped by the clean-up. In it stand
//! - `resources_<entity type>` and `links_<association>`: rows in their final shape, with their indexes, for scopes that
//!   are still empty; synchronize attaches them as partitions. They *are* the insert part of the change set;
//! - `marks`: digests to write on records whose values stay as they are;
//! - `changes` and `problems`, until the fenced end of prepare moves them to the tables that everybody reads.

use crate::db::copy::CopyIn;
use crate::db::{self, DbError};
use crate::model::claim::Claim;
use crate::model::entity_type::Represents;
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
}
pub use table::marks;

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

    /// The names of its pending tables of one kind: `resources` or `links`.
    pub fn tables(&self, connection: &mut PgConnection, kind: &str) -> QueryResult<Vec<String>> {
        tables(connection, &self.schema, kind)
    }

    /// Begins to load the pending table of an entity type. They are loaded one after the other.
    pub fn load_resources(&self, entity_type: i32) -> Result<CopyIn, LoadError> {
        let mut connection = self.connect()?;
        connection.batch_execute(&format!(
            "create table {schema}.resources (like public.resources, check (entity_type_id = {entity_type}))",
            schema = self.schema
        ))?;
        Ok(CopyIn::start(connection, crate::schema::resources::table))
    }

    /// Ends the loading: indexes, statistics, final name.
    pub fn index_resources(
        &self,
        mut copy: PgConnection,
        entity_type: i32,
        represents: Represents,
        unique: &[&str],
    ) -> QueryResult<()> {
        let table = format!("{}.resources_{entity_type}", self.schema);
        let indexes = resource_indexes(&table, entity_type, represents, unique);
        copy.batch_execute(&format!(
            "alter table {}.resources rename to resources_{entity_type};
             set maintenance_work_mem = '256MB';
             {indexes}
             analyze {table}",
            self.schema
        ))
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

    /// Ends the loading: pairs that stood twice are counted once; indexes, statistics, final name. Returns how many
    /// were dropped.
    pub fn index_links(&self, mut copy: PgConnection, association: i32) -> QueryResult<u64> {
        let table = format!("{}.links_{association}", self.schema);
        copy.batch_execute(&format!(
            "alter table links rename to links_{association};
             alter table links_{association} set schema {schema};
             drop schema {schema}_{association};
             set maintenance_work_mem = '256MB'",
            schema = self.schema
        ))?;
        let unique = format!("create unique index on {table} (from_id, to_id)");
        let mut dropped = 0;
        // Repeated pairs are rare: the index is the cheapest way to find out, and only then are they looked for.
        match copy.batch_execute(&unique) {
            Err(diesel::result::Error::DatabaseError(diesel::result::DatabaseErrorKind::UniqueViolation, _)) => {
                let repeated = format!(
                    "delete from {table} a using {table} b
                      where a.ctid > b.ctid and a.from_id = b.from_id and a.to_id = b.to_id"
                );
                dropped = diesel::sql_query(repeated).execute(&mut copy)? as u64;
                copy.batch_execute(&unique)?;
            }
            other => other?,
        }
        copy.batch_execute(&format!("create index on {table} (to_id, from_id); analyze {table}"))?;
        Ok(dropped)
    }
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

/// The names of a schema's pending tables of one kind: `resources` or `links`.
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
