//! The values of a profile, each with where it is from and what else was said.

use super::by_account::{ByAccount, OverrideLine};
use crate::model::person::Person;
use crate::model::profile_field::ProfileField;
use crate::model::resource::Resource;
use crate::pipeline::provenance::{Origin, Origins, Said};
use crate::web::elements::When;
use crate::web::pages::resource::run_href;
use crate::web::{diff, links};
use std::collections::{BTreeMap, BTreeSet};

/// A profile field that has a value, or should.
pub(in crate::web::pages) struct FieldLine {
    /// What pages call it.
    pub title: String,
    /// Where it is explained.
    pub why: String,
    /// Its value; empty for a required field without one.
    pub value: String,
    /// Whether an account set it.
    pub is_local: bool,
    /// Which account, and when, where that is known.
    pub edited: Option<(String, When)>,
    /// The override that holds.
    pub overridden: Option<OverrideLine>,
    /// Where it is from.
    pub source: Option<SourceLine>,
    /// What other sources said.
    pub others: Vec<OtherLine>,
}

/// Where a value is from, as a tag.
pub(in crate::web::pages) struct SourceLine {
    /// What pages call the connector.
    pub connector: String,
    /// The connector's page.
    pub connector_href: String,
    /// The run's page, and what to call it.
    pub run: (String, String),
    /// File and line.
    pub place: String,
}

/// What a source said whose value is not taken, or that said the same.
pub(in crate::web::pages) struct OtherLine {
    /// The value.
    pub value: String,
    /// Whether it is the profile's value.
    pub is_same: bool,
    /// Where it is from.
    pub source: SourceLine,
}

/// The connectors whose configuration explains the values of a person.
pub(in crate::web::pages) fn connectors(person: &Person, resources: &[Resource], origins: &Origins) -> BTreeSet<i32> {
    let feeding = resources.iter().filter_map(|one| Some(origins.entity_type(one.entity_type_id)?.connector_id));
    let kept = person.field_names().filter_map(|name| person.source(name)).map(|source| source.connector);
    feeding.chain(kept).collect()
}

/// The fields in the order of the profile: those with a value, and those that should have one.
pub(in crate::web::pages) fn lines(
    person: &Person,
    declared: &[ProfileField],
    mut said: BTreeMap<String, Vec<Said>>,
    origins: &Origins,
    by_account: &ByAccount,
) -> Vec<FieldLine> {
    let undeclared = person.field_names().filter(|name| declared.iter().all(|field| field.name != **name));
    let names = declared.iter().map(|field| (&field.name, field.title.as_str(), field.required));
    let names = names.chain(undeclared.map(|name| (name, name.as_str(), false)));
    let lines = names.filter_map(|(name, title, required)| {
        let value = person.value(name);
        if value.is_none() && !required {
            return None;
        }
        let source = person.source(name).filter(|_| person.fields.get(name).is_some());
        let others = said.remove(name).unwrap_or_default().into_iter().enumerate().filter(|(rank, one)| {
            let wins = *rank == 0 && Some(&one.value) == value && source.is_some_and(|source| is_from(source, one));
            !wins
        });
        let others = others.map(|(_, one)| OtherLine {
            value: diff::text(&one.value),
            is_same: Some(&one.value) == value,
            source: source_line(&one.origin),
        });
        let overridden = by_account.overridden(name).filter(|_| value.is_some() && source.is_none());
        let is_local = value.is_some() && source.is_none() && overridden.is_none();
        Some(FieldLine {
            title: title.to_owned(),
            why: links::why(person.id, name),
            value: value.map(diff::text).unwrap_or_default(),
            is_local,
            edited: by_account.edited(name).filter(|_| is_local),
            overridden,
            others: others.collect(),
            source: source.and_then(|source| origins.of(source)).as_ref().map(source_line),
        })
    });
    lines.collect()
}

/// The run of a value is the one that brought it, which may be older than the resource's: the entity type tells.
fn is_from(source: crate::model::person::Source, said: &Said) -> bool {
    source.entity_type == said.entity_type
}

fn source_line(origin: &Origin) -> SourceLine {
    SourceLine {
        connector: origin.connector_title.clone(),
        connector_href: links::connector(&origin.connector),
        run: (run_href(origin.run), format!("run {}", origin.run)),
        place: origin.place(),
    }
}
