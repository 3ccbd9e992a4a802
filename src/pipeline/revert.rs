//! Revert: prepare of a run whose change set is the inverse of that of an applied run (SPEC 3.6).
//!
//! Nothing is read from a source. The inverse is worked out set-wise from the change set of the reverted run
//! (`inverse`); what was changed since is a conflict, listed and left alone (`conflicts`). It is frozen, forecast and
//! guarded like any other change set, and synchronize applies it unchanged; what is particular about that stands in
//! [`applying`], and what follows for persons in `people/reverting`.

pub mod applying;
mod conflicts;
mod freezing;
mod inverse;

use super::difference::withhold;
use super::guards::{self, Evidence};
use super::pending::Pending;
use super::people::{self, PeopleWorld, reverting};
use super::prepare::freeze;
use super::progress::Progress;
use super::{Context, TaskError};
use crate::db;
use crate::document;
use crate::model::claim::{Claim, Ending, Prepared, finish};
use crate::model::connector::{self, ConnectorDefinition, ConnectorId};
use crate::model::counters::{AssociationCounters, Counters, EntityTypeCounters, PersonCounters};
use crate::model::entity_type::Represents;
use crate::model::run::{self, Mode, Run};
use crate::model::{association, configuration, entity_type, partition, revert};
use diesel::Connection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable};

/// The scopes of a connector, those no longer in its configuration included: what they hold can be taken back as well.
pub(super) struct Scopes {
    entity_types: Vec<EntityScope>,
    associations: Vec<AssociationScope>,
}

struct EntityScope {
    id: i32,
    name: String,
    represents_users: bool,
    /// The reverted run added it whole.
    whole: bool,
    /// Unique properties.
    unique: Vec<String>,
    /// A person has one user of it.
    creates_persons: bool,
}

struct AssociationScope {
    id: i32,
    name: String,
    whole: bool,
    single: bool,
}

/// Whether the claimed run is a revert.
pub fn is_revert(context: &Context, claim: &Claim) -> Result<bool, TaskError> {
    let mut connection = context.db.get().map_err(db::DbError::from)?;
    Ok(run::by_id(&mut connection, claim.run)?.is_some_and(|run| run.mode == Mode::Revert))
}

/// Works out the change set of the claimed revert.
pub fn prepare(context: &Context, claim: &Claim, progress: &Progress) -> Result<(), TaskError> {
    let mut connection = db::connect(&context.database_url, &claim.application_name())?;
    progress.begin("Reading what is to be reverted", 0);
    let place = format!("run {}", claim.run);
    let missing = |what: &str| TaskError::failed(&place, format!("{what} is gone; there is nothing to revert"));
    let run = run::by_id(&mut connection, claim.run)?.ok_or_else(|| missing("the run"))?;
    let reverted = match run.reverts_run_id {
        Some(id) => run::by_id(&mut connection, id)?,
        None => None,
    };
    let reverted = reverted.ok_or_else(|| missing("the run that it reverts"))?;
    revert::check(&mut connection, &reverted).map_err(|error| TaskError::failed(&place, error.to_string()))?;
    let connector =
        connector::by_id(&mut connection, run.connector_id)?.ok_or_else(|| missing("the run's connector"))?;
    let document = configuration::version(&mut connection, connector.id, run.configuration_version)?.document;
    let settings = document::settings_in_force(&mut connection)?;
    let definition = document::connector_under(&document, &settings)
        .map_err(|error| TaskError::failed(format!("connector {}", connector.name), error.to_string()))?;
    let today = run.created_at.date_naive();
    partition::ensure_months(&mut connection, today, 1)?;
    let pending = Pending::create(&mut connection, claim, &context.database_url, None)?;
    let scopes = Scopes::load(&mut connection, connector.id, &definition, &reverted)?;

    progress.begin("Turning the changes round", 0);
    let schema = &pending.schema;
    inverse::work_out(&mut connection, schema, &reverted, &scopes)?;
    progress.go_on()?;
    conflicts::exclude(&mut connection, schema, run.id.0, &scopes)?;
    conflicts::find(&mut connection, schema, reverted.id.0, &scopes)?;
    progress.go_on()?;
    let frozen = freezing::freeze(&mut connection, &pending, &run, &reverted, &scopes, progress)?;
    let mut counters = scopes.count(&mut connection, schema)?;
    counters.problems = frozen.problems;
    counters.persons = forecast(&mut connection, &run, &reverted, &connector, &definition, schema, progress)?;

    let breaches = guards::evaluate(&Evidence::of(&definition, counters.clone()));
    progress.begin("Freezing the change set", 0);
    let entity_types = scopes.entity_types.iter().map(|scope| (scope.name.clone(), scope.id)).collect();
    freeze::look_up_keys(&mut connection, &pending, &entity_types)?;
    // Holds are about what sources propose; a revert leaves none out.
    withhold::write(&mut connection, &pending.schema, claim.run.0, &[], &[])?;
    let prepared = Prepared {
        state_version: connector.state_version,
        change_set_digest: frozen.digest,
        pending_schema: Some(pending.schema.clone()),
        rows: counters.entity_types.iter().map(|one| one.read).sum(),
        counters,
        breaches,
        ..Prepared::default()
    };
    drop(frozen.connections);
    progress.go_on()?;
    connection.transaction(|connection| {
        freeze::publish(connection, &pending, claim, frozen.others)?;
        freeze::leave(connection, &pending)?;
        finish(connection, claim, Ending::Prepared(Box::new(prepared)), &context.enqueue)?;
        Ok(())
    })
}

