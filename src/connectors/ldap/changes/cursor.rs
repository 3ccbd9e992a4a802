//! What the next run is handed: where a table stood, on which server, for which search.

use super::super::root::RootDse;
use super::super::session::Session;
use super::super::settings::{SearchTable, Wish};
use super::Mechanism;
use crate::connectors::ChangesError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Where a table stood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// In whose terms.
    pub mechanism: Mechanism,
    /// The server's address: it is asked first.
    pub address: String,
    /// Which server that was, where it tells; its address elsewhere. Another one may refuse the cursor, or take it for
    /// something else.
    pub server: String,
    /// A digest of the search and what is read of each entry: the position of another search says nothing.
    pub search: String,
    /// In the words of the mechanism.
    pub position: Value,
}

impl Cursor {
    /// Of a table at this server.
    pub fn new(mechanism: Mechanism, root: &RootDse, session: &Session, table: &SearchTable, position: Value) -> Self {
        Self {
            mechanism,
            address: session.server.clone(),
            server: server(root, session),
            search: search(table),
            position,
        }
    }

    /// The one that was handed over; `None` if it can't be read.
    pub fn parse(value: &Value) -> Option<Self> {
        serde_json::from_value(value.clone()).ok()
    }

    /// As it is handed over.
    pub fn to_json(&self) -> Value {
        let Self { mechanism, address, server, search, position } = self;
        json!({ "mechanism": mechanism, "address": address, "server": server, "search": search, "position": position })
    }

    /// The same at another position.
    pub fn at(&self, position: Value) -> Self {
        Self { position, ..self.clone() }
    }

    /// Whether it can be gone on from.
    pub fn check(&self, root: &RootDse, session: &Session, table: &SearchTable) -> Result<(), ChangesError> {
        let Self { mechanism, server: before, .. } = self;
        let name = &table.name;
        let expired = |why: String| Err(ChangesError::Expired(why));
        if search(table) != self.search {
            return expired(format!("base, scope, filter or attributes of the table {name} are not what they were"));
        }
        let now = server(root, session);
        if now != *before {
            return expired(format!("the table {name} was last read from {before}, and {now} counts in its own way"));
        }
        if let Wish::By(wished) = table.changes
            && wished != *mechanism
        {
            let (before, now) = (mechanism.word(), wished.word());
            return expired(format!("changes of the table {name} were told by {before} and are now by {now}"));
        }
        if let Err(why) = mechanism.offer(root) {
            return expired(format!(
                "changes of the table {name} can't be told by {} any more: {why}",
                mechanism.word()
            ));
        }
        Ok(())
    }
}

fn server(root: &RootDse, session: &Session) -> String {
    root.values("dsServiceName").next().map_or_else(|| session.server.clone(), str::to_owned)
}

fn search(table: &SearchTable) -> String {
    let SearchTable { base, scope, filter, attributes, binary_attributes, pairs, keys, matched, .. } = table;
    let all = json!([base, *scope as u8, filter, attributes, binary_attributes, pairs, keys, matched]).to_string();
    Sha256::digest(all).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
