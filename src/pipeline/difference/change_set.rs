//! The change set in the making: changes and problems stream into the pending schema, and a digest grows with them.

use crate::db::copy::CopyIn;
use crate::model::change::seal_of;
use crate::model::guard::Operation;
use crate::model::problem::Problem;
use crate::pipeline::TaskError;
use crate::pipeline::pending::{Pending, marks};
use crate::schema::{changes, problems};
use crate::values::digest::Digest;
use chrono::NaiveDate;
use diesel::pg::PgConnection;
use std::collections::{BTreeMap, HashSet};

/// A change of one resource, about to be frozen.
#[derive(Default)]
pub struct ResourceChange<'a> {
    /// The entity type's id.
    pub entity_type: i32,
    /// What happens.
    pub operation: Option<Operation>,
    /// The resource.
    pub id: i64,
    /// Its key.
    pub key: &'a str,
    /// Line in the source.
    pub line: i32,
    /// The correlation.
    pub person: Option<i64>,
    /// Whether that person is new.
    pub new_person: bool,
    /// Digest of the raw record; none if a consequence stays open.
    pub digest: Option<u128>,
    /// Digest of its sets of pairs.
    pub links_digest: Option<u128>,
    /// The properties that change, as they are stored.
    pub before: Option<&'a [u8]>,
    /// The properties that change, as they will be; a property that is emptied is null.
    pub after: Option<&'a [u8]>,
}

/// A change of one link, about to be frozen.
#[derive(Debug, Clone, Default)]
pub struct LinkChange {
    /// The association's id.
    pub association: i32,
    /// What happens.
    pub operation: Option<Operation>,
    /// The `from` end.
    pub from: i64,
    /// The `to` end, after the change (before it, for a delete).
    pub to: i64,
    /// The `to` end before an update.
    pub before_to: Option<i64>,
}

/// The change set of one preparation.
pub struct ChangeSet<'a> {
    run: i32,
    today: NaiveDate,
    pending: &'a Pending,
    changes: Option<CopyIn>,
    problems: Option<CopyIn>,
    marks: Option<CopyIn>,
    change_seq: i32,
    marked: bool,
    problem_seq: i32,
    /// Of rows of pending tables.
    others: Digest,
    digest: Digest,
    counts: BTreeMap<String, u64>,
    /// Identities of what the last applied run had rejected already, per scope.
    known_rejects: HashSet<u128>,
    new_rejects: BTreeMap<String, u64>,
}

impl<'a> ChangeSet<'a> {
    /// An empty one. `known_rejects`: what the last applied run had rejected.
    pub fn new(run: i32, today: NaiveDate, pending: &'a Pending, known_rejects: HashSet<u128>) -> Self {
        Self {
            run,
            today,
            pending,
            changes: None,
            problems: None,
            marks: None,
            change_seq: 0,
            marked: false,
            problem_seq: 0,
            others: Digest::ZERO,
            digest: Digest::ZERO,
            counts: BTreeMap::new(),
            known_rejects,
            new_rejects: BTreeMap::new(),
        }
    }

    /// Freezes a change of a resource.
    pub fn resource(&mut self, change: &ResourceChange<'_>) -> Result<(), TaskError> {
        let Some(operation) = change.operation else { return Ok(()) };
        let seal = self.seal(&[
            b"resource",
            &change.entity_type.to_be_bytes(),
            operation.as_str().as_bytes(),
            change.key.as_bytes(),
            change.before.unwrap_or_default(),
            change.after.unwrap_or_default(),
            &change.person.filter(|_| !change.new_person).unwrap_or_default().to_be_bytes(),
        ]);
        let (run, seq, today) = (self.run, self.next_change(), self.today);
        open(&mut self.changes, self.pending, changes::table)?
            .row(21)?
            .int4(run)
            .int4(seq)
            .date(today)
            .int4(change.entity_type)
            .null()
            .text(operation.as_str())
            .int8(change.id)
            .null()
            .null()
            .null()
            .int8_or_null(change.person)
            .bool(change.new_person)
            .int4(change.line)
            .uuid_or_null(change.digest)
            .uuid_or_null(change.links_digest)
            .text(change.key)
            .null()
            .null()
            .jsonb_or_null(change.before)
            .jsonb_or_null(change.after)
            .uuid_or_null(Some(seal));
        Ok(())
    }

