//! Migrations go up, down and up again, and `src/schema.rs` is what they make.

use crate::support::database::TestDatabase;
use diesel::connection::SimpleConnection;
use diesel::migration::Migration;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use std::collections::BTreeMap;

/// Table → column → type as diesel writes it.
type Tables = BTreeMap<String, BTreeMap<String, String>>;

#[test]
fn migrations_go_up_and_down_and_up_again() {
    let database = TestDatabase::new();
    let mut connection = database.connect();
    let migrations = || FileBasedMigrations::from_path(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap();
    let up = everything(&mut connection);
    assert!(up.len() > 100, "the template has no tables");

    connection.revert_all_migrations(migrations()).unwrap();
    assert_eq!(everything(&mut connection), Vec::<String>::new(), "going down leaves something behind");

    connection.run_pending_migrations(migrations()).unwrap();
    assert_eq!(everything(&mut connection), up, "the second way up leads elsewhere");
}

#[test]
fn persons_of_the_version_before_are_kept_when_they_come_to_lie_apart_and_on_the_way_back() {
    const APART: &str = "20261121000010";
    let database = TestDatabase::new();
    let mut connection = database.connect();
    let migrations = || FileBasedMigrations::from_path(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")).unwrap();
    connection.revert_all_migrations(migrations()).unwrap();
    while connection.pending_migrations(migrations()).unwrap()[0].name().version().to_string().as_str() < APART {
        connection.run_next_migration(migrations()).unwrap();
    }
    connection
        .batch_execute(
            "create index persons_by_field_1 on persons (lower(fields ->> 'badge'));
             insert into persons (id, state, created_by, created_run_id, run_id, valid_from, fields, provenance, search)
             select i, case when i % 5 = 0 then 'past' else 'current' end, nullif(i % 3, 0), 7, 8, '2026-11-20Z',
                    jsonb_build_object('user_name', 'u' || i), jsonb_build_object('user_name', array[1, 2, 7, i]), 'u' || i
               from generate_series(1, 30) i",
        )
        .unwrap();
    let kept = |connection: &mut PgConnection| -> Vec<String> {
        let lines: Vec<Line> =
            diesel::sql_query(
            "select (id, state, created_by, created_run_id, run_id, valid_from, fields, provenance, local, blocks, search)::text
               as line from persons order by id",
        )
        .load(connection)
        .unwrap();
        lines.into_iter().map(|line| line.line).collect()
    };
    let before = kept(&mut connection);
    let indexes = |connection: &mut PgConnection| everything(connection).join("\n").matches("'badge'").count();

    connection.run_pending_migrations(migrations()).unwrap();
    assert_eq!(kept(&mut connection), before);
    let apart: Vec<Line> = diesel::sql_query(
        "select distinct tableoid::regclass::text || ' ' || coalesce(created_by, 0) as line from persons order by 1",
    )
    .load(&mut connection)
    .unwrap();
    let apart: Vec<String> = apart.into_iter().map(|row| row.line).collect();
    assert_eq!(apart, ["persons_1 1", "persons_2 2", "persons_by_hand 0"]);
    assert_eq!(indexes(&mut connection), 4, "further indexes are kept, on each partition");

    while connection.applied_migrations().unwrap().iter().any(|version| version.to_string().as_str() >= APART) {
        connection.revert_last_migration(migrations()).unwrap();
    }
    assert_eq!(kept(&mut connection), before);
    assert_eq!(indexes(&mut connection), 1);
}

#[test]
fn the_schema_names_what_the_migrations_make() {
    let database = TestDatabase::new();
    let made = tables(&mut database.connect());
    let declared = declared(include_str!("../../src/schema.rs"));
    let names = |tables: &Tables| tables.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&declared), names(&made), "run `diesel print-schema > src/schema.rs`");
    for (table, columns) in &declared {
        assert_eq!(columns, &made[table], "{table}: run `diesel print-schema > src/schema.rs`");
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// Tables, columns, indexes, constraints and sequences as PostgreSQL writes them.
fn everything(connection: &mut PgConnection) -> Vec<String> {
    let lines: Vec<Line> = diesel::sql_query(
        "select format('column %s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) as line
           from information_schema.columns where table_schema = 'public'
         union all select indexdef from pg_indexes where schemaname = 'public'
         union all select format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(oid))
           from pg_constraint where connamespace = 'public'::regnamespace
         union all select format('sequence %s', sequence_name)
           from information_schema.sequences where sequence_schema = 'public'
         order by 1",
    )
    .load(connection)
    .unwrap();
    lines.into_iter().map(|line| line.line).filter(|line| !line.contains("__diesel_schema_migrations")).collect()
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
    #[diesel(sql_type = Text)]
    udt_name: String,
    #[diesel(sql_type = Bool)]
    nullable: bool,
}

/// The tables as they are; partitions are made as months and entity types come.
fn tables(connection: &mut PgConnection) -> Tables {
    let columns: Vec<Column> = diesel::sql_query(
        "select c.table_name::text, c.column_name::text, c.udt_name::text, c.is_nullable = 'YES' as nullable
           from information_schema.columns c
           join pg_class t on t.relname = c.table_name and t.relnamespace = 'public'::regnamespace
          where c.table_schema = 'public' and not t.relispartition and t.relkind in ('r', 'p')
            and c.table_name <> '__diesel_schema_migrations'",
    )
    .load(connection)
    .unwrap();
    let mut tables = Tables::new();
    for column in columns {
        let plain = match column.udt_name.strip_prefix('_') {
            Some(element) => format!("Array<Nullable<{}>>", capitalized(element)),
            None => capitalized(&column.udt_name),
        };
        let whole = if column.nullable { format!("Nullable<{plain}>") } else { plain };
        tables.entry(column.table_name).or_default().insert(column.column_name, whole);
    }
    tables
}

fn capitalized(name: &str) -> String {
    name[..1].to_uppercase() + &name[1..]
}

/// What `diesel::table!` declares.
fn declared(schema: &str) -> Tables {
    let mut tables = Tables::new();
    let (mut table, mut sql_name) = (String::new(), None);
    for line in schema.lines().map(str::trim) {
        if let Some((name, of_key)) = line.split_once(" (")
            && of_key.ends_with(") {")
        {
            name.clone_into(&mut table);
        } else if let Some(name) = line.strip_prefix("#[sql_name = \"") {
            sql_name = name.strip_suffix("\"]").map(str::to_owned);
        } else if let Some((column, of_type)) = line.split_once(" -> ") {
            let column = sql_name.take().unwrap_or_else(|| column.to_owned());
            tables.entry(table.clone()).or_default().insert(column, of_type.trim_end_matches(',').to_owned());
        }
    }
    tables
}
