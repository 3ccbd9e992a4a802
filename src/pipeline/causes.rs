//! Likely causes: why a guard was exceeded, with evidence (SPEC 4.3). Pure: what is known goes in as a [`Case`], causes
//! come out, the likeliest first.
//!
//! Each cause looks at the case by itself and tells how sure it is. Above 0.9 stands what hardly anything else leaves
//! behind (two columns that hold one another's values); what may have other reasons stays below. Below [`LEAST`] nothing
//! is claimed. Where one cause is part of another (a date that moved into the column of a name is no change of format),
//! the larger one takes it in.

mod blank_source;
pub mod case;
mod column_missing;
mod columns_swapped;
mod configuration_changed;
mod date_format_changed;
mod dominated_by_value;
mod encoding_changed;
mod first_run;
mod keys_changed;
mod likeness;
mod number_format_changed;
mod older_source;
mod truncated_source;

use crate::model::cause::Cause;
use case::Case;
use serde_json::{Map, Value, json};

/// Below this nothing is claimed.
pub const LEAST: f64 = 0.5;
/// More than these nobody reads.
const MOST: usize = 5;
/// Samples that a cause shows.
const SAMPLES: usize = 5;

/// All causes. A new one: one file and its line.
const CAUSES: &[fn(&Case<'_>) -> Vec<Found>] = &[
    first_run::find,
    blank_source::find,
    older_source::find,
    column_missing::find,
    columns_swapped::find,
    configuration_changed::find,
    keys_changed::find,
    date_format_changed::find,
    number_format_changed::find,
    encoding_changed::find,
    truncated_source::find,
    dominated_by_value::find,
];

/// The likely causes of a case, the likeliest first.
pub fn explain(case: &Case<'_>) -> Vec<Cause> {
    let mut found: Vec<Found> = CAUSES.iter().flat_map(|find| find(case)).collect();
    found.retain(|one| one.confidence >= LEAST);
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let mut causes: Vec<Found> = Vec::new();
    for one in found {
        if !causes.iter().any(|other| other.takes_in(&one)) {
            causes.push(one);
        }
    }
    causes.truncate(MOST);
    causes.into_iter().map(Found::into_cause).collect()
}

/// A cause that was found, before it is ranked.
pub struct Found {
    name: &'static str,
    confidence: f64,
    table: String,
    columns: Vec<String>,
    evidence: Map<String, Value>,
    samples: Vec<Value>,
    message: String,
}

impl Found {
    fn new(name: &'static str, confidence: f64, message: impl Into<String>) -> Self {
        Self {
            name,
            confidence,
            table: String::new(),
            columns: Vec::new(),
            evidence: Map::new(),
            samples: Vec::new(),
            message: message.into(),
        }
    }

    /// Where: the table, and the columns of it that are at fault.
    fn at(mut self, table: &str, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.table = table.to_owned();
        self.columns = columns.into_iter().map(Into::into).collect();
        self
    }

    /// A figure or a name that speaks for it.
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.evidence.insert(name.to_owned(), value.into());
        self
    }

    /// A value before and now.
    fn sample(mut self, key: &str, column: &str, before: impl Into<Value>, now: impl Into<Value>) -> Self {
        if self.samples.len() < SAMPLES {
            self.samples.push(json!({ "key": key, "column": column, "before": before.into(), "now": now.into() }));
        }
        self
    }

    /// Whether the other cause is part of this one, which is surer.
    fn takes_in(&self, other: &Found) -> bool {
        let same_table = self.table == other.table && !self.table.is_empty();
        let same_columns = other.columns.iter().any(|column| self.columns.contains(column));
        match self.name {
            "blank_source" => same_table,
            "columns_swapped" | "column_renamed" | "column_missing" | "keys_changed" => {
                same_table && (same_columns || (other.name == self.name && other.columns.is_empty()))
            }
            // All of the table is what it was: whatever else is seen in it was so before.
            "older_source" => same_table && self.confidence > 0.9,
            "encoding_changed" | "date_format_changed" | "number_format_changed" => same_table && same_columns,
            _ => same_table && self.name == other.name && same_columns,
        }
    }

    fn into_cause(mut self) -> Cause {
        if !self.table.is_empty() {
            self.evidence.insert("table".into(), self.table.into());
        }
        if !self.columns.is_empty() {
            self.evidence.insert("columns".into(), self.columns.into());
        }
        if !self.samples.is_empty() {
            self.evidence.insert("samples".into(), self.samples.into());
        }
        let confidence = (self.confidence.clamp(0.0, 1.0) * 100.0).round() / 100.0;
        Cause { name: self.name.to_owned(), confidence, evidence: self.evidence, message: self.message }
    }
}

/// `31 %`, and never 0 % or 100 % of what is not none or all.
fn percent(share: f64) -> String {
    match share {
        share if share <= 0.0 => "0 %".to_owned(),
        share if share >= 1.0 => "100 %".to_owned(),
        share => format!("{:.0} %", (share * 100.0).clamp(1.0, 99.0)),
    }
}

/// A stored value as text.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[String]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        names => names.concat(),
    }
}
