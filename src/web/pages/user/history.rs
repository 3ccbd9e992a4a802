//! What a user was before, from the newest change to the first.

use crate::model::person::{Block, PastVersion, Person};
use crate::model::profile_field::ProfileField;
use crate::pipeline::provenance::Origins;
use crate::web::pages::resource::{VersionLine, run_href};
use crate::web::{diff, links, standing};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Each past version beside the one that took its place; at last, how the user came.
pub(super) fn lines(
    person: &Person,
    past: &[PastVersion],
    declared: &[ProfileField],
    origins: &Origins,
    now: DateTime<Utc>,
) -> Vec<VersionLine> {
    let shown = &past[..past.len().min(super::VERSIONS)];
    let picture = |state: &str, fields: &Value, local: &Value, blocks: &Value| {
        Value::Object(picture(state, [local, fields], blocks, declared, origins))
    };
    let mut after = picture(&person.state, &person.fields, &person.local, &person.blocks);
    let mut lines = Vec::new();
    for version in shown {
        let before = picture(&version.state, &version.fields, &version.local, &version.blocks);
        lines.push(VersionLine {
            run: version.ended_by_run_id.map(run),
            differences: diff::differences(Some(&before), Some(&after)),
            ..VersionLine::changed(&links::user(person.id), version.valid_to, now)
        });
        after = before;
    }
    if shown.len() == past.len() {
        let began = past.last().map_or(person.valid_from, |first| first.valid_from);
        lines.push(VersionLine {
            event: "Created",
            run: person.created_run_id.map(run),
            before: None,
            ..VersionLine::changed(&links::user(person.id), began, now)
        });
    }
    lines
}

fn run(id: i32) -> (String, String) {
    (run_href(id), format!("run {id}"))
}

/// All that can change about a person, by what pages call it.
pub(super) fn picture(
    state: &str,
    values: [&Value; 2],
    blocks: &Value,
    declared: &[ProfileField],
    origins: &Origins,
) -> Map<String, Value> {
    let title = |name: &String| {
        declared.iter().find(|field| field.name == *name).map_or_else(|| name.clone(), |field| field.title.clone())
    };
    let mut picture = Map::new();
    for (name, value) in values.into_iter().filter_map(Value::as_object).flatten() {
        picture.insert(title(name), value.clone());
    }
    picture.insert("State".into(), state.into());
    let blocks = Vec::<Block>::deserialize(blocks).unwrap_or_default();
    if !blocks.is_empty() {
        let reasons: Vec<String> = blocks.iter().map(|block| standing::reason(block, origins)).collect();
        picture.insert("Blocked".into(), reasons.join(", ").into());
    }
    picture
}
