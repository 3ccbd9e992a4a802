//! Prepare synchronization: from a sealed extraction to a frozen change set, its forecast and the guards' verdict. It
//! writes nothing that anybody reads before its last, fenced transaction.

mod approval;
mod assemble;
pub(super) mod freeze;
mod inquiry;
mod left;
pub mod plan;

use super::causes;
use super::consequences;
use super::difference::change_set::ChangeSet;
use super::difference::keys::flag;
use super::difference::pairs;
use super::difference::seals::Seals;
use super::difference::snapshot::Kept;
use super::difference::suppress;
use super::difference::withhold::{self, Withholding};
use super::difference::{Scope, Work, absent, links, marks, records, scan};
use super::guards::{self, Evidence};
use super::pending::{Builds, LoadError, Pending};
use super::people::correlation::{Correlator, Fresh};
use super::people::newcomers::Newcomers;
use super::people::{self, PeopleWorld};
use super::progress::Progress;
use super::{Context, TaskError};
use crate::db;
use crate::model;
use crate::model::approval::Approval;
use crate::model::cause::Cause;
use crate::model::claim::{Claim, Ending, Prepared, finish, note_causes};
use crate::model::counters::{Counters, PersonCounters};
use crate::model::entity_type::Represents;
use crate::model::guard::Breach;
use crate::model::suppression::{self, Suppressions};
use crate::model::{extraction, partition, snapshot};
use crate::secret::Key;
use diesel::Connection;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use left::Left;
use plan::Plan;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Works out the change set of the claimed run.
pub fn run(context: &Context, claim: &Claim, progress: &Progress) -> Result<(), TaskError> {
    let mut connection = db::connect(&context.database_url, &claim.application_name())?;
    progress.begin("Reading the configuration", 0);
    assemble::extraction_of_stored_values(context, &mut connection, claim, progress)?;
    let plan = Plan::load(&mut connection, claim)?;
    partition::ensure_months(&mut connection, plan.run.created_at.date_naive(), 1)?;
    let approval = model::approval::of(&mut connection, claim.run)?;
    let seen = approval.as_ref().and_then(|approval| approval.pending_schema.clone());
    let pending = Pending::create(&mut connection, claim, &context.database_url, seen.as_deref())?;
    let known_rejects = plan::known_rejects(&mut connection, &plan.connector)?;
    let today = plan.run.created_at.date_naive();
    let withholding = Withholding::load(&mut connection, &plan.run)?;
    let mut work = Work {
        run: claim.run.0,
        connection: &mut connection,
        store: &context.store,
        pending: &pending,
        changes: ChangeSet::new(claim.run.0, today, &pending, known_rejects),
        withholding,
        builds: Builds::default(),
        newcomers: None,
        progress,
        seals: Seals::begin(&context.store),
    };
    let read = plan.scopes(work.connection).and_then(|mut scopes| {
        let associations = plan.associations(work.connection, &mut scopes)?;
        Ok((scopes, associations))
    });
    let (mut scopes, mut associations) = match read {
        Ok(read) => read,
        Err(error) => {
            // The header contract: what it probably is, beside the error.
            let causes = causes::explain(&inquiry::header(work.connection, &plan)?);
            note_causes(work.connection, claim, &causes)?;
            return Err(error);
        }
    };

    let suppressions = suppressions(work.connection, &context.key_file)?;
    for scope in &mut scopes {
        scope.suppressions.clone_from(&suppressions);
    }
    let known =
        plan.stored(work.connection, work.store, &mut scopes, &mut associations, &work.withholding, progress)?;
    for scope in &mut scopes {
        progress.begin(format!("Comparing {}", scope.definition.title()), scope.file.rows);
        scan::read(work.store, scope, &work.seals, progress)?;
        absent::find(scope);
        suppress::mark(scope);
        work.withholding.keep(scope);
    }
    for association in &mut associations {
        pairs::add_up(&mut work, association, &mut scopes)?;
    }
    let (persons, reserved) = map(&mut work, &plan, &mut scopes)?;
    links::resolve(&mut work, &mut associations, &mut scopes)?;
    progress.begin("Indexing what is new", 0);
    let repeated = work.builds.finish(work.pending)?;
    for association in &mut associations {
        association.counters.inserted -= repeated.get(&association.id).copied().unwrap_or_default();
    }
    for scope in &mut scopes {
        marks::settle(&mut work, scope)?;
        // What the first pass took for unchanged.
        let counters = &mut scope.counters;
        let others = counters.inserted
            + counters.updated
            + counters.deleted_by_command
            + counters.rejected
            + counters.duplicates_dropped
            + counters.out_of_scope
            + counters.withheld
            + counters.suppressed;
        counters.unchanged = counters.read.saturating_sub(others);
    }
    let (withheld, over) = work.withholding.settle(&scopes, &associations, plan.complete);
    let rows = scopes.iter().map(|scope| scope.counters.read).sum();
    let Work { changes, seals, .. } = work;
    let frozen = changes.finish()?;
    let counters = Counters {
        entity_types: scopes.iter().map(|scope| scope.counters.clone()).collect(),
        associations: associations.iter().map(|association| association.counters.clone()).collect(),
        persons,
        problems: frozen.problems,
    };
    let users = pending_users(&pending, &scopes);
    let left = Left { plan: &plan, store: &context.store, folder: &pending.schema, known };
    let suppressed: u64 = counters.entity_types.iter().map(|one| one.suppressed).sum();
    std::thread::scope(|threads| {
        // Beside each other: what waits for the disk, and questions to the database that do not need each other's answer.
        let kept: Vec<Kept<'_>> = scopes.iter().map(Kept::of).collect();
        let (figures, digest, marked) = (counters.clone(), frozen.digest.clone(), frozen.marked);
        let known = counters.persons.clone();
        let saving = threads.spawn(move || left.save(&kept, &figures, digest, marked));
        let following = threads.spawn(|| consequences::of_links(&plan, &pending));
        let forecasting = threads.spawn(|| {
            let mut connection = db::connect(&context.database_url, &claim.application_name())?;
            forecast(&mut connection, &plan, &pending, (&users, &reserved), known, progress)
        });
        freeze::look_up_keys(&mut connection, &pending, &plan.entity_types)?;
        // What was looked at stands where this set will be published, and is held against it first.
        let approval = approval
            .map(|approval| {
                Ok::<_, TaskError>((approval::unseen(&mut connection, &plan, &pending, &approval)?, approval))
            })
            .transpose()?;
        // What is published is there for others only with the end of the preparation, which is fenced.
        connection.transaction(|connection| {
            freeze::publish(connection, &pending, claim, frozen.others)?;
            let ended = |what| move |_| TaskError::failed(what, "the thread that works it out ended unexpectedly");
            let (persons, struck) = forecasting.join().map_err(ended("persons"))??;
            progress.begin("Looking for consequences", 0);
            let of_links = following.join().map_err(ended("consequences"))??;
            let consequences = consequences::of_accounts(connection, &struck)?.into_iter().chain(of_links).collect();
            let left = saving.join().map_err(ended("snapshot"))?;
            let counters = Counters { persons, ..counters };
            withhold::write(connection, &pending.schema, claim.run.0, &withheld, &over)?;
            let verdict = Verdict::of(connection, &plan, &pending, &counters, frozen.new_rejects, approval, progress)?;
            let prepared = Prepared {
                state_version: plan.connector.state_version,
                change_set_digest: frozen.digest,
                pending_schema: Some(pending.schema.clone()),
                counters,
                breaches: verdict.breaches,
                rows,
                causes: verdict.causes,
                approved_by: verdict.approved_by,
                consequences,
            };
            drop(frozen.connections);
            progress.begin("Proving the seals", 0);
            seals.finish()?;
            progress.go_on()?;
            freeze::leave(connection, &pending)?;
            snapshot::record(connection, claim.run, plan.connector.id, left.as_ref())?;
            if suppressed > 0
                && let Some(extraction) = plan.run.extraction_id
            {
                // What was passed over still stands in its files; the clean-up takes it out.
                extraction::doubt(connection, extraction)?;
            }
            finish(connection, claim, Ending::Prepared(Box::new(prepared)), &context.enqueue)?;
            Ok::<_, TaskError>(())
        })
    })?;
    // The clean-up finds what remains, should this fail.
    if let Ok(mut connection) = db::connect(&context.database_url, &claim.afterwards_name()) {
        left::sweep(&mut connection, &context.store, plan.connector.id);
        if let Some(schema) = seen {
            // It was looked at, and is of no use any more.
            let _ = connection.batch_execute(&format!("drop schema if exists {schema} cascade"));
        }
    }
    Ok(())
}

