//! What a document says about a SCIM service, checked before anything is asked.

use crate::connectors::http::path::{Names, Path};
use crate::connectors::http::row::RowShape;
use crate::connectors::http::settings::{self as http, Service};
use crate::connectors::{ConnectionError, ConnectionRequest, Setting, SettingValue};
use crate::model::connection::TableDefinition;
use serde::Deserialize;

/// The largest page that can be asked for.
const MAX_PAGE_SIZE: i64 = 10_000;

pub static CONNECTION: &[Setting] = &[
    http::URL,
    http::TOKEN,
    http::USER,
    http::PASSWORD,
    http::CA_FILE,
    Setting {
        name: "page_size",
        value: SettingValue::Integer(1, MAX_PAGE_SIZE),
        required: false,
        help: "Resources per page (200 if not given); the service may give fewer.",
    },
    http::TIMEOUT_SECONDS,
    http::ALLOW_LINK_LOCAL,
];

pub static TABLE: &[Setting] = &[
    Setting {
        name: "resource",
        value: SettingValue::Text,
        required: false,
        help: "What stands below the service's address, such as Users or Groups; the table's name if not given.",
    },
    Setting {
        name: "filter",
        value: SettingValue::Text,
        required: false,
        help: "Which resources, as SCIM writes filters: active eq true.",
    },
    Setting {
        name: "attributes",
        value: SettingValue::TextList,
        required: false,
        help: "Columns to read beside those that are mapped, as paths: name.familyName, emails[type eq \"work\"].value.",
    },
    Setting {
        name: "request_attributes",
        value: SettingValue::Bool,
        required: false,
        help: "true: ask the service for the columns' attributes alone, for those that it gives only if asked. Default: \
               whole resources.",
    },
    Setting {
        name: "paging",
        value: SettingValue::Choice(&["index", "cursor"]),
        required: false,
        help: "How pages are asked for; by cursor if the service says it can, by index if not.",
    },
    Setting {
        name: "changes",
        value: SettingValue::Choice(&["modified", "version"]),
        required: false,
        help: "How incremental runs tell what changed: by meta.lastModified (default), or by the meta.version (ETag) of \
               every resource, which also tells what was deleted.",
    },
    Setting {
        name: "incremental",
        value: SettingValue::Bool,
        required: false,
        help: "false: incremental runs can't tell what changed here, and read everything. Default: true.",
    },
];

/// A service and what is read from it.
pub struct ScimSettings {
    /// Where it is.
    pub service: Service,
    /// Resources per page.
    pub page_size: u64,
    /// In the order of the document.
    pub tables: Vec<ResourceTable>,
}

/// One table: all resources of a type, or those that a filter leaves.
pub struct ResourceTable {
    /// Its name in the document.
    pub name: String,
    /// What stands below the service's address.
    pub resource: String,
    /// Which resources.
    pub filter: Option<String>,
    /// The columns, as paths.
    pub columns: Vec<String>,
    /// Whether these attributes alone are asked for.
    pub request_attributes: bool,
    /// By cursor or by index; `None`: as the service says.
    pub by_cursor: Option<bool>,
    /// How versions are kept, where they tell what changed.
    pub versions: Option<VersionColumns>,
    /// Columns that keys of entity types are made of.
    pub keys: Vec<String>,
    pairs: Vec<crate::connectors::PairColumn>,
}

/// The columns in which versions are kept: by these names.
pub struct VersionColumns {
    /// Of `id`.
    pub id: String,
    /// Of `meta.version`.
    pub version: String,
}

impl VersionColumns {
    /// Among these columns, to which they are added where they are not mapped.
    fn among(columns: &mut Vec<String>) -> Self {
        let [id, version] = ["id", "meta.version"].map(|name| {
            let known = columns.iter().find(|column| column.eq_ignore_ascii_case(name)).cloned();
            known.unwrap_or_else(|| {
                columns.push(name.to_owned());
                name.to_owned()
            })
        });
        Self { id, version }
    }
}

#[derive(Deserialize)]
struct RawConnection {
    page_size: Option<i64>,
}

#[derive(Deserialize)]
struct RawTable {
    resource: Option<String>,
    filter: Option<String>,
    #[serde(default)]
    attributes: Vec<String>,
    #[serde(default)]
    request_attributes: bool,
    paging: Option<String>,
    changes: Option<String>,
    incremental: Option<bool>,
}

impl ScimSettings {
    /// Reads and checks the settings. The error names the setting.
    pub fn new(request: &ConnectionRequest) -> Result<Self, ConnectionError> {
        let place = format!("connection `{}`", request.definition.name);
        let raw: RawConnection = http::parse(&request.definition.settings, &place)?;
        let tables = request.definition.tables.iter().map(|table| ResourceTable::new(request, table, &place));
        Ok(Self {
            service: Service::new(request)?,
            page_size: raw.page_size.unwrap_or(200).clamp(1, MAX_PAGE_SIZE) as u64,
            tables: tables.collect::<Result<_, _>>()?,
        })
    }
}

/// Whether a table can tell what changed, going by its settings.
pub fn is_incremental(table: &TableDefinition) -> bool {
    http::parse::<RawTable>(&table.settings, "").is_ok_and(|raw| raw.incremental != Some(false))
}

impl ResourceTable {
    fn new(request: &ConnectionRequest, table: &TableDefinition, place: &str) -> Result<Self, ConnectionError> {
        let place = format!("{place}, table `{}`", table.name);
        let refuse = |why: String| Err(ConnectionError::permanent(&place, why));
        let raw: RawTable = http::parse(&table.settings, &place)?;
        let resource = raw.resource.unwrap_or_else(|| table.name.clone());
        let resource = resource.trim_matches('/').to_owned();
        if resource.is_empty() || resource.contains(['?', '#', '\\']) || resource.split('/').any(|part| part == "..") {
            return refuse(format!("`resource` is {resource:?}: write what stands below the address, such as Users"));
        }
        for attribute in &raw.attributes {
            if let Err(error) = Path::parse(attribute, Names::Scim) {
                return refuse(format!("`attributes`: {attribute:?} is no path: {error}"));
            }
        }
        let mut columns = http::columns(request, &table.name, &raw.attributes);
        if columns.is_empty() {
            // Nothing is mapped yet: what every resource has.
            columns.push("id".to_owned());
        }
        let by_version = raw.changes.as_deref() == Some("version");
        let versions = by_version.then(|| VersionColumns::among(&mut columns));
        Ok(Self {
            name: table.name.clone(),
            resource,
            filter: raw.filter.map(|filter| filter.trim().to_owned()).filter(|filter| !filter.is_empty()),
            columns,
            request_attributes: raw.request_attributes,
            by_cursor: raw.paging.map(|paging| paging == "cursor"),
            versions,
            keys: request.key_columns.get(&table.name).cloned().unwrap_or_default(),
            pairs: request.pair_columns.get(&table.name).cloned().unwrap_or_default(),
        })
    }

    /// What messages about single resources call the place they are from.
    pub fn source_file(&self) -> String {
        match &self.filter {
            Some(filter) => format!("{} {filter}", self.resource),
            None => self.resource.clone(),
        }
    }

    /// How its resources become rows.
    pub fn shape(&self) -> Result<RowShape, ConnectionError> {
        RowShape::new(&self.name, &self.columns, Names::Scim, &self.pairs)
            .map_err(|why| ConnectionError::permanent(format!("table `{}`", self.name), why))
    }
}