    /// Freezes a change of a link. `owner` is the key of its `from` end where that is known, else empty: it is filled in
    /// at the end, set-wise, as that of its `to` end is.
    pub fn link(&mut self, change: &LinkChange, owner: &str) -> Result<(), TaskError> {
        let Some(operation) = change.operation else { return Ok(()) };
        let seal = self.seal(&[
            b"link",
            &change.association.to_be_bytes(),
            operation.as_str().as_bytes(),
            &change.from.to_be_bytes(),
            &change.to.to_be_bytes(),
            &change.before_to.unwrap_or_default().to_be_bytes(),
        ]);
        let (run, seq, today) = (self.run, self.next_change(), self.today);
        open(&mut self.changes, self.pending, changes::table)?
            .row(21)?
            .int4(run)
            .int4(seq)
            .date(today)
            .null()
            .int4(change.association)
            .text(operation.as_str())
            .null()
            .int8(change.from)
            .int8(change.to)
            .int8_or_null(change.before_to)
            .null()
            .bool(false)
            .int4(0)
            .null()
            .null()
            .text(owner)
            .null()
            .null()
            .null()
            .null()
            .uuid_or_null(Some(seal));
        Ok(())
    }

    /// Takes a row of a pending table into the digest: there it stands already.
    pub fn note(&mut self, parts: &[&[u8]]) {
        let digest = Digest(self.seal(parts));
        self.others += digest;
    }

    /// Takes a change into the digest of all; its own goes with its row.
    fn seal(&mut self, parts: &[&[u8]]) -> u128 {
        let digest = Digest::of_fields(1, parts.iter().copied());
        self.digest += digest;
        digest.0
    }

    /// Digests to write on a stored record whose values stay as they are.
    pub fn mark(
        &mut self,
        entity_type: i32,
        id: i64,
        digest: Option<u128>,
        links: Option<u128>,
    ) -> Result<(), TaskError> {
        self.marked = true;
        open(&mut self.marks, self.pending, marks::table)?
            .row(4)?
            .int8(id)
            .int4(entity_type)
            .uuid_or_null(digest)
            .uuid_or_null(links);
        Ok(())
    }

    /// Adds a problem. `identity` tells whether the last applied run had the same one.
    pub fn problem(&mut self, problem: &Problem, identity: u128) -> Result<(), TaskError> {
        let rejects = problem.code.rejects();
        *self.counts.entry(problem.code.as_str().to_owned()).or_default() += 1;
        if rejects && !self.known_rejects.contains(&identity) {
            *self.new_rejects.entry(problem.scope.clone()).or_default() += 1;
        }
        self.problem_seq += 1;
        let (run, seq) = (self.run, self.problem_seq);
        open(&mut self.problems, self.pending, problems::table)?
            .row(12)?
            .int4(run)
            .int4(seq)
            .text(&problem.scope)
            .text(&problem.file)
            .int8_or_null(problem.line.and_then(|line| i64::try_from(line).ok()))
            .text_or_null(problem.column.as_deref())
            .text_or_null(problem.key.as_deref())
            .text_or_null(problem.value.as_deref())
            .text(problem.code.as_str())
            .text(&problem.message)
            .bool(rejects)
            .uuid_or_null(Some(identity));
        Ok(())
    }

    /// Rejects per scope that the last applied run had not.
    pub fn new_rejects(&self, scope: &str) -> u64 {
        self.new_rejects.get(scope).copied().unwrap_or_default()
    }

    /// Ends all streams: what was written is there to be queried. Returns problems by code and the digest
    /// (`sha256:…`, over the sum of the digests of all changes, so that their order does not matter).
    pub fn finish(mut self) -> Result<Frozen, TaskError> {
        let mut connections = Vec::new();
        for copy in [self.changes.take(), self.problems.take(), self.marks.take()].into_iter().flatten() {
            connections.push(copy.finish()?);
        }
        let (digest, others) = (seal_of(self.digest.0), self.others.0);
        let (problems, new_rejects, marked) = (self.counts, self.new_rejects, self.marked);
        Ok(Frozen { problems, new_rejects, digest, others, marked, connections })
    }

    /// Makes the changes so far visible to questions.
    pub fn flush_changes(&mut self) -> Result<(), TaskError> {
        if let Some(copy) = self.changes.take() {
            copy.finish()?;
        }
        Ok(())
    }

    fn next_change(&mut self) -> i32 {
        self.change_seq += 1;
        self.change_seq
    }
}

/// What [`ChangeSet::finish`] leaves.
pub struct Frozen {
    /// Problems by reason code.
    pub problems: BTreeMap<String, u64>,
    /// Rejects per scope that the last applied run had not.
    pub new_rejects: BTreeMap<String, u64>,
    /// `sha256:…`.
    pub digest: String,
    /// The sum of the digests of what stands in pending tables.
    pub others: u128,
    /// Whether digests are to be written on records whose values stay.
    pub marked: bool,
    /// The connections that were in use, for what remains to be done in the schema.
    pub connections: Vec<PgConnection>,
}

fn open<'c, T>(copy: &'c mut Option<CopyIn>, pending: &Pending, table: T) -> Result<&'c mut CopyIn, TaskError>
where
    T: diesel::pg::CopyTarget<Table = T> + diesel::Table + Copy + Send + 'static,
{
    Ok(match copy {
        Some(open) => open,
        empty => empty.insert(CopyIn::start(pending.connect()?, table)),
    })
}
