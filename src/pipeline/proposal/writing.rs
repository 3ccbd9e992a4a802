//! The document that says what was guessed, each guess with its evidence beside it.

use super::Sketch;
use super::links::{Link, Pairs};
use super::tables::{Origin, PropertyPlan, TablePlan};
use crate::model::association::Cardinality;
use crate::model::connection::SourceTable;
use crate::model::entity_type::Represents;
use crate::model::property::ValueType;
use serde_json::{Map, Value};
use std::fmt::Write;

/// The whole document.
pub(super) fn document(sketch: &Sketch<'_>, plans: &[TablePlan<'_>], links: &[Link]) -> String {
    let mut out = String::new();
    line(
        &mut out,
        "# Proposed from what the source held. Each guess has its evidence beside it: correct what is wrong.",
    );
    line(&mut out, "");
    pair(&mut out, "", "name", &quoted(sketch.name), "");
    if let Some(title) = sketch.display_name {
        pair(&mut out, "", "display_name", &quoted(title), "");
    }
    let connection = sketch.connection;
    line(&mut out, "\n[[connection]]");
    pair(&mut out, "", "name", &quoted(&connection.name), "");
    pair(&mut out, "", "kind", &quoted(&connection.kind), "");
    settings(&mut out, &connection.settings);
    for table in &connection.tables {
        line(&mut out, "\n[[connection.table]]");
        pair(&mut out, "", "name", &quoted(&table.name), "");
        settings(&mut out, &table.settings);
    }
    let source = |table: &str| quoted(&SourceTable::new(&connection.name, table).0);
    for plan in plans {
        entity_type(&mut out, plan, &source(&plan.facts.name));
    }
    for link in links {
        let text = association(link, plans, &source);
        match link.is_whole {
            true => out.push_str(&text),
            false => {
                line(&mut out, "\n# Take the # away to have it:");
                text.trim_start().lines().for_each(|text| line(&mut out, &format!("# {text}")));
            }
        }
    }
    out
}

fn entity_type(out: &mut String, plan: &TablePlan<'_>, source: &str) {
    line(out, "\n[[entity_type]]");
    pair(out, "", "name", &quoted(&plan.name), "");
    pair(out, "", "source", source, "");
    if plan.represents != Represents::Nothing {
        pair(out, "", "represents", &quoted(plan.represents.as_str()), &plan.why);
    }
    for (column, why) in &plan.unread {
        line(out, &format!("# {} has no property: {}", plain(column), plain(why)));
    }
    for one in &plan.properties {
        property(out, one);
    }
    match plan.represents {
        Represents::Users => users(out, plan),
        Represents::Groups => {
            line(out, "\n  [entity_type.groups]");
            pair(out, "  ", "name", &quoted(plan.group_name.as_deref().unwrap_or_default()), "");
        }
        Represents::Nothing | Represents::Organizations => {}
    }
}

fn property(out: &mut String, property: &PropertyPlan) {
    line(out, "\n  [[entity_type.property]]");
    let mut said = property.evidence.as_str();
    let mut write = |key: &str, value: String| {
        // The evidence stands once, beside what it is for.
        let evidence = if ["column", "expression"].contains(&key) { std::mem::take(&mut said) } else { "" };
        pair(out, "  ", key, &value, evidence);
    };
    write("name", quoted(&property.name));
    match &property.origin {
        Origin::Column(column) => write("column", quoted(column)),
        Origin::Expression(expression) => write("expression", quoted(expression)),
    }
    for (holds, key) in [(property.key, "key"), (property.required, "required"), (property.unique, "unique")] {
        if holds {
            write(key, "true".to_owned());
        }
    }
    let kind = &property.kind;
    if kind.value_type != ValueType::Text {
        write("type", quoted(kind.value_type.as_str()));
    }
    if let Some(format) = kind.format {
        write("format", quoted(format));
    }
    if let Some((yes, no)) = kind.words {
        write("true_values", format!("[{}]", quoted(yes)));
        write("false_values", format!("[{}]", quoted(no)));
    }
    if let Some(separator) = &kind.several {
        write("multivalued", "true".to_owned());
        if let Some(separator) = separator {
            write("separator", quoted(separator));
        }
    }
}

