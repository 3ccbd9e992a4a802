//! The resources of a table, page by page, until it is proven that there are no more.
//!
//! By index (RFC 7644 3.4.2.4), each page but the first begins with the last resource of the one before: if that is
//! another now, resources came or went, and a page would leave some out. By cursor (RFC 9865), the service sees to that.
//! Either way no resource may come twice, and there must be as many as `totalResults` says.

use super::settings::ResourceTable;
use crate::connectors::http::json::Json;
use crate::connectors::http::path::Path;
use crate::connectors::http::reading::{Doubt, Reading, identity};
use crate::connectors::http::{Client, place};
use crate::connectors::{ConnectionError, SourceEnd};
use std::borrow::Cow;
use std::collections::HashSet;
use url::Url;

/// More empty pages in a row would only keep us busy.
const MAX_EMPTY_PAGES: u32 = 10;

const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// What is asked of a table.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// Which resources.
    pub filter: Option<String>,
    /// These attributes alone; empty: whole resources.
    pub attributes: Vec<String>,
    /// What a resource is known by in the proof, beside its id.
    pub known_by: Vec<Path>,
    /// Resources per page.
    pub count: u64,
    /// By cursor instead of index.
    pub by_cursor: bool,
}

/// A list that is being read.
pub struct List<'a> {
    client: &'a Client,
    table: &'a ResourceTable,
    question: Question,
    reading: Reading,
    next: Next,
    cursors: HashSet<String>,
    empty_pages: u32,
}

enum Next {
    Index(u64),
    /// Empty: the first page.
    Cursor(String),
    End,
}

/// What becomes of each resource.
pub type Each<'a> = &'a mut dyn FnMut(Json<'_>) -> Result<(), ConnectionError>;

impl<'a> List<'a> {
    /// Nothing is asked yet.
    pub fn new(client: &'a Client, table: &'a ResourceTable, question: Question) -> Self {
        let next = if question.by_cursor { Next::Cursor(String::new()) } else { Next::Index(1) };
        let (reading, cursors) = (Reading::default(), HashSet::new());
        Self { client, table, question, reading, next, cursors, empty_pages: 0 }
    }

    /// Reads a page. Returns whether there is another.
    pub async fn page(&mut self, each: Each<'_>) -> Result<bool, ConnectionError> {
        let url = self.url();
        let answer = self.client.get(&url).await.map_err(|error| self.in_context(error))?;
        let json = Json::parse(&answer.body).map_err(|fault| {
            let doubt = Doubt { message: format!("the answer is no JSON: {fault}"), transient: fault.is_cut_off };
            self.doubt(doubt)
        })?;
        let page = Page::of(json).map_err(|why| self.doubt(Doubt::lasting(why)))?;
        self.begin(&page).map_err(|doubt| self.doubt(doubt))?;
        for resource in page.resources() {
            let known = known_by(resource, &self.question.known_by).map_err(|why| self.doubt(Doubt::lasting(why)))?;
            let is_new = self.reading.record(Some(known)).map_err(|doubt| self.doubt(doubt))?;
            if is_new {
                each(resource).map_err(|error| self.in_context(error))?;
            }
        }
        self.go_on(&page).map_err(|doubt| self.doubt(doubt))?;
        Ok(!matches!(self.next, Next::End))
    }

    /// Reads all pages that are left.
    pub async fn all(&mut self, each: Each<'_>) -> Result<(), ConnectionError> {
        while self.page(each).await? {}
        Ok(())
    }

    /// What was read so far.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// How the list reached its end. After [`page`](Self::page) has said that there are no more.
    pub fn end(&self) -> SourceEnd {
        self.reading.end(if self.question.by_cursor { "no next cursor" } else { "all resources" })
    }

    fn url(&self) -> Url {
        let mut url = self.client.service().below(&self.table.resource);
        let mut query = url.query_pairs_mut();
        if let Some(filter) = &self.question.filter {
            query.append_pair("filter", filter);
        }
        if !self.question.attributes.is_empty() {
            query.append_pair("attributes", &self.question.attributes.join(","));
        }
        match &self.next {
            Next::Cursor(cursor) => query.append_pair("cursor", cursor),
            Next::Index(index) => query.append_pair("startIndex", &index.to_string()),
            Next::End => &mut query,
        };
        query.append_pair("count", &self.question.count.to_string());
        drop(query);
        url
    }

    fn begin(&mut self, page: &Page<'_>) -> Result<(), Doubt> {
        if page.total.is_none() && !self.question.by_cursor {
            return Err(Doubt::lasting("the answer has no totalResults, so whether there is more can't be known"));
        }
        if let (Next::Index(asked), Some(given)) = (&self.next, page.start_index)
            && given != *asked
            && page.has_resources()
        {
            let message = format!("the page from {asked} was asked for, and the one from {given} came");
            return Err(Doubt::lasting(message));
        }
        self.reading.page(page.total)
    }

    fn go_on(&mut self, page: &Page<'_>) -> Result<(), Doubt> {
        let came = self.reading.of_page();
        self.next = match (&self.next, &page.next_cursor) {
            (Next::Cursor(_), Some(cursor)) => {
                self.empty_pages = if came == 0 { self.empty_pages + 1 } else { 0 };
                if self.empty_pages > MAX_EMPTY_PAGES || !self.cursors.insert(cursor.to_string()) {
                    return Err(Doubt::lasting("the service's cursors lead nowhere: its paging is broken"));
                }
                Next::Cursor(cursor.to_string())
            }
            (Next::Index(index), _) if !self.reading.is_complete() && came > 0 => {
                let overlap = u64::from(self.reading.expect_overlap());
                Next::Index(index + came - overlap)
            }
            _ => {
                self.reading.finish()?;
                Next::End
            }
        };
        Ok(())
    }

    /// What can't be relied on, with the table it happened in.
    pub fn doubt(&self, doubt: Doubt) -> ConnectionError {
        self.in_context(doubt.at(&place(&self.client.service().below(&self.table.resource))))
    }

    /// The error with the table, the page and what was read before.
    pub fn in_context(&self, error: ConnectionError) -> ConnectionError {
        let ResourceTable { name, resource, .. } = self.table;
        let ConnectionError { place, message, transient } = error;
        let (page, read) = (self.reading.pages().max(1), self.reading.records());
        let message = format!(
            "table `{name}` ({resource}), page {page}, {read} resources read: {}. The table was not read to its end, so \
             nothing of it is used",
            message.trim_end_matches('.')
        );
        ConnectionError { place, message, transient }
    }
}

/// What a resource is known by: its id, and more. Names of resources are not repeated in errors.
pub fn known_by(resource: Json<'_>, attributes: &[Path]) -> Result<crate::values::digest::Digest, String> {
    if !resource.is_object() {
        return Err("what should be a resource is none".to_owned());
    }
    let id = resource.get("id", true).and_then(Json::as_text).filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| "a resource has no id (RFC 7643 3.1)".to_owned())?;
    // A value that can't be read is told of where its row is written.
    let others = attributes.iter().map(|path| Cow::Owned(path.values(resource).unwrap_or_default().join("\u{1f}")));
    let fields: Vec<Cow<'_, str>> = std::iter::once(id).chain(others).collect();
    Ok(identity(fields.iter().map(|field| field.as_ref())))
}

