//! A search with Active Directory's DirSync control (MS-ADTS 3.1.1.3.4.1.3): which objects of a naming context have
//! changed since a cookie, deleted ones among them, wherever they are.

use super::changes::Identity;
use super::entry::{self, Entry};
use super::outcome;
use super::session::Session;
use super::wire;
use crate::connectors::ConnectionError;
use ldap3::Scope;
use ldap3::controls::RawControl;

/// The control, in requests and answers.
pub const DIRSYNC: &str = "1.2.840.113556.1.4.841";

/// Of attributes with several values only those that were added or removed (`LDAP_DIRSYNC_INCREMENTAL_VALUES`): entries
/// are read again, so what a large group has is of no interest here.
const INCREMENTAL_VALUES: i32 = i32::MIN;

/// The server's own limits are what counts.
const MOST_BYTES: i32 = i32::MAX;

/// A server that says "there is more" this many times without giving anything is one that does not end.
const MOST_EMPTY_ROUNDS: u32 = 10_000;

/// What can't be gone on from.
pub enum DirSyncFault {
    /// The server refuses: the cookie, the account, the base.
    Refused(String),
    /// It could not be asked.
    Failed(ConnectionError),
}

impl From<ConnectionError> for DirSyncFault {
    fn from(error: ConnectionError) -> Self {
        Self::Failed(error)
    }
}

/// An object with what has changed of it.
pub struct Touched {
    /// `objectGUID`.
    pub identity: Identity,
    /// Its name now.
    pub dn: String,
    /// Attributes that were changed, in small letters, and their values; an emptied one has none.
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl Touched {
    fn of(entry: Entry) -> Option<Self> {
        let mut attributes = entry.attributes;
        attributes.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
        let guid = attributes.iter().find(|(name, _)| name == "objectguid").and_then(|(_, values)| values.first());
        Some(Self { identity: Identity::of_bytes(guid?)?, dn: entry.dn, attributes })
    }

    /// Whether an attribute, in small letters, was changed.
    pub fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|(name, _)| name == attribute)
    }

    /// Whether it was deleted.
    pub fn is_deleted(&self) -> bool {
        let mut values = self.attributes.iter().filter(|(name, _)| name == "isdeleted").flat_map(|(_, values)| values);
        values.any(|value| value.eq_ignore_ascii_case(b"TRUE"))
    }
}

/// Asks what has changed in a naming context since a cookie, of these attributes (none: of all), and tells `hear` of each
/// object for which `filter` holds. Returns the cookie for next time.
pub async fn follow(
    session: &Session,
    context: &str,
    filter: &str,
    attributes: &[String],
    mut cookie: Vec<u8>,
    hear: &mut impl FnMut(Touched) -> Result<(), DirSyncFault>,
) -> Result<Vec<u8>, DirSyncFault> {
    let mut empty = 0;
    loop {
        let mut heard = 0u64;
        let control = RawControl { ctype: DIRSYNC.to_owned(), crit: true, val: Some(request(&cookie)) };
        let mut search = session
            .handle()
            .with_controls(vec![control])
            .streaming_search(context, Scope::Subtree, filter, attributes.to_vec())
            .await
            .map_err(|error| session.lost(&error))?;
        while let Some(item) = search.next().await.map_err(|error| session.lost(&error))? {
            if item.is_ref() || item.is_intermediate() {
                continue;
            }
            let touched = entry::parse(item.0).ok().and_then(Touched::of);
            let touched = touched.ok_or_else(|| broken(session, "sent an object without objectGUID"))?;
            heard += 1;
            hear(touched)?;
        }
        let result = search.finish().await;
        if result.rc != outcome::SUCCESS {
            let outcome = outcome::explain(&result);
            if outcome.transient {
                let (place, message) = (session.server.clone(), format!("{}. {}", outcome.words, outcome.advice));
                return Err(ConnectionError { place, message, transient: true }.into());
            }
            return Err(DirSyncFault::Refused(outcome.words));
        }
        let control = result.ctrls.iter().find(|control| control.1.ctype == DIRSYNC);
        let answer = control.and_then(|control| wire::dirsync(control.1.val.as_deref()?));
        let (more, next) = answer.ok_or_else(|| broken(session, "left out the control that says where it stands"))?;
        if !more {
            return Ok(next);
        }
        empty = if heard == 0 { empty + 1 } else { 0 };
        if empty > MOST_EMPTY_ROUNDS || heard == 0 && next == cookie {
            return Err(broken(session, "says that there is more, but does not go on"));
        }
        cookie = next;
    }
}

fn broken(session: &Session, what: &str) -> DirSyncFault {
    let message = format!("asked for changes (DirSync), the server {what}; nothing of it is used");
    ConnectionError::permanent(&session.server, message).into()
}

/// `SEQUENCE { flags INTEGER, maxBytes INTEGER, cookie OCTET STRING }`
fn request(cookie: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(cookie.len() + 20);
    for number in [INCREMENTAL_VALUES, MOST_BYTES] {
        content.extend([0x02, 4]);
        content.extend(number.to_be_bytes());
    }
    content.push(0x04);
    content.extend(length(cookie.len()));
    content.extend(cookie);
    [vec![0x30], length(content.len()), content].concat()
}

fn length(length: usize) -> Vec<u8> {
    // A cookie of 4 GiB was never sent: messages are bounded.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    [vec![0x84], length.to_be_bytes().to_vec()].concat()
}