/// Who is passed over; `None`: nobody was ever anonymized.
pub(super) fn suppressions(
    connection: &mut PgConnection,
    key_file: &Path,
) -> Result<Option<Arc<Suppressions>>, TaskError> {
    if !suppression::any(connection)? {
        return Ok(None);
    }
    Ok(Some(Arc::new(Suppressions::load(connection, Key::open(key_file)?)?)))
}

/// Maps what has to be looked at, in the order of the document; returns what becomes of persons that are new, and the
/// ids reserved for them: first, last.
fn map(
    work: &mut Work<'_>,
    plan: &Plan,
    scopes: &mut [Scope<'_>],
) -> Result<(PersonCounters, Vec<(i64, i64)>), TaskError> {
    work.newcomers = Newcomers::of(work.connection, plan.connector.id.0, work.run)?;
    let mut reserved = Vec::new();
    let mut persons = PersonCounters::default();
    let mut fresh = Fresh::default();
    let rules = scopes.iter().filter_map(|scope| scope.definition.users.as_ref()).skip(1);
    fresh.fields = rules.flat_map(|users| &users.correlate).map(|rule| rule.field.clone()).collect();
    for scope in scopes.iter_mut() {
        let title = scope.definition.title();
        work.progress.begin(format!("Mapping {title}"), scope.file.rows);
        let new = scope.keys.iter().filter(|(_, entry)| entry.has(flag::NEW)).count() as i64;
        let nobody = scope.keys.iter().filter(|(_, entry)| entry.has(flag::NOBODY)).count() as i64;
        scope.next_id = reserve(work.connection, "resource_ids", new)?;
        let users = scope.definition.users.as_ref();
        match users.filter(|_| scope.definition.represents == Represents::Users) {
            Some(users) => {
                persons.stored += scope.counters.stored;
                let first = reserve(work.connection, "person_ids", nobody)?;
                reserved.push((first, first + nobody - 1));
                if let Some(newcomers) = &mut work.newcomers {
                    newcomers.reserve(first, nobody);
                }
                let mut correlator = Correlator::new(work.connection, scope.id, users, first, &mut fresh)?;
                records::map(work, scope, Some(&mut correlator))?;
                persons.created += correlator.created();
            }
            None => {
                records::map(work, scope, None)?;
            }
        }
        work.progress.begin(format!("Looking for what is gone: {title}"), 0);
        absent::delete(work, scope)?;
    }
    if let Some(newcomers) = work.newcomers.take() {
        let authority = people::authority(work.connection, &plan.connector, &plan.definition)?;
        let users = pending_users(work.pending, scopes);
        let now = db::now(work.connection)?;
        newcomers.settle(work, &authority, &users, now)?;
    }
    Ok((persons, reserved))
}

/// The pending tables of users.
fn pending_users(pending: &Pending, scopes: &[Scope<'_>]) -> Vec<String> {
    scopes
        .iter()
        .filter(|scope| scope.pending && scope.definition.represents == Represents::Users)
        .map(|scope| format!("{}.resources_{}", pending.schema, scope.id))
        .collect()
}

/// Reserves ids that nobody else gets, and returns the first.
fn reserve(connection: &mut PgConnection, sequence: &str, count: i64) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct First {
        #[diesel(sql_type = BigInt)]
        first: i64,
    }
    connection.transaction(|connection| {
        // `nextval` and `setval` are two steps: whoever reserves a block does so alone.
        diesel::sql_query("select pg_advisory_xact_lock(hashtext($1))")
            .bind::<Text, _>(sequence)
            .execute(connection)?;
        let first: First = diesel::sql_query("select nextval($1::regclass) as first")
            .bind::<Text, _>(sequence)
            .get_result(connection)?;
        diesel::sql_query("select setval($1::regclass, $2)")
            .bind::<Text, _>(sequence)
            .bind::<BigInt, _>(first.first + count.max(1) - 1)
            .execute(connection)?;
        Ok(first.first)
    })
}

/// Works out what would become of persons, beside those `known` to be made or stored; returns also those with an account
/// here who would be blocked or removed.
fn forecast(
    connection: &mut PgConnection,
    plan: &Plan,
    pending: &Pending,
    (users, reserved): (&[String], &[(i64, i64)]),
    known: PersonCounters,
    progress: &Progress,
) -> Result<(PersonCounters, Vec<i64>), TaskError> {
    if !plan.definition.entity_types.iter().any(|entity_type| entity_type.represents == Represents::Users) {
        return Ok((known, Vec::new()));
    }
    let authority = people::authority(connection, &plan.connector, &plan.definition)?;
    let changes = format!("{}.changes", pending.schema);
    diesel::sql_query(format!("create index on {changes} (person_id) where person_id is not null"))
        .execute(connection)?;
    diesel::sql_query(format!("create index on {changes} (resource_id) where resource_id is not null"))
        .execute(connection)?;
    // Statistics of what is joined and selected by; those of values and texts would take longer than they are worth.
    diesel::sql_query(format!("analyze {changes} (entity_type_id, association_id, operation, resource_id, person_id)"))
        .execute(connection)?;
    let world = PeopleWorld { changes: &changes, added: users, applied: false, made: reserved };
    let now = db::now(connection)?;
    let watched = consequences::account_holders(connection)?;
    let (followed, struck) = people::forecast(connection, &authority, &world, plan.run.id.0, now, &watched, progress)?;
    let PersonCounters { created, stored, .. } = known;
    Ok((PersonCounters { created, stored, ..followed }, struck))
}

/// What guards say of a change set, and an approval with how many changes it has not seen.
struct Verdict {
    breaches: Vec<Breach>,
    /// What may be behind them.
    causes: Vec<Cause>,
    /// Who has approved it, if it is covered by what was looked at.
    approved_by: Option<String>,
}

impl Verdict {
    fn of(
        connection: &mut PgConnection,
        plan: &Plan,
        pending: &Pending,
        counters: &Counters,
        new_rejects: BTreeMap<String, u64>,
        approval: Option<(u64, Approval)>,
        progress: &Progress,
    ) -> Result<Self, TaskError> {
        let mut breaches = evaluate(plan, counters.clone(), new_rejects);
        let mut approved_by = None;
        if let Some((unseen, approval)) = approval {
            match approval::not_covered(plan, &approval, unseen, &counters.persons) {
                Some(breach) => breaches.insert(0, breach),
                None => approved_by = Some(approval.approved_by),
            }
        }
        let mut causes = Vec::new();
        if !breaches.is_empty() {
            progress.begin("Looking for likely causes", 0);
            causes = causes::explain(&inquiry::ask(connection, plan, &pending.schema, counters, &breaches)?);
        }
        Ok(Self { breaches, causes, approved_by })
    }
}

fn evaluate(plan: &Plan, counters: Counters, new_rejects: BTreeMap<String, u64>) -> Vec<Breach> {
    guards::evaluate(&Evidence {
        first_run: plan.connector.applied_run_id.is_none(),
        complete: plan.complete,
        new_rejects,
        volumes: plan.volumes(),
        headers: plan.headers(),
        ..Evidence::of(&plan.definition, counters)
    })
}

impl From<LoadError> for TaskError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Connection(error) => Self::Connection(error),
            LoadError::Database(error) => Self::Database(error),
        }
    }
}
