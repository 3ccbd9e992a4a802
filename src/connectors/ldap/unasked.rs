//! A column that is empty because the server knows the attribute by another name.
//!
//! Whoever asks OpenLDAP for `commonName` gets `cn`. Read by name alone, the column would be empty for everybody, and
//! every value that came from it would be taken away.

use super::row::RowShape;
use super::schema::Schema;
use std::collections::BTreeSet;

/// More names than this are not remembered.
const MAX_NAMES: usize = 1000;

/// Attributes that came without being asked for, and columns that never had a value. Together they raise the
/// doubt; the schema settles it.
#[derive(Default)]
pub struct Unasked {
    answered: BTreeSet<String>,
    filled: Vec<bool>,
}

impl Unasked {
    /// This attribute came although the table does not ask for it by this name.
    pub fn answered(&mut self, description: &str) {
        if !description.contains(';') && !self.answered.contains(description) && self.answered.len() < MAX_NAMES {
            self.answered.insert(description.to_owned());
        }
    }

    /// Which columns of a row have values.
    pub fn filled(&mut self, columns: impl Iterator<Item = bool>) {
        if self.filled.is_empty() {
            self.filled.extend(columns);
        } else {
            self.filled.iter_mut().zip(columns).for_each(|(before, now)| *before |= now);
        }
    }

    /// Whether there is anything to look up.
    pub fn leaves_doubt(&self) -> bool {
        !self.answered.is_empty() && self.filled.contains(&false)
    }

    /// What to write instead, if the schema says that a column without values goes by another name.
    pub fn renamed_column(&self, shape: &RowShape, schema: &Schema) -> Option<String> {
        let empty = shape.column_names().zip(&self.filled).filter(|(_, filled)| !**filled).map(|(name, _)| name);
        for name in empty {
            if let Some(answered) = self.answered.iter().find(|answered| schema.is_a(answered, name)) {
                let message = format!("the server calls `{name}` by the name `{answered}`: write that in `attributes`");
                return Some(message);
            }
        }
        None
    }
}
