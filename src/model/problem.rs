//! A problem: one rejected or doubtful input, with the place where it stands.

use super::run::RunId;
use crate::schema::problems;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

/// One problem of a run (SPEC 3.5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// The entity type or association it belongs to.
    pub scope: String,
    /// The source's file, as messages call it.
    pub file: String,
    /// Line in the source where the record starts, header = 1.
    pub line: Option<u64>,
    /// The source column, where one is to blame.
    pub column: Option<String>,
    /// The record's key, where it has one.
    pub key: Option<String>,
    /// The value that was refused, shortened to 200 characters.
    pub value: Option<String>,
    /// Why.
    pub code: ProblemCode,
    /// In words, with what to do.
    pub message: String,
}

/// Reason codes: the same word in SQL, JSON, pages and log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemCode {
    /// The record has no primary key.
    MissingKey,
    /// A value does not have the format, type, pattern or length it must have.
    InvalidValue,
    /// A required property is empty.
    RequiredMissing,
    /// Several different records have the same key.
    DuplicateKey,
    /// Another record holds the same value of a unique property.
    DuplicateValue,
    /// A reference to something that does not exist. The record itself stays.
    DanglingReference,
    /// Several persons match; decided by hand.
    AmbiguousMatch,
    /// The only match is a person that a human created; decided by hand.
    LocalPerson,
    /// No person matches, and the entity type creates none.
    NoMatch,
    /// The person that matches has a user whose key is gone, and somebody wants to be asked whether it has moved.
    PossibleMove,
    /// What a revert would take back was changed since, and is left as it is.
    Conflict,
}

impl ProblemCode {
    /// All codes.
    pub const ALL: [Self; 11] = [
        Self::MissingKey,
        Self::InvalidValue,
        Self::RequiredMissing,
        Self::DuplicateKey,
        Self::DuplicateValue,
        Self::DanglingReference,
        Self::AmbiguousMatch,
        Self::LocalPerson,
        Self::NoMatch,
        Self::PossibleMove,
        Self::Conflict,
    ];

    /// The word in SQL, JSON and log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingKey => "missing_key",
            Self::InvalidValue => "invalid_value",
            Self::RequiredMissing => "required_missing",
            Self::DuplicateKey => "duplicate_key",
            Self::DuplicateValue => "duplicate_value",
            Self::DanglingReference => "dangling_reference",
            Self::AmbiguousMatch => "ambiguous_match",
            Self::LocalPerson => "local_person",
            Self::NoMatch => "no_match",
            Self::PossibleMove => "possible_move",
            Self::Conflict => "conflict",
        }
    }

    /// Whether the whole record is rejected (else it stays, and only the reference or match is in doubt).
    pub fn rejects(self) -> bool {
        matches!(
            self,
            Self::MissingKey | Self::InvalidValue | Self::RequiredMissing | Self::DuplicateKey | Self::DuplicateValue
        )
    }
}

/// A problem as it is stored and listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable)]
#[diesel(table_name = problems, check_for_backend(diesel::pg::Pg))]
pub struct StoredProblem {
    /// Its place in the run's list.
    #[serde(skip)]
    pub seq: i32,
    /// The entity type or association it belongs to.
    pub scope: String,
    /// The source's file.
    pub file: String,
    /// Line in the source, header = 1.
    pub line: Option<i64>,
    /// The source column.
    #[serde(rename = "column")]
    #[diesel(column_name = column_name)]
    pub column: Option<String>,
    /// The record's key.
    pub key: Option<String>,
    /// The value that was refused.
    pub value: Option<String>,
    /// The word of [`ProblemCode`].
    pub code: String,
    /// In words, with what to do.
    pub message: String,
}

/// At most `limit` problems of a run after the problem `after` (0: from the first), of one code or of all.
pub fn of_run(
    conn: &mut PgConnection,
    run: RunId,
    code: Option<ProblemCode>,
    after: i32,
    limit: i64,
) -> QueryResult<Vec<StoredProblem>> {
    let mut query = problems::table
        .filter(problems::run_id.eq(run))
        .filter(problems::seq.gt(after))
        .select(StoredProblem::as_select())
        .order(problems::seq)
        .limit(limit)
        .into_boxed();
    if let Some(code) = code {
        query = query.filter(problems::code.eq(code.as_str()));
    }
    query.load(conn)
}
