//! One property, compiled: where its value is from, and its format.

use super::error::{MappingFault, RowProblem};
use crate::model::property::PropertyDefinition;
use crate::values::binary::Blob;
use crate::values::expression::{Columns, Expression, Header, Row};
use crate::values::format::{Format, InvalidValue};
use csv::StringRecord;
use serde_json::Value;
use std::borrow::Cow;

/// A property of a [`Mapper`](super::Mapper).
#[derive(Debug)]
pub struct CompiledProperty {
    name: String,
    /// The name as a JSON string and a colon.
    json_name: String,
    unique: bool,
    required: bool,
    key: bool,
    source: Source,
    format: Format,
}

/// Where a value is from.
#[derive(Debug)]
pub(super) enum Source {
    Column { name: String, position: usize },
    Constant(String),
    Expression(Expression),
}

impl CompiledProperty {
    pub(super) fn new(definition: &PropertyDefinition) -> Result<Self, MappingFault> {
        let property = || definition.name.clone();
        let format = definition.format().map_err(|error| MappingFault::Format { property: property(), error })?;
        if definition.key && format.is_multivalued() {
            return Err(MappingFault::MultivaluedKey { property: property() });
        }
        let source = match (&definition.column, &definition.expression, &definition.constant) {
            (Some(column), None, None) => Source::Column { name: column.clone(), position: 0 },
            (None, Some(source), None) => {
                let expression = Expression::compile(source)
                    .map_err(|error| MappingFault::Expression { place: property(), error })?;
                match expression.plain_column() {
                    Some(column) => Source::Column { name: column.to_owned(), position: 0 },
                    None => Source::Expression(expression),
                }
            }
            (None, None, Some(constant)) => Source::Constant(constant.clone()),
            _ => return Err(MappingFault::Source { property: property() }),
        };
        Ok(Self {
            json_name: format!("{}:", Value::String(property())),
            name: property(),
            unique: definition.unique,
            required: definition.required,
            key: definition.key,
            source,
            format,
        })
    }

    /// Finds the column's place once all are known to exist.
    pub(super) fn resolve(&mut self, header: &Header) {
        if let Source::Column { name, position } = &mut self.source {
            *position = header.position(name).unwrap_or_default();
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether two resources can't have the same value. The key is unique in any case.
    pub fn is_unique(&self) -> bool {
        self.unique
    }

    /// Whether a row without it is rejected.
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// Whether it is the key.
    pub fn is_key(&self) -> bool {
        self.key
    }

    /// Whether its values are sets.
    pub fn is_multivalued(&self) -> bool {
        self.format.is_multivalued()
    }

    /// The column it is read from, or the only one that its expression reads.
    pub fn column(&self) -> Option<&str> {
        match &self.source {
            Source::Column { name, .. } => Some(name),
            Source::Expression(expression) => only_column(expression),
            Source::Constant(_) => None,
        }
    }

    /// The text by which a reference finds a resource through this property: converted as the property's own values
    /// are, so that base64 finds a GUID. `None` if it is empty.
    pub fn reference<'r>(&self, raw: &'r str) -> Result<Option<Cow<'r, str>>, InvalidValue> {
        self.format.convert_key(raw)
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn json_name(&self) -> &str {
        &self.json_name
    }

    pub(super) fn value(&self, row: &Row, record: &StringRecord, blobs: &mut Vec<Blob>) -> Result<Value, RowProblem> {
        let value = match &self.source {
            Source::Column { name, position } => {
                let raw = record.get(*position).unwrap_or_default();
                self.format.convert(raw, blobs).map_err(|error| RowProblem::invalid(Some(name), Some(raw), error))?
            }
            Source::Constant(constant) => self
                .format
                .convert(constant, blobs)
                .map_err(|error| RowProblem::invalid(None, Some(constant), error))?,
            Source::Expression(expression) => {
                let evaluated = expression
                    .evaluate(row)
                    .map_err(|error| RowProblem::failed(&self.name, expression, row, &error))?;
                self.format
                    .convert_evaluated(evaluated, blobs)
                    .map_err(|error| RowProblem::invalid(only_column(expression), None, error))?
            }
        };
        if self.required && value.is_null() {
            return Err(RowProblem::required(&self.name, self.column()));
        }
        Ok(value)
    }

    pub(super) fn key<'r>(
        &self,
        header: &Header,
        record: &'r StringRecord,
    ) -> Result<Option<Cow<'r, str>>, RowProblem> {
        match &self.source {
            Source::Column { name, position } => {
                let raw = record.get(*position).unwrap_or_default();
                self.format.convert_key(raw).map_err(|error| RowProblem::invalid(Some(name), Some(raw), error))
            }
            Source::Constant(constant) => self
                .format
                .convert_key(constant)
                .map(|key| key.map(|key| Cow::Owned(key.into_owned())))
                .map_err(|error| RowProblem::invalid(None, Some(constant), error)),
            Source::Expression(expression) => {
                let row = Row::new(header, record);
                let evaluated = expression
                    .evaluate(&row)
                    .map_err(|error| RowProblem::failed(&self.name, expression, &row, &error))?;
                self.format
                    .convert_evaluated_key(evaluated)
                    .map(|key| key.map(Cow::Owned))
                    .map_err(|error| RowProblem::invalid(only_column(expression), None, error))
            }
        }
    }
}

/// The column that an expression reads, if it reads one only.
pub(super) fn only_column(expression: &Expression) -> Option<&str> {
    match expression.columns() {
        Columns::Named(names) if names.len() == 1 => names.first().map(String::as_str),
        _ => None,
    }
}
