//! The mapping of one entity type: each property with values of the source before and after, what nothing reads, forms
//! that change the document in place, and a place to try an expression.

use super::edit::{Stored, check};
use crate::document::edit::{self, EditError, PropertyEdit};
use crate::document::{self, DocumentErrors};
use crate::model::configuration;
use crate::model::connector::ConnectorDefinition;
use crate::model::entity_type::EntityTypeDefinition;
use crate::model::property::{PropertyDefinition, VALUE_SEPARATOR, ValueType};
use crate::model::session::Flash;
use crate::pipeline::index::columns_of;
use crate::pipeline::mapping::Mapper;
use crate::pipeline::samples::{self, Samples, SamplesError};
use crate::pipeline::{Context, export};
use crate::values::expression::{Columns, Evaluated, Expression, Header, Row};
use crate::values::text::shorten;
use crate::web::diff;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use csv::StringRecord;
use diesel::pg::PgConnection;
use serde::Deserialize;

/// Rows that a mapping is shown with, and an expression is tried on.
const SHOWN_ROWS: usize = 3;
const TRIED_ROWS: usize = 20;
/// The most characters shown of a value.
const SHOWN: usize = 60;

#[derive(Template)]
#[template(path = "pages/mapping.html")]
struct MappingPage {
    layout: Layout,
    name: String,
    entity_type: String,
    action: String,
    is_draft: bool,
    source: String,
    run: Option<String>,
    faults: Vec<String>,
    properties: Vec<PropertyView>,
    unread: Vec<(String, Vec<String>)>,
    columns: Vec<String>,
    types: Vec<&'static str>,
    expression: String,
    tried: Option<Tried>,
}

struct PropertyView {
    name: String,
    from: String,
    column: String,
    expression: String,
    value_type: &'static str,
    format: String,
    marks: Vec<&'static str>,
    required: bool,
    unique: bool,
    is_constant: bool,
    samples: Vec<Sample>,
}

impl PropertyView {
    fn is_of(&self, value_type: &str) -> bool {
        self.value_type == value_type
    }
}

struct Sample {
    before: String,
    after: String,
    is_problem: bool,
}

/// What came of an expression.
enum Tried {
    /// It can't be used.
    Refused(String),
    /// Of each row: what it reads, what it gives, whether it failed.
    Rows(Vec<Sample>),
}

/// The page.
pub async fn show(
    context: Data<WebContext>,
    visitor: Visitor,
    path: Path<(String, String)>,
) -> Result<HttpResponse, WebError> {
    let (name, entity_type) = path.into_inner();
    let work = context.work.clone();
    context.page(visitor, move |conn, layout| page(&work, conn, layout, &name, &entity_type, "")).await
}

/// An expression to try.
#[derive(Deserialize)]
pub struct TryForm {
    expression: String,
}

/// Tries an expression on rows of the last extraction.
pub async fn attempt(
    context: Data<WebContext>,
    visitor: Visitor,
    path: Path<(String, String)>,
    form: Form<TryForm>,
) -> Result<HttpResponse, WebError> {
    let (name, entity_type) = path.into_inner();
    let work = context.work.clone();
    let expression = form.into_inner().expression;
    context.page(visitor, move |conn, layout| page(&work, conn, layout, &name, &entity_type, &expression)).await
}

/// A change of one property.
#[derive(Deserialize)]
pub struct ChangeForm {
    act: String,
    property: String,
    #[serde(default)]
    column: String,
    #[serde(default)]
    expression: String,
    #[serde(default)]
    value_type: String,
    #[serde(default)]
    format: String,
    required: Option<String>,
    unique: Option<String>,
}

/// Changes the document in place, and saves it as a draft.
pub async fn change(
    context: Data<WebContext>,
    visitor: Visitor,
    path: Path<(String, String)>,
    form: Form<ChangeForm>,
) -> Result<HttpResponse, WebError> {
    let (name, entity_type) = path.into_inner();
    context
        .act(move |conn| {
            let stored = Stored::load(conn, &name)?;
            let back = links::mapping(&name, &entity_type);
            let flash = match changed(stored.newest(), &entity_type, &form) {
                Err(error) => Flash::refused(error.to_string()),
                Ok(text) => match check(conn, &stored.connector, &text)? {
                    Err(DocumentErrors(errors)) => {
                        let told: Vec<String> = errors.into_iter().map(|error| error.message).collect();
                        Flash::refused(format!("Not changed: {}", told.join("; ")))
                    }
                    Ok((text, _)) => {
                        configuration::save_draft(conn, &stored.connector, &text, &visitor.account().name)?;
                        let what = match form.act.as_str() {
                            "add" => "is added",
                            "remove" => "is taken out",
                            _ => "is changed",
                        };
                        let words = format!("{} {what}, in the draft. Runs use it after Reload.", form.property);
                        Flash::done(words).with_link(links::of_connector(&name, "edit"), "Look at the draft")
                    }
                },
            };
            visitor.lead(conn, &back, flash)
        })
        .await
}

