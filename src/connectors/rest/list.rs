//! The records of a table, page by page, until it is proven that there are no more: an empty page, no link or cursor to
//! another, or as many records as the service says there are. A page that is merely short proves nothing.

use super::settings::{ListTable, Paging};
use crate::connectors::http::json::{Json, JsonFault};
use crate::connectors::http::path::Path;
use crate::connectors::http::reading::{Doubt, Reading, identity};
use crate::connectors::http::{Answer, Client, link, place};
use crate::connectors::{ConnectionError, SourceEnd};
use std::collections::HashSet;
use url::Url;

/// More empty pages in a row would only keep us busy.
const MAX_EMPTY_PAGES: u32 = 10;

/// A list that is being read.
pub struct List<'a> {
    client: &'a Client,
    table: &'a ListTable,
    reading: Reading,
    next: Option<Url>,
    /// The number of the page, or of the record it begins with.
    at: u64,
    /// Links and cursors that were followed.
    followed: HashSet<String>,
    empty_pages: u32,
    /// Whether an answer has said where the next page is, be it that there is none.
    says_next: bool,
    end: &'static str,
}

/// The records of a page that are new, as they stand in its body.
pub struct Records {
    answer: Answer,
    records: Vec<(usize, usize)>,
}

impl Records {
    /// Each as JSON.
    pub fn all(&self) -> impl Iterator<Item = Json<'_>> {
        let of = |(start, end): &(usize, usize)| Json::parse(self.answer.body.get(*start..*end)?).ok();
        self.records.iter().filter_map(of)
    }
}

impl<'a> List<'a> {
    /// Nothing is asked yet. `since`: only what changed since then, in the words of the service.
    pub fn new(client: &'a Client, table: &'a ListTable, since: Option<&str>) -> Self {
        let mut url = client.service().below(&table.path);
        if let (Some(since), Some(watermark)) = (since, &table.watermark) {
            url.query_pairs_mut().append_pair(&watermark.parameter, since);
        }
        if let Some((parameter, size)) = &table.size {
            url.query_pairs_mut().append_pair(parameter, &size.to_string());
        }
        let at = if let Paging::Page { first, .. } = table.paging { first } else { 0 };
        Self {
            client,
            table,
            reading: Reading::default(),
            next: Some(url),
            at,
            followed: HashSet::new(),
            empty_pages: 0,
            says_next: false,
            end: "one answer",
        }
    }

    /// The next page's records; `None`: it is proven that there are no more.
    pub async fn page(&mut self) -> Result<Option<Records>, ConnectionError> {
        let Some(base) = self.next.take() else { return Ok(None) };
        let mut url = base.clone();
        match &self.table.paging {
            Paging::Page { parameter, .. } | Paging::Offset { parameter } => {
                url.query_pairs_mut().append_pair(parameter, &self.at.to_string());
            }
            _ => {}
        }
        let answer = self.client.get(&url).await.map_err(|error| self.in_context(error))?;
        let records = self.understand(&answer.body).map_err(|doubt| self.doubt(doubt))?;
        let next = self.go_on(&answer, &url, base).map_err(|doubt| self.doubt(doubt))?;
        if let Some(next) = &next {
            self.client.is_own(next).map_err(|error| self.in_context(error))?;
        } else {
            self.reading.finish().map_err(|doubt| self.doubt(doubt))?;
        }
        self.next = next;
        Ok(Some(Records { answer, records }))
    }

    /// What was read so far.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// How the list reached its end. After [`page`](Self::page) has said that there are no more.
    pub fn end(&self) -> SourceEnd {
        self.reading.end(self.end)
    }

    /// Notes the page's records; gives where the new ones stand.
    fn understand(&mut self, body: &[u8]) -> Result<Vec<(usize, usize)>, Doubt> {
        let json = Json::parse(body).map_err(|fault| broken(&fault))?;
        let records = array(json, self.table.records.as_ref()).map_err(Doubt::lasting)?;
        let total = match &self.table.total {
            None => None,
            Some(path) => {
                let total = path.find(json).first().and_then(|total| total.as_count());
                Some(total.ok_or_else(|| Doubt::lasting(format!("there is no number at `{path}` (`total`)")))?)
            }
        };
        self.reading.page(total)?;
        let mut new = Vec::new();
        for record in records.items() {
            if !record.is_object() {
                return Err(Doubt::lasting("what should be a record is no object"));
            }
            let key = self.table.key.values(record).map_err(|what| Doubt::lasting(format!("a key holds {what}")))?;
            if key.is_empty() && !matches!(self.table.paging, Paging::None) {
                // Only by their keys is it known that pages neither repeat nor leave out a record.
                let path = &self.table.key;
                return Err(Doubt::lasting(format!(
                    "a record has nothing at `{path}`: set `key` to what tells records apart"
                )));
            }
            let known = (!key.is_empty()).then(|| identity(key.iter().map(|part| part.as_ref())));
            if self.reading.record(known)? {
                let start = record.raw().as_ptr() as usize - body.as_ptr() as usize;
                new.push((start, start + record.raw().len()));
            }
        }
        Ok(new)
    }