fn forecast(
    connection: &mut PgConnection,
    run: &Run,
    reverted: &Run,
    connector: &connector::Connector,
    definition: &ConnectorDefinition,
    schema: &str,
    progress: &Progress,
) -> Result<PersonCounters, TaskError> {
    let users: Vec<i32> = entity_type::ids(connection, connector.id)?
        .into_iter()
        .filter(|(name, _)| definition.entity_type(name).is_some_and(|one| one.represents == Represents::Users))
        .map(|(_, id)| id.0)
        .collect();
    if users.is_empty() {
        return Ok(PersonCounters::default());
    }
    let authority = people::authority(connection, connector, definition)?;
    let changes = applying::told(connection, &format!("{schema}.changes"), schema, &format!("{schema}.told"))?;
    let world = PeopleWorld { changes: &changes, added: &[], applied: false, made: &[] };
    let now = db::now(connection)?;
    let mut counters = reverting::forecast(connection, &authority, &world, run.id.0, reverted.id.0, now, progress)?;
    for id in users {
        counters.stored += count(connection, &format!("from resources where entity_type_id = {id}"))?;
    }
    Ok(counters)
}

impl Scopes {
    fn load(
        connection: &mut PgConnection,
        connector: ConnectorId,
        definition: &ConnectorDefinition,
        reverted: &Run,
    ) -> Result<Self, TaskError> {
        #[derive(QueryableByName)]
        struct Whole {
            #[diesel(sql_type = Nullable<Integer>)]
            entity_type_id: Option<i32>,
            #[diesel(sql_type = Nullable<Integer>)]
            association_id: Option<i32>,
        }
        let whole: Vec<Whole> =
            diesel::sql_query("select entity_type_id, association_id from outbox where run_id = $1 and kind = 'scope'")
                .bind::<Integer, _>(reverted.id)
                .load(connection)?;
        let entity_types = entity_type::of_connector(connection, connector)?
            .into_iter()
            .map(|stored| {
                let definition = definition.entity_type(&stored.name);
                let unique = definition.iter().flat_map(|one| &one.properties).filter(|one| one.unique && !one.key);
                EntityScope {
                    id: stored.id.0,
                    represents_users: stored.represents == Represents::Users.as_str(),
                    whole: whole.iter().any(|one| one.entity_type_id == Some(stored.id.0)),
                    unique: unique.map(|property| property.name.clone()).collect(),
                    creates_persons: definition.and_then(|one| one.users.as_ref()).is_some_and(|users| users.create),
                    name: stored.name,
                }
            })
            .collect();
        let associations = association::of_connector(connection, connector)?
            .into_iter()
            .map(|stored| {
                let definition = definition.associations.iter().find(|one| one.name == stored.name);
                AssociationScope {
                    id: stored.id.0,
                    whole: whole.iter().any(|one| one.association_id == Some(stored.id.0)),
                    single: definition.is_some_and(|one| one.cardinality.is_single_valued()),
                    name: stored.name,
                }
            })
            .collect();
        Ok(Self { entity_types, associations })
    }

