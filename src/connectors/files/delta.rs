//! Changes in files of their own: which of them were not read yet, and what they say.
//!
//! The cursor names the delta file that was read last, with its SHA-256. A file that is still the same is not read again,
//! so that old changes never come back over newer values. Where delta files are numbered (`people-*.csv`), all after
//! that one are read, in the order of their names; if it is gone from the folder, files after it may be gone as well, and
//! nobody can tell what was missed.
//!
//! What is read whole instead must not be older than the changes that were applied: it would take them back. So the
//! cursor says how new what was read is, by the times of the files.

use super::pattern::Pattern;
use super::rows::{self, Content, Opened};
use super::settings::{ConnectionSettings, TableSettings};
use super::{Changes, ChangesError, ConnectionError, ConnectionRequest, Extraction, Pairs, source};
use crate::connectors::SourceEnd;
use crate::model::connection::TableDefinition;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::PathBuf;

/// The cursor of a table with a delta file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// The delta file that was read last, or was there when the complete file was read; none: there was none.
    file: Option<String>,
    /// Its SHA-256, lower-case hex.
    sha256: Option<String>,
    /// When the newest file was written that was read: the complete one, or one of those with changes since.
    #[serde(default)]
    as_of: Option<DateTime<Utc>>,
}

/// Where the delta files of a table stand now, if its complete file is read; `None` if it has none.
pub(super) fn position(
    connection: &ConnectionRequest,
    table: &TableDefinition,
) -> Result<Option<Value>, ConnectionError> {
    let Some(feed) = DeltaFeed::of(connection, table)? else { return Ok(None) };
    let (file, sha256) = feed.last(feed.listed()?.pop())?;
    let (_, as_of) = source::written(connection, table, &feed.settings)?;
    Ok(Some(Position { file, sha256, as_of }.to_json()))
}

/// Whether the delta files of a table stand where they stood at a cursor. When the complete file was written says nothing
/// of that: the same file is often sent again.
pub(super) fn stands_at(
    connection: &ConnectionRequest,
    table: &TableDefinition,
    cursor: Option<&Value>,
) -> Result<bool, ConnectionError> {
    let Some(feed) = DeltaFeed::of(connection, table)? else { return Ok(cursor.is_none()) };
    let known = cursor.and_then(|cursor| serde_json::from_value::<Position>(cursor.clone()).ok());
    let now = feed.last(feed.listed()?.pop())?;
    Ok(known.is_some_and(|known| (known.file, known.sha256) == now))
}

/// Refuses to read a table whole in place of its changes since the cursor, if its complete file is older than what was
/// applied: people would become again what they were.
pub(super) fn check_instead(
    connection: &ConnectionRequest,
    table: &TableDefinition,
    since: &Value,
) -> Result<(), ConnectionError> {
    let Some(feed) = DeltaFeed::of(connection, table)? else { return Ok(()) };
    let as_of = serde_json::from_value::<Position>(since.clone()).ok().and_then(|since| since.as_of);
    let (name, written) = source::written(connection, table, &feed.settings)?;
    let (Some(as_of), Some(written)) = (as_of, written) else { return Ok(()) };
    if written >= as_of {
        return Ok(());
    }
    let words = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let message = format!(
        "was written at {}, before changes that are applied already (as of {}): reading it whole would take them back. \
         Send a complete file that is newer, or, if this one holds them, start a complete run by hand",
        words(written),
        words(as_of)
    );
    Err(ConnectionError::permanent(name, message))
}