fn changed(text: &str, entity_type: &str, form: &ChangeForm) -> Result<String, EditError> {
    let property = form.property.trim();
    match form.act.as_str() {
        "add" => edit::add_property(text, entity_type, property, form.column.trim()),
        "remove" => edit::remove_property(text, entity_type, property),
        _ => {
            // What stands in the expression counts, where both do.
            let expression = form.expression.trim();
            let column = if expression.is_empty() { form.column.trim() } else { "" };
            let edit = PropertyEdit {
                column,
                expression,
                value_type: &form.value_type,
                format: form.format.trim(),
                required: form.required.is_some(),
                unique: form.unique.is_some(),
            };
            edit::set_property(text, entity_type, property, &edit)
        }
    }
}

fn page(
    work: &Context,
    conn: &mut PgConnection,
    layout: Layout,
    name: &str,
    entity_type: &str,
    expression: &str,
) -> Result<MappingPage, WebError> {
    let stored = Stored::load(conn, name)?;
    let definition = document::connector(stored.newest()).map_err(|errors| WebError::Conflict(errors.to_string()))?;
    let found = definition.entity_type(entity_type).ok_or_else(|| WebError::missing("entity type", entity_type))?;
    let samples =
        samples::of_newest(work, conn, stored.connector.id, &found.source, TRIED_ROWS).map_err(
            |error| match error {
                SamplesError::Database(error) => WebError::Database(error),
                other => WebError::Internal(other.to_string()),
            },
        )?;
    let columns = samples.as_ref().map(|samples| samples.columns.clone()).unwrap_or_default();
    let (properties, faults) = properties(&definition, found, samples.as_ref());
    let read = export::readers(&definition, &found.source);
    let unread = columns.iter().enumerate().filter(|(_, column)| !read.iter().any(|(known, _)| known == *column));
    let unread = unread.map(|(at, column)| (column.clone(), values(samples.as_ref(), at)));
    let tried = (!expression.trim().is_empty()).then(|| attempted(expression, samples.as_ref()));
    Ok(MappingPage {
        unread: unread.collect(),
        properties,
        faults,
        tried,
        columns,
        expression: expression.to_owned(),
        types: ValueType::ALL.map(ValueType::as_str).to_vec(),
        action: links::mapping(name, entity_type),
        is_draft: stored.draft.is_some(),
        source: found.source.0.clone(),
        run: samples.map(|samples| samples.run.to_string()),
        entity_type: entity_type.to_owned(),
        layout: layout
            .titled(Section::Connectors, format!("Mapping of {}", found.title()))
            .under(links::CONNECTORS, "Connectors")
            .under(links::connector(name), stored.connector.display_name)
            .under(links::of_connector(name, "edit"), "Edit"),
        name: name.to_owned(),
    })
}

fn values(samples: Option<&Samples>, column: usize) -> Vec<String> {
    let rows = samples.map(|samples| samples.rows.as_slice()).unwrap_or_default();
    rows.iter().take(SHOWN_ROWS).map(|row| shown(row.get(column).unwrap_or_default())).collect()
}

fn shown(value: &str) -> String {
    shorten(&value.replace(VALUE_SEPARATOR, ", "), SHOWN)
}

