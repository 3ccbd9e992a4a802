//! What a document says about a JSON directory, checked before anything is asked.

use crate::connectors::http::path::{Condition, Names, Path};
use crate::connectors::http::row::RowShape;
use crate::connectors::http::settings::{self as http, Service};
use crate::connectors::{ConnectionError, ConnectionRequest, PairColumn, Setting, SettingValue};
use crate::model::connection::TableDefinition;
use serde::Deserialize;

/// The largest page that can be asked for.
const MAX_PAGE_SIZE: i64 = 10_000;

/// The most records that are asked for one by one at a time.
const MAX_PARALLEL: i64 = 16;

pub static CONNECTION: &[Setting] = &[
    http::URL,
    Setting {
        name: "api_key",
        value: SettingValue::Secret,
        required: false,
        help: "The API key to sign in with, sent in the header api_key_header.",
    },
    Setting {
        name: "api_key_header",
        value: SettingValue::Text,
        required: false,
        help: "The header that the API key is sent in; X-API-Key if not given.",
    },
    http::TOKEN,
    http::USER,
    http::PASSWORD,
    http::CA_FILE,
    http::TIMEOUT_SECONDS,
    http::ALLOW_LINK_LOCAL,
];

const fn text(name: &'static str, help: &'static str) -> Setting {
    Setting { name, value: SettingValue::Text, required: false, help }
}

pub static TABLE: &[Setting] = &[
    Setting {
        name: "path",
        value: SettingValue::Text,
        required: true,
        help: "Where the list stands below the service's address, with its query: /users?active=true.",
    },
    text(
        "records",
        "The path to the array of records within an answer: data.users. Without it the answer is the array.",
    ),
    text("key", "The path to what is each record's own; id if not given. No two records may share it."),
    Setting {
        name: "columns",
        value: SettingValue::TextList,
        required: false,
        help: "Columns to read beside those that are mapped, as paths: name.first, mails[kind eq \"work\"].address.",
    },
    Setting {
        name: "paging",
        value: SettingValue::Choice(&["none", "page", "offset", "link", "cursor"]),
        required: false,
        help: "How there is more: one answer with all (none, if not given), numbered pages, an offset, a link to the next \
               page, or a cursor.",
    },
    text("page_parameter", "paging = \"page\": the parameter with the page's number; page if not given."),
    Setting {
        name: "first_page",
        value: SettingValue::Integer(0, 1),
        required: false,
        help: "paging = \"page\": the number of the first page (1 if not given).",
    },
    text(
        "offset_parameter",
        "paging = \"offset\": the parameter with how many records to pass over; offset if not given.",
    ),
    text("cursor_parameter", "paging = \"cursor\": the parameter that takes the cursor; cursor if not given."),
    text("next", "The path to the next page's link or cursor in an answer; for links, the Link header if not given."),
    text("size_parameter", "The parameter that says how many records a page may have."),
    Setting {
        name: "page_size",
        value: SettingValue::Integer(1, MAX_PAGE_SIZE),
        required: false,
        help: "With size_parameter: records per page (100 if not given); the service may give fewer.",
    },
    text("total", "The path to how many records there are in all, where answers say so."),
    text(
        "detail",
        "The path of one record, such as /users/{key}, if the list does not give all: one request per record.",
    ),
    text("detail_record", "With detail: the path to the record within the answer."),
    Setting {
        name: "detail_parallel",
        value: SettingValue::Integer(1, MAX_PARALLEL),
        required: false,
        help: "With detail: how many records are asked for at a time (4 if not given).",
    },
    text("deleted", "Which records are deleted ones: status eq \"deleted\"."),
    text(
        "watermark_parameter",
        "For incremental runs: the parameter that takes a moment or number, and gives what changed since.",
    ),
    text(
        "watermark_column",
        "For incremental runs: the path to when a record changed: a moment, or a number that grows.",
    ),
    Setting {
        name: "watermark_overlap",
        value: SettingValue::Integer(0, 1_000_000_000),
        required: false,
        help: "How much earlier is read again: seconds for moments, units for numbers (300 if not given).",
    },
];

/// A service and what is read from it.
pub struct RestSettings {
    /// Where it is.
    pub service: Service,
    /// In the order of the document.
    pub tables: Vec<ListTable>,
}

