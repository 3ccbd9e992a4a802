//! Nothing is stored yet.

use super::Found;
use super::case::Case;
use crate::model::guard::GuardName;

pub(super) fn find(case: &Case<'_>) -> Vec<Found> {
    let is_first = case.breaches.iter().any(|breach| breach.guard == GuardName::FirstRun);
    let message = "Nothing is stored yet, so everything is new: this is the initial load";
    is_first.then(|| Found::new("first_run", 1.0, message)).into_iter().collect()
}
