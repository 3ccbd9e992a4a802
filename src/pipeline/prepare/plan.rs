//! What a preparation works on: the run, its configuration, its extraction, and the one that was applied last.

use crate::connectors;
use crate::document;
use crate::model::claim::Claim;
use crate::model::connection::SourceTable;
use crate::model::connector::{self, Connector, ConnectorDefinition};
use crate::model::counters::{AssociationCounters, EntityTypeCounters};
use crate::model::entity_type::Represents;
use crate::model::extraction::{self, ExtractionFile, ExtractionId};
use crate::model::run::{self, Run, RunId};
use crate::model::snapshot::{self as snapshots, Snapshot};
use crate::model::{association, configuration, entity_type};
use crate::pipeline::TaskError;
use crate::pipeline::difference::keys::Keys;
use crate::pipeline::difference::pairs::{Association, Source};
use crate::pipeline::difference::withhold::Withholding;
use crate::pipeline::difference::{Rowset, Scope, asked, scan, snapshot};
use crate::pipeline::index::columns_of;
use crate::pipeline::mapping::Mapper;
use crate::pipeline::progress::Progress;
use crate::store::Store;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Integer, Text, Uuid as SqlUuid};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A snapshot of so many bytes (some 300,000 keys) is read and written anew in less time than it takes to ask.
const QUICKLY_READ: u64 = 16 << 20;

/// What a preparation works on.
pub struct Plan {
    /// The run.
    pub run: Run,
    /// Its connector.
    pub connector: Connector,
    /// The version of the configuration that the run names.
    pub definition: ConnectorDefinition,
    /// Entity types' ids by name.
    pub entity_types: BTreeMap<String, i32>,
    /// Associations' ids by name.
    pub associations: BTreeMap<String, i32>,
    snapshot: Option<Snapshot>,
    /// The extraction is the whole truth: what is absent from it is gone.
    pub complete: bool,
    files: Vec<ExtractionFile>,
    before: Vec<ExtractionFile>,
}

impl Plan {
    /// Reads it all.
    pub fn load(connection: &mut PgConnection, claim: &Claim) -> Result<Self, TaskError> {
        let place = format!("run {}", claim.run);
        let missing = |what: &str| TaskError::failed(&place, format!("{what} is gone; start a new run"));
        let run = run::by_id(connection, claim.run)?.ok_or_else(|| missing("the run"))?;
        let connector =
            connector::by_id(connection, run.connector_id)?.ok_or_else(|| missing("the run's connector"))?;
        let snapshot = snapshots::holding(connection, &connector, run.configuration_version)?;
        let document = configuration::version(connection, connector.id, run.configuration_version)?.document;
        let settings = document::settings_in_force(connection)?;
        let definition = document::connector_under(&document, &settings)
            .map_err(|error| TaskError::failed(format!("connector {}", connector.name), error.to_string()))?;
        let extraction_id = ExtractionId(run.extraction_id.ok_or_else(|| missing("the run's extraction"))?);
        let complete =
            extraction::find(connection, extraction_id)?.ok_or_else(|| missing("the run's extraction"))?.complete;
        let files = extraction::files(connection, extraction_id)?;
        let mut before = match extraction::last_applied(connection, connector.id)? {
            Some(extraction) => extraction::files(connection, extraction.id)?,
            None => Vec::new(),
        };
        before.iter_mut().for_each(|before| leave_out_added(&definition, &files, before));
        let entity_types = entity_type::ids(connection, connector.id)?;
        let associations = association::ids(connection, connector.id)?;
        Ok(Self {
            run,
            connector,
            definition,
            entity_types: entity_types.into_iter().map(|(name, id)| (name, id.0)).collect(),
            associations: associations.into_iter().map(|(name, id)| (name, id.0)).collect(),
            snapshot,
            complete,
            files,
            before,
        })
    }

    fn file(&self, table: &str) -> Result<&ExtractionFile, TaskError> {
        self.files.iter().find(|file| file.source_table == table).ok_or_else(|| {
            TaskError::failed(
                table,
                "the run's extraction does not have this table: the configuration has changed since. Start a new run",
            )
        })
    }

