//! Looking at a database without taking anything from it: whether it works, and what its tables hold.

use super::export::columns;
use super::fault::in_table;
use super::session::{self, Column, Content, Session};
use super::settings::{Database, SourceTable};
use super::statement;
use super::watermark::Position;
use crate::connectors::{ColumnSchema, ConnectionError, Finding, TableSchema};

/// How many rows of a table are looked at.
const SAMPLES: u32 = 3;

/// Longer values (photos) are cut for looking at.
const SAMPLE_LENGTH: usize = 200;

/// One finding for the database, and one for each table.
pub fn check(database: &Database) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut session = match session::open(database).and_then(|mut session| Ok((session.describe()?, session))) {
        Ok((description, session)) => {
            findings.push(finding(database.place.clone(), Ok(description)));
            session
        }
        Err(error) => {
            findings.push(finding(database.place.clone(), Err(error)));
            return findings;
        }
    };
    for table in &database.tables {
        let looked = look(database, session.as_mut(), table);
        let has_failed = looked.is_err();
        findings.push(finding(format!("{}, table {}", database.place, table.name), looked));
        if has_failed {
            // A transaction in which a statement has failed is of no further use.
            let Ok(another) = session::open(database) else { break };
            std::mem::replace(&mut session, another).close();
        }
    }
    session.close();
    findings
}

/// The columns and a few rows of every table.
pub fn tables(database: &Database) -> Result<Vec<TableSchema>, ConnectionError> {
    let mut session = session::open(database)?;
    let mut schemas = Vec::new();
    for table in &database.tables {
        let read = columns(database, session.as_mut(), table)
            .and_then(|columns| Ok((samples(database, session.as_mut(), table, &columns)?, columns)));
        let (samples, columns) = read.map_err(|error| in_table(error, table, 0))?;
        let columns = columns.into_iter().map(|column| ColumnSchema {
            name: column.name,
            native_type: column.native_type,
            multivalued: column.content == Content::Several,
        });
        schemas.push(TableSchema { table: table.name.clone(), columns: columns.collect(), samples });
    }
    session.close();
    Ok(schemas)
}

fn finding(subject: String, result: Result<String, ConnectionError>) -> Finding {
    match result {
        Ok(message) => Finding { subject, ok: true, message },
        Err(error) => Finding { subject, ok: false, message: error.message },
    }
}

fn look(database: &Database, session: &mut dyn Session, table: &SourceTable) -> Result<String, ConnectionError> {
    let columns = columns(database, session, table)?;
    let rows = match samples(database, session, table, &columns)?.len() {
        0 => "no row found: if there should be some, check the query and this user's rights".to_owned(),
        1 => "one row read to try".to_owned(),
        count => format!("{count} rows read to try"),
    };
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let mut message = format!("{} columns: {}; {rows}", columns.len(), names.join(", "));
    if let Some(watermark) = &table.watermark {
        let position = Position::now(database, session, table, watermark, &columns)?;
        let last = position.watermark.as_deref().unwrap_or("no value yet");
        message += &format!("; changes are told by {}, last {last}", watermark.column);
    }
    Ok(message)
}

fn samples(
    database: &Database,
    session: &mut dyn Session,
    table: &SourceTable,
    columns: &[Column],
) -> Result<Vec<Vec<String>>, ConnectionError> {
    let mut samples = Vec::new();
    session.read(&statement::sample(database.system, table, SAMPLES), &mut |row| {
        let cut = |text: String| match text.char_indices().nth(SAMPLE_LENGTH) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        };
        samples.push(row.texts().into_iter().take(columns.len()).map(cut).collect());
        Ok(())
    })?;
    Ok(samples)
}