/// Writes the changes of all delta files that were not read yet.
pub(super) fn export_changes(
    connection: &ConnectionRequest,
    table: &TableDefinition,
    since: Option<&Value>,
    extraction: &mut dyn Extraction,
) -> Result<(), ChangesError> {
    let Some(feed) = DeltaFeed::of(connection, table)? else { return Ok(()) };
    let files = feed.listed()?;
    if files.is_empty() && !feed.pattern().is_some_and(Pattern::is_open) {
        let message = "there is no such file in the folder; without changes it holds the header alone";
        let name = feed.settings.delta_file.as_deref().unwrap_or_default();
        return Err(ConnectionError::transient(name, message).into());
    }
    let source = connection.source(&table.name).0;
    let since: Position = since
        .and_then(|since| serde_json::from_value(since.clone()).ok())
        .ok_or_else(|| ChangesError::Expired(format!("no applied run has read {source} whole yet")))?;
    let unread = feed.unread(&since, &files)?;
    // Before they are read: one that is written to meanwhile is refused at its end.
    let position = match unread.last() {
        Some(last) => {
            let (file, sha256) = feed.last(Some(last.clone()))?;
            Position { file, sha256, as_of: feed.newest(&unread)?.max(since.as_of) }
        }
        None => since,
    };

    let mut tables = unread.iter().map(|file| feed.open(file)).collect::<Result<Vec<_>, _>>()?.into_iter();
    let mapped = feed.mapped();
    let first = tables.next();
    let (columns, command) = match &first {
        Some(opened) => feed.columns(opened)?,
        None => (mapped.to_vec(), 0),
    };
    let changes = Changes { columns: &columns, command_column: feed.settings.command_column() };
    extraction.begin_changes(&table.name, &unread.join(" + "), &changes)?;
    let mut ends = Vec::new();
    for mut opened in first.into_iter().chain(tables) {
        if feed.columns(&opened)? != (columns.clone(), command) {
            let message = "has other columns than the delta files before it; send files of one shape, or run a complete \
                           run";
            return Err(ConnectionError::permanent(opened.source.name, message).into());
        }
        feed.write(&mut opened, command, extraction)?;
        ends.push((opened.source.name.clone(), opened.source.end()));
    }
    extraction.end(end_of(&ends, position.file.as_deref()))?;
    extraction.cursor(position.to_json());
    Ok(())
}

/// The delta files of one table.
struct DeltaFeed<'a> {
    connection: &'a ConnectionRequest,
    table: &'a TableDefinition,
    settings: TableSettings,
    folder: PathBuf,
}

impl<'a> DeltaFeed<'a> {
    /// `None`: the table has no delta files.
    fn of(connection: &'a ConnectionRequest, table: &'a TableDefinition) -> Result<Option<Self>, ConnectionError> {
        let settings = TableSettings::of(table)?;
        if settings.delta_file.is_none() {
            return Ok(None);
        }
        let folder = folder(connection)?;
        Ok(Some(Self { connection, table, settings, folder }))
    }

