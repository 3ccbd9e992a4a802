//! Names for the numbers that provenance holds: connectors, entity types, runs, files.

use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Nullable, Text, Timestamptz};

/// An entity type, retired or not, and whose it is.
#[derive(Debug, Clone, QueryableByName)]
pub struct EntityTypeNames {
    /// Its id.
    #[diesel(sql_type = Integer)]
    pub id: i32,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// What pages call it.
    #[diesel(sql_type = Text)]
    pub title: String,
    /// The word of [`super::entity_type::Represents`].
    #[diesel(sql_type = Text)]
    pub represents: String,
    /// The connector's id.
    #[diesel(sql_type = Integer)]
    pub connector_id: i32,
    /// The connector's name.
    #[diesel(sql_type = Text)]
    pub connector: String,
    /// What pages call the connector.
    #[diesel(sql_type = Text)]
    pub connector_title: String,
}

/// All entity types, in the order of connectors and documents.
pub fn entity_types(conn: &mut PgConnection) -> QueryResult<Vec<EntityTypeNames>> {
    diesel::sql_query(
        "select e.id, e.name, e.display_name as title, e.represents, c.id as connector_id, c.name as connector,
                c.display_name as connector_title
           from entity_types e join connectors c on c.id = e.connector_id
          order by c.id, e.position, e.id",
    )
    .load(conn)
}

/// What a run worked on.
#[derive(Debug, Clone, QueryableByName)]
pub struct RunNames {
    /// The run.
    #[diesel(sql_type = Integer)]
    pub id: i32,
    /// When it was applied.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub applied_at: Option<DateTime<Utc>>,
    /// A table that it read, `connection.table`.
    #[diesel(sql_type = Nullable<Text>)]
    pub source_table: Option<String>,
    /// What messages call the file behind it.
    #[diesel(sql_type = Nullable<Text>)]
    pub source_file: Option<String>,
}

/// These runs, once for each table that they read.
pub fn runs(conn: &mut PgConnection, ids: &[i32]) -> QueryResult<Vec<RunNames>> {
    diesel::sql_query(
        "select r.id, r.applied_at, f.source_table, f.source_file
           from runs r
           left join extraction_files f on f.extraction_id = r.extraction_id
          where r.id = any($1)",
    )
    .bind::<Array<Integer>, _>(ids)
    .load(conn)
}

/// The documents that new runs of these connectors use, with the connectors' ids.
pub fn documents(conn: &mut PgConnection, connectors: &[i32]) -> QueryResult<Vec<(i32, String)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        id: i32,
        #[diesel(sql_type = Text)]
        document: String,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "select c.id, v.document
           from connectors c join configurations v on v.connector_id = c.id and v.version = c.configuration_version
          where c.id = any($1)
          order by c.id",
    )
    .bind::<Array<Integer>, _>(connectors)
    .load(conn)?;
    Ok(rows.into_iter().map(|row| (row.id, row.document)).collect())
}
