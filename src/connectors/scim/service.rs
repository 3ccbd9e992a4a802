//! What a service says about itself (RFC 7644 4): what it can, which resources it has, and what their attributes are.

use crate::connectors::ConnectionError;
use crate::connectors::http::json::Json;
use crate::connectors::http::path::Path;
use crate::connectors::http::{Client, place};
use std::collections::BTreeSet;

/// What a service can.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Whether it said anything at all.
    pub known: bool,
    /// Whether resources can be asked for by filter.
    pub filter: bool,
    /// The most resources that it gives at a time.
    pub most: Option<u64>,
    /// Whether pages can be asked for by cursor (RFC 9865).
    pub cursor: bool,
    /// What else it can, in words.
    others: Vec<&'static str>,
    /// How one signs in, in its words.
    schemes: Vec<String>,
}

impl Abilities {
    /// Asks. A service that does not say is one that can nothing beyond reading by index.
    pub async fn read(client: &Client) -> Result<Self, ConnectionError> {
        let url = client.service().below("ServiceProviderConfig");
        let answer = match client.get(&url).await {
            Ok(answer) => answer,
            Err(error) if is_absent(&error) => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let json = Json::parse(&answer.body)
            .map_err(|fault| ConnectionError::permanent(place(&url), format!("the answer is no JSON: {fault}")))?;
        if !json.is_object() {
            return Err(ConnectionError::permanent(place(&url), "the answer is no configuration of a SCIM service"));
        }
        Ok(Self::of(json))
    }

    fn of(json: Json<'_>) -> Self {
        let member = |path: &[&str]| path.iter().try_fold(json, |json, name| json.get(name, true));
        let can = |name: &str| member(&[name, "supported"]).and_then(Json::as_bool) == Some(true);
        let most = [&["filter", "maxResults"], &["pagination", "maxPageSize"]];
        let most = most.into_iter().filter_map(|path| member(path)?.as_count()).filter(|most| *most > 0).min();
        let schemes = member(&["authenticationSchemes"]).into_iter().flat_map(Json::items);
        Self {
            known: true,
            filter: can("filter"),
            most,
            cursor: member(&["pagination", "cursor"]).and_then(Json::as_bool) == Some(true),
            others: ["patch", "bulk", "sort", "etag"].into_iter().filter(|name| can(name)).collect(),
            schemes: schemes
                .filter_map(|scheme| scheme.get("name", true).or_else(|| scheme.get("type", true))?.as_text())
                .map(|name| name.chars().filter(|c| !c.is_control()).take(60).collect())
                .take(5)
                .collect(),
        }
    }

    /// In a sentence.
    pub fn words(&self) -> String {
        if !self.known {
            return "a SCIM service that does not say what it can (no ServiceProviderConfig)".to_owned();
        }
        let mut can: Vec<String> = Vec::new();
        if self.filter {
            can.push("filter".to_owned());
        }
        can.extend(self.others.iter().map(|name| (*name).to_owned()));
        if self.cursor {
            can.push("paging by cursor".to_owned());
        }
        let can = if can.is_empty() { "nothing beyond reading".to_owned() } else { can.join(", ") };
        let most = self.most.map(|most| format!(", at most {most} resources a page")).unwrap_or_default();
        let schemes = match self.schemes.is_empty() {
            true => String::new(),
            false => format!("; one signs in by {}", self.schemes.join(", ")),
        };
        format!("SCIM 2.0: {can}{most}{schemes}")
    }
}

/// Not every service describes itself.
fn is_absent(error: &ConnectionError) -> bool {
    ["answered 404", "answered 405", "answered 410", "answered 501"].iter().any(|words| error.message.contains(words))
}

/// The attributes that a service knows.
#[derive(Debug, Default)]
pub struct Schemas {
    schemas: Vec<Schema>,
}

#[derive(Debug)]
struct Schema {
    id: String,
    attributes: Vec<Attribute>,
}

#[derive(Debug)]
struct Attribute {
    name: String,
    native_type: String,
    multivalued: bool,
    parts: Vec<Attribute>,
}

/// What a service says about an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its type, in the service's words.
    pub native_type: String,
    /// Whether it, or what it is part of, may have several values.
    pub multivalued: bool,
}

