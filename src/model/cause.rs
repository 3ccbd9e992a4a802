//! A likely cause of a breach, with its evidence (SPEC 4.3).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Why a guard was probably exceeded, as it stands in `runs.causes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// Which cause: `columns_swapped`, `blank_source`, …
    pub name: String,
    /// How sure we are, from 0 to 1.
    pub confidence: f64,
    /// The figures and names that speak for it.
    #[serde(default)]
    pub evidence: Map<String, Value>,
    /// The sentence for the page.
    pub message: String,
}
