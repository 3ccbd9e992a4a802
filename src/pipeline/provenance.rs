//! Why a profile says what it says: the numbers of provenance in names, and what the sources said that lost.

use super::authority::{Authority, Source, Testimony};
use crate::document;
use crate::model::connector::ConnectorDefinition;
use crate::model::entity_type::{EntityTypeDefinition, UsersDefinition};
use crate::model::origin::{self, EntityTypeNames, RunNames};
use crate::model::resource::Resource;
use crate::model::{person, profile_field};
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::pg::PgConnection;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Names of connectors, entity types, runs and files; and who decides about values.
pub struct Origins {
    entity_types: BTreeMap<i32, EntityTypeNames>,
    /// Connector → its current configuration; one that this version of Muster can't read is missing.
    definitions: BTreeMap<i32, ConnectorDefinition>,
    runs: HashMap<i32, RunFacts>,
}

struct RunFacts {
    applied_at: Option<DateTime<Utc>>,
    /// `connection.table` → what messages call the file.
    files: HashMap<String, String>,
}

/// Where a value is from, in names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The connector's name.
    pub connector: String,
    /// What pages call the connector.
    #[serde(skip)]
    pub connector_title: String,
    /// The entity type's name.
    pub entity_type: String,
    /// The run that brought the value.
    pub run: i32,
    /// The file it stood in, as far as the run's extraction is known.
    pub file: Option<String>,
    /// The line, header = 1.
    pub line: i32,
}

impl Origin {
    /// File and line in words: `people.csv line 5`; empty if neither is known.
    pub fn place(&self) -> String {
        place(self.file.as_deref(), self.line)
    }
}