/// One table: a list of records.
pub struct ListTable {
    /// Its name in the document.
    pub name: String,
    /// Below the service's address, with its query.
    pub path: String,
    /// Where the array of records stands; `None`: the answer is the array.
    pub records: Option<Path>,
    /// What is each record's own.
    pub key: Path,
    /// How there is more.
    pub paging: Paging,
    /// The parameter for how many records a page may have, and how many.
    pub size: Option<(String, u64)>,
    /// Where answers say how many records there are in all.
    pub total: Option<Path>,
    /// How each record is asked for by itself.
    pub detail: Option<Detail>,
    /// What a deleted record is like; empty: none is one.
    pub deleted: Vec<Condition>,
    /// What changed since a moment.
    pub watermark: Option<WatermarkSettings>,
    columns: Vec<String>,
    pairs: Vec<PairColumn>,
}

/// How a list goes on.
pub enum Paging {
    /// One answer holds all.
    None,
    /// Numbered pages.
    Page { parameter: String, first: u64 },
    /// By how many records to pass over.
    Offset { parameter: String },
    /// By a link in the answer, or in its Link header.
    Link { next: Option<Path> },
    /// By a cursor in the answer.
    Cursor { parameter: String, next: Path },
}

/// How a record is asked for by itself.
pub struct Detail {
    /// Below the service's address; `{key}` stands for the record's key.
    pub path: String,
    /// Where the record stands in the answer.
    pub record: Option<Path>,
    /// How many at a time.
    pub parallel: usize,
}

/// How a list tells what changed.
pub struct WatermarkSettings {
    /// The parameter that takes it.
    pub parameter: String,
    /// Where records have it.
    pub column: Path,
    /// How much earlier is read again.
    pub overlap: u32,
}

#[derive(Deserialize)]
struct Raw {
    path: String,
    records: Option<String>,
    key: Option<String>,
    #[serde(default)]
    columns: Vec<String>,
    paging: Option<String>,
    page_parameter: Option<String>,
    first_page: Option<u64>,
    offset_parameter: Option<String>,
    cursor_parameter: Option<String>,
    next: Option<String>,
    size_parameter: Option<String>,
    page_size: Option<i64>,
    total: Option<String>,
    detail: Option<String>,
    detail_record: Option<String>,
    detail_parallel: Option<i64>,
    deleted: Option<String>,
    watermark_parameter: Option<String>,
    watermark_column: Option<String>,
    watermark_overlap: Option<u32>,
}

impl RestSettings {
    /// Reads and checks the settings. The error names the setting.
    pub fn new(request: &ConnectionRequest) -> Result<Self, ConnectionError> {
        let place = format!("connection `{}`", request.definition.name);
        let tables = request.definition.tables.iter().map(|table| {
            let place = format!("{place}, table `{}`", table.name);
            let raw: Raw = http::parse(&table.settings, &place)?;
            ListTable::new(request, table, raw).map_err(|why| ConnectionError::permanent(place, why))
        });
        Ok(Self { service: Service::new(request)?, tables: tables.collect::<Result<_, _>>()? })
    }
}

/// Whether a table can tell what changed, going by its settings.
pub fn is_incremental(table: &TableDefinition) -> bool {
    table.settings.contains_key("watermark_parameter") && table.settings.contains_key("watermark_column")
}

impl ListTable {
    fn new(request: &ConnectionRequest, table: &TableDefinition, raw: Raw) -> Result<Self, String> {
        is_below("path", &raw.path)?;
        for column in &raw.columns {
            path("columns", column)?;
        }
        let key = raw.key.clone().unwrap_or_else(|| "id".to_owned());
        let mut columns = http::columns(request, &table.name, &raw.columns);
        if columns.is_empty() {
            // Nothing is mapped yet: what every record has.
            columns.push(key.clone());
        }
        Ok(Self {
            name: table.name.clone(),
            records: optional("records", &raw.records)?,
            key: path("key", &key)?,
            paging: Paging::of(&raw)?,
            size: match (&raw.size_parameter, raw.page_size) {
                (Some(parameter), size) => {
                    Some((parameter.clone(), size.unwrap_or(100).clamp(1, MAX_PAGE_SIZE) as u64))
                }
                (None, Some(_)) => return Err("`page_size` needs `size_parameter`: how is it told?".to_owned()),
                (None, None) => None,
            },
            total: optional("total", &raw.total)?,
            detail: Detail::of(&raw)?,
            deleted: match &raw.deleted {
                Some(deleted) => Condition::parse_all(deleted).map_err(|why| format!("`deleted`: {why}"))?,
                None => Vec::new(),
            },
            watermark: WatermarkSettings::of(&raw)?,
            path: raw.path,
            columns,
            pairs: request.pair_columns.get(&table.name).cloned().unwrap_or_default(),
        })
    }

