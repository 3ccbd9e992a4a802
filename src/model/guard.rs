//! Guards: the rules that block a run before anything is written, and what they say when they do (SPEC 4).

use serde::{Deserialize, Serialize};

/// Thresholds of a connector, an entity type or an association (SPEC 4.1). 0 switches one off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Most resources inserted in a run.
    pub maximum_inserted_lines: u64,
    /// Most resources updated in a run.
    pub maximum_updated_lines: u64,
    /// Most resources deleted in a run.
    pub maximum_deleted_lines: u64,
    /// Most resources inserted, in percent of those stored.
    pub max_percentage_inserted_lines: f64,
    /// Most resources updated, in percent of those stored.
    pub max_percentage_updated_lines: f64,
    /// Most resources deleted, in percent of those stored.
    pub max_percentage_deleted_lines: f64,
    /// Most links inserted in a run.
    pub maximum_link_inserted_lines: u64,
    /// Most links that change their target in a run.
    pub maximum_link_updated_lines: u64,
    /// Most links deleted in a run.
    pub maximum_link_deleted_lines: u64,
    /// Most links inserted, in percent of those stored.
    pub max_percentage_link_inserted_lines: f64,
    /// Most links that change their target, in percent of those stored.
    pub max_percentage_link_updated_lines: f64,
    /// Most links deleted, in percent of those stored.
    pub max_percentage_link_deleted_lines: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            maximum_inserted_lines: 100,
            maximum_updated_lines: 100,
            maximum_deleted_lines: 100,
            max_percentage_inserted_lines: 5.0,
            max_percentage_updated_lines: 5.0,
            max_percentage_deleted_lines: 5.0,
            maximum_link_inserted_lines: 1000,
            maximum_link_updated_lines: 1000,
            maximum_link_deleted_lines: 1000,
            max_percentage_link_inserted_lines: 5.0,
            max_percentage_link_updated_lines: 5.0,
            max_percentage_link_deleted_lines: 5.0,
        }
    }
}

impl Thresholds {
    /// All switched off: what an entity type or association has of its own by default.
    pub fn none() -> Self {
        Self {
            maximum_inserted_lines: 0,
            maximum_updated_lines: 0,
            maximum_deleted_lines: 0,
            max_percentage_inserted_lines: 0.0,
            max_percentage_updated_lines: 0.0,
            max_percentage_deleted_lines: 0.0,
            maximum_link_inserted_lines: 0,
            maximum_link_updated_lines: 0,
            maximum_link_deleted_lines: 0,
            max_percentage_link_inserted_lines: 0.0,
            max_percentage_link_updated_lines: 0.0,
            max_percentage_link_deleted_lines: 0.0,
        }
    }

    /// Whether all are switched off.
    pub fn is_none(&self) -> bool {
        *self == Self::none()
    }

