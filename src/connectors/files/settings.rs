//! The keys of a `files` connection and of its tables.

use super::{ConnectionError, ConnectionRequest, Setting, SettingValue, pattern};
use crate::model::connection::{ConnectionDefinition, TableDefinition};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::path::PathBuf;

pub(super) static CONNECTION: &[Setting] = &[
    Setting {
        name: "folder",
        value: SettingValue::Path,
        required: false,
        help: "The folder the files are read from; or upload = true.",
    },
    Setting {
        name: "upload",
        value: SettingValue::Bool,
        required: false,
        help: "Files come by page, API or command line instead of from a folder.",
    },
    Setting {
        name: "auto_apply",
        value: SettingValue::Bool,
        required: false,
        help: "With upload: a run starts when the expected files are all there.",
    },
    Setting {
        name: "on_arrival",
        value: SettingValue::Bool,
        required: false,
        help: "With folder: a run starts when the expected files are there and have stopped changing.",
    },
];

pub(super) static TABLE: &[Setting] = &[
    Setting {
        name: "file",
        value: SettingValue::Text,
        required: false,
        help: "The file's name within the folder; its ending tells the format. One * in it: the last such file in the order of names.",
    },
    Setting {
        name: "delta_file",
        value: SettingValue::Text,
        required: false,
        help: "For incremental runs: the file with the changes. One * in its name: all that came since are read, in the order of their names.",
    },
    Setting {
        name: "command_column",
        value: SettingValue::Text,
        required: false,
        help: "With delta_file: the column with insert, update, merge or delete; command if not given.",
    },
    Setting {
        name: "format",
        value: SettingValue::Choice(&["csv", "tsv", "json", "ndjson", "xml", "xlsx", "ldif"]),
        required: false,
        help: "The format, where the file's ending does not tell it.",
    },
    Setting {
        name: "separator",
        value: SettingValue::Text,
        required: false,
        help: "The character between two fields of CSV; a comma by default, a tab for TSV.",
    },
    Setting {
        name: "quotes",
        value: SettingValue::Bool,
        required: false,
        help: "false: a quote in CSV or TSV is a character like any other. Default: true.",
    },
    Setting {
        name: "encoding",
        value: SettingValue::Choice(ENCODINGS),
        required: false,
        help: "How characters are written; UTF-8 by default. A byte order mark in the file wins.",
    },
    Setting {
        name: "skip_lines",
        value: SettingValue::Integer(0, 10_000),
        required: false,
        help: "Lines of CSV or TSV, or rows of a sheet, to pass over before the header.",
    },
    Setting {
        name: "columns",
        value: SettingValue::TextList,
        required: false,
        help: "The columns in order, for a CSV or TSV file or a sheet without a header row.",
    },
    Setting {
        name: "record",
        value: SettingValue::Text,
        required: false,
        help: "XML: the element that is a record; * for each one in the root element. JSON: the key of the array, where it stands in an object; data.people, where that stands in another.",
    },
    Setting {
        name: "single_record",
        value: SettingValue::Bool,
        required: false,
        help: "true: the whole file is one record, a JSON object or the root element of XML. Default: false.",
    },
    Setting {
        name: "sheet",
        value: SettingValue::Text,
        required: false,
        help: "XLSX: the sheet; the first if not given.",
    },
    Setting {
        name: "member",
        value: SettingValue::Text,
        required: false,
        help: "Zip: which file of the archive, where there are several. One * in it: the last such file in the order of names.",
    },
    Setting {
        name: "values",
        value: SettingValue::Choice(&["elements", "attributes"]),
        required: false,
        help: "XML: whether a record's values are its child elements (default) or its attributes.",
    },
];

/// Labels of the Encoding Standard; `iso-8859-1` is read as its superset windows-1252, as everywhere.
const ENCODINGS: &[&str] = &[
    "utf-8",
    "utf-16le",
    "utf-16be",
    "windows-1252",
    "iso-8859-1",
    "iso-8859-15",
    "windows-1250",
    "iso-8859-2",
    "windows-1251",
];

/// The connection's settings, typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ConnectionSettings {
    pub(super) folder: Option<PathBuf>,
    pub(super) upload: bool,
    #[serde(rename = "auto_apply")]
    _auto_apply: bool,
    pub(super) on_arrival: bool,
}

/// A table's settings, typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TableSettings {
    pub(super) file: Option<String>,
    pub(super) delta_file: Option<String>,
    pub(super) command_column: Option<String>,
    pub(super) format: Option<Format>,
    pub(super) separator: Option<String>,
    pub(super) quotes: Option<bool>,
    pub(super) encoding: Option<String>,
    pub(super) skip_lines: u64,
    pub(super) columns: Vec<String>,
    pub(super) record: Option<String>,
    pub(super) single_record: bool,
    pub(super) values: Option<XmlValues>,
    pub(super) sheet: Option<String>,
    pub(super) member: Option<String>,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    Csv,
    Tsv,
    Json,
    Ndjson,
    Xml,
    Xlsx,
    Ldif,
}