    /// What messages about single records call the place they are from.
    pub fn source_file(&self) -> String {
        self.path.clone()
    }

    /// How its records become rows.
    pub fn shape(&self) -> Result<RowShape, ConnectionError> {
        RowShape::new(&self.name, &self.columns, Names::Exact, &self.pairs)
            .map_err(|why| ConnectionError::permanent(format!("table `{}`", self.name), why))
    }
}

impl Paging {
    fn of(raw: &Raw) -> Result<Self, String> {
        let or = |given: &Option<String>, otherwise: &str| given.clone().unwrap_or_else(|| otherwise.to_owned());
        let next = optional("next", &raw.next)?;
        let word = raw.paging.as_deref().unwrap_or("none");
        let of_others = [
            ("page_parameter", raw.page_parameter.is_some(), &["page"][..]),
            ("first_page", raw.first_page.is_some(), &["page"]),
            ("offset_parameter", raw.offset_parameter.is_some(), &["offset"]),
            ("cursor_parameter", raw.cursor_parameter.is_some(), &["cursor"]),
            ("next", raw.next.is_some(), &["link", "cursor"]),
        ];
        if let Some((name, ..)) = of_others.iter().find(|(_, given, ways)| *given && !ways.contains(&word)) {
            return Err(format!("`{name}` means nothing with paging = {word:?}"));
        }
        Ok(match word {
            "page" => Self::Page { parameter: or(&raw.page_parameter, "page"), first: raw.first_page.unwrap_or(1) },
            "offset" => Self::Offset { parameter: or(&raw.offset_parameter, "offset") },
            "link" => Self::Link { next },
            "cursor" => Self::Cursor {
                parameter: or(&raw.cursor_parameter, "cursor"),
                next: next.ok_or("paging = \"cursor\" needs `next`: where does the next cursor stand?")?,
            },
            _ => Self::None,
        })
    }
}

impl Detail {
    fn of(raw: &Raw) -> Result<Option<Self>, String> {
        let Some(detail) = &raw.detail else {
            let needless = raw.detail_record.is_some() || raw.detail_parallel.is_some();
            return if needless {
                Err("`detail_record` and `detail_parallel` need `detail`".to_owned())
            } else {
                Ok(None)
            };
        };
        is_below("detail", detail)?;
        if !detail.contains("{key}") {
            return Err("`detail` has no {key}, which stands for the record's key: /users/{key}".to_owned());
        }
        Ok(Some(Self {
            path: detail.clone(),
            record: optional("detail_record", &raw.detail_record)?,
            parallel: raw.detail_parallel.unwrap_or(4).clamp(1, MAX_PARALLEL) as usize,
        }))
    }
}

impl WatermarkSettings {
    fn of(raw: &Raw) -> Result<Option<Self>, String> {
        match (&raw.watermark_parameter, &raw.watermark_column) {
            (Some(parameter), Some(column)) => Ok(Some(Self {
                parameter: parameter.clone(),
                column: path("watermark_column", column)?,
                overlap: raw.watermark_overlap.unwrap_or(300),
            })),
            (None, None) if raw.watermark_overlap.is_none() => Ok(None),
            _ => Err("incremental reading needs both `watermark_parameter` and `watermark_column`".to_owned()),
        }
    }
}

fn path(setting: &str, text: &str) -> Result<Path, String> {
    Path::parse(text, Names::Exact).map_err(|why| format!("`{setting}`: {text:?} is no path: {why}"))
}

fn optional(setting: &str, text: &Option<String>) -> Result<Option<Path>, String> {
    text.as_deref().map(|text| path(setting, text)).transpose()
}

/// A path below the service's address, not an address of its own.
fn is_below(setting: &str, path: &str) -> Result<(), String> {
    let before_query = path.split('?').next().unwrap_or_default();
    let is_odd = before_query.contains(['#', '\\']) || before_query.contains("//") || before_query.contains("://");
    match before_query.is_empty() || is_odd || before_query.split('/').any(|part| part == "..") {
        true => Err(format!("`{setting}` is {path:?}: write what stands below the service's address, such as /users")),
        false => Ok(()),
    }
}
