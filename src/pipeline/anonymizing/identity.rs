//! Who a person is: records with their keys, values, and the texts by which one would be recognized. In memory alone.

use super::recognition::Recognition;
use crate::model::connector::ConnectorId;
use crate::model::suppression::{is_telling, of_key, of_match, of_text, of_value};
use crate::pipeline::difference::scan::key_digest;
use crate::secret::Key;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Profile fields whose values name somebody.
const NAMING: [&str; 6] = ["user_name", "mail", "employee_id", "phone", "mobile", "display_name"];

/// Of these, values that nobody else has.
const OWN: [&str; 5] = ["user_name", "mail", "employee_id", "phone", "mobile"];

/// Shorter texts stand for too much else to be looked for.
const SHORTEST: usize = 4;

/// Who somebody is.
pub(super) struct Identity {
    /// Records that fed the person alone: entity type, id, key.
    pub(super) records: Vec<(i32, i64, String)>,
    /// Profile field → values, now and before.
    fields: BTreeMap<String, BTreeSet<String>>,
    /// The profile fields that persons are correlated by.
    correlated: BTreeSet<String>,
    /// Values of records by which associations refer to them: entity type, property, value.
    matched: BTreeSet<(i32, String, String)>,
    /// SHA-256 of photos and other large values.
    pub(super) blobs: Vec<String>,
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Jsonb)]
    fields: Value,
    #[diesel(sql_type = Jsonb)]
    local: Value,
}

#[derive(QueryableByName)]
struct Record {
    #[diesel(sql_type = Integer)]
    entity_type_id: i32,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Jsonb)]
    attributes: Value,
    /// It fed nobody else since.
    #[diesel(sql_type = Bool)]
    own: bool,
}

impl Identity {
    /// Of a person that is there; `None`: it is not.
    pub(super) fn load(conn: &mut PgConnection, person: i64, recognition: Recognition) -> QueryResult<Option<Self>> {
        let now: Option<Version> = diesel::sql_query("select fields, local from persons where id = $1 for update")
            .bind::<BigInt, _>(person)
            .get_result(conn)
            .optional()?;
        let Some(now) = now else { return Ok(None) };
        let mut versions: Vec<Version> = diesel::sql_query("select fields, local from persons_history where id = $1")
            .bind::<BigInt, _>(person)
            .load(conn)?;
        versions.push(now);
        let records: Vec<Record> = diesel::sql_query(
            "select entity_type_id, id, key, attributes, true as own from resources where person_id = $1
             union all
             select h.entity_type_id, h.id, h.key, h.attributes,
                    not exists (select from resources r
                                 where r.entity_type_id = h.entity_type_id and r.id = h.id
                                   and r.person_id is distinct from $1)
               from resources_history h where h.person_id = $1",
        )
        .bind::<BigInt, _>(person)
        .load(conn)?;
        let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut blobs = BTreeSet::new();
        for version in &versions {
            for (name, value) in entries(&version.fields).chain(entries(&version.local)) {
                note_blob(&mut blobs, value);
                fields.entry(name.clone()).or_default().extend(text(value));
            }
        }
        let mut matched = BTreeSet::new();
        for record in &records {
            for (name, value) in entries(&record.attributes) {
                note_blob(&mut blobs, value);
                let place = (record.entity_type_id, name.clone());
                if record.own && recognition.properties.contains(&place) {
                    matched.extend(text(value).into_iter().map(|text| (place.0, place.1.clone(), text)));
                }
            }
        }
        let own: BTreeSet<(i32, i64, String)> = records
            .into_iter()
            .filter(|record| record.own)
            .map(|record| (record.entity_type_id, record.id, record.key))
            .collect();
        Ok(Some(Self {
            records: own.into_iter().collect(),
            fields,
            correlated: recognition.fields,
            matched,
            blobs: blobs.into_iter().collect(),
        }))
    }

    /// The connectors that these records are of.
    pub(super) fn connectors(&self, conn: &mut PgConnection) -> QueryResult<Vec<ConnectorId>> {
        #[derive(QueryableByName)]
        struct Of {
            #[diesel(sql_type = Integer)]
            connector_id: i32,
        }
        let types: Vec<i32> = self.records.iter().map(|(entity_type, ..)| *entity_type).collect();
        let of: Vec<Of> =
            diesel::sql_query("select distinct connector_id from entity_types where id = any($1) order by 1")
                .bind::<Array<Integer>, _>(types)
                .load(conn)?;
        Ok(of.into_iter().map(|row| ConnectorId(row.connector_id)).collect())
    }

    /// Their ids.
    pub(super) fn ids(&self) -> Vec<i64> {
        self.records.iter().map(|(_, id, _)| *id).collect()
    }

    /// What is stored to know the person again without knowing who it is.
    pub(super) fn digests(&self, key: &Key) -> Vec<[u8; 32]> {
        let mut digests = BTreeSet::new();
        for (entity_type, _, record) in &self.records {
            digests.insert(of_key(key, *entity_type, key_digest(record)));
            digests.extend(is_telling(record).then(|| of_text(key, record)));
        }
        for (entity_type, property, value) in &self.matched {
            digests.insert(of_match(key, *entity_type, property, key_digest(value)));
            digests.extend(is_telling(value).then(|| of_text(key, value)));
        }
        for (field, values) in &self.fields {
            for value in values {
                if self.correlated.contains(field) {
                    digests.insert(of_value(key, field, value));
                }
                if OWN.contains(&field.as_str()) && is_telling(value) {
                    digests.insert(of_text(key, value));
                }
            }
        }
        digests.into_iter().collect()
    }

    /// The texts that name the person, the longest first; `more`: such as what accounts are called.
    pub(super) fn texts<'t>(&self, more: impl Iterator<Item = &'t str>) -> Vec<String> {
        let named = NAMING.iter().filter_map(|field| self.fields.get(*field)).flatten();
        let keys = self.records.iter().map(|(_, _, key)| key);
        let mut full: Vec<String> = Vec::new();
        for given in self.fields.get("given_name").into_iter().flatten() {
            full.extend(self.fields.get("family_name").into_iter().flatten().map(|family| format!("{given} {family}")));
        }
        let matched = self.matched.iter().map(|(.., value)| value);
        let all = named.chain(keys).chain(matched).chain(&full).map(|text| text.trim().to_owned());
        let all = all.chain(more.map(|text| text.trim().to_owned()));
        let all: BTreeSet<String> = all.filter(|text| text.chars().count() >= SHORTEST).collect();
        let mut all: Vec<String> = all.into_iter().collect();
        all.sort_by_key(|text| std::cmp::Reverse(text.len()));
        all
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(values) => values.iter().flat_map(text).collect(),
        _ => Vec::new(),
    }
}

fn note_blob(blobs: &mut BTreeSet<String>, value: &Value) {
    let digest = value.as_str().and_then(|text| text.strip_prefix("sha256:"));
    blobs.extend(digest.filter(|digest| digest.len() == 64).map(str::to_owned));
}
