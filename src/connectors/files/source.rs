//! The file behind a table: found without ever leaving its folder, and the same at the end as at the beginning.

use super::pattern::{self, Pattern};
use super::settings::{ConnectionSettings, TableSettings};
use super::{ConnectionError, ConnectionRequest};
use crate::connectors::SourceEnd;
use crate::model::connection::TableDefinition;
use crate::store::{Sealed, Sealing};
use chrono::{DateTime, SecondsFormat, Utc};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::path::PathBuf;
use std::rc::Rc;

/// An opened file.
pub(super) struct Source {
    /// What messages call it.
    pub(super) name: String,
    path: PathBuf,
    seen: Metadata,
    passed: Rc<RefCell<Sealing>>,
}

/// The bytes of a source, sealed while they pass.
pub(super) struct SourceReader {
    file: File,
    passed: Rc<RefCell<Sealing>>,
}

impl Read for SourceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.passed.borrow_mut().add(&buffer[..read]);
        Ok(read)
    }
}

impl SourceReader {
    /// Reads to the end, so that the seal is known, and gives the file from its beginning.
    pub(super) fn read_through(mut self) -> io::Result<File> {
        io::copy(&mut self, &mut io::sink())?;
        self.file.rewind()?;
        Ok(self.file)
    }
}

/// Whether the table's file has yet to be uploaded.
pub(super) fn is_awaited(connection: &ConnectionRequest, table: &TableDefinition) -> Result<bool, ConnectionError> {
    Ok(ConnectionSettings::of(connection)?.upload && !connection.uploads.contains_key(&table.name))
}

/// Opens the file of a table.
pub(super) fn open(
    connection: &ConnectionRequest,
    table: &TableDefinition,
    settings: &TableSettings,
) -> Result<(Source, SourceReader), ConnectionError> {
    let (name, path) = locate(connection, table, settings)?;
    // Looked at before it is opened: opening a pipe would wait for its writer.
    let seen = std::fs::metadata(&path).map_err(|error| unreadable(&name, &error))?;
    if !seen.is_file() {
        return Err(ConnectionError::permanent(name, "is no file"));
    }
    let file = File::open(&path).map_err(|error| unreadable(&name, &error))?;
    let passed = Rc::new(RefCell::new(Sealing::default()));
    Ok((Source { name, path, seen, passed: Rc::clone(&passed) }, SourceReader { file, passed }))
}

/// What a table's file is called, and when it was written, where the file system tells.
pub(super) fn written(
    connection: &ConnectionRequest,
    table: &TableDefinition,
    settings: &TableSettings,
) -> Result<(String, Option<DateTime<Utc>>), ConnectionError> {
    let (name, path) = locate(connection, table, settings)?;
    let seen = std::fs::metadata(&path).map_err(|error| unreadable(&name, &error))?;
    Ok((name, seen.modified().ok().map(DateTime::from)))
}

impl Source {
    /// The seal of what was read; `None` unless that was the whole file.
    pub(super) fn seal(&self) -> Option<Sealed> {
        let sealed = self.passed.borrow().seal();
        (sealed.bytes == self.seen.len()).then_some(sealed)
    }

    /// Whether the file is the one that was sealed, to the byte. A file of another length is not even read.
    pub(super) fn is(&self, mut bytes: SourceReader, sealed: &Sealed) -> Result<bool, ConnectionError> {
        if self.seen.len() != sealed.bytes {
            return Ok(false);
        }
        let mut buffer = vec![0; 256 << 10];
        while bytes.read(&mut buffer).map_err(|error| unreadable(&self.name, &error))? > 0 {}
        Ok(self.seal().as_ref() == Some(sealed))
    }

    /// What there was to be read: the whole file, as it was when it was opened and still is.
    pub(super) fn end(&self) -> SourceEnd {
        let bytes = self.seen.len();
        let written = |at| DateTime::<Utc>::from(at).to_rfc3339_opts(SecondsFormat::Secs, true);
        let modified = self.seen.modified().ok().map(written);
        let words = match &modified {
            Some(at) => format!("end of file after {bytes} bytes, unchanged since {at}"),
            None => format!("end of file after {bytes} bytes"),
        };
        let mut figures = BTreeMap::from([("bytes".to_owned(), bytes.into())]);
        figures.extend(modified.map(|at| ("modified".to_owned(), at.into())));
        SourceEnd { words, figures }
    }

    /// Makes sure that nobody wrote to the file, or put another in its place, while it was read.
    pub(super) fn confirm(&self) -> Result<(), ConnectionError> {
        let now = std::fs::metadata(&self.path).map_err(|error| unreadable(&self.name, &error))?;
        if self.seen.len() == now.len() && self.seen.modified().ok() == now.modified().ok() {
            return Ok(());
        }
        Err(ConnectionError::transient(
            &self.name,
            "was changed while it was read; start again when it is complete (best: write it elsewhere, then rename it)",
        ))
    }
}

fn locate(
    connection: &ConnectionRequest,
    table: &TableDefinition,
    settings: &TableSettings,
) -> Result<(String, PathBuf), ConnectionError> {
    let Some(folder) = ConnectionSettings::of(connection)?.folder else {
        let Some(upload) = connection.uploads.get(&table.name) else {
            return Err(ConnectionError::permanent(
                connection.source(&table.name).0,
                "no file has been received for this table; send one by page, API or muster upload",
            ));
        };
        return Ok((upload.name.clone(), upload.path.clone()));
    };
    let Some(file) = &settings.file else {
        return Err(ConnectionError::permanent(
            format!("table {:?}", table.name),
            "say which file it is: file = \"…\"",
        ));
    };
    pattern::stays_within(file, table)?;
    let folder = folder.canonicalize().map_err(|error| {
        ConnectionError::transient(folder.display().to_string(), format!("this folder can't be read: {error}"))
    })?;
    let file = &match Pattern::of_complete(settings).filter(|pattern| pattern.is_open()) {
        Some(pattern) => pattern.list(&folder, table)?.pop().ok_or_else(|| {
            ConnectionError::transient(pattern.text(), "there is no file of such a name in the folder")
        })?,
        None => file.clone(),
    };
    let path = folder.join(file).canonicalize().map_err(|error| unreadable(file, &error))?;
    if !path.starts_with(&folder) {
        return Err(ConnectionError::permanent(file, "is a link that leaves the folder; put the file itself there"));
    }
    Ok((file.clone(), path))
}

/// A file that is not there now may be there later.
fn unreadable(name: &str, error: &std::io::Error) -> ConnectionError {
    match error.kind() {
        std::io::ErrorKind::NotFound => ConnectionError::transient(name, "there is no such file in the folder"),
        _ => ConnectionError::transient(name, format!("can't be read: {error}")),
    }
}
