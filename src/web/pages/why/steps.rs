//! The five steps from a record to a value.

use crate::model::correlation;
use crate::model::entity_type::EntityTypeDefinition;
use crate::model::person::{Person, Source};
use crate::model::profile_field::ProfileField;
use crate::model::property::PropertyDefinition;
use crate::model::resource::Resource;
use crate::pipeline::people::first_match::{self, FirstMatch};
use crate::pipeline::provenance::{Origins, place};
use crate::web::diff;
use crate::web::error::WebError;
use crate::web::pages::resource::run_href;
use diesel::pg::PgConnection;

/// A step, with what it rests on.
pub(super) struct Step {
    /// What is done in it.
    pub title: &'static str,
    /// How it went, in a sentence.
    pub words: String,
    /// What it rests on: what, and what that is.
    pub facts: Vec<(String, String)>,
    /// The run to look at.
    pub run: Option<(String, String)>,
}

impl Step {
    fn new(title: &'static str, words: impl Into<String>) -> Self {
        Self { title, words: words.into(), facts: Vec::new(), run: None }
    }
}

/// The steps to the value of a field; fewer where it came from nowhere.
pub(super) fn of(
    conn: &mut PgConnection,
    person: &Person,
    name: &str,
    field: Option<&ProfileField>,
    resources: &[Resource],
    origins: &Origins,
) -> Result<Vec<Step>, WebError> {
    let from = person.source(name).filter(|_| person.fields.get(name).is_some());
    let Some(from) = from else {
        let words = match person.value(name) {
            Some(_) => "It was set here, by an account: no source has a say in it.",
            None => "No record that feeds this user says anything about it.",
        };
        return Ok(vec![authority(conn, name, field, resources, origins)?, Step::new("Value", words)]);
    };
    let definition = origins.definition_of(from.entity_type);
    let property = definition.and_then(|one| {
        let property = one.users.as_ref()?.fields.get(name)?;
        one.property(property)
    });
    let record = resources.iter().find(|one| one.entity_type_id == from.entity_type);
    Ok(vec![
        read(from, record, property, origins),
        scope(definition),
        matched(conn, person, record, definition, origins)?,
        authority(conn, name, field, resources, origins)?,
        value(person, name, property),
    ])
}

fn read(from: Source, record: Option<&Resource>, property: Option<&PropertyDefinition>, origins: &Origins) -> Step {
    let whose = origins
        .entity_type(from.entity_type)
        .map_or_else(|| "a source".to_owned(), |names| format!("{} of {}", names.title, names.connector_title));
    let mut step = match record {
        Some(record) => Step::new("Read", format!("The record {} was read among the {whose}.", record.key)),
        None => Step::new("Read", format!("Its record among the {whose} is gone; the value is what it said last.")),
    };
    let place = place(origins.file(from.entity_type, from.run), from.line);
    if !place.is_empty() {
        step.facts.push(("Stood in".into(), place));
    }
    match property {
        Some(PropertyDefinition { column: Some(column), .. }) => step.facts.push(("Column".into(), column.clone())),
        Some(PropertyDefinition { constant: Some(constant), .. }) => {
            step.facts.push(("The same for all".into(), constant.clone()));
        }
        _ => {}
    }
    step.run = Some((run_href(from.run), format!("run {}", from.run)));
    step
}

fn scope(definition: Option<&EntityTypeDefinition>) -> Step {
    match definition.and_then(|one| one.scope.as_ref()) {
        Some(scope) => {
            let mut step = Step::new("In scope", "The filter of the entity type lets the record through.");
            step.facts.push(("where".into(), scope.clone()));
            step
        }
        None => Step::new("In scope", "The entity type has no filter: every record is in scope."),
    }
}

