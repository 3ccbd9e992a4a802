//! What is wrong with a file, and where in it.

use super::ConnectionError;
use std::io;

/// A reason to stop reading a file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// Something that must not stand there.
    #[error("line {line}, column {column}: {message}")]
    At { line: u64, column: u64, message: String },
    /// Something in a cell of a spreadsheet.
    #[error("sheet {sheet}, cell {cell}: {message}")]
    Cell { sheet: String, cell: String, message: String },
    /// Something that must not stand where reading has come to; who reads there knows the place.
    #[error("{0}")]
    Here(String),
    /// Something that concerns the file as a whole.
    #[error("{0}")]
    Whole(String),
    /// The file can't be read.
    #[error(transparent)]
    Io(io::Error),
}

impl Fault {
    /// The error that names the file.
    pub(super) fn within(self, file: &str) -> ConnectionError {
        match self {
            Self::At { line, column, message } => {
                ConnectionError::permanent(format!("{file}, line {line}, column {column}"), message)
            }
            Self::Cell { sheet, cell, message } => {
                ConnectionError::permanent(format!("{file}, sheet {sheet}, cell {cell}"), message)
            }
            Self::Whole(message) | Self::Here(message) => ConnectionError::permanent(file, message),
            Self::Io(error) => ConnectionError::transient(file, format!("can't be read: {error}")),
        }
    }
}

impl Fault {
    /// The fault at its place, if it waits for one.
    pub(super) fn at(self, line: u64, column: u64) -> Self {
        match self {
            Self::Here(message) => Self::At { line, column, message },
            fault => fault,
        }
    }
}

/// Faults that a layer below found travel through [`io::Read`] and come out as what they are.
impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(fault) => fault,
            Err(error) => Self::Io(error),
        }
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Io(error) => error,
            fault => Self::new(io::ErrorKind::InvalidData, fault),
        }
    }
}

/// How many characters stand in UTF-8 text; bytes that are none count as one each.
pub(super) fn characters(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u64
}