impl Schemas {
    /// Asks; `None`: the service does not say.
    pub async fn read(client: &Client) -> Result<Option<Self>, ConnectionError> {
        let url = client.service().below("Schemas");
        let answer = match client.get(&url).await {
            Ok(answer) => answer,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Json::parse(&answer.body).ok().map(Self::of).filter(|read| !read.schemas.is_empty()))
    }

    fn of(json: Json<'_>) -> Self {
        let list = json.get("Resources", true).unwrap_or(json);
        let schemas = list.items().filter_map(|schema| {
            Some(Schema { id: schema.get("id", true)?.as_text()?.into_owned(), attributes: Attribute::all(schema) })
        });
        Self { schemas: schemas.collect() }
    }

    /// What is known of a column; `None`: no schema has it.
    pub fn describe(&self, path: &Path) -> Option<Described> {
        let steps: Vec<&str> = path.step_names().collect();
        let of = |schema: &&Schema| path.schema().is_none_or(|id| schema.id.eq_ignore_ascii_case(id));
        let found = self.schemas.iter().filter(of).find_map(|schema| Attribute::find(&schema.attributes, &steps));
        // Every resource has these (RFC 7643 3.1), whether or not a schema says so.
        let common = || {
            let first = steps.first()?.to_ascii_lowercase();
            let native_type = match first.as_str() {
                "id" | "externalid" | "schemas" => "string",
                "meta" => "complex",
                _ => return None,
            };
            Some(Described { native_type: native_type.to_owned(), multivalued: first == "schemas" })
        };
        found.or_else(common)
    }

    /// Names that are known, for whoever misspelled one.
    pub fn like(&self, path: &Path) -> Vec<String> {
        let wanted = path.step_names().next().unwrap_or_default().to_ascii_lowercase();
        let start: String = wanted.chars().take(2).collect();
        let names = self.schemas.iter().flat_map(|schema| &schema.attributes).map(|attribute| &attribute.name);
        let alike: BTreeSet<&String> = names.filter(|name| name.to_ascii_lowercase().starts_with(&start)).collect();
        alike.into_iter().take(5).cloned().collect()
    }
}

impl Attribute {
    fn all(json: Json<'_>) -> Vec<Self> {
        let list = ["attributes", "subAttributes"].iter().filter_map(|name| json.get(name, true));
        // The standard's attributes have parts, and those have none (RFC 7643 2.3.8).
        list.flat_map(Json::items).filter_map(Self::of).collect()
    }

    fn of(json: Json<'_>) -> Option<Self> {
        let parts = json.get("subAttributes", true).into_iter().flat_map(Json::items);
        let plain = |json: Json<'_>, parts| {
            Some(Self {
                name: json.get("name", true)?.as_text()?.into_owned(),
                native_type: json.get("type", true)?.as_text()?.into_owned(),
                multivalued: json.get("multiValued", true).and_then(Json::as_bool) == Some(true),
                parts,
            })
        };
        plain(json, parts.filter_map(|part| plain(part, Vec::new())).collect())
    }

    fn find(attributes: &[Self], steps: &[&str]) -> Option<Described> {
        let (first, rest) = steps.split_first()?;
        let found = attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(first))?;
        let below = if rest.is_empty() { None } else { Some(Self::find(&found.parts, rest)?) };
        let native_type = below.as_ref().map_or(&found.native_type, |below| &below.native_type).clone();
        let multivalued = found.multivalued || below.is_some_and(|below| below.multivalued);
        Some(Described { native_type, multivalued })
    }
}
