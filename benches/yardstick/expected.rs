//! What a correct run finds in the feed, in the words of a run's JSON.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::fate::Change;
use super::rows::Shape;

/// Counters by name.
pub type Counters = BTreeMap<String, u64>;

/// What the runs over a feed find, and which feed it is.
#[derive(Serialize, Deserialize)]
pub struct Expected {
    pub edition: u64,
    pub users: u64,
    pub seed: u64,
    pub first: Outcome,
    pub nochange: Outcome,
    pub delta: Outcome,
}

/// What one run finds: counters per entity type and per association, of persons where users are represented, and of
/// problems by code.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    pub entity_types: BTreeMap<String, Counters>,
    pub associations: BTreeMap<String, Counters>,
    pub persons: Counters,
    pub problems: Counters,
}

/// What was counted while users.csv was written.
#[derive(Default)]
pub struct UserTally {
    properties_changed: u64,
    departments_changed: u64,
    managers_changed: u64,
    pub missing_keys: u64,
    pub wrong_dates: u64,
    pub unknown_managers: u64,
}

impl UserTally {
    pub fn count_change(&mut self, change: Change) {
        match change {
            Change::Title | Change::Phone => self.properties_changed += 1,
            Change::Department => self.departments_changed += 1,
            Change::Manager => self.managers_changed += 1,
        }
    }
}

/// What was counted while memberships.csv was written.
#[derive(Default)]
pub struct MembershipTally {
    pub first: u64,
    pub added: u64,
    pub removed: u64,
}

impl Expected {
    pub fn new(edition: u64, shape: Shape, users: &UserTally, memberships: &MembershipTally) -> Self {
        Expected {
            edition,
            users: shape.users,
            seed: shape.seed,
            first: first(shape, memberships),
            nochange: nochange(shape),
            delta: delta(shape, users, memberships),
        }
    }

    /// What was written beside a feed; nothing where there is none, or none that can be read.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    pub fn write(&self, path: &Path) -> io::Result<()> {
        fs::write(path, serde_json::to_string_pretty(self)? + "\n")
    }
}

fn first(shape: Shape, memberships: &MembershipTally) -> Outcome {
    let all = |count| Rows { read: count, inserted: count, ..Rows::default() };
    let links = |inserted| Links { inserted, ..Links::default() };
    outcome(
        [all(shape.users), all(shape.orgs), all(shape.groups)],
        // The first user has no manager, the first organization no parent.
        [links(shape.users - 1), links(shape.users), links(shape.orgs - 1), links(memberships.first)],
        [shape.users, 0, 0],
        [0; 4],
    )
}

fn nochange(shape: Shape) -> Outcome {
    let same = |count| Rows { read: count, ..Rows::default() };
    let links = [Links::default(), Links::default(), Links::default(), Links::default()];
    outcome([same(shape.users), same(shape.orgs), same(shape.groups)], links, [0; 3], [0; 4])
}

fn delta(shape: Shape, users: &UserTally, memberships: &MembershipTally) -> Outcome {
    let same = |count| Rows { read: count, ..Rows::default() };
    // Whoever has an unknown manager is a new user nevertheless, only without that link.
    let inserted = shape.joiners + users.unknown_managers;
    let rejected = users.missing_keys + users.wrong_dates + 2 * shape.twice;
    let user = Rows {
        read: shape.users - shape.leavers - shape.twice + inserted + rejected,
        inserted,
        updated: users.properties_changed,
        deleted: shape.leavers,
        rejected,
    };
    let manager = Links {
        inserted: shape.joiners,
        updated: users.managers_changed,
        deleted: shape.leavers,
        rejected: users.unknown_managers,
    };
    let department = Links { inserted, updated: users.departments_changed, deleted: shape.leavers, ..Links::default() };
    let member = Links { inserted: memberships.added, deleted: memberships.removed, ..Links::default() };
    outcome(
        [user, same(shape.orgs), same(shape.groups)],
        [manager, department, Links::default(), member],
        [inserted, users.properties_changed, shape.leavers],
        [users.missing_keys, 2 * shape.twice, users.wrong_dates, users.unknown_managers],
    )
}

#[derive(Default)]
struct Rows {
    read: u64,
    inserted: u64,
    updated: u64,
    deleted: u64,
    rejected: u64,
}

#[derive(Default)]
struct Links {
    inserted: u64,
    updated: u64,
    deleted: u64,
    rejected: u64,
}

/// Names everything. Rows that are neither inserted, updated nor rejected are unchanged; deleted ones are not read.
fn outcome(rows: [Rows; 3], links: [Links; 4], persons: [u64; 3], problems: [u64; 4]) -> Outcome {
    let entity_type = |rows: Rows| {
        let unchanged = rows.read - rows.inserted - rows.updated - rows.rejected;
        counters([
            ("read", rows.read),
            ("inserted", rows.inserted),
            ("updated", rows.updated),
            ("deleted", rows.deleted),
            ("unchanged", unchanged),
            ("rejected", rows.rejected),
        ])
    };
    let association = |links: Links| {
        counters([
            ("inserted", links.inserted),
            ("updated", links.updated),
            ("deleted", links.deleted),
            ("rejected", links.rejected),
        ])
    };
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    Outcome {
        entity_types: names(&["user", "org", "group"]).into_iter().zip(rows.map(entity_type)).collect(),
        associations: names(&["manager", "department", "parent", "member"])
            .into_iter()
            .zip(links.map(association))
            .collect(),
        persons: ["created", "updated", "blocked"].map(str::to_owned).into_iter().zip(persons).collect(),
        problems: ["missing_key", "duplicate_key", "invalid_value", "dangling_reference"]
            .map(str::to_owned)
            .into_iter()
            .zip(problems)
            .collect(),
    }
}

fn counters<const N: usize>(counters: [(&str, u64); N]) -> Counters {
    counters.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}