    /// The ids of all entity types, to stand in SQL.
    fn entity_type_ids(&self) -> String {
        list(self.entity_types.iter().map(|scope| scope.id))
    }

    /// The ids of all associations, to stand in SQL.
    fn association_ids(&self) -> String {
        list(self.associations.iter().map(|scope| scope.id))
    }

    /// The figures. Read is what the reverted run changed: the books balance over it.
    fn count(&self, connection: &mut PgConnection, schema: &str) -> Result<Counters, TaskError> {
        let mut counters = Counters::default();
        for scope in &self.entity_types {
            let id = scope.id;
            let mut of = |what: &str| count(connection, &format!("from {schema}.{what}"));
            let mut done = |operation: &str| {
                of(&format!("inverse where entity_type_id = {id} and problem is null and operation = '{operation}'"))
            };
            let (inserted, updated, deleted) = (done("insert")?, done("update")?, done("delete")?);
            let read = of(&format!("original where entity_type_id = {id}"))?;
            let withheld = count(
                connection,
                &format!(
                    "from (select resource_id from {schema}.conflicts where entity_type_id = {id}
                           union
                           select resource_id from {schema}.inverse
                            where entity_type_id = {id} and problem <> 'nothing') left_alone
                     where not exists (select from {schema}.inverse i
                                        where i.resource_id = left_alone.resource_id and i.problem is null)"
                ),
            )?;
            let stored = count(connection, &format!("from resources where entity_type_id = {id}"))?;
            if read == 0 && stored == 0 {
                continue;
            }
            counters.entity_types.push(EntityTypeCounters {
                name: scope.name.clone(),
                represents_users: scope.represents_users,
                read,
                inserted,
                updated,
                unchanged: read.saturating_sub(inserted + updated + deleted + withheld),
                deleted_by_command: deleted,
                withheld,
                stored,
                ..EntityTypeCounters::default()
            });
        }
        for scope in &self.associations {
            let id = scope.id;
            let mut of = |condition: &str| {
                count(connection, &format!("from {schema}.inverse where association_id = {id} and {condition}"))
            };
            let mut done = |operation: &str| of(&format!("problem is null and operation = '{operation}'"));
            let (inserted, updated, deleted) = (done("insert")?, done("update")?, done("delete")?);
            let rejected = of("problem <> 'excluded'")?;
            let withheld = of("problem = 'excluded'")?;
            let stored = count(connection, &format!("from links where association_id = {id}"))?;
            let name = scope.name.clone();
            if inserted + updated + deleted + rejected + withheld + stored > 0 {
                counters.associations.push(AssociationCounters {
                    name,
                    inserted,
                    updated,
                    deleted,
                    rejected,
                    withheld,
                    stored,
                });
            }
        }
        Ok(counters)
    }
}

/// The id of the run that this one reverts.
fn reverted(run: &Run) -> Result<i32, TaskError> {
    run.reverts_run_id.map(|id| id.0).ok_or_else(|| {
        TaskError::failed(format!("run {}", run.id), "the run that it reverts is gone; there is nothing to revert")
    })
}

fn list(ids: impl Iterator<Item = i32>) -> String {
    let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
    // No id is 0, so that nothing is found where there are none.
    if ids.is_empty() { "0".to_owned() } else { ids.join(", ") }
}

fn count(connection: &mut PgConnection, from: &str) -> Result<u64, TaskError> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let count: Count = diesel::sql_query(format!("select count(*) as count {from}")).get_result(connection)?;
    Ok(count.count.unsigned_abs())
}
