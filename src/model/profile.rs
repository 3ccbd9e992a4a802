//! What the columns of an extraction look like: from it the blocked page tells likely causes, such as two columns
//! swapped or a date format that changed.

use serde::{Deserialize, Serialize};

/// The profile of one table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableProfile {
    /// Records in all: what `empty` and `distinct` are out of.
    pub rows: u64,
    /// Records looked at closely (all of the first 50,000, every 16th after): what the histograms are out of.
    pub sampled: u64,
    /// One for each column, in order.
    pub columns: Vec<ColumnProfile>,
}

/// The most hashes in a [`ColumnProfile::sketch`].
pub const SKETCH: usize = 64;

/// The profile of one column. What an older version of the program did not look at is as if nothing had been seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ColumnProfile {
    /// The column's name.
    pub name: String,
    /// Records without a value; exact.
    pub empty: u64,
    /// Different values over all records, within a few percent (exact where there are few).
    pub distinct: u64,
    /// The shortest value, in characters (sampled, empty ones apart).
    pub min_length: u64,
    /// The longest value, in characters (sampled).
    pub max_length: u64,
    /// Lengths in characters (sampled): least length of the class, records. Classes are 1, 2, … 32, 33–64, 65–128, ….
    pub lengths: Vec<(u64, u64)>,
    /// The most frequent shapes (sampled): `dd/dd/dddd` for a date, `Aa` for a name, `a@a.a` for an address; records.
    /// `d` is a digit, `A` and `a` a run of upper and lower case letters, `x` a run of other letters, a blank a run of
    /// white space; other characters stand for themselves.
    pub shapes: Vec<(String, u64)>,
    /// The ten most frequent values (sampled) that are no rarity: value, records (never too high).
    pub top: Vec<(String, u64)>,
    /// The least hashes of its values, 48 bits each, in order, at most [`SKETCH`] (all records, empty values apart): two
    /// of them tell how many values two columns share ("bottom-k", Broder 1997). No value can be read from them.
    pub sketch: Vec<u64>,
    /// Records with letters beyond ASCII (sampled).
    pub foreign: u64,
    /// Records that look as if they were read in a wrong encoding: `Ã©` for `é`, or `�` (sampled).
    pub garbled: u64,
    /// Records with a question mark: what is left of a letter that an encoding does not have (sampled).
    pub questioned: u64,
    /// Of values that look like dates, the largest number in each of the first three groups of digits (sampled): where
    /// no group is above 12, it may be the month.
    pub date_parts: [u64; 3],
}

impl TableProfile {
    /// The profile of a column.
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl ColumnProfile {
    /// The share of records without a value, 0 to 1.
    pub fn empty_share(&self, rows: u64) -> f64 {
        if rows == 0 { 0.0 } else { self.empty as f64 / rows as f64 }
    }
}