    /// The entity types in the order of the document, each with its compiled mapping: the header contract.
    pub fn scopes(&self, connection: &mut PgConnection) -> Result<Vec<Scope<'_>>, TaskError> {
        let mut scopes = Vec::new();
        for definition in &self.definition.entity_types {
            let Some(&id) = self.entity_types.get(&definition.name) else { continue };
            let file = self.file(&definition.source.0)?;
            // A column with several values has left the export as pairs: it is not in this file.
            let columns = columns_of(&self.definition.associations);
            let compiled = match file.command_column {
                Some(_) => Mapper::of_changes(definition, &columns, file.columns()),
                None => Mapper::new(definition, &columns, &file.header).map(|mapper| (mapper, Vec::new())),
            };
            let (mapper, lacking) =
                compiled.map_err(|error| TaskError::failed(&file.source_file, error.to_string()))?;
            let partition = format!("resources_{id}");
            let empty = !exists(connection, &partition)?;
            if !empty {
                let unique = definition.properties.iter().filter(|property| property.unique && !property.key);
                let sql = crate::pipeline::pending::unique_indexes(&partition, id, unique.map(|one| one.name.as_str()));
                if !sql.is_empty() {
                    connection.batch_execute(&sql)?;
                }
            }
            scopes.push(Scope {
                id,
                connector: self.connector.id.0,
                definition,
                file,
                complete: self.complete,
                lacking,
                commands: None,
                mapper,
                keys: Keys::default(),
                in_part: false,
                look: Rowset::default(),
                conflicts: HashMap::new(),
                counters: EntityTypeCounters {
                    name: definition.name.clone(),
                    represents_users: definition.represents == Represents::Users,
                    ..EntityTypeCounters::default()
                },
                empty,
                pending: false,
                owns_pairs: false,
                pairs_in_rows: true,
                next_id: 0,
                withheld_values: HashSet::new(),
                suppressions: None,
            });
        }
        Ok(scopes)
    }

    /// The associations in the order of the document.
    pub fn associations<'a>(
        &'a self,
        connection: &mut PgConnection,
        scopes: &mut [Scope<'a>],
    ) -> Result<Vec<Association<'a>>, TaskError> {
        let mut associations = Vec::new();
        for definition in &self.definition.associations {
            let Some(&id) = self.associations.get(&definition.name) else { continue };
            let scope = |name: &str| scopes.iter().position(|scope| scope.definition.name == name);
            let Some(from) = scope(&definition.from) else { continue };
            let to: Vec<usize> = definition.to.names().filter_map(scope).collect();
            let source = match (&definition.column, &definition.source) {
                _ if definition.expression.is_some() => Source::Expression,
                (Some(column), _) if definition.cardinality.is_single_valued() => {
                    let Some(position) = scopes[from].mapper.association_column(&definition.name) else { continue };
                    Source::Column(position)
                }
                (Some(column), _) => {
                    let table = format!("{}.{column}", scopes[from].definition.source);
                    let column = scopes[from].file.columns().iter().position(|name| name == column);
                    Source::Pairs { file: self.file(&table)?, from: 0, to: 1, of_rows: true, column }
                }
                (None, Some(table)) => {
                    let file = self.file(&table.0)?;
                    let position = |column: &Option<String>| {
                        let column = column.as_deref().unwrap_or_default();
                        file.position(column).ok_or_else(|| {
                            TaskError::failed(
                                &file.source_file,
                                format!(
                                    "association {} reads the column {column:?}, which is missing; there are {}",
                                    definition.name,
                                    file.header.join(", ")
                                ),
                            )
                        })
                    };
                    Source::Pairs {
                        file,
                        from: position(&definition.from_column)?,
                        to: position(&definition.to_column)?,
                        of_rows: false,
                        column: None,
                    }
                }
                (None, None) => continue,
            };
            if let Source::Pairs { of_rows, .. } = source {
                scopes[from].owns_pairs = true;
                scopes[from].pairs_in_rows &= of_rows;
            }
            let empty = !exists(connection, &format!("links_{id}"))?;
            associations.push(Association {
                id,
                definition,
                from,
                to,
                source,
                empty,
                severed: HashSet::new(),
                counters: AssociationCounters { name: definition.name.clone(), ..AssociationCounters::default() },
            });
        }
        Ok(associations)
    }

    /// Reads what is stored: from the snapshot if one holds, else from the database. Where the run reads changes and leaves
    /// nothing out, only what these ask for, unless the snapshot is small. Returns the snapshot that tells what is stored.
    pub fn stored(
        &self,
        connection: &mut PgConnection,
        store: &Store,
        scopes: &mut [Scope<'_>],
        associations: &mut [Association<'_>],
        withholding: &Withholding,
        progress: &Progress,
    ) -> Result<Option<&Snapshot>, TaskError> {
        let asks = withholding.is_empty() && asked::suffices(scopes, associations);
        if let Some(snapshot) = self.snapshot.as_ref().filter(|snapshot| !asks || snapshot.bytes <= QUICKLY_READ) {
            progress.begin("Reading what was left by the last run", 0);
            if snapshot::restore(store, snapshot, scopes, associations, progress)? {
                return Ok(Some(snapshot));
            }
        }
        if asks {
            asked::stored(connection, store, scopes, associations, progress)?;
            self.stored_by_figures(connection, scopes, associations)?;
            return Ok(self.snapshot.as_ref());
        }
        for scope in scopes {
            progress.begin(format!("Reading what is stored: {}", scope.definition.title()), 0);
            scan::stored(connection, scope, scope.file.rows)?;
        }
        for association in associations.iter_mut().filter(|association| !association.empty) {
            association.counters.stored =
                count(connection, &format!("links where association_id = {}", association.id))?;
        }
        Ok(None)
    }

    /// How much is stored, by the figures of the last applied run: counting millions would take longer than all the rest.
    /// What that run says nothing about is counted.
    fn stored_by_figures(
        &self,
        connection: &mut PgConnection,
        scopes: &mut [Scope<'_>],
        associations: &mut [Association<'_>],
    ) -> Result<(), TaskError> {
        let last = match self.connector.applied_run_id {
            Some(id) => run::by_id(connection, RunId(id))?.map(|run| run.counters.0),
            None => None,
        }
        .unwrap_or_default();
        for scope in scopes {
            let known = last.entity_types.iter().find(|one| one.name == scope.definition.name);
            scope.counters.stored = match known {
                Some(known) => known.left(),
                None => count(connection, &format!("resources where entity_type_id = {}", scope.id))?,
            };
        }
        for association in associations.iter_mut().filter(|association| !association.empty) {
            let known = last.associations.iter().find(|one| one.name == association.definition.name);
            association.counters.stored = match known {
                Some(known) => known.left(),
                None => count(connection, &format!("links where association_id = {}", association.id))?,
            };
        }
        Ok(())
    }

    /// Rows of each table in the last applied extraction and now.
    pub fn volumes(&self) -> Vec<(String, u64, u64)> {
        self.both().map(|(before, now)| (now.source_table.clone(), before.rows, now.rows)).collect()
    }

    /// Tables whose unmapped columns vanished, or whose order changed, in words. A mapped column that vanished has
    /// failed the task before.
    pub fn headers(&self) -> Vec<(String, String)> {
        self.both()
            .filter_map(|(before, now)| {
                let gone: Vec<&str> =
                    before.header.iter().filter(|name| !now.header.contains(name)).map(String::as_str).collect();
                if !gone.is_empty() {
                    return Some((now.source_table.clone(), format!("without {}", gone.join(", "))));
                }
                let known: Vec<&String> = now.header.iter().filter(|name| before.header.contains(name)).collect();
                let order: Vec<&String> = before.header.iter().collect();
                (known != order).then(|| (now.source_table.clone(), "the columns stand in another order".to_owned()))
            })
            .collect()
    }

    /// The tables of the extraction, each as the last applied run over the whole truth had read it, if it had. Changes
    /// are compared with nothing: they may be few, and lack columns.
    pub fn tables(&self) -> impl Iterator<Item = (Option<&ExtractionFile>, &ExtractionFile)> {
        let whole = self.files.iter().filter(|now| now.command_column.is_none());
        whole.map(|now| (self.before.iter().find(|before| before.source_table == now.source_table), now))
    }

    fn both(&self) -> impl Iterator<Item = (&ExtractionFile, &ExtractionFile)> {
        self.tables().filter_map(|(before, now)| Some((before?, now)))
    }
}

/// Forgets columns that a kind of connection had added by itself, and adds no more: changes are told in another way now,
/// which says nothing about the source.
fn leave_out_added(definition: &ConnectorDefinition, files: &[ExtractionFile], before: &mut ExtractionFile) {
    let Some(now) = files.iter().find(|now| now.source_table == before.source_table) else { return };
    let source = SourceTable(before.source_table.clone());
    let kind = definition.table(&source).and_then(|(connection, _)| connectors::kind(&connection.kind));
    let stays = |name: &String| now.header.contains(name) || !kind.is_some_and(|kind| kind.adds_column(name));
    before.header.retain(stays);
    before.profile.columns.retain(|column| stays(&column.name));
}

/// What the last applied run over the whole truth had rejected, and those applied since: the same again is no news. A
/// revert rejects nothing, and says nothing about the source.
pub fn known_rejects(connection: &mut PgConnection, connector: &Connector) -> Result<HashSet<u128>, TaskError> {
    #[derive(QueryableByName)]
    struct Identity {
        #[diesel(sql_type = SqlUuid)]
        identity: uuid::Uuid,
    }
    let runs: Vec<i32> = extraction::last_said(connection, connector.id)?.iter().map(|run| run.0).collect();
    let identities: Vec<Identity> =
        diesel::sql_query("select distinct identity from problems where run_id = any($1) and rejects")
            .bind::<Array<Integer>, _>(runs)
            .load(connection)?;
    Ok(identities.into_iter().map(|row| row.identity.as_u128()).collect())
}

fn exists(connection: &mut PgConnection, table: &str) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Exists {
        #[diesel(sql_type = Bool)]
        there: bool,
    }
    let exists: Exists = diesel::sql_query("select to_regclass('public.' || $1) is not null as there")
        .bind::<Text, _>(table)
        .get_result(connection)?;
    Ok(exists.there)
}

fn count(connection: &mut PgConnection, of: &str) -> QueryResult<u64> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        count: i64,
    }
    let count: Count = diesel::sql_query(format!("select count(*) as count from {of}")).get_result(connection)?;
    Ok(count.count.unsigned_abs())
}
