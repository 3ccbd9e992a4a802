//! Users of whom it is not clear who they are.

use super::{Accepted, identity};
use crate::model::problem::Problem;
use crate::pipeline::TaskError;
use crate::pipeline::difference::keys::flag;
use crate::pipeline::difference::{Scope, Work};
use crate::pipeline::people::correlation::Match;

/// Turns a match into a correlation, or into a problem that keeps the record's digest from being stored.
pub(super) fn doubt(
    work: &mut Work<'_>,
    scope: &mut Scope<'_>,
    accepted: &Accepted,
    matched: Match,
) -> Result<(Option<i64>, bool), TaskError> {
    let (code, message) = match matched {
        Match::None => return Ok((None, false)),
        Match::Existing(person) => return Ok((Some(person), false)),
        Match::New(person) => return Ok((Some(person), true)),
        Match::Doubtful { code, message } => (code, message),
    };
    scope.keys.get_mut(accepted.slot).set(flag::OPEN);
    let problem = Problem {
        scope: scope.definition.name.clone(),
        file: scope.file.source_file.clone(),
        line: Some(accepted.line),
        column: None,
        key: Some(accepted.key.clone()),
        value: None,
        code,
        message,
    };
    work.changes.problem(&problem, identity(&scope.definition.name, accepted.key.as_bytes()))?;
    Ok((None, false))
}
