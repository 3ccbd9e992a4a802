//! Sessions as lines of a list: where, with what, how signed in, since when.

use super::elements::When;
use crate::model::session::{Method, Standing};
use chrono::{DateTime, Utc};

/// A session that stands.
pub struct SessionLine {
    /// To end it by.
    pub id: i64,
    /// Whose it is.
    pub account: String,
    /// Whether it is the one that is looking.
    pub is_own: bool,
    /// Browser and system.
    pub agent: String,
    /// The address it began from.
    pub address: String,
    /// How its owner has signed in.
    pub method: &'static str,
    /// When it began.
    pub began: When,
    /// When it was last used.
    pub used: When,
    /// When it ends at the latest.
    pub ends: When,
}

/// The lines, as seen from the session with that digest.
pub fn lines(standing: Vec<Standing>, own: &[u8], now: DateTime<Utc>) -> Vec<SessionLine> {
    let line = |one: Standing| SessionLine {
        id: one.id,
        is_own: one.digest == own,
        method: words(one.method()),
        agent: one.agent.unwrap_or_else(|| "another program".to_owned()),
        address: one.address.unwrap_or_else(|| "an unknown address".to_owned()),
        began: When::new(one.created_at, now),
        used: When::new(one.last_seen_at, now),
        ends: When::new(one.expires_at, now),
        account: one.account,
    };
    standing.into_iter().map(line).collect()
}

fn words(method: Option<Method>) -> &'static str {
    match method {
        Some(Method::Password) => "password",
        Some(Method::Directory) => "directory password",
        Some(Method::Provider) => "OpenID provider",
        Some(Method::Invitation) => "one-time sign-in",
        None => "unknown",
    }
}
