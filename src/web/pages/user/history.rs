//! What a user was before, from the newest change to the first.

use crate::model::person::{Block, PastVersion, Person};
use crate::model::profile_field::ProfileField;
use crate::pipeline::provenance::Origins;
use crate::web::elements::When;
use crate::web::pages::resource::{VersionLine, run_href};
use crate::web::{diff, standing};
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
        picture(state, [local, fields], blocks, declared, origins)
    };
    let mut after = picture(&person.state, &person.fields, &person.local, &person.blocks);
    let mut lines = Vec::new();
    for version in shown {
        let before = picture(&version.state, &version.fields, &version.local, &version.blocks);
        lines.push(VersionLine {
            when: When::new(version.valid_to, now),
            event: "Changed",
            run: version.ended_by_run_id.map(run),
            differences: diff::differences(Some(&before), Some(&after)),
        });
        after = before;
    }
    if shown.len() == past.len() {
        let began = past.last().map_or(person.valid_from, |first| first.valid_from);
        lines.push(VersionLine {
            when: When::new(began, now),
            event: "Created",
            run: person.created_run_id.map(run),
            differences: Vec::new(),
        });
    }
    lines
}

fn run(id: i32) -> (String, String) {
    (run_href(id), format!("run {id}"))
}

/// All that can change about a person, by what pages call it.
fn picture(state: &str, values: [&Value; 2], blocks: &Value, declared: &[ProfileField], origins: &Origins) -> Value {
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
    Value::Object(picture)
}