/// File and line in words: `people.csv line 5`. Sources without lines have line 0.
pub fn place(file: Option<&str>, line: i32) -> String {
    let line = if line > 0 { format!("line {line}") } else { String::new() };
    [file.unwrap_or_default(), &line].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

/// What one source says about a profile field.
#[derive(Debug, Clone)]
pub struct Said {
    /// The value.
    pub value: Value,
    /// Where it is from.
    pub origin: Origin,
    /// The entity type of the resource that says so.
    pub entity_type: i32,
}

impl Origins {
    /// The names of all connectors and entity types; nothing of configurations and runs yet.
    pub fn load(conn: &mut PgConnection) -> QueryResult<Self> {
        let entity_types = origin::entity_types(conn)?.into_iter().map(|names| (names.id, names)).collect();
        Ok(Self { entity_types, definitions: BTreeMap::new(), runs: HashMap::new() })
    }

    /// Learns what the current configurations of these connectors say: they name the files and decide about values.
    pub fn learn_connectors(
        &mut self,
        conn: &mut PgConnection,
        connectors: impl IntoIterator<Item = i32>,
    ) -> QueryResult<()> {
        let ids: Vec<i32> = connectors.into_iter().collect();
        for (id, text) in origin::documents(conn, &ids)? {
            self.definitions.extend(document::connector(&text).ok().map(|definition| (id, definition)));
        }
        Ok(())
    }

    /// Learns about runs that are not known yet.
    pub fn learn_runs(&mut self, conn: &mut PgConnection, runs: impl IntoIterator<Item = i32>) -> QueryResult<()> {
        let unknown: BTreeSet<i32> = runs.into_iter().filter(|run| !self.runs.contains_key(run)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let unknown: Vec<i32> = unknown.into_iter().collect();
        for RunNames { id, applied_at, source_table, source_file } in origin::runs(conn, &unknown)? {
            let facts = self.runs.entry(id).or_insert(RunFacts { applied_at, files: HashMap::new() });
            facts.files.extend(source_table.zip(source_file));
        }
        Ok(())
    }

    /// The names of an entity type.
    pub fn entity_type(&self, id: i32) -> Option<&EntityTypeNames> {
        self.entity_types.get(&id)
    }

    /// The ids of all connectors that have entity types.
    pub fn connector_ids(&self) -> BTreeSet<i32> {
        self.entity_types.values().map(|names| names.connector_id).collect()
    }

    /// An entity type as its connector's configuration has it, if that is known here.
    pub fn definition_of(&self, id: i32) -> Option<&EntityTypeDefinition> {
        let names = self.entity_types.get(&id)?;
        self.definitions.get(&names.connector_id)?.entity_type(&names.name)
    }

    /// What an entity type says about users, if its connector's configuration is known here.
    pub fn users_of(&self, id: i32) -> Option<&UsersDefinition> {
        self.definition_of(id)?.users.as_ref()
    }

    /// A connector's name.
    pub fn connector(&self, id: i32) -> Option<&str> {
        let names = self.entity_types.values().find(|names| names.connector_id == id)?;
        Some(&names.connector)
    }

    /// What pages call a connector.
    pub fn connector_title(&self, id: i32) -> Option<&str> {
        let names = self.entity_types.values().find(|names| names.connector_id == id)?;
        Some(&names.connector_title)
    }

    /// When a run was applied.
    pub fn applied_at(&self, run: i32) -> Option<DateTime<Utc>> {
        self.runs.get(&run)?.applied_at
    }

    /// The file that an entity type was read from by a run.
    pub fn file(&self, entity_type: i32, run: i32) -> Option<&str> {
        let names = self.entity_types.get(&entity_type)?;
        let source = &self.definitions.get(&names.connector_id)?.entity_type(&names.name)?.source;
        self.runs.get(&run)?.files.get(&source.0).map(String::as_str)
    }

    /// Where a value is from, in names; `None` if its entity type is unknown.
    pub fn of(&self, source: person::Source) -> Option<Origin> {
        let names = self.entity_types.get(&source.entity_type)?;
        Some(Origin {
            connector: names.connector.clone(),
            connector_title: names.connector_title.clone(),
            entity_type: names.name.clone(),
            run: source.run,
            file: self.file(source.entity_type, source.run).map(str::to_owned),
            line: source.line,
        })
    }

    /// All that the resources of a person say, by profile field, the winner first, as [`Authority`] ranks them.
    pub fn said(&self, conn: &mut PgConnection, resources: &[Resource]) -> QueryResult<BTreeMap<String, Vec<Said>>> {
        let authority = self.authority(conn)?;
        let testimonies: Vec<Testimony> = resources.iter().filter_map(testimony).collect();
        let fields: BTreeSet<&String> = self.users().flat_map(|(_, users)| users.fields.keys()).collect();
        let said = fields.into_iter().map(|field| {
            let said = authority.candidates(field, &testimonies).into_iter().filter_map(|(testimony, value)| {
                let source = person::Source {
                    connector: self.entity_types.get(&testimony.entity_type)?.connector_id,
                    entity_type: testimony.entity_type,
                    run: testimony.run,
                    line: testimony.line,
                };
                Some(Said { value: value.clone(), origin: self.of(source)?, entity_type: testimony.entity_type })
            });
            (field.clone(), said.collect())
        });
        Ok(said.collect())
    }

    /// Who decides, among the connectors whose configuration is known here: others have said nothing.
    fn authority(&self, conn: &mut PgConnection) -> QueryResult<Authority> {
        let sources = self.users().map(|(names, users)| Source {
            entity_type: names.id,
            connector: names.connector_id,
            users: users.clone(),
        });
        let ids: HashMap<&str, i32> =
            self.entity_types.values().map(|names| (names.connector.as_str(), names.connector_id)).collect();
        let orders = profile_field::list(conn)?.into_iter().map(|field| {
            let connectors = field.sources.iter().flatten().filter_map(|name| ids.get(name.as_str()).copied());
            (field.name.clone(), connectors.collect())
        });
        Ok(Authority::new(sources.collect(), orders.collect()))
    }

    fn users(&self) -> impl Iterator<Item = (&EntityTypeNames, &UsersDefinition)> {
        self.entity_types.values().filter_map(|names| {
            let definition = self.definitions.get(&names.connector_id)?.entity_type(&names.name)?;
            Some((names, definition.users.as_ref()?))
        })
    }
}

fn testimony(resource: &Resource) -> Option<Testimony> {
    Some(Testimony {
        resource: resource.id,
        entity_type: resource.entity_type_id,
        run: resource.run_id,
        line: resource.line,
        attributes: resource.attributes.as_object()?.clone(),
    })
}
