//! A run: one passage of one connector through its tasks. The row is the truth; the queue only wakes workers.
//!
//! ```text
//! queued → exporting → preparing → ready ──────────→ synchronizing → completed | completed_with_problems
//!                          │          └→ blocked ──resume──↗
//!                          │                └─discard→ discarded          superseded: a newer run took its place
//!              any stage → failed (retry re-enters the same stage) | cancelled
//! ```

mod query;
mod row;
mod start;

pub use query::{
    Page, applied_before, at_work, by_id, count_by_state, extraction_rows, newest, of_connector, page, ready_to_apply,
    set_extraction,
};
pub use row::Run;
pub use start::{NewRun, StartError, start};

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};
use std::io::Write;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, AsExpression, FromSqlRow)]
        #[diesel(sql_type = Text)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// All of them, in their natural order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in SQL, JSON, pages and command line.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromSql<Text, Pg> for $name {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                Ok(std::str::from_utf8(value.as_bytes())?.parse()?)
            }
        }

        impl ToSql<Text, Pg> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                out.write_all(self.as_str().as_bytes())?;
                Ok(IsNull::No)
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word).ok_or_else(|| {
                    UnknownWord::new(word, &Self::ALL.iter().map(|known| known.as_str()).collect::<Vec<_>>())
                })
            }
        }
    };
}

/// A word that is none of those allowed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{word:?} is unknown here; known are {known}")]
pub struct UnknownWord {
    word: String,
    known: String,
}

impl UnknownWord {
    /// `word` is none of `known`.
    pub fn new(word: &str, known: &[&str]) -> Self {
        Self { word: word.to_owned(), known: known.join(", ") }
    }
}

words! {
    /// Where a run stands.
    RunState {
        /// Waits for a worker.
        Queued = "queued",
        /// Reads the source.
        Exporting = "exporting",
        /// Works out the change set.
        Preparing = "preparing",
        /// The change set may be applied.
        Ready = "ready",
        /// A guard stopped it; nothing has been written; a person decides.
        Blocked = "blocked",
        /// Applies the change set.
        Synchronizing = "synchronizing",
        /// Applied.
        Completed = "completed",
        /// Applied; some records were rejected or doubtful.
        CompletedWithProblems = "completed_with_problems",
        /// A task failed; nothing has been written.
        Failed = "failed",
        /// A person stopped it; nothing has been written.
        Cancelled = "cancelled",
        /// A person refused the change set.
        Discarded = "discarded",
        /// A newer run took its place before it was applied.
        Superseded = "superseded",
    }
}

impl RunState {
    /// Whether nothing will happen any more unless somebody asks for it.
    pub fn is_over(self) -> bool {
        matches!(
            self,
            Self::Completed
                | Self::CompletedWithProblems
                | Self::Failed
                | Self::Cancelled
                | Self::Discarded
                | Self::Superseded
        )
    }

    /// Whether its change set was applied.
    pub fn is_applied(self) -> bool {
        matches!(self, Self::Completed | Self::CompletedWithProblems)
    }
}

words! {
    /// How much of the source a run looks at.
    Mode {
        /// The extraction is the whole truth.
        Complete = "complete",
        /// Only what changed since the last applied run.
        Incremental = "incremental",
        /// An older extraction again.
        Replay = "replay",
        /// Expressions computed anew, without an export.
        UpdateExpressions = "update_expressions",
        /// The inverse of an applied run.
        Revert = "revert",
        /// Who records feed, changed by hand; over at once.
        Correlate = "correlate",
    }
}

words! {
    /// What a revert does so that the next run does not bring back what it took away.
    Afterwards {
        /// The reverted changes are held.
        Hold = "hold",
        /// The connector is taken out of the scheduled jobs.
        Deactivate = "deactivate",
    }
}

words! {
    /// What started a run.
    Trigger {
        /// A job.
        Schedule = "schedule",
        /// Somebody, by page or command line.
        Person = "person",
        /// A feed whose expected files are all there.
        Upload = "upload",
        /// Files that arrived in a folder.
        Arrival = "arrival",
        /// A client of the API.
        Api = "api",
        /// Muster's own start.
        Start = "start",
    }
}

words! {
    /// One stage of a run.
    Stage {
        /// Source to extraction.
        Export = "export",
        /// Extraction to change set.
        Prepare = "prepare",
        /// Change set to resources, links, persons.
        Synchronize = "synchronize",
    }
}

words! {
    /// Which tasks a run goes through.
    TaskChoice {
        /// All in a row.
        All = "all",
        /// The export alone.
        Export = "export",
        /// The preparation alone, of the newest extraction.
        Prepare = "prepare",
        /// The synchronization alone, of a run that stands ready.
        Synchronize = "synchronize",
        /// Expressions over stored values.
        UpdateExpressions = "update_expressions",
    }
}

words! {
    /// Where a task stands.
    TaskState {
        /// Not yet begun.
        Pending = "pending",
        /// A worker is at it.
        Running = "running",
        /// Done.
        Completed = "completed",
        /// Done; a guard stopped the run.
        Blocked = "blocked",
        /// Not done.
        Failed = "failed",
        /// Stopped by a person.
        Cancelled = "cancelled",
    }
}

super::id::id!(
    /// Id of a run; rises with time.
    RunId(i32) as Integer
);
