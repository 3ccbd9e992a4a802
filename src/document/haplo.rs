//! Haplo control files → a connector's document.
//!
//! A control file says how the files of a feed are read and how users are made of their records (`control`). It is turned
//! into the document of a connector that is fed by upload, and does the same; what has no counterpart is named, with its
//! path in the file. The steps:
//!
//! ```text
//! control      JSON, checked                       members, readers
//! survey       what all instructions together say
//! instructions followed once, for any record       values, dates, terms
//! properties   what each target came to            names, groups, printing
//! writing      TOML, with comments
//! ```

mod control;
mod dates;
mod groups;
mod instructions;
mod members;
mod names;
mod note;
mod printing;
mod properties;
mod readers;
mod survey;
mod terms;
#[cfg(test)]
mod tests;
mod values;
mod writing;

pub use members::ControlError;
pub use note::Note;

use control::{Control, Destination, Target, USER_NAMES};
use instructions::{Held, Outcome};
use note::Notes;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use survey::Survey;
use writing::{Link, Parts, Users};

/// A document that was made of a control file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// TOML, as [`parse`](super::parse) accepts it.
    pub document: String,
    /// What it does not do as the control file said.
    pub notes: Vec<Note>,
}

/// Why a control file could not be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportError {
    /// It is no JSON: line and column from 1, and why.
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// It is no control file that can be imported; all that is wrong.
    Control(Vec<ControlError>),
}

/// Turns a control file into the document of a connector called `name`. `groups`: codes of managed groups that the control
/// file does not know, because they stand in the records.
pub fn import(text: &str, name: &str, groups: &[String]) -> Result<Imported, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value = serde_json::from_str(text).map_err(|error| ImportError::Syntax {
        line: error.line(),
        column: error.column(),
        // without the place that it ends with
        message: error.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
    })?;
    let control = control::read(&value).map_err(ImportError::Control)?;
    let imported = translate(&control, name, groups);
    match super::parse(&imported.document, Some(Path::new("/"))) {
        Ok(_) => Ok(imported),
        Err(errors) => {
            let flaw = |error: &super::DocumentError| ControlError {
                path: "$".to_owned(),
                message: format!("the document that it makes is not accepted: {}", error.message),
            };
            Err(ImportError::Control(errors.0.iter().map(flaw).collect()))
        }
    }
}

fn translate(control: &Control, name: &str, given_groups: &[String]) -> Imported {
    let survey = Survey::of(&control.instructions);
    let mut notes = Notes::default();
    if control.record_processor {
        notes.add("$.recordProcessor", "works on records in code of its own, which is not known here; it is left out");
    }
    if control.files.len() > 1 {
        notes.add(
            "$.files",
            "a user that leaves one file is blocked by it, also if another one has it: several files are several sources",
        );
    }
    let outcomes: Vec<Outcome> =
        control.files.iter().map(|file| instructions::follow(control, &survey, &file.read, &mut notes)).collect();
    let targets: BTreeSet<&Target> = outcomes.iter().flat_map(|outcome| outcome.held.keys()).collect();
    let names = names::of_targets(targets.into_iter());
    let group_target = Target { destination: Destination::User, name: "groups".to_owned(), qualifier: None };
    let memberships = outcomes.iter().filter_map(|outcome| outcome.held.get(&group_target));
    let (codes, others) = groups::codes(given_groups, memberships);
    let group_path = survey.about(&group_target).map_or("$.instructions", |about| about.path.as_str());
    if others && given_groups.is_empty() {
        notes.add(
            group_path,
            "codes of groups stand in the records; name the managed groups with --group CODE, or memberships of others \
             than those in the control file dangle",
        );
    }
    for required in ["nameFirst", "nameLast", "email"] {
        let target = Target { destination: Destination::User, name: required.to_owned(), qualifier: None };
        if survey.about(&target).is_none() {
            notes
                .add("$.instructions", format!("no instruction sets {required} of user, which a user must have there"));
        }
    }

    let mut users = Vec::new();
    let mut links = Vec::new();
    let entity_types: Vec<String> = match &control.files[..] {
        [_] => vec!["user".to_owned()],
        files => files.iter().map(|file| file.name.clone()).collect(),
    };
    let group_names: BTreeMap<&str, String> =
        codes.iter().map(|code| (code.as_str(), group_name(code, &entity_types))).collect();
    for ((file, outcome), entity_type) in control.files.iter().zip(&outcomes).zip(&entity_types) {
        let suffix = if entity_types.len() > 1 { format!("_{entity_type}") } else { String::new() };
        let mut of_file =
            Users { name: entity_type.clone(), file: file.name.clone(), properties: Vec::new(), fields: Vec::new() };
        for (target, held) in in_order(&outcome.held) {
            let (Some(name), Some(about)) = (names.get(target), survey.about(target)) else { continue };
            if *target == group_target && !codes.is_empty() {
                let Some(expression) = groups::memberships(held, &about.path, &mut notes) else { continue };
                links.push(Link {
                    name: format!("groups{suffix}"),
                    comment: None,
                    from: entity_type.clone(),
                    to: group_names.values().cloned().collect(),
                    expression,
                    many: true,
                    membership: true,
                });
                continue;
            }
            if about.refers_to_users() {
                let many = matches!(held, Held::Many(_));
                let Some(expression) = groups::memberships(held, &about.path, &mut notes) else { continue };
                links.push(Link {
                    name: format!("{name}{suffix}"),
                    comment: Some(format!("{}: a user by its user name", target.shown())),
                    from: entity_type.clone(),
                    to: entity_types.clone(),
                    expression,
                    many,
                    membership: false,
                });
                continue;
            }
            let Some(property) = properties::of_target(target, name, held, &survey, &mut notes) else { continue };
            let field = match target.destination {
                Destination::User => names::user_field(&target.name).map(str::to_owned),
                _ => Some(name.clone()),
            };
            of_file.fields.extend(field.map(|field| (field, property.name.clone())));
            of_file.properties.push(property);
        }
        of_file.properties.extend(properties::of_aborts(&outcome.aborts, &mut notes));
        users.push(of_file);
    }
    let groups = group_names.iter().map(|(code, name)| (name.clone(), groups::key(code))).collect();
    let parts = Parts { name, files: &control.files, users, groups, links, notes: notes.list() };
    Imported { document: writing::write(&parts), notes: notes.into_list() }
}

/// The user's own names first, in their usual order.
fn in_order(held: &BTreeMap<Target, Held>) -> Vec<(&Target, &Held)> {
    let mut all: Vec<_> = held.iter().collect();
    all.sort_by_key(|(target, _)| match target.destination {
        Destination::User => USER_NAMES.iter().position(|name| *name == target.name).unwrap_or(usize::MAX),
        _ => usize::MAX,
    });
    all
}

/// What the entity type of a group is called: its code, as far as that can be a name and is not taken.
fn group_name(code: &str, entity_types: &[String]) -> String {
    let name: String = code.chars().filter(|letter| !letter.is_control()).take(90).collect();
    let name = name.trim();
    if entity_types.iter().any(|taken| taken == name) || matches!(name, "" | "." | "..") {
        return format!("group {name}");
    }
    name.to_owned()
}