fn users(out: &mut String, plan: &TablePlan<'_>) {
    line(out, "\n  [entity_type.users]");
    if !plan.correlate.is_empty() {
        line(out, "  correlate = [");
        for (property, field, ignore_case, why) in &plan.correlate {
            let folded = if *ignore_case { ", ignore_case = true" } else { "" };
            let rule = format!("    {{ property = {}, field = {}{folded} }},", quoted(property), quoted(field));
            line(out, &format!("{rule}   # {}", plain(why)));
        }
        line(out, "  ]");
    }
    pair(out, "  ", "on_missing", &quoted("block"), "who is no longer there is blocked; keep or delete are the others");
    line(out, "\n    [entity_type.users.fields]");
    for (field, property) in &plan.fields {
        pair(out, "    ", field, &quoted(property), "");
    }
}

fn association(link: &Link, plans: &[TablePlan<'_>], source: &dyn Fn(&str) -> String) -> String {
    let mut out = String::new();
    let name = |at: usize| plans.iter().find(|plan| plan.at == at).map(|plan| plan.name.clone()).unwrap_or_default();
    line(&mut out, "\n[[association]]");
    pair(&mut out, "", "name", &quoted(&link.name), &link.evidence);
    pair(&mut out, "", "from", &quoted(&name(link.from)), "");
    let ends: Vec<String> = link.to.iter().map(|to| quoted(&name(*to))).collect();
    let to = match &ends[..] {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    pair(&mut out, "", "to", &to, "");
    match &link.pairs {
        Pairs::Column { column, separator } => {
            pair(&mut out, "", "column", &quoted(column), "");
            if let Some(separator) = separator {
                pair(&mut out, "", "separator", &quoted(separator), "");
            }
        }
        Pairs::Table { name, from_column, to_column, .. } => {
            pair(&mut out, "", "source", &source(name), "");
            pair(&mut out, "", "from_column", &quoted(from_column), "");
            pair(&mut out, "", "to_column", &quoted(to_column), "");
        }
    }
    if let Some(column) = &link.matches {
        let end = plans.iter().find(|plan| link.to.first() == Some(&plan.at));
        let held = end.and_then(|plan| {
            plan.properties.iter().find(|one| matches!(&one.origin, Origin::Column(known) if known == column))
        });
        pair(&mut out, "", "match", &quoted(held.map_or(column.as_str(), |property| &property.name)), "");
    }
    let cardinality = if link.cardinality == Cardinality::ManyToMany { "many_to_many" } else { "many_to_one" };
    pair(&mut out, "", "cardinality", &quoted(cardinality), "");
    if link.membership {
        pair(&mut out, "", "membership", "true", "these links decide who is in the groups");
    }
    out
}

fn settings(out: &mut String, settings: &Map<String, Value>) {
    for (key, value) in settings {
        pair(out, "", key, &written(value), "");
    }
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(values) => format!("[{}]", values.iter().map(written).collect::<Vec<_>>().join(", ")),
        Value::Object(pairs) => {
            let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key} = {}", written(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

fn pair(out: &mut String, indent: &str, key: &str, value: &str, evidence: &str) {
    let said = format!("{indent}{key} = {value}");
    match evidence.is_empty() {
        true => line(out, &said),
        false => line(out, &format!("{said:<31} # {}", plain(evidence))),
    }
}

fn line(out: &mut String, text: &str) {
    // Text takes whatever is written to it.
    let _ = writeln!(out, "{text}");
}

/// A text in quotes, on one line.
fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string().trim().to_owned()
}

/// As a comment may hold it.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