/// A ListResponse (RFC 7644 3.4.2).
struct Page<'a> {
    total: Option<u64>,
    start_index: Option<u64>,
    next_cursor: Option<Cow<'a, str>>,
    resources: Option<Json<'a>>,
}

impl<'a> Page<'a> {
    fn of(json: Json<'a>) -> Result<Self, String> {
        let member = |name: &str| json.get(name, true).filter(|value| !value.is_null());
        let is_list = |schema: Json<'_>| schema.as_text().is_some_and(|text| text.eq_ignore_ascii_case(LIST_RESPONSE));
        if !member("schemas").is_some_and(|schemas| schemas.items().any(is_list)) {
            return Err("the answer is no SCIM list (its schemas do not name ListResponse): check `url`".to_owned());
        }
        let count = |name: &str| match member(name) {
            None => Ok(None),
            Some(value) => value.as_count().map(Some).ok_or_else(|| format!("{name} is no number")),
        };
        if json.has_twice("Resources", true) {
            return Err("the answer has Resources twice".to_owned());
        }
        let resources = member("Resources");
        if resources.is_some_and(|resources| !resources.is_list()) {
            return Err("Resources is no list".to_owned());
        }
        let next_cursor = match member("nextCursor") {
            None => None,
            Some(cursor) => Some(cursor.as_text().ok_or("nextCursor is no text")?).filter(|cursor| !cursor.is_empty()),
        };
        Ok(Self { total: count("totalResults")?, start_index: count("startIndex")?, next_cursor, resources })
    }

    fn resources(&self) -> impl Iterator<Item = Json<'a>> {
        self.resources.into_iter().flat_map(Json::items)
    }

    fn has_resources(&self) -> bool {
        self.resources().next().is_some()
    }
}