    fn pattern(&self) -> Option<Pattern<'_>> {
        Pattern::of_changes(&self.settings)
    }

    /// The table as if one of its delta files were the complete one.
    fn as_table(&self, file: &str) -> TableSettings {
        TableSettings { file: Some(file.to_owned()), delta_file: None, ..self.settings.clone() }
    }

    fn mapped(&self) -> &[String] {
        self.connection.mapped_columns.get(&self.table.name).map(Vec::as_slice).unwrap_or_default()
    }

    fn open(&self, file: &str) -> Result<Opened, ConnectionError> {
        // The header of formats without one: what is mapped, and the command.
        let mut declared = self.mapped().to_vec();
        declared.push(self.settings.command_column().to_owned());
        rows::open_as(self.connection, self.table, &self.as_table(file), Some(&declared), Content::Changes)
    }

    /// The columns without the command's, and where that stands.
    fn columns(&self, opened: &Opened) -> Result<(Vec<String>, usize), ConnectionError> {
        let name = self.settings.command_column();
        let mut columns = opened.rows.columns().to_vec();
        let Some(command) = columns.iter().position(|column| column == name) else {
            let message = format!(
                "there is no column {name:?} with the command of each row (insert, update, merge or delete); there are {}",
                columns.join(", ")
            );
            return Err(ConnectionError::permanent(format!("{}, header", opened.source.name), message));
        };
        columns.remove(command);
        Ok((columns, command))
    }

    fn write(
        &self,
        opened: &mut Opened,
        command: usize,
        extraction: &mut dyn Extraction,
    ) -> Result<(), ConnectionError> {
        let Opened { source, rows } = opened;
        let pairs = Pairs::of_changes(self.connection, self.table, rows.as_ref());
        let names: Vec<String> = rows.columns().to_vec();
        let others: Vec<usize> = (0..names.len()).filter(|&column| column != command).collect();
        while rows.next().map_err(|fault| fault.within(&source.name))? {
            let all = others.iter().all(|&column| rows.is_given(column));
            let given: Vec<&str> =
                others.iter().filter(|&&column| rows.is_given(column)).map(|&column| names[column].as_str()).collect();
            let word = String::from_utf8_lossy(rows.value(command));
            let given = (!all).then_some(given.as_slice());
            let mut values = others.iter().map(|&column| rows.value(column));
            extraction.change(&word, given, Some(rows.line()), &mut values)?;
            for pair in &pairs {
                pair.write(rows.as_ref(), extraction)?;
            }
        }
        source.confirm()
    }

    /// The delta files that are there, in the order of their names, each as its path within the folder.
    fn listed(&self) -> Result<Vec<String>, ConnectionError> {
        self.pattern().map_or(Ok(Vec::new()), |pattern| pattern.list(&self.folder, self.table))
    }

    fn sha256(&self, file: &str) -> Result<String, ConnectionError> {
        let (_, mut opened) = source::open(self.connection, self.table, &self.as_table(file))?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match opened.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => digest.update(&buffer[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ConnectionError::transient(file, format!("can't be read: {error}"))),
            }
        }
        Ok(digest.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
    }

    /// The file that is the last one once it was read, with its digest.
    fn last(&self, file: Option<String>) -> Result<(Option<String>, Option<String>), ConnectionError> {
        let sha256 = file.as_deref().map(|file| self.sha256(file)).transpose()?;
        Ok((file, sha256))
    }

    /// When the newest of these files was written.
    fn newest(&self, files: &[String]) -> Result<Option<DateTime<Utc>>, ConnectionError> {
        let mut newest = None;
        for file in files {
            let (_, written) = source::written(self.connection, self.table, &self.as_table(file))?;
            newest = newest.max(written);
        }
        Ok(newest)
    }

    /// The files after a position, in order.
    fn unread(&self, since: &Position, files: &[String]) -> Result<Vec<String>, ChangesError> {
        let Some(read) = &since.file else { return Ok(files.to_vec()) };
        let is_same = |file: &str| Ok::<_, ConnectionError>(Some(self.sha256(file)?) == since.sha256);
        if !self.pattern().is_some_and(Pattern::is_open) {
            // One file that is written anew each time: it has no order, only content.
            return Ok(match files.first() {
                Some(file) if file == read && is_same(file)? => Vec::new(),
                _ => files.to_vec(),
            });
        }
        let Some(at) = files.iter().position(|file| file == read) else {
            let why = format!(
                "{read}, the delta file that was applied last, is no longer in the folder, so files after it may have \
                 been removed unread"
            );
            return Err(ChangesError::Expired(why));
        };
        if !is_same(read)? {
            return Err(ChangesError::Expired(format!(
                "{read}, the delta file that was applied last, has changed since"
            )));
        }
        Ok(files[at + 1..].to_vec())
    }
}

impl Position {
    fn to_json(&self) -> Value {
        serde_json::json!({ "file": self.file, "sha256": self.sha256, "as_of": self.as_of })
    }
}

/// How the reading of delta files reached its end. `last`: the file that the source has come to.
fn end_of(ends: &[(String, SourceEnd)], last: Option<&str>) -> SourceEnd {
    let words: Vec<String> = ends.iter().map(|(file, end)| format!("{file}: {}", end.words)).collect();
    let words = match (words.is_empty(), last) {
        (false, _) => words.join("; "),
        (true, Some(last)) => format!("no delta file after {last}"),
        (true, None) => "no delta file yet".to_owned(),
    };
    let bytes: u64 = ends.iter().filter_map(|(_, end)| end.figures.get("bytes")?.as_u64()).sum();
    let figures = [("files", ends.len() as u64), ("bytes", bytes)];
    SourceEnd { words, figures: figures.map(|(name, figure)| (name.to_owned(), figure.into())).into() }
}

fn folder(connection: &ConnectionRequest) -> Result<PathBuf, ConnectionError> {
    let place = format!("connection {:?}", connection.definition.name);
    let folder = ConnectionSettings::of(connection)?
        .folder
        .ok_or_else(|| ConnectionError::permanent(place, "delta files are read from a folder"))?;
    folder.canonicalize().map_err(|error| {
        ConnectionError::transient(folder.display().to_string(), format!("this folder can't be read: {error}"))
    })
}
