//! The problems of a run by cause, as its page lists them.

use crate::model::problem::{self, ProblemCode, StoredProblem};
use crate::model::run::Run;
use crate::web::error::WebError;
use crate::web::words;
use diesel::pg::PgConnection;

/// The problems with one reason code.
pub struct ProblemGroup {
    /// What is wrong.
    pub title: &'static str,
    /// The next step.
    pub advice: &'static str,
    /// Its reason code.
    pub code: &'static str,
    /// How many.
    pub count: u64,
    /// The first of them.
    pub lines: Vec<StoredProblem>,
}

/// One statement for each reason code that the run has, of nine there are.
pub fn groups(conn: &mut PgConnection, run: &Run) -> Result<Vec<ProblemGroup>, WebError> {
    let mut groups = Vec::new();
    for code in ProblemCode::ALL {
        let count = run.counters.problems.get(code.as_str()).copied().unwrap_or(0);
        if count > 0 {
            let lines = problem::of_run(conn, run.id, Some(code), 0, 10)?;
            let (title, advice) = words::problem(code.as_str());
            groups.push(ProblemGroup { title, advice, code: code.as_str(), count, lines });
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    Ok(groups)
}