/// Each property, with what the real mapper makes of the first rows; and what stands in its way.
fn properties(
    definition: &ConnectorDefinition,
    entity_type: &EntityTypeDefinition,
    samples: Option<&Samples>,
) -> (Vec<PropertyView>, Vec<String>) {
    // A column with several values leaves the export as a table of pairs: it is not among these.
    let associations = columns_of(&definition.associations);
    let mapper = samples.map(|samples| Mapper::new(entity_type, &associations, &samples.columns));
    let (mapper, faults) = match mapper {
        Some(Ok(mapper)) => (Some(mapper), Vec::new()),
        Some(Err(error)) => (None, error.faults.iter().map(ToString::to_string).collect()),
        None => (None, Vec::new()),
    };
    let rows = samples.map(|samples| samples.rows.as_slice()).unwrap_or_default();
    let mapped: Vec<_> =
        rows.iter().take(SHOWN_ROWS).filter_map(|row| Some((row, mapper.as_ref()?.each(row)))).collect();
    let view = |(at, property): (usize, &PropertyDefinition)| {
        let samples = mapped.iter().filter_map(|(row, values)| {
            let before = before(property, samples?, row);
            let (after, is_problem) = match values.get(at)? {
                Ok(value) => (diff::text(value), false),
                Err(problem) => (problem.message.clone(), true),
            };
            Some(Sample { before, after, is_problem })
        });
        let marks = [
            (property.key, "key"),
            (property.required, "required"),
            (property.unique, "unique"),
            (property.multivalued, "several values"),
        ];
        PropertyView {
            name: property.name.clone(),
            from: match (&property.column, &property.expression, &property.constant) {
                (Some(column), ..) => column.clone(),
                (None, Some(expression), _) => format!("= {expression}"),
                (None, None, constant) => format!("always {:?}", constant.as_deref().unwrap_or_default()),
            },
            column: property.column.clone().unwrap_or_default(),
            expression: property.expression.clone().unwrap_or_default(),
            value_type: property.value_type.as_str(),
            format: property.format.clone().unwrap_or_default(),
            marks: marks.into_iter().filter(|(holds, _)| *holds).map(|(_, word)| word).collect(),
            required: property.required,
            unique: property.unique,
            is_constant: property.constant.is_some(),
            samples: samples.collect(),
        }
    };
    (entity_type.properties.iter().enumerate().map(view).collect(), faults)
}

/// What a property is made from: the text of its column, or of the columns that its expression reads.
fn before(property: &PropertyDefinition, samples: &Samples, row: &StringRecord) -> String {
    let text = |column: &String| {
        let at = samples.columns.iter().position(|known| known == column)?;
        row.get(at).map(shown).filter(|text| !text.is_empty())
    };
    let compiled = property.expression.as_deref().and_then(|expression| Expression::compile(expression).ok());
    match (&property.column, compiled.as_ref().map(Expression::columns)) {
        (Some(column), _) => text(column).unwrap_or_default(),
        (None, Some(Columns::Named(names))) => names.iter().filter_map(text).collect::<Vec<_>>().join(" · "),
        _ => String::new(),
    }
}

/// The same engine and the same bounds as in a run: no input, no output, no loops, so many rows.
fn attempted(expression: &str, samples: Option<&Samples>) -> Tried {
    let compiled = match Expression::compile(expression) {
        Ok(compiled) => compiled,
        Err(error) => return Tried::Refused(error.to_string()),
    };
    let Some(samples) = samples else {
        return Tried::Refused(
            "it can be used, but there are no rows to try it on: nothing was exported yet".to_owned(),
        );
    };
    let header = Header::new(&samples.columns);
    let rows = samples.rows.iter().take(TRIED_ROWS).map(|record| {
        let row = Row::new(&header, record);
        let before = match compiled.columns() {
            Columns::Named(names) => {
                names.iter().map(|name| shown(row.text(name).unwrap_or_default())).collect::<Vec<_>>().join(" · ")
            }
            Columns::All => String::new(),
        };
        let (after, is_problem) = match compiled.evaluate(&row) {
            Ok(Evaluated::List(items)) => {
                (items.into_iter().map(|item| item.into_text().into_owned()).collect::<Vec<_>>().join(", "), false)
            }
            Ok(value) => (value.into_text().into_owned(), false),
            Err(error) => (error.to_string(), true),
        };
        Sample { before, after: shorten(&after, 300), is_problem }
    });
    Tried::Rows(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::run::RunId;

    #[test]
    fn a_column_that_has_left_as_pairs_is_not_missed_among_the_samples() {
        let text = r#"
name = "campus"
[[connection]]
name = "feed"
kind = "files"
folder = "/srv/feed"
[[connection.table]]
name = "clubs"
file = "clubs.csv"
[[entity_type]]
name = "club"
source = "feed.clubs"
[[entity_type.property]]
name = "code"
column = "code"
key = true
[[association]]
name = "member"
from = "club"
to = "club"
column = "members"
separator = ";"
cardinality = "many_to_many"
[[association]]
name = "parent"
from = "club"
to = "club"
column = "parent"
cardinality = "many_to_one"
"#;
        let definition = document::connector(text).unwrap();
        let club = definition.entity_type("club").unwrap();
        let samples = |columns: &[&str]| Samples {
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            rows: vec![StringRecord::from(vec!["chess"; columns.len()])],
            run: RunId(1),
        };
        let (views, faults) = properties(&definition, club, Some(&samples(&["code", "parent"])));
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(views[0].samples[0].after, "chess");
        // One with a single value stays in the table: without it, nothing can be mapped.
        let (views, faults) = properties(&definition, club, Some(&samples(&["code"])));
        assert!(faults.len() == 1 && faults[0].contains("parent"), "{faults:?}");
        assert!(views[0].samples.is_empty());
    }
}