/// Where the values of an XML record stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum XmlValues {
    #[default]
    Elements,
    Attributes,
}

impl ConnectionSettings {
    pub(super) fn of(connection: &ConnectionRequest) -> Result<Self, ConnectionError> {
        Self::of_definition(&connection.definition)
    }

    pub(super) fn of_definition(definition: &ConnectionDefinition) -> Result<Self, ConnectionError> {
        let settings: Self = typed(&definition.settings, &format!("connection {:?}", definition.name))?;
        if settings.on_arrival && settings.upload {
            let message = "on_arrival goes with folder; with upload = true it is auto_apply";
            return Err(ConnectionError::permanent(format!("connection {:?}", definition.name), message));
        }
        match (&settings.folder, settings.upload) {
            (Some(_), false) | (None, true) => Ok(settings),
            _ => Err(ConnectionError::permanent(
                format!("connection {:?}", definition.name),
                "say where the files come from: either folder = \"…\" or upload = true",
            )),
        }
    }
}

/// The format that the ending of a file's name tells, past that of its packing.
fn told_by_ending(name: &str) -> Option<Format> {
    let name = name.to_ascii_lowercase();
    let name = [".gz", ".zip"].iter().find_map(|packed| name.strip_suffix(packed)).unwrap_or(&name);
    match name.rsplit_once('.')?.1 {
        "csv" | "txt" => Some(Format::Csv),
        "tsv" | "tab" => Some(Format::Tsv),
        "json" => Some(Format::Json),
        "ndjson" | "jsonl" => Some(Format::Ndjson),
        "xml" => Some(Format::Xml),
        "xlsx" | "xlsm" => Some(Format::Xlsx),
        "ldif" | "ldf" => Some(Format::Ldif),
        _ => None,
    }
}

impl TableSettings {
    pub(super) fn of(table: &TableDefinition) -> Result<Self, ConnectionError> {
        typed(&table.settings, &format!("table {:?}", table.name))
    }

    /// The column that holds the command of a change.
    pub(super) fn command_column(&self) -> &str {
        self.command_column.as_deref().unwrap_or("command")
    }

    /// Settings of changes that don't go together, or with the connection.
    pub(super) fn check_delta(&self, table: &str, is_upload: bool) -> Result<(), ConnectionError> {
        let refuse = |key: &str, message: &str| {
            Err(ConnectionError::permanent(format!("table {table:?}, {key}"), message.to_owned()))
        };
        match &self.delta_file {
            None if self.command_column.is_some() => {
                refuse("command_column", "goes with delta_file = \"…\", the file that holds the changes")
            }
            None => Ok(()),
            Some(_) if is_upload => refuse(
                "delta_file",
                "is read from a folder; what is uploaded is read whole. Use folder, or compare = true on the connector",
            ),
            Some(file) if pattern::is_malformed(file) => {
                refuse("delta_file", "may have one * only, in the name of the file")
            }
            Some(file) if Some(file) == self.file.as_ref() => {
                refuse("delta_file", "is the complete file; the changes need a file of their own")
            }
            Some(_) => Ok(()),
        }
    }

    /// Settings of the complete file that don't go together.
    pub(super) fn check_file(&self, table: &str) -> Result<(), ConnectionError> {
        for (key, value) in [("file", &self.file), ("member", &self.member)] {
            if value.as_deref().is_some_and(pattern::is_malformed) {
                let message = "may have one * only, in the name of the file";
                return Err(ConnectionError::permanent(format!("table {table:?}, {key}"), message));
            }
        }
        Ok(())
    }

    /// The format that was set, or the one that the ending of the document's file tells; CSV otherwise.
    pub(super) fn format(&self) -> Format {
        self.format_of("")
    }

    /// The same for a file of that name, which tells where the document does not: whatever its sender calls it, what is
    /// expected stays what it is.
    pub(super) fn format_of(&self, name: &str) -> Format {
        let expected = || self.file.as_deref().and_then(told_by_ending);
        self.format.or_else(expected).or_else(|| told_by_ending(name)).unwrap_or(Format::Csv)
    }

    /// Separator and quote of a CSV or TSV file.
    pub(super) fn dialect(&self, format: Format, table: &str) -> Result<(u8, Option<u8>), ConnectionError> {
        let quote = self.quotes.unwrap_or(true).then_some(b'"');
        let separator = match self.separator.as_deref() {
            None if format == Format::Tsv => b'\t',
            None => b',',
            Some("tab" | "\\t") => b'\t',
            Some(text) => match text.as_bytes() {
                [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0) => *byte,
                _ => {
                    return Err(ConnectionError::permanent(
                        format!("table {table:?}, separator"),
                        format!(
                            "{text:?} is no separator; write one ASCII character, such as \";\" or \"|\", or \"tab\""
                        ),
                    ));
                }
            },
        };
        Ok((separator, quote))
    }
}

fn typed<T: DeserializeOwned>(settings: &Map<String, Value>, place: &str) -> Result<T, ConnectionError> {
    serde_json::from_value(Value::Object(settings.clone()))
        .map_err(|error| ConnectionError::permanent(place, error.to_string()))
}
