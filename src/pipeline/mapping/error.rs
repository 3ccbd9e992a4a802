//! What is wrong with a mapping, or with a row.

use super::property::only_column;
use crate::model::problem::ProblemCode;
use crate::values::expression::{EvaluationError, Expression, ExpressionError, Header, Row};
use crate::values::format::{FormatError, InvalidValue};
use crate::values::text::{closest, shorten};

/// Why an entity type can't be mapped from a table: everything at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", sentences(.faults))]
pub struct MappingError {
    /// At least one.
    pub faults: Vec<MappingFault>,
}

/// One thing that is wrong with a mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingFault {
    /// The header contract is broken.
    #[error("column '{column}' is missing{}; {used_by} needs it: restore it in the source, or change the mapping", instead(.closest))]
    MissingColumn {
        /// The column.
        column: String,
        /// The property or association that reads it, or `where`.
        used_by: String,
        /// What the header has instead, most alike first.
        closest: Vec<String>,
    },
    /// Which one is meant can't be told.
    #[error(
        "column '{column}' stands in the header twice; {used_by} needs one of them: rename the other in the source"
    )]
    RepeatedColumn {
        /// The column.
        column: String,
        /// The property or association that reads it, or `where`.
        used_by: String,
    },
    /// An expression.
    #[error("the expression of {place}, {error}")]
    Expression {
        /// The property, or `where`.
        place: String,
        /// Where in it, and why.
        error: ExpressionError,
    },
    /// A format.
    #[error("property {property}: {error}")]
    Format {
        /// The property.
        property: String,
        /// Which setting, and why.
        error: FormatError,
    },
    /// Not exactly one of column, expression and constant.
    #[error("property {property} needs exactly one of column, expression and constant")]
    Source {
        /// The property.
        property: String,
    },
    /// A key that is a set.
    #[error("property {property} is the key: it can't be multivalued")]
    MultivaluedKey {
        /// The property.
        property: String,
    },
    /// No key.
    #[error("no property is the key: mark one with key = true")]
    NoKey,
}

fn sentences(faults: &[MappingFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn instead(closest: &[String]) -> String {
    match closest {
        [] => String::new(),
        names => {
            format!(" (the header has {})", names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Gathers faults, and checks columns against the header.
pub(super) struct Faults<'a> {
    header: &'a Header,
    faults: Vec<MappingFault>,
}

impl<'a> Faults<'a> {
    pub(super) fn new(header: &'a Header) -> Self {
        Self { header, faults: Vec::new() }
    }

    pub(super) fn add(&mut self, fault: MappingFault) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    pub(super) fn check_column(&mut self, column: &str, used_by: &str) {
        let names = self.header.names();
        let known = self.faults.iter().any(|fault| match fault {
            MappingFault::MissingColumn { column: known, .. } | MappingFault::RepeatedColumn { column: known, .. } => {
                known == column
            }
            _ => false,
        });
        if known {
            return;
        }
        let (column, used_by) = (column.to_owned(), used_by.to_owned());
        match names.iter().filter(|name| **name == column).count() {
            0 => {
                let closest =
                    closest(&column, names.iter().map(String::as_str)).into_iter().map(str::to_owned).collect();
                self.add(MappingFault::MissingColumn { column, used_by, closest });
            }
            1 => {}
            _ => self.add(MappingFault::RepeatedColumn { column, used_by }),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn into_error(self) -> MappingError {
        MappingError { faults: self.faults }
    }
}

/// Why a row is rejected: one property that it can't have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    /// `invalid_value` or `required_missing`.
    pub code: ProblemCode,
    /// The source's column; of an expression, the one it reads, if it is one.
    pub column: Option<String>,
    /// What stood there, shortened to 200 characters.
    pub value: Option<String>,
    /// In words, with what to do.
    pub message: String,
}

/// The most characters of a value that a problem shows.
const SHOWN: usize = 200;

impl RowProblem {
    /// A row that gives some columns only, of those that a property or `where` is computed from.
    pub(super) fn needs(place: &str, missing: &[String]) -> Self {
        let message = format!(
            "{place} is computed from several columns, and this row does not give {}; send them too, or the whole record",
            missing.join(", ")
        );
        Self { code: ProblemCode::InvalidValue, column: missing.first().cloned(), value: None, message }
    }

    pub(super) fn invalid(column: Option<&str>, raw: Option<&str>, invalid: InvalidValue) -> Self {
        let value = match raw {
            Some(raw) => shorten(&raw.trim().replace('\0', "␀"), SHOWN),
            None => invalid.value,
        };
        Self {
            code: ProblemCode::InvalidValue,
            column: column.map(str::to_owned),
            value: (!value.is_empty()).then_some(value),
            message: invalid.message,
        }
    }

    pub(super) fn required(property: &str, column: Option<&str>) -> Self {
        let message = match column {
            Some(column) => format!(
                "'{property}' is required and column '{column}' gives no value for it; fill it in the source, or make the \
                 property not required"
            ),
            None => {
                format!("'{property}' is required and its expression gives no value; fill its columns in the source")
            }
        };
        Self { code: ProblemCode::RequiredMissing, column: column.map(str::to_owned), value: None, message }
    }

    pub(super) fn failed(place: &str, expression: &Expression, row: &Row, error: &EvaluationError) -> Self {
        let column = only_column(expression);
        let value = column.and_then(|column| row.text(column)).filter(|value| !value.is_empty());
        Self {
            code: ProblemCode::InvalidValue,
            column: column.map(str::to_owned),
            value: value.map(|value| shorten(value, SHOWN)),
            message: format!("{place}: {error}; correct the value in the source, or the expression"),
        }
    }

    pub(super) fn scope_is_no_bool() -> Self {
        Self {
            code: ProblemCode::InvalidValue,
            column: None,
            value: None,
            message: "where: the expression gave neither true nor false; compare, as in row.State != 'lost'".to_owned(),
        }
    }
}
