//! The proof of an applied run: what its extraction says, held against what is stored, bucket by bucket. It is made after
//! the run is over (see `pipeline/proof`) and changes nothing.

use super::json::Json;
use super::run::RunId;
use crate::schema::run_proofs;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};
use serde::{Deserialize, Serialize};

/// Keys are divided into so many buckets by their digest.
pub const BUCKETS: usize = 256;
/// At most so many differing keys are listed.
pub const LISTED: usize = 100;

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proof {
    /// `equal`, `differs`, `stands` (nothing was written, and an earlier proof of the same state stands), `overtaken`
    /// (another run was applied before it could be made), `changes` (it read changes alone) or `impossible`.
    pub verdict: Verdict,
    /// Why there is none, or which run's proof stands.
    pub words: String,
    /// Per entity type, in the order of the document.
    pub entity_types: Vec<EntityTypeProof>,
    /// The first keys that differ.
    pub differing: Vec<Difference>,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
}

/// Whether what is stored is what the extraction says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is.
    Equal,
    /// Some keys differ.
    Differs,
    /// The run wrote nothing, and an earlier proof of the same state stands.
    Stands,
    /// Another run was applied before.
    Overtaken,
    /// What it read is not the whole truth: most of what is stored is not in it.
    Changes,
    /// The extraction can't be read any more.
    #[default]
    Impossible,
}

/// One entity type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EntityTypeProof {
    /// Its name.
    pub name: String,
    /// Records that the extraction says should be there.
    pub extracted: u64,
    /// Records that are stored, protected ones aside.
    pub stored: u64,
    /// Buckets whose sums differ, of [`BUCKETS`].
    pub differing_buckets: u64,
    /// Records compared by key only, because something about them is open.
    pub open: u64,
    /// Rejected records: what is stored under their keys is not what the extraction says, and rightly so.
    pub protected: u64,
}

/// A key that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The entity type.
    pub entity_type: String,
    /// The record's key.
    pub key: String,
    /// The stored record, where there is one.
    pub resource_id: Option<i64>,
    /// What is different.
    pub kind: DifferenceKind,
}

/// How a key differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Stored is another record than the extraction has.
    Differs,
    /// The extraction has it, stored it is not.
    NotStored,
    /// It is stored, and the extraction does not have it.
    NotExtracted,
}

impl DifferenceKind {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Differs => "stored is something else",
            Self::NotStored => "not stored",
            Self::NotExtracted => "not in the extraction",
        }
    }
}

impl Proof {
    /// In one sentence: `1000 of 1000 records in 256 buckets equal, 3 open`.
    pub fn sentence(&self) -> String {
        let sum = |of: fn(&EntityTypeProof) -> u64| self.entity_types.iter().map(of).sum::<u64>();
        let (extracted, stored) = (sum(|one| one.extracted), sum(|one| one.stored));
        let more: String = [(sum(|one| one.open), "compared by key only"), (sum(|one| one.protected), "protected")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!(", {count} {what}"))
            .collect();
        match self.verdict {
            Verdict::Equal => format!("{stored} of {extracted} records in {BUCKETS} buckets equal{more}"),
            Verdict::Differs => format!(
                "{extracted} records extracted, {stored} stored; {} of {BUCKETS} buckets differ{more}",
                sum(|one| one.differing_buckets)
            ),
            Verdict::Stands | Verdict::Overtaken | Verdict::Changes | Verdict::Impossible => self.words.clone(),
        }
    }
}

/// The proof of a run with its moment.
pub fn of(conn: &mut PgConnection, run: RunId) -> QueryResult<Option<(DateTime<Utc>, Proof)>> {
    let found: Option<(DateTime<Utc>, Json<Proof>)> =
        run_proofs::table.find(run.0).select((run_proofs::proved_at, run_proofs::proof)).first(conn).optional()?;
    Ok(found.map(|(at, proof)| (at, proof.0)))
}

/// Keeps the proof of a run; an earlier one is replaced.
pub fn keep(conn: &mut PgConnection, run: RunId, proof: &Proof) -> QueryResult<()> {
    diesel::insert_into(run_proofs::table)
        .values((run_proofs::run_id.eq(run.0), run_proofs::proof.eq(Json(proof.clone()))))
        .on_conflict(run_proofs::run_id)
        .do_update()
        .set((run_proofs::proved_at.eq(diesel::dsl::now), run_proofs::proof.eq(Json(proof.clone()))))
        .execute(conn)
        .map(drop)
}

/// The last applied runs of all connectors that have no proof yet and an extraction of at most `rows` rows.
pub fn due(conn: &mut PgConnection, rows: i64) -> QueryResult<Vec<RunId>> {
    #[derive(QueryableByName)]
    struct Due {
        #[diesel(sql_type = Integer)]
        id: i32,
    }
    let due: Vec<Due> = diesel::sql_query(
        "select r.id from connectors c join runs r on r.id = c.applied_run_id
          where r.extraction_id is not null and not exists (select from run_proofs p where p.run_id = r.id)
            and (select coalesce(sum(f.rows), 0) from extraction_files f where f.extraction_id = r.extraction_id) <= $1
          order by r.applied_at",
    )
    .bind::<BigInt, _>(rows)
    .load(conn)?;
    Ok(due.into_iter().map(|row| RunId(row.id)).collect())
}
