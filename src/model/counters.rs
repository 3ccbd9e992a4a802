//! What a run did, or would do, in figures. They come from the change rows, never from variables beside them.

use super::guard::Operation;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All figures of a run, as they stand in `runs.counters`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// In the order of the document.
    pub entity_types: Vec<EntityTypeCounters>,
    /// In the order of the document.
    pub associations: Vec<AssociationCounters>,
    /// What follows for persons.
    pub persons: PersonCounters,
    /// Problems by reason code.
    pub problems: BTreeMap<String, u64>,
}

impl Counters {
    /// All changes of resources and links.
    pub fn changes(&self) -> u64 {
        let resources =
            self.entity_types.iter().map(|one| one.inserted + one.updated + one.deleted + one.deleted_by_command);
        let links = self.associations.iter().map(|one| one.inserted + one.updated + one.deleted);
        resources.chain(links).sum()
    }

    /// Changes of one entity type or association, or of all; of one operation, or of all.
    pub fn matching(&self, scope: Option<&str>, operation: Option<Operation>) -> u64 {
        let resources = self.entity_types.iter();
        let resources =
            resources.map(|one| (&one.name, [one.inserted, one.updated, one.deleted + one.deleted_by_command]));
        let links = self.associations.iter().map(|one| (&one.name, [one.inserted, one.updated, one.deleted]));
        let all = resources.chain(links).filter(|(name, _)| scope.is_none_or(|scope| *name == scope));
        let of_operation = |counts: [u64; 3]| -> u64 {
            let each = Operation::ALL.into_iter().zip(counts);
            each.filter(|(one, _)| operation.is_none_or(|wanted| wanted == *one)).map(|(_, count)| count).sum()
        };
        all.map(|(_, counts)| of_operation(counts)).sum()
    }

    /// All changes that were left out.
    pub fn withheld(&self) -> u64 {
        let resources = self.entity_types.iter().map(|one| one.withheld + one.withheld_deletes);
        resources.chain(self.associations.iter().map(|one| one.withheld)).sum()
    }
}

/// Rows of one entity type. They balance: see [`EntityTypeCounters::balances`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EntityTypeCounters {
    /// The entity type's name.
    pub name: String,
    /// Whether it represents users: then the run's result counts it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub represents_users: bool,
    /// Rows read from the extraction.
    pub read: u64,
    /// Resources that are new.
    pub inserted: u64,
    /// Resources that differ.
    pub updated: u64,
    /// Resources that are the same.
    pub unchanged: u64,
    /// Resources deleted because they are absent.
    pub deleted: u64,
    /// Rows that asked for a deletion (these are rows read; absences are not).
    pub deleted_by_command: u64,
    /// Rows rejected as problems.
    pub rejected: u64,
    /// Identical rows that were counted once.
    pub duplicates_dropped: u64,
    /// Rows that `where` left out.
    pub out_of_scope: u64,
    /// Rows whose change is held or excluded.
    pub withheld: u64,
    /// Deletes by absence that are held or excluded (these are no rows read).
    pub withheld_deletes: u64,
    /// Rows of persons that were anonymized.
    pub suppressed: u64,
    /// Resources stored before the run: the base of percentages.
    pub stored: u64,
}

impl EntityTypeCounters {
    /// Resources stored once the run is applied.
    pub fn left(&self) -> u64 {
        (self.stored + self.inserted).saturating_sub(self.deleted + self.deleted_by_command)
    }

    /// The books (SPEC 2): every row that was read is accounted for exactly once.
    pub fn balances(&self) -> bool {
        self.read
            == self.inserted
                + self.updated
                + self.unchanged
                + self.deleted_by_command
                + self.rejected
                + self.duplicates_dropped
                + self.out_of_scope
                + self.withheld
                + self.suppressed
    }
}

/// Links of one association.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AssociationCounters {
    /// The association's name.
    pub name: String,
    /// New links.
    pub inserted: u64,
    /// Links that change their target.
    pub updated: u64,
    /// Links that are gone.
    pub deleted: u64,
    /// Pairs whose end does not exist.
    pub rejected: u64,
    /// Changes that are held or excluded, and pairs that need a record which is.
    pub withheld: u64,
    /// Links stored before the run.
    pub stored: u64,
}

impl AssociationCounters {
    /// Links stored once the run is applied.
    pub fn left(&self) -> u64 {
        (self.stored + self.inserted).saturating_sub(self.deleted)
    }
}

/// What happens to persons.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PersonCounters {
    /// New persons.
    pub created: u64,
    /// Persons whose values change.
    pub updated: u64,
    /// Persons that are blocked and become past.
    pub blocked: u64,
    /// Persons that return.
    pub unblocked: u64,
    /// Persons that are removed.
    pub deleted: u64,
    /// Persons stored that this connector feeds: the base of percentages.
    #[serde(skip_serializing_if = "is_zero")]
    pub stored: u64,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}
