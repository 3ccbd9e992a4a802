//! Addresses come from here, so that a template never puts one together.

use crate::model::extraction::ExtractionId;
use crate::model::run::RunId;
use std::fmt::Write;

/// Home.
pub const HOME: &str = "/";
/// All connectors.
pub const CONNECTORS: &str = "/connectors";
/// A connector that is not there yet. Not below the others, where one may be called so.
pub const NEW_CONNECTOR: &str = "/new-connector";
/// The runs of all connectors: job execution.
pub const RUNS: &str = "/runs";
/// All users.
pub const USERS: &str = "/users";
/// Records in doubt, and what was decided about them.
pub const MATCHES: &str = "/matches";
/// Who was anonymized.
pub const ANONYMIZED: &str = "/anonymized";
/// All groups.
pub const GROUPS: &str = "/groups";
/// Feeds of all connectors that read files.
pub const FEEDS: &str = "/feeds";
/// The fields of profiles.
pub const PROFILE_FIELDS: &str = "/profile-fields";
/// API tokens.
pub const TOKENS: &str = "/tokens";
/// Accounts.
pub const ACCOUNTS: &str = "/accounts";
/// Whoever is signed in.
pub const SESSIONS: &str = "/sessions";
/// The own profile.
pub const ME: &str = "/me";
/// Where the own profile is edited.
pub const EDIT_ME: &str = "/me/edit";
/// The photo of the own profile.
pub const MY_PHOTO: &str = "/me/photo";
/// The own sessions and the way one signs in.
pub const MY_ACCOUNT: &str = "/my-account";
/// The own second factor.
pub const SECOND_FACTOR: &str = "/my-account/second-factor";
/// The secret of the own second factor, while it is set up, as a picture for cameras.
pub const SECOND_FACTOR_PICTURE: &str = "/my-account/second-factor/code.svg";
/// Who is notified, and what became of it.
pub const DELIVERIES: &str = "/deliveries";
/// The audit log.
pub const AUDIT: &str = "/audit";
/// Keyboard and words.
pub const HELP: &str = "/help";

/// Sign-in, and back to where one wanted to go.
pub fn sign_in(back: Option<&str>) -> String {
    match back {
        None | Some("/") => "/sign-in".to_owned(),
        Some(back) => with_query("/sign-in", &[("to", back)]),
    }
}

/// Where the OpenID provider sends people back to.
pub const PROVIDER_BACK: &str = "/sign-in/provider/back";

/// Signing in at the OpenID provider.
pub fn provider(back: &str) -> String {
    with_query("/sign-in/provider", &[("to", if own(back) == HOME { "" } else { own(back) })])
}

/// Where the second factor is asked for.
pub fn code(back: &str) -> String {
    with_query("/sign-in/code", &[("to", if own(back) == HOME { "" } else { own(back) })])
}

/// Where a one-time sign-in is used.
pub fn welcome(token: &str) -> String {
    format!("/welcome/{}", segment(token))
}

/// A connector.
pub fn connector(name: &str) -> String {
    format!("/connectors/{}", segment(name))
}

/// Something of a connector: `results`, `runs`, `check`, `activity`, `configuration.toml`.
pub fn of_connector(name: &str, part: &str) -> String {
    format!("/connectors/{}/{part}", segment(name))
}

/// A table of a feed that is kept, to be saved.
pub fn feed_table(connector: &str, feed: &ExtractionId, table: &str) -> String {
    format!("/connectors/{}/feeds/{feed}/tables/{}", segment(connector), segment(table))
}

/// A file that was received and waits for its feed, to be saved.
pub fn received(connector: &str, table: &str) -> String {
    format!("/connectors/{}/received/{}", segment(connector), segment(table))
}

/// The mapping of an entity type.
pub fn mapping(connector: &str, entity_type: &str) -> String {
    format!("/connectors/{}/mapping/{}", segment(connector), segment(entity_type))
}