    /// The next page's address; `None`: that there is none is proven.
    fn go_on(&mut self, answer: &Answer, url: &Url, base: Url) -> Result<Option<Url>, Doubt> {
        let came = self.reading.of_page();
        self.empty_pages = if came == 0 { self.empty_pages + 1 } else { 0 };
        let next = match &self.table.paging {
            Paging::None if link::next(&answer.headers).is_some() => {
                return Err(Doubt::lasting(
                    "the answer says that there is a next page (its Link header), but `paging` is not set: set \
                     paging = \"link\"",
                ));
            }
            Paging::None => return Ok(None),
            Paging::Page { .. } | Paging::Offset { .. } if self.reading.is_complete() => {
                self.end = "all records";
                return Ok(None);
            }
            Paging::Page { .. } | Paging::Offset { .. } if came == 0 => {
                self.end = "an empty page";
                return Ok(None);
            }
            Paging::Page { .. } => {
                self.at += 1;
                return Ok(Some(base));
            }
            Paging::Offset { .. } => {
                self.at += came - u64::from(self.reading.expect_overlap());
                return Ok(Some(base));
            }
            Paging::Link { next: Some(path) } => self.in_body(answer, path)?,
            Paging::Link { next: None } => {
                self.says_next |= link::pages(&answer.headers);
                link::next(&answer.headers)
            }
            Paging::Cursor { next, .. } => self.in_body(answer, next)?,
        };
        let Some(next) = next else {
            self.end = "no next page";
            return self.ends_without_next(came).map(|()| None);
        };
        if self.empty_pages > MAX_EMPTY_PAGES || !self.followed.insert(next.clone()) {
            return Err(Doubt::lasting("the service's pages lead in a circle: its paging is broken"));
        }
        match &self.table.paging {
            Paging::Cursor { parameter, .. } => {
                let mut following = url.clone();
                let others = url.query_pairs().filter(|(name, _)| name != parameter.as_str());
                following.query_pairs_mut().clear().extend_pairs(others).append_pair(parameter, &next);
                Ok(Some(following))
            }
            _ => url.join(&next).map(Some).map_err(|_| Doubt::lasting("the link to the next page is no address")),
        }
    }

    /// What stands at `next`, be it a text or a number; null and empty: there is no next page.
    fn in_body(&mut self, answer: &Answer, path: &Path) -> Result<Option<String>, Doubt> {
        let json = Json::parse(&answer.body).map_err(|fault| broken(&fault))?;
        self.says_next |= !path.find(json).is_empty();
        let values = path.values(json).map_err(|what| Doubt::lasting(format!("`{path}` (`next`) holds {what}")))?;
        match &values[..] {
            [] => Ok(None),
            [next] if next.is_empty() => Ok(None),
            [next] => Ok(Some(next.to_string())),
            _ => Err(Doubt::lasting(format!("there are several values at `{path}` (`next`)"))),
        }
    }

    /// No next page was named. If none ever was, the setting may be wrong, and the first page taken for all: that is only
    /// believed if the page has room left, or as many records came as there are.
    fn ends_without_next(&self, came: u64) -> Result<(), Doubt> {
        let has_room = self.table.size.as_ref().is_some_and(|(_, size)| came < *size);
        if self.says_next || self.reading.pages() > 1 || self.reading.is_complete() || has_room || came == 0 {
            return Ok(());
        }
        Err(Doubt::lasting(
            "the first page names no next one, so whether there is more can't be known: check `next`, or set `total`, or \
             `size_parameter` with a `page_size` that is larger than the list",
        ))
    }

    /// What can't be relied on, with the table it happened in.
    pub fn doubt(&self, doubt: Doubt) -> ConnectionError {
        self.in_context(doubt.at(&place(&self.client.service().below(&self.table.path))))
    }

    /// The error with the table, the page and what was read before.
    pub fn in_context(&self, error: ConnectionError) -> ConnectionError {
        let ConnectionError { place, message, transient } = error;
        let (page, read) = (self.reading.pages().max(1), self.reading.records());
        let message = format!(
            "table `{}`, page {page}, {read} records read: {}. The table was not read to its end, so nothing of it is used",
            self.table.name,
            message.trim_end_matches('.')
        );
        ConnectionError { place, message, transient }
    }
}

/// The array at a path, or the document itself.
pub fn array<'a>(json: Json<'a>, path: Option<&Path>) -> Result<Json<'a>, String> {
    if let Some(name) = path.and_then(|path| path.stands_twice(json)) {
        return Err(format!(
            "the answer has the name {name:?} twice in one object: which records are meant (`records`)?"
        ));
    }
    let found = match path {
        None => vec![json],
        Some(path) => path.find(json),
    };
    if let [array] = &found[..]
        && array.is_list()
    {
        return Ok(*array);
    }
    let names: Vec<String> = json.members().take(8).map(|(name, _)| name.chars().take(40).collect()).collect();
    let there = if names.is_empty() { String::new() } else { format!("; the answer has {}", names.join(", ")) };
    Err(match path {
        None => format!("the answer is no array of records: say where it stands (`records`){there}"),
        Some(path) => format!("there is no array at `{path}` (`records`){there}"),
    })
}

fn broken(fault: &JsonFault) -> Doubt {
    Doubt { message: format!("the answer is no JSON: {fault}"), transient: fault.is_cut_off }
}
