//! A search with content synchronization (RFC 4533). ldap3's own parsers panic on what they don't expect.

use super::changes::Identity;
use super::entry::{self, Entry};
use super::outcome;
use super::session::Session;
use super::settings::SearchTable;
use super::wire;
use crate::connectors::ConnectionError;
use ldap3::asn1::{PL, StructureTag};
use ldap3::controls::{Control, MakeCritical, SyncRequest};
use ldap3::{LdapResult, ResultEntry, SearchStream};

/// The request control.
pub const SYNC_REQUEST: &str = "1.3.6.1.4.1.4203.1.9.1.1";
const SYNC_STATE: &str = "1.3.6.1.4.1.4203.1.9.1.2";
const SYNC_DONE: &str = "1.3.6.1.4.1.4203.1.9.1.3";
const SYNC_INFO: &[u8] = b"1.3.6.1.4.1.4203.1.9.1.4";

/// A search under way.
pub struct SyncSearch<'a> {
    session: &'a Session,
    stream: SearchStream<'static, String, Vec<String>>,
    result: Option<LdapResult>,
    cookie: Option<Vec<u8>>,
}

/// What the server says while it goes on.
pub enum Event {
    /// An entry that is new or changed.
    Entry(Identity, Entry),
    /// Entries that are there as they were.
    Present(Vec<Identity>),
    /// Entries that are not there any more.
    Gone(Vec<Identity>),
    /// A phase of the refresh is over.
    EndOf(Phase),
}

/// How a server says what is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// By listing what is there.
    Present,
    /// By naming it.
    Delete,
}

/// How it ended.
pub struct SyncEnd {
    /// The result code.
    pub code: u32,
    /// The newest cookie; none: the one before still holds.
    pub cookie: Option<Vec<u8>>,
    /// Whether what is gone was named, rather than left out of a list; none: it was not said.
    pub refresh_deletes: Option<bool>,
    /// The server's own words.
    pub text: String,
    result: LdapResult,
}

impl<'a> SyncSearch<'a> {
    /// Begins it, with the cookie of last time.
    pub async fn begin(
        session: &'a Session,
        table: &SearchTable,
        cookie: Option<Vec<u8>>,
    ) -> Result<Self, ConnectionError> {
        let request = SyncRequest { cookie, ..SyncRequest::default() };
        let attributes = if table.attributes.is_empty() { vec!["1.1".to_owned()] } else { table.attributes.clone() };
        let stream = session
            .handle()
            .with_controls(request.critical())
            .streaming_search(&table.base, table.scope, &table.filter, attributes)
            .await
            .map_err(|error| session.lost(&error))?;
        Ok(Self { session, stream, result: None, cookie: None })
    }

    /// What comes next; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Event>, ConnectionError> {
        while self.result.is_none() {
            match self.stream.next().await.map_err(|error| self.session.lost(&error))? {
                None => self.result = Some(self.stream.finish().await),
                Some(item) if item.is_ref() => {}
                Some(item) => {
                    if let Some(event) = self.understand(item).ok_or_else(|| self.malformed())? {
                        return Ok(Some(event));
                    }
                }
            }
        }
        Ok(None)
    }

    /// How it ended. After [`next`](Self::next) has said that it did.
    pub fn end(self) -> SyncEnd {
        let result = self.result.unwrap_or_else(|| LdapResult {
            rc: u32::MAX,
            matched: String::new(),
            text: String::new(),
            refs: Vec::new(),
            ctrls: Vec::new(),
        });
        let done = control(&result.ctrls, SYNC_DONE).and_then(wire::sync_done);
        let (cookie, refresh_deletes) = done.map_or((None, None), |(cookie, deletes)| (cookie, Some(deletes)));
        let text = result.text.clone();
        SyncEnd { code: result.rc, cookie: cookie.or(self.cookie), refresh_deletes, text, result }
    }

    fn malformed(&self) -> ConnectionError {
        ConnectionError::permanent(&self.session.server, "the server's answer to a synchronization breaks RFC 4533")
    }

    /// `None`: it can't be understood.
    fn understand(&mut self, item: ResultEntry) -> Option<Option<Event>> {
        if item.is_intermediate() {
            return self.information(item.0);
        }
        let state = wire::sync_state(control(&item.1, SYNC_STATE)?)?;
        let identity = Identity::of_bytes(&state.entry)?;
        if let Some(cookie) = state.cookie {
            self.cookie = Some(cookie);
        }
        Some(Some(match state.state {
            0 => Event::Present(vec![identity]),
            1 | 2 => Event::Entry(identity, entry::parse(item.0).ok()?),
            3 => Event::Gone(vec![identity]),
            _ => return None,
        }))
    }

    /// An intermediate response (RFC 4511 4.13). Others than ours are of no concern.
    fn information(&mut self, tag: StructureTag) -> Option<Option<Event>> {
        let PL::C(parts) = tag.payload else { return None };
        let part = |id: u64| {
            parts.iter().find(|part| part.id == id).and_then(|part| match &part.payload {
                PL::P(content) => Some(content.as_slice()),
                PL::C(_) => None,
            })
        };
        if part(0) != Some(SYNC_INFO) {
            return Some(None);
        }
        let information = wire::sync_info(part(1)?)?;
        if let Some(cookie) = information.cookie {
            self.cookie = Some(cookie);
        }
        let identities =
            || information.entries.iter().map(|entry| Identity::of_bytes(entry)).collect::<Option<Vec<_>>>();
        Some(match (information.kind, information.flag) {
            (0, _) => None,
            (1, _) => Some(Event::EndOf(Phase::Delete)),
            (2, _) => Some(Event::EndOf(Phase::Present)),
            (_, true) => Some(Event::Gone(identities()?)),
            (_, false) => Some(Event::Present(identities()?)),
        })
    }
}

impl SyncEnd {
    /// The result in words.
    pub fn words(&self) -> String {
        outcome::words(self.code, &self.text)
    }

    /// The result as an error.
    pub fn error(&self, server: &str) -> ConnectionError {
        let outcome = outcome::explain(&self.result);
        let message = format!("synchronization ended with {}. {}", outcome.words, outcome.advice);
        ConnectionError { place: server.to_owned(), message, transient: outcome.transient }
    }
}

fn control<'a>(controls: &'a [Control], oid: &str) -> Option<&'a [u8]> {
    controls.iter().find(|control| control.1.ctype == oid).and_then(|control| control.1.val.as_deref())
}