    /// Count and percentage limits that hold for `operation` on `subject`, with the names of their settings.
    pub fn of(&self, subject: Subject, operation: Operation) -> [(&'static str, f64, LimitKind); 2] {
        use {LimitKind::*, Operation::*, Subject::*};
        let (count, maximum, percentage_name, percentage) = match (subject, operation) {
            (Resources, Insert) => (
                "maximum_inserted_lines",
                self.maximum_inserted_lines,
                "max_percentage_inserted_lines",
                self.max_percentage_inserted_lines,
            ),
            (Resources, Update) => (
                "maximum_updated_lines",
                self.maximum_updated_lines,
                "max_percentage_updated_lines",
                self.max_percentage_updated_lines,
            ),
            (Resources, Delete) => (
                "maximum_deleted_lines",
                self.maximum_deleted_lines,
                "max_percentage_deleted_lines",
                self.max_percentage_deleted_lines,
            ),
            (Links, Insert) => (
                "maximum_link_inserted_lines",
                self.maximum_link_inserted_lines,
                "max_percentage_link_inserted_lines",
                self.max_percentage_link_inserted_lines,
            ),
            (Links, Update) => (
                "maximum_link_updated_lines",
                self.maximum_link_updated_lines,
                "max_percentage_link_updated_lines",
                self.max_percentage_link_updated_lines,
            ),
            (Links, Delete) => (
                "maximum_link_deleted_lines",
                self.maximum_link_deleted_lines,
                "max_percentage_link_deleted_lines",
                self.max_percentage_link_deleted_lines,
            ),
        };
        [(count, maximum as f64, Count), (percentage_name, percentage, Percentage)]
    }

    /// The count limit for `operation` on `subject`.
    pub fn maximum_mut(&mut self, subject: Subject, operation: Operation) -> &mut u64 {
        use {Operation::*, Subject::*};
        match (subject, operation) {
            (Resources, Insert) => &mut self.maximum_inserted_lines,
            (Resources, Update) => &mut self.maximum_updated_lines,
            (Resources, Delete) => &mut self.maximum_deleted_lines,
            (Links, Insert) => &mut self.maximum_link_inserted_lines,
            (Links, Update) => &mut self.maximum_link_updated_lines,
            (Links, Delete) => &mut self.maximum_link_deleted_lines,
        }
    }

    /// The percentage limit for `operation` on `subject`.
    pub fn percentage_mut(&mut self, subject: Subject, operation: Operation) -> &mut f64 {
        use {Operation::*, Subject::*};
        match (subject, operation) {
            (Resources, Insert) => &mut self.max_percentage_inserted_lines,
            (Resources, Update) => &mut self.max_percentage_updated_lines,
            (Resources, Delete) => &mut self.max_percentage_deleted_lines,
            (Links, Insert) => &mut self.max_percentage_link_inserted_lines,
            (Links, Update) => &mut self.max_percentage_link_updated_lines,
            (Links, Delete) => &mut self.max_percentage_link_deleted_lines,
        }
    }
}

/// What a threshold counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Rows of entity types.
    Resources,
    /// Pairs of associations.
    Links,
}

/// Whether a limit is a number or a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// `count > limit`.
    Count,
    /// `100 × count > limit × base`.
    Percentage,
}

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Something new.
    Insert,
    /// Something different.
    Update,
    /// Something gone.
    Delete,
}

impl Operation {
    /// All, in the order pages show them.
    pub const ALL: [Self; 3] = [Self::Insert, Self::Update, Self::Delete];

    /// The word in SQL, JSON and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// `[guards]` of a connector's document (SPEC 4.2).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardSettings {
    /// The first synchronization waits for a person.
    pub first_run: bool,
    /// An entity type that had rows and now has none blocks the run.
    pub empty_source: bool,
    /// Vanished unmapped columns or a changed order block the run.
    pub header: bool,
    /// Most difference in rows of a table against the last applied extraction, in percent; 0 switches it off.
    pub volume_percentage: f64,
    /// Most newly rejected rows of an entity type, in percent; 0 switches it off.
    pub reject_percentage: f64,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self { first_run: true, empty_source: true, header: true, volume_percentage: 10.0, reject_percentage: 5.0 }
    }
}

/// A guard by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardName {
    /// A threshold of SPEC 4.1.
    Threshold,
    /// The first synchronization of a connector.
    FirstRun,
    /// An entity type that had rows and now has none.
    EmptySource,
    /// The number of rows of a table changed too much.
    Volume,
    /// Too many newly rejected rows.
    Rejects,
    /// Unmapped columns vanished, or the order changed.
    Header,
    /// What was approved beforehand is not all that would be done.
    Approval,
}

/// One guard that a run has exceeded: what, where, limit, actual, base, in figures and in words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Breach {
    /// Which guard.
    pub guard: GuardName,
    /// The threshold's setting, for `threshold` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    /// The connector, entity type, association or table it was held against, or `persons`.
    pub scope: String,
    /// The limit that was exceeded.
    pub limit: Option<f64>,
    /// What would happen: a count, or a percentage with one decimal.
    pub actual: Option<f64>,
    /// Rows stored before the run in the same scope (or rows read, where the guard says so).
    pub base: u64,
    /// The sentence for the page.
    pub message: String,
}
