//! What is known of a run that a guard has stopped, or whose header is broken: figures of its change set, profiles of its
//! columns beside those of the last applied run, and what has changed on our side.

use crate::model::extraction::ExtractionFile;
use crate::model::guard::{Breach, Operation};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// All that causes are looked for in.
#[derive(Debug, Clone, Default)]
pub struct Case<'a> {
    /// The guards that were exceeded; none where the header contract is broken.
    pub breaches: &'a [Breach],
    /// The tables that were read.
    pub tables: Vec<Table<'a>>,
    /// The entity types.
    pub scopes: Vec<Scope>,
    /// The associations.
    pub associations: Vec<Association>,
    /// What was edited since the last applied run.
    pub edits: Vec<Edit>,
    /// Persons whose values would change.
    pub persons_updated: u64,
}

/// A table of the extraction.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    /// As it was read now.
    pub now: &'a ExtractionFile,
    /// As the last applied run read it.
    pub before: Option<&'a ExtractionFile>,
    /// Columns that something reads.
    pub used: BTreeSet<String>,
    /// Columns that something reads and that are not there.
    pub missing: Vec<String>,
    /// An earlier applied run that read exactly this, while the last one read something else.
    pub older: Option<OlderRun>,
}

/// A run before the last applied one.
#[derive(Debug, Clone)]
pub struct OlderRun {
    /// Its id.
    pub run: i32,
    /// When it read.
    pub at: DateTime<Utc>,
}

/// An entity type with its figures.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Its name.
    pub name: String,
    /// Its table.
    pub table: String,
    /// The column of its key, where the key is a column as it stands.
    pub key_column: Option<String>,
    /// Property and column, of properties that are columns as they stand.
    pub fields: Vec<(String, String)>,
    /// Rows read.
    pub read: u64,
    /// Resources that are new.
    pub inserted: u64,
    /// Resources that differ.
    pub updated: u64,
    /// Resources that are gone.
    pub deleted: u64,
    /// Rows that are rejected.
    pub rejected: u64,
    /// Resources stored.
    pub stored: u64,
    /// Changes, spread evenly over all of them.
    pub sample: Vec<Sample>,
    /// Rejected values by column.
    pub rejects: Vec<Rejects>,
    /// Values that many changes have in common.
    pub values: Vec<Dominance>,
    /// What deleted and inserted resources have in common, by property.
    pub matches: Vec<Match>,
    /// How many of the deleted ones stood at the end of the table, 0 to 1; `None` if that is not known.
    pub tail: Option<f64>,
    /// Of the changes looked at, how many go back to what history has.
    pub returned: Option<(u64, u64)>,
}

/// One change.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What happens.
    pub operation: Operation,
    /// The resource's key.
    pub key: String,
    /// Properties as they are.
    pub before: Map<String, Value>,
    /// Properties as they will be.
    pub after: Map<String, Value>,
}

/// Values of a column that were refused.
#[derive(Debug, Clone)]
pub struct Rejects {
    /// The column.
    pub column: String,
    /// Why: the reason code.
    pub code: String,
    /// How many.
    pub count: u64,
    /// Some of them.
    pub values: Vec<String>,
}

/// A value that many changes of one operation have.
#[derive(Debug, Clone)]
pub struct Dominance {
    /// Of which changes.
    pub operation: Operation,
    /// The property, or the end of a link.
    pub field: String,
    /// Whether it is the value before the change (of an update).
    pub before: bool,
    /// The value; `None`: emptied.
    pub value: Option<String>,
    /// Changes that have it …
    pub count: u64,
    /// … of so many with this operation.
    pub of: u64,
    /// What is stored with it, 0 to 1.
    pub base: f64,
}

/// What deleted and inserted resources have in common.
#[derive(Debug, Clone)]
pub struct Match {
    /// The property.
    pub property: String,
    /// Values that are on both sides.
    pub matched: u64,
    /// The smaller side.
    pub of: u64,
    /// Keys before and now.
    pub keys: Vec<(String, String)>,
}

/// An association with its figures.
#[derive(Debug, Clone, Default)]
pub struct Association {
    /// Its name.
    pub name: String,
    /// Its table.
    pub table: String,
    /// The columns that find its ends.
    pub columns: Vec<String>,
    /// Links that are new, that lead elsewhere, that are gone.
    pub changes: u64,
    /// These, and pairs without an end.
    pub touched: u64,
    /// Links stored.
    pub stored: u64,
    /// Ends that many changes have in common.
    pub values: Vec<Dominance>,
}

/// Something that was edited on our side since the last applied run.
#[derive(Debug, Clone)]
pub struct Edit {
    /// `configuration` or `settings`.
    pub what: &'static str,
    /// The version that the last applied run used.
    pub from: i32,
    /// The version that this run uses.
    pub to: i32,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: Option<String>,
    /// New lines, with their numbers.
    pub lines: Vec<String>,
    /// What reads differently: entity type (or association) and property; without a property: all of it.
    pub touches: Vec<(String, Option<String>)>,
    /// The way to the source was edited.
    pub source: bool,
    /// What persons get of it was edited.
    pub persons: bool,
}

impl Case<'_> {
    /// The table of that name.
    pub fn table(&self, name: &str) -> Option<&Table<'_>> {
        self.tables.iter().find(|table| table.now.source_table == name)
    }

    /// The share of a table's rows that change or are rejected because of a column, 0 to 1; `None` where something
    /// computes with it, so that nobody can tell.
    pub fn impact(&self, table: &str, column: &str) -> Option<f64> {
        let mut impact: Option<f64> = None;
        let mut take = |share: f64| impact = Some(impact.unwrap_or(0.0).max(share));
        for scope in self.scopes.iter().filter(|scope| scope.table == table) {
            let rows = scope.read.max(scope.stored).max(1) as f64;
            let rejected: u64 = scope.rejects.iter().filter(|one| one.column == column).map(|one| one.count).sum();
            if rejected > 0 {
                take(rejected as f64 / rows);
            }
            if scope.key_column.as_deref() == Some(column) {
                take(scope.inserted.max(scope.deleted) as f64 / rows);
            }
            for (property, _) in scope.fields.iter().filter(|field| field.1 == column) {
                take(scope.share_of_updates(property) * scope.updated as f64 / rows);
            }
        }
        for one in self.associations.iter().filter(|one| one.table == table && one.columns.iter().any(|c| c == column))
        {
            take(one.touched as f64 / one.stored.max(1) as f64);
        }
        impact
    }
}

impl Scope {
    /// Updates among those looked at.
    pub fn updates(&self) -> impl Iterator<Item = &Sample> {
        self.sample.iter().filter(|one| one.operation == Operation::Update)
    }

    /// The share of updates that change a property.
    pub fn share_of_updates(&self, property: &str) -> f64 {
        let (touching, all) = self
            .updates()
            .fold((0, 0), |(touching, all), one| (touching + u32::from(one.after.contains_key(property)), all + 1));
        if all == 0 { 0.0 } else { f64::from(touching) / f64::from(all) }
    }

    /// Changes and rejected rows.
    pub fn touched(&self) -> u64 {
        self.inserted + self.updated + self.deleted + self.rejected
    }

    /// The column that a property is read from, or the property itself where it is computed.
    pub fn column_of<'s>(&'s self, property: &'s str) -> &'s str {
        self.fields.iter().find(|field| field.0 == property).map_or(property, |field| &field.1)
    }
}
