//! How a person stands: here or gone, able to sign in or not, in badges and words.

use super::elements::Badge;
use crate::model::person::{Block, Person};
use crate::pipeline::provenance::Origins;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

/// The badges of a person: `Current` or `Past`; and `Blocked`, or the day from which it will be.
pub fn badges(state: &str, blocks: &Value, now: DateTime<Utc>) -> Vec<Badge> {
    let mut badges = vec![match state {
        "past" => Badge::new("quiet", "i-clock", "Past"),
        _ => Badge::new("good", "i-check", "Current"),
    }];
    let blocks = Vec::<Block>::deserialize(blocks).unwrap_or_default();
    if blocks.iter().any(|block| block.since <= now) {
        badges.push(Badge::new("bad", "i-lock", "Blocked"));
    } else if let Some(first) = blocks.iter().map(|block| block.since).min() {
        badges.push(Badge::new("warning", "i-hand", format!("Blocked from {}", first.format("%-d %b %Y"))));
    }
    badges
}

/// The badges of a stored person.
pub fn badges_of(person: &Person, now: DateTime<Utc>) -> Vec<Badge> {
    badges(&person.state, &person.blocks, now)
}

/// Why a person is blocked, in words, without the when.
pub fn reason(block: &Block, origins: &Origins) -> String {
    let connector = block.connector.and_then(|id| origins.connector_title(id));
    match (block.reason.as_str(), connector, &block.account) {
        ("missing", Some(connector), _) => format!("no longer in {connector}"),
        (reason, Some(connector), _) => format!("{connector}: {reason}"),
        (reason, None, Some(account)) => format!("{reason} (by {account})"),
        (reason, None, None) => reason.to_owned(),
    }
}

/// One or two letters for those that have no photo: `Ada Lovelace` → `AL`.
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().find(|letter| letter.is_alphabetic()));
    let (first, last) = (words.next(), words.next_back());
    first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_block_that_is_still_to_come_says_when() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let words = |blocks: Value| -> Vec<String> {
            badges("current", &blocks, now).into_iter().map(|badge| badge.word).collect()
        };
        assert_eq!(words(json!([])), ["Current"]);
        assert_eq!(words(json!([{"since": "2027-01-01T00:00:00Z", "reason": "missing"}])), ["Current", "Blocked"]);
        assert_eq!(
            words(json!([{"since": "2027-03-01T00:00:00Z", "reason": "missing"}])),
            ["Current", "Blocked from 1 Mar 2027"]
        );
        assert_eq!(badges("past", &json!([]), now)[0].word, "Past");
    }

    #[test]
    fn names_have_initials_in_any_script() {
        assert_eq!(initials("Ada Lovelace"), "AL");
        assert_eq!(initials("José García-Núñez"), "JG");
        assert_eq!(initials("Wu, Dr. 健雄"), "W健");
        assert_eq!(initials("ada"), "A");
        assert_eq!(initials("4711"), "");
    }
}
