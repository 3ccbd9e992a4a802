//! Active Directory's update sequence numbers: each domain controller counts the writes to its database, and every entry
//! has the number of its last one (`uSNChanged`).
//!
//! Entries with a higher number than the highest of last time are read, and all are listed by name: what is not among
//! them is gone, what has another name although it was not written was below a branch that was renamed. Nothing but the
//! right to read is needed. A number says nothing to another domain controller, nor to the same one after its database
//! was restored: the database's own id (`invocationId`) stands beside it.

use super::super::root::RootDse;
use super::super::row::RowShape;
use super::Watched;
use super::found::Found;
use super::settle::{expired, read_where};
use super::timestamp;
use crate::connectors::{ChangesError, ConnectionError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Why there is no position. An id that is not seen is the same before and after a restore.
pub const UNSEEN: &str = "this account may not read which database the domain controller has (`invocationId` of its NTDS \
                          settings), so that a restored one would not be noticed";

/// Where a domain controller stood.
#[derive(Serialize, Deserialize)]
struct Position {
    /// The highest number then.
    usn: u64,
    /// Of the domain controller's database.
    invocation: String,
}

/// Why the server can do it, or not.
pub fn offer(root: &RootDse) -> Result<&'static str, &'static str> {
    match root.is_active_directory() && highest(root).is_some() {
        true => Ok("the domain controller numbers its writes; all entries are listed by name, and what is no longer \
                    listed is gone"),
        false => Err("the server does not number its writes (Active Directory)"),
    }
}

/// The highest number now.
pub async fn position(watched: &Watched<'_>) -> Result<Result<Value, String>, ConnectionError> {
    let Some(usn) = highest(watched.root) else {
        return Ok(Err("the server does not say where it stands".to_owned()));
    };
    let invocation = invocation(watched).await?;
    Ok(match invocation.is_empty() {
        true => Err(UNSEEN.to_owned()),
        false => Ok(json!(Position { usn, invocation })),
    })
}

/// What was written since.
pub async fn changes(watched: &Watched<'_>, position: &Value) -> Result<Found, ChangesError> {
    let Ok(before) = Position::deserialize(position) else {
        return Err(expired(watched, "was left with a position that can't be read"));
    };
    confirm(watched, &before.invocation).await?;
    // As the root entry said before anything was read: what is written meanwhile is read again next time.
    let usn = highest(watched.root).filter(|&now| now >= before.usn);
    let Some(usn) = usn else {
        return Err(expired(
            watched,
            "was read from a domain controller that counts fewer writes now than it did then",
        ));
    };
    let mut found = Found { position: Some(json!(Position { usn, ..before })), ..Found::default() };
    if usn == before.usn {
        found.end = format!("nothing was written since number {usn}");
        return Ok(found);
    }
    let shape = RowShape::new(&watched.table);
    let since = format!("(&{}(uSNChanged>={}))", watched.table.filter, before.usn.saturating_add(1));
    read_where(watched, &shape, since, &mut found.changed).await?;
    let present = timestamp::list(watched, None).await?;
    found.end = format!("writes from {} to {usn}, {} entries listed to the end", before.usn, present.len());
    found.present = Some(present);
    Ok(found)
}

/// The id of the domain controller's database, another one after each restore; empty where this account may not see it.
pub async fn invocation(watched: &Watched<'_>) -> Result<String, ConnectionError> {
    const INVOCATION: &str = "invocationId";
    let Some(service) = watched.root.values("dsServiceName").next() else { return Ok(String::new()) };
    let attributes = match watched.session.read(service, &[INVOCATION]).await {
        Ok(entry) => entry.map(|entry| entry.attributes).unwrap_or_default(),
        Err(error) if error.transient => return Err(error),
        Err(_) => return Ok(String::new()),
    };
    let found = attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(INVOCATION));
    Ok(found.and_then(|(_, values)| values.first()).map(|id| STANDARD.encode(id)).unwrap_or_default())
}

/// Makes sure that the database is the one that the position is from.
pub async fn confirm(watched: &Watched<'_>, before: &str) -> Result<(), ChangesError> {
    let now = invocation(watched).await?;
    if now.is_empty() {
        return Err(expired(watched, &format!("can't be told changes of: {UNSEEN}")));
    }
    if now == before {
        return Ok(());
    }
    Err(expired(watched, "was read from a domain controller whose database was restored or replaced since"))
}

fn highest(root: &RootDse) -> Option<u64> {
    root.values("highestCommittedUSN").next()?.parse().ok()
}
