//! A search read in pages (RFC 2696) to an end that is proven.
//!
//! A page ends with success *and* the paging control; the search ends with an empty cookie. Everything else is an
//! error: ldap3's own paging adapter takes a missing control for the end, which would turn the rest into absences.

use super::entry::{self, Entry};
use super::outcome;
use super::session::Session;
use super::settings::SearchTable;
use super::wire;
use crate::connectors::{ConnectionError, SourceEnd};
use ldap3::controls::{Control, ControlType, MakeCritical, PagedResults};
use ldap3::{LdapResult, SearchStream};

/// Servers that filter after paging send empty pages now and then; this many in a row are a server that does not end.
const MAX_EMPTY_PAGES: u32 = 10_000;

/// A search under way.
pub struct PagedSearch<'a> {
    session: Session,
    table: &'a SearchTable,
    page_size: i32,
    page: Option<SearchStream<'static, String, Vec<String>>>,
    cookie: Vec<u8>,
    at_end: bool,
    entries: u64,
    entries_before_page: u64,
    empty_pages: u32,
    pages: u64,
    referrals: u64,
}

impl<'a> PagedSearch<'a> {
    /// A search that begins with the first [`next`](Self::next).
    pub fn new(session: Session, table: &'a SearchTable, page_size: i32) -> Self {
        Self {
            session,
            table,
            page_size,
            page: None,
            cookie: Vec::new(),
            at_end: false,
            entries: 0,
            entries_before_page: 0,
            empty_pages: 0,
            pages: 0,
            referrals: 0,
        }
    }

    /// The next entry; `None` is the statement that there are no more.
    pub async fn next(&mut self) -> Result<Option<Entry>, ConnectionError> {
        while !self.at_end {
            let mut page = match self.page.take() {
                Some(page) => page,
                None => self.request_page().await?,
            };
            match page.next().await {
                Ok(Some(item)) => {
                    self.page = Some(page);
                    if item.is_ref() {
                        self.referrals += 1;
                    } else if !item.is_intermediate() {
                        let entry = entry::parse(item.0).map_err(|fault| self.refuse(&fault.to_string()))?;
                        self.entries += 1;
                        return Ok(Some(entry));
                    }
                }
                Ok(None) => {
                    let result = page.finish().await;
                    self.end_page(&result)?;
                }
                Err(error) => return Err(self.in_context(self.session.lost(&error))),
            }
        }
        Ok(None)
    }

    /// How the search reached its end. After [`next`](Self::next) has said that there are no more.
    pub fn end(&self) -> SourceEnd {
        let (pages, entries, referrals) = (self.pages, self.entries, self.referrals);
        let passed = if referrals > 0 { format!(", {referrals} referrals passed over") } else { String::new() };
        let words = format!(
            "result code 0 and an empty paging cookie after {pages} {} with {entries} entries{passed}",
            if pages == 1 { "page" } else { "pages" }
        );
        let figures = [("result_code", 0), ("pages", pages), ("entries", entries), ("referrals", referrals)];
        SourceEnd { words, figures: figures.map(|(name, figure)| (name.to_owned(), figure.into())).into() }
    }

    /// How many references to other servers were passed over.
    pub fn referrals(&self) -> u64 {
        self.referrals
    }

    /// An error about what was read here, that stays until somebody changes something.
    pub fn refuse(&self, what: &str) -> ConnectionError {
        self.in_context(ConnectionError::permanent(&self.session.server, what))
    }

    /// The error with the search it happened in.
    pub fn in_context(&self, error: ConnectionError) -> ConnectionError {
        let SearchTable { name, base, filter, .. } = self.table;
        let ConnectionError { place, message, transient } = error;
        let read = self.entries;
        let message = format!(
            "table `{name}` (base `{base}`, filter `{filter}`), {read} entries read: {message}. The table was not read \
             to its end, so nothing of it is used"
        );
        ConnectionError { place, message, transient }
    }

    async fn request_page(&mut self) -> Result<SearchStream<'static, String, Vec<String>>, ConnectionError> {
        let paging = PagedResults { size: self.page_size, cookie: std::mem::take(&mut self.cookie) };
        self.entries_before_page = self.entries;
        self.session
            .handle()
            .with_controls(paging.critical())
            .streaming_search(&self.table.base, self.table.scope, &self.table.filter, requested_attributes(self.table))
            .await
            .map_err(|error| self.in_context(self.session.lost(&error)))
    }

    fn end_page(&mut self, result: &LdapResult) -> Result<(), ConnectionError> {
        if result.rc != outcome::SUCCESS {
            let outcome = outcome::explain(result);
            let message = format!("{}. {}", outcome.words, outcome.advice.trim_end_matches('.'));
            let place = self.session.server.clone();
            return Err(self.in_context(ConnectionError { place, message, transient: outcome.transient }));
        }
        let Some(cookie) = paging_cookie(&result.ctrls) else {
            return Err(self.refuse(
                "the server left out the paging control (RFC 2696), so whether there is more can't be known; it must \
                 be one that supports paged results",
            ));
        };
        self.empty_pages = if self.entries == self.entries_before_page { self.empty_pages + 1 } else { 0 };
        if self.empty_pages > MAX_EMPTY_PAGES {
            return Err(self.refuse("the server goes on sending empty pages; its paging is broken"));
        }
        self.pages += 1;
        self.at_end = cookie.is_empty();
        self.cookie = cookie;
        Ok(())
    }
}

/// An empty list would ask for everything; `1.1` asks for nothing (RFC 4511 4.5.1.8).
fn requested_attributes(table: &SearchTable) -> Vec<String> {
    if table.attributes.is_empty() { vec!["1.1".to_owned()] } else { table.attributes.clone() }
}

fn paging_cookie(controls: &[Control]) -> Option<Vec<u8>> {
    let paging = controls.iter().find(|control| matches!(control.0, Some(ControlType::PagedResults)))?;
    wire::paging_cookie(paging.1.val.as_deref()?)
}
