//! What is said. The names of a connector and a run, figures, guards, a link: never personal data, for it leaves the
//! house. Why a run failed may name an entry of a directory, so that stands on the run's page only.

use crate::model::announcement::Announcement;
use crate::model::connector::Connector;
use crate::model::delivery::{Message, TEST};
use crate::model::notification::{NotificationDefinition, Occasion};
use crate::model::run::Stage;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// What an announcement says.
pub(super) fn of(announcement: &Announcement, occasion: Occasion, connector: &Connector, public_url: &str) -> Message {
    let name = &connector.display_name;
    let run = announcement.run_id.map(|run| format!("run {run}")).unwrap_or_default();
    let facts = &announcement.facts;
    let (title, mut lines) = match occasion {
        Occasion::Blocked => {
            let mut lines = vec![format!(
                "Nothing has been written. {} a decision: look at it, then resume or discard it.",
                match facts.changes {
                    Some(1) => "1 change waits for".to_owned(),
                    Some(changes) => format!("{changes} changes wait for"),
                    None => "It waits for".to_owned(),
                }
            )];
            lines.extend(facts.breaches.iter().map(|breach| breach.message.clone()));
            (format!("{name}: {run} is blocked"), lines)
        }
        Occasion::Failed => {
            let stage = facts.stage.map_or("It", stage);
            let mut lines = vec![format!("{stage} failed; nothing has been written. The run's page says why.")];
            lines.extend(facts.again_at.map(|at| format!("It is tried again by itself at {}.", moment(at))));
            (format!("{name}: {run} failed"), lines)
        }
        Occasion::Late => {
            let since = facts.due_at.map(|due| format!(" since {}", moment(due))).unwrap_or_default();
            (format!("{name} is late"), vec![format!("A run was due, but nothing has been applied{since}.")])
        }
        Occasion::Recovered => {
            let over: Vec<&str> = facts.over.iter().map(|occasion| occasion.as_str()).collect();
            let how = match announcement.run_id {
                Some(run) => format!("Run {run} was applied"),
                None => "No run is missing any more".to_owned(),
            };
            (format!("{name} is in order again"), vec![format!("{how}. What is over: {}.", over.join(", "))])
        }
    };
    lines.push(format!("It happened at {}.", moment(announcement.at)));
    let link = match announcement.run_id {
        Some(run) => address(public_url, &["runs", &run.to_string()]),
        None => address(public_url, &["connectors", &connector.name]),
    };
    let mut data = json!({
        "occasion": occasion,
        "connector": connector.name,
        "run": announcement.run_id,
        "title": title,
        "url": link,
    });
    if let (Value::Object(data), Ok(Value::Object(facts))) = (&mut data, serde_json::to_value(&**facts)) {
        data.extend(facts);
    }
    Message { title, lines, link, at: announcement.at, data }
}

/// What a test says.
pub fn test_message(notification: &NotificationDefinition, by: &str, public_url: &str, at: DateTime<Utc>) -> Message {
    let title = "A test message".to_owned();
    let link = address(public_url, &["deliveries"]);
    let lines =
        vec![format!("{by} wanted to see whether the notification {:?} arrives. It does.", notification.name())];
    let data = json!({ "occasion": TEST, "title": title, "url": link });
    Message { title, lines, link, at, data }
}

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Export => "The export",
        Stage::Prepare => "The preparation",
        Stage::Synchronize => "The synchronization",
    }
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// An address of our pages; names are arbitrary and get escaped.
fn address(public_url: &str, parts: &[&str]) -> String {
    let base = public_url.trim_end_matches('/');
    let mut address = url::Url::parse(base).ok();
    match address.as_mut().and_then(|address| address.path_segments_mut().ok()) {
        Some(mut path) => drop(path.pop_if_empty().extend(parts)),
        None => return format!("{base}/{}", parts.join("/")),
    }
    address.map(String::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_addresses_are_escaped() {
        assert_eq!(address("http://127.0.0.1:8080", &["runs", "7"]), "http://127.0.0.1:8080/runs/7");
        assert_eq!(
            address("https://hr.example/muster/", &["connectors", "a/b ü"]),
            "https://hr.example/muster/connectors/a%2Fb%20%C3%BC"
        );
    }
}
