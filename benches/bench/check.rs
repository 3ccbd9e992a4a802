//! Is what was found what the feed holds? A benchmark of a wrong result is worth nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::feed::{Counters, Outcome};

/// Compares a run of Muster with what the feed holds, and says on stderr what differs.
pub fn muster(expected: &Outcome, represents_users: bool, run: &Value) -> bool {
    let mut right = true;
    for (list, scopes) in [("entity_types", &expected.entity_types), ("associations", &expected.associations)] {
        for (name, counters) in scopes {
            let found = run[list].as_array().and_then(|list| list.iter().find(|one| one["name"] == name.as_str()));
            right &= counters_are(name, counters, found.unwrap_or(&Value::Null));
        }
    }
    right &= counters_are("problems", &expected.problems, &run["problems"]);
    if represents_users {
        right &= counters_are("persons", &expected.persons, &run["persons"]);
    }
    right
}

/// Compares what the yardstick counted. It tells no link update from a delete and an insert, and counts no rows.
pub fn yardstick(expected: &Outcome, found: &BTreeMap<String, Counters>) -> bool {
    let mut right = true;
    for (name, counters) in &expected.entity_types {
        let counters = counters.iter().filter(|(counter, _)| !["read", "unchanged"].contains(&counter.as_str()));
        let counters = counters.map(|(counter, count)| (counter.clone(), *count)).collect();
        right &= counters_are(name, &counters, &Value::from_iter(found.get(name).cloned().unwrap_or_default()));
    }
    for (name, counters) in &expected.associations {
        let mut counters = counters.clone();
        let updated = counters.remove("updated").unwrap_or(0);
        for counter in ["inserted", "deleted"] {
            *counters.entry(counter.to_owned()).or_default() += updated;
        }
        right &= counters_are(name, &counters, &Value::from_iter(found.get(name).cloned().unwrap_or_default()));
    }
    right
}

fn counters_are(scope: &str, expected: &Counters, found: &Value) -> bool {
    let mut right = true;
    for (counter, &count) in expected {
        // A problem that did not occur need not be listed.
        let found = found[counter.as_str()].as_u64().unwrap_or(0);
        if found != count {
            eprintln!("wrong: {scope} {counter} is {found}, the feed holds {count}");
            right = false;
        }
    }
    right
}
