//! Tables into an extraction, whole or what changed: all of a connection in one session.

use super::fault::in_table;
use super::pairs::Pairs;
use super::session::{self, Column, Session};
use super::settings::{Database, SourceTable, Watermark};
use super::statement;
use super::watermark::Position;
use crate::connectors::{Changes, ChangesError, ConnectionError, Cursors, Extraction, SourceEnd};
use std::collections::BTreeMap;

/// What the command column of changes is called; the source has none.
const COMMAND: &str = "command";

/// Reads every table to its end.
pub fn whole(database: &Database, extraction: &mut dyn Extraction) -> Result<(), ConnectionError> {
    let mut session = session::open(database)?;
    for table in &database.tables {
        table_whole(database, session.as_mut(), table, extraction)?;
    }
    session.close();
    Ok(())
}

/// Reads what changed of the tables that can tell, and the others whole.
pub fn changes(database: &Database, since: &Cursors, extraction: &mut dyn Extraction) -> Result<(), ChangesError> {
    let mut session = session::open(database)?;
    for table in &database.tables {
        match &table.watermark {
            None => table_whole(database, session.as_mut(), table, extraction)?,
            Some(watermark) => {
                let since = since.get(&table.name);
                table_changes(database, session.as_mut(), (table, watermark), since, extraction)?;
            }
        }
    }
    session.close();
    Ok(())
}

/// The columns of a table; each has a name of its own.
pub fn columns(
    database: &Database,
    session: &mut dyn Session,
    table: &SourceTable,
) -> Result<Vec<Column>, ConnectionError> {
    let columns = session.columns(&statement::source(database.system, table))?;
    for (position, column) in columns.iter().enumerate() {
        let refuse = |what: String| {
            let message = format!("{what}; give each column of the query a name of its own with AS");
            Err(ConnectionError::permanent(&database.place, message))
        };
        if column.name.trim().is_empty() {
            return refuse(format!("column {} has no name", position + 1));
        }
        if let Some(first) = columns.iter().take(position).position(|other| other.name == column.name) {
            return refuse(format!("columns {} and {} are both called {:?}", first + 1, position + 1, column.name));
        }
    }
    Ok(columns)
}

fn table_whole(
    database: &Database,
    session: &mut dyn Session,
    table: &SourceTable,
    extraction: &mut dyn Extraction,
) -> Result<(), ConnectionError> {
    let mut rows = 0;
    let mut read = || {
        let columns = columns(database, session, table)?;
        let pairs = Pairs::of(database, table, &columns)?;
        let position = match &table.watermark {
            Some(watermark) => Some(Position::now(database, session, table, watermark, &columns)?),
            None => None,
        };
        extraction.begin(&table.name, &table.source_file(database), &names(&columns))?;
        if let Some(position) = &position {
            extraction.cursor(position.to_json());
        }
        session.read(&statement::rows(database.system, table), &mut |row| {
            extraction.row(None, &mut row.first(columns.len()))?;
            for pair in &pairs {
                pair.write(row, extraction)?;
            }
            rows += 1;
            Ok(())
        })
    };
    read().map_err(|error| in_table(error, table, rows))?;
    extraction.end(end(rows, None))
}

fn table_changes(
    database: &Database,
    session: &mut dyn Session,
    (table, watermark): (&SourceTable, &Watermark),
    since: Option<&serde_json::Value>,
    extraction: &mut dyn Extraction,
) -> Result<(), ChangesError> {
    let mut rows = 0;
    let mut from = None;
    let mut read = || {
        let columns = columns(database, session, table)?;
        let pairs = Pairs::of(database, table, &columns)?;
        let (position, bound) = Position::after(since, database, session, table, watermark, &columns)?;
        let names = names(&columns);
        let changes = Changes { columns: &names, command_column: COMMAND };
        extraction.begin_changes(&table.name, &table.source_file(database), &changes)?;
        extraction.cursor(position.to_json());
        let statement = statement::changed(database.system, table, &watermark.column, bound.as_ref());
        from = bound.map(|bound| format!("{} from {}", watermark.column, bound.text));
        session.read(&statement, &mut |row| {
            let command = String::from_utf8_lossy(row.value(columns.len()));
            extraction.change(&command, None, None, &mut row.first(columns.len()))?;
            if command != "delete" {
                for pair in &pairs {
                    pair.write(row, extraction)?;
                }
            }
            rows += 1;
            Ok(())
        })?;
        Ok(())
    };
    read().map_err(|error| match error {
        ChangesError::Failed(error) => ChangesError::Failed(in_table(error, table, rows)),
        expired @ ChangesError::Expired(_) => expired,
    })?;
    Ok(extraction.end(end(rows, from))?)
}

fn names(columns: &[Column]) -> Vec<String> {
    columns.iter().map(|column| column.name.clone()).collect()
}

/// How the end of a table is known.
fn end(rows: u64, from: Option<String>) -> SourceEnd {
    let word = if rows == 1 { "row" } else { "rows" };
    let only = from.map(|from| format!(" with {from} on")).unwrap_or_default();
    SourceEnd {
        words: format!("the database's own end of the result after {rows} {word}{only}, in one snapshot"),
        figures: BTreeMap::from([("rows".to_owned(), rows.into())]),
    }
}