/// By what the record found the user, then; a correlation stays once made. Beside it, which rules agree now.
fn matched(
    conn: &mut PgConnection,
    person: &Person,
    record: Option<&Resource>,
    definition: Option<&EntityTypeDefinition>,
    origins: &Origins,
) -> Result<Step, WebError> {
    let Some(record) = record else {
        return Ok(Step::new("Matched by", "The record fed this user as long as it was there."));
    };
    if let Some(decided) = correlation::about(conn, record.entity_type_id, &record.key)? {
        let mut step = Step::new("Matched by", format!("{} said by hand who it is.", decided.decided_by));
        step.facts.push(("When".into(), decided.decided_at.format("%Y-%m-%d %H:%M UTC").to_string()));
        step.facts.extend(decided.comment.map(|comment| ("Why".into(), comment)));
        return Ok(step);
    }
    let rules = definition.and_then(|one| one.users.as_ref()).map(|users| users.correlate.as_slice());
    let agree: Vec<(String, String)> = rules
        .unwrap_or_default()
        .iter()
        .filter_map(|rule| {
            let said = diff::text(record.attributes.get(&rule.property)?);
            let known = diff::text(person.value(&rule.field)?);
            let same = if rule.ignore_case { said.to_lowercase() == known.to_lowercase() } else { said == known };
            same.then(|| (rule_in_words(&rule.property, &rule.field), known))
        })
        .collect();
    let names = origins.entity_type(record.entity_type_id);
    let is_maker = person.created_by.is_some() && names.map(|names| names.connector_id) == person.created_by;
    let (run, first) = first_match::of(conn, record, person.id)?.unzip();
    let words = match (&first, is_maker) {
        (Some(FirstMatch::Rule { property, field, value }), _) => format!(
            "The rule {} found the user, who was here already: both had {value}. What was correlated once stays.",
            rule_in_words(property, field)
        ),
        (Some(FirstMatch::ByHand), _) => "Somebody gave the record to this user by hand; that stays.".to_owned(),
        (Some(FirstMatch::Made), _) | (_, true) => {
            "A record of this connector made the user; what was correlated once stays.".to_owned()
        }
        _ => "A rule found the user, who was here already; the history that is kept does not tell which.".to_owned(),
    };
    let mut step = Step::new("Matched by", words);
    step.facts = match first {
        Some(FirstMatch::Rule { .. } | FirstMatch::ByHand) => {
            agree.into_iter().map(|(rule, value)| (format!("{rule}, now"), value)).collect()
        }
        _ => agree,
    };
    step.run = run.map(|run| (run_href(run.0), format!("run {run}")));
    Ok(step)
}

fn rule_in_words(property: &str, field: &str) -> String {
    format!("{property} = {field}")
}

/// Who has a say in the field, in order, and what each says.
fn authority(
    conn: &mut PgConnection,
    name: &str,
    field: Option<&ProfileField>,
    resources: &[Resource],
    origins: &Origins,
) -> Result<Step, WebError> {
    let said = origins.said(conn, resources)?.remove(name).unwrap_or_default();
    let ordered = field.is_some_and(|field| field.sources.iter().flatten().next().is_some());
    let order = match ordered {
        true => "in the order that the settings give this field",
        false => "in the order in which the connectors were created",
    };
    let words = match said.len() {
        0 => format!("No record says anything; sources would be asked {order}."),
        1 => format!("One record says something about it; sources are asked {order}."),
        _ => format!("The first that has a value wins, {order}."),
    };
    let mut step = Step::new("Authority", words);
    step.facts = said
        .iter()
        .enumerate()
        .map(|(place, one)| {
            let at = one.origin.place();
            let at = if at.is_empty() { String::new() } else { format!(" ({at})") };
            (format!("{}. {}", place + 1, one.origin.connector_title), format!("{}{at}", diff::text(&one.value)))
        })
        .collect();
    Ok(step)
}

fn value(person: &Person, name: &str, property: Option<&PropertyDefinition>) -> Step {
    let mut step = Step::new("Value", "What the profile shows.");
    if let Some(property) = property {
        step.facts.push(("Property".into(), property.name.clone()));
        step.facts.extend(property.expression.clone().map(|expression| ("Expression".into(), expression)));
        step.facts.extend(property.format.clone().map(|format| ("Format".into(), format)));
    }
    step.facts.extend(person.value(name).map(|value| ("Value".into(), diff::text(value))));
    step
}