/// Where an expression is tried on rows of an entity type.
pub fn try_expression(connector: &str, entity_type: &str) -> String {
    format!("{}/try", mapping(connector, entity_type))
}

/// A run.
pub fn run(id: RunId) -> String {
    format!("/runs/{id}")
}

/// A run compared with the one applied before it.
pub fn comparison(connector: &str, run: &RunId) -> String {
    with_query(&of_connector(connector, "compare"), &[("other", &run.to_string())])
}

/// Something of a run: `changes`, `problems`, `log.txt`, `resume`, …
pub fn of_run(id: RunId, part: &str) -> String {
    format!("/runs/{id}/{part}")
}

/// The resources of an entity type.
pub fn resources(connector: &str, entity_type: &str) -> String {
    format!("/resources/{}/{}", segment(connector), segment(entity_type))
}

/// A resource.
pub fn resource(connector: &str, entity_type: &str, id: i64) -> String {
    format!("/resources/{}/{}/{id}", segment(connector), segment(entity_type))
}

/// What a resource is linked to by one association: `to` where links lead there, `from` where they come from there.
pub fn of_resource(resource: &str, association: &str, outgoing: bool) -> String {
    let way = if outgoing { "to" } else { "from" };
    format!("{resource}/{way}/{}", segment(association))
}

/// Somebody who was anonymized, by the number of that.
pub fn anonymized(number: i64) -> String {
    format!("{ANONYMIZED}/{number}")
}

/// A user's profile.
pub fn user(id: i64) -> String {
    format!("/users/{id}")
}

/// Something of a user: `compare`.
pub fn of_user(id: i64, part: &str) -> String {
    format!("/users/{id}/{part}")
}

/// Why a value of a user's profile is what it is.
pub fn why(id: i64, field: &str) -> String {
    with_query(&of_user(id, "why"), &[("field", field)])
}

/// A user's photo.
pub fn photo(id: i64) -> String {
    format!("/users/{id}/photo")
}

/// Where a value of a user is overridden.
pub fn user_override(id: i64, field: &str) -> String {
    format!("/users/{id}/override/{}", segment(field))
}

/// A profile field.
pub fn profile_field(name: &str) -> String {
    format!("{PROFILE_FIELDS}/{}", segment(name))
}

/// Something of a profile field: `remove`.
pub fn of_profile_field(name: &str, part: &str) -> String {
    format!("{}/{part}", profile_field(name))
}

/// A group.
pub fn group(id: i64) -> String {
    format!("/groups/{id}")
}

/// Something of a local group: `edit`, `rule`, `members`.
pub fn of_group(id: i64, part: &str) -> String {
    format!("/groups/{id}/{part}")
}

/// An address with a query; empty values are left out.
pub fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let mut serializer = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        serializer.append_pair(name, value);
    }
    let query = serializer.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// An address of ours to come back to, or Home: nobody is led elsewhere by what a request says.
pub fn own(address: &str) -> &str {
    let is_ours = address.starts_with('/')
        && !address.starts_with("//")
        && !address.contains('\\')
        && !address.chars().any(char::is_control);
    if is_ours { address } else { HOME }
}

/// Names are arbitrary: everything but plain letters is escaped.
fn segment(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => escaped.push(byte as char),
            // A lone dot would be taken for a folder.
            b'.' if text.len() > 2 => escaped.push('.'),
            _ => {
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped() {
        assert_eq!(connector("hr"), "/connectors/hr");
        assert_eq!(connector("a/b ü"), "/connectors/a%2Fb%20%C3%BC");
        assert_eq!(connector(".."), "/connectors/%2E%2E");
    }

    #[test]
    fn nobody_is_led_elsewhere() {
        for bad in
            ["//evil.org", "https://evil.org", "/\\evil.org", "", "/a\r\nSet-Cookie: x", "\\\\evil", "javascript:1"]
        {
            assert_eq!(own(bad), "/", "{bad:?}");
        }
        assert_eq!(own("/runs/42?x=1"), "/runs/42?x=1");
    }
}
