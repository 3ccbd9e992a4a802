//! The audit log as a file: read page by page while it is sent.

use crate::db::Db;
use crate::model::audit::{self, AuditEntry, Filter};
use crate::web::csv::safe;
use std::io::{self, Cursor, Read};

/// Lines read together.
const AT_ONCE: i64 = 1000;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// CSV, safe to open in a spreadsheet.
    Csv,
    /// One JSON object a line.
    Json,
}

/// All lines that match, the newest first.
pub struct LogFile {
    db: Db,
    filter: Filter,
    form: Form,
    /// The last line read; none: nothing yet.
    before: Option<i64>,
    is_over: bool,
    ready: Cursor<Vec<u8>>,
}

impl LogFile {
    /// Nothing is read yet.
    pub fn new(db: Db, filter: Filter, form: Form) -> Self {
        let header = match form {
            Form::Csv => b"id,at,account,origin,action,subject,detail\n".to_vec(),
            Form::Json => Vec::new(),
        };
        Self { db, filter, form, before: None, is_over: false, ready: Cursor::new(header) }
    }

    fn refill(&mut self) -> io::Result<()> {
        let entries = {
            let mut conn = self.db.get().map_err(io::Error::other)?;
            audit::page(&mut conn, &self.filter, self.before, AT_ONCE).map_err(io::Error::other)?
        };
        self.is_over = (entries.len() as i64) < AT_ONCE;
        self.before = entries.last().map(|last| last.id).or(self.before);
        self.ready = Cursor::new(match self.form {
            Form::Csv => as_csv(&entries)?,
            Form::Json => as_json(&entries)?,
        });
        Ok(())
    }
}

impl Read for LogFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.ready.read(buffer)?;
            if read > 0 || buffer.is_empty() || self.is_over {
                return Ok(read);
            }
            self.refill()?;
        }
    }
}

fn as_csv(entries: &[AuditEntry]) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for entry in entries {
        let cells = [
            entry.id.to_string(),
            entry.at.to_rfc3339(),
            entry.account.clone(),
            entry.origin.clone().unwrap_or_default(),
            entry.action.clone(),
            entry.subject.clone(),
            entry.detail.to_string(),
        ];
        writer.write_record(cells.iter().map(|cell| safe(cell).into_owned()))?;
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

fn as_json(entries: &[AuditEntry]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut lines, entry)?;
        lines.push(b'\n');
    }
    Ok(lines)
}
