//! Likely causes: why a guard was exceeded, with evidence. Pure.

use crate::model::cause::Cause;
use crate::model::guard::{Breach, GuardName};
use serde_json::Map;

/// The likely causes of these breaches, the likeliest first.
pub fn explain(breaches: &[Breach]) -> Vec<Cause> {
    let first_run = breaches.iter().any(|breach| breach.guard == GuardName::FirstRun).then(|| Cause {
        name: "first_run".into(),
        confidence: 1.0,
        evidence: Map::new(),
        message: "Nothing is stored yet, so everything is new: this is the initial load".into(),
    });
    first_run.into_iter().collect()
}
