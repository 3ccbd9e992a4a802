//! CEL expressions over a raw record: `lower(row.Login)`, `row["Given Name"] + ' ' + row.Surname`.
//!
//! An expression is compiled once and evaluated per record. It is deterministic, does no I/O, and is bounded before it
//! runs: its length and nesting by [`compile`](Expression::compile), its work and the size of what it can build by an
//! estimate over its syntax (`expression/inspect.rs`). In `row` every column of the record is a trimmed text; an empty one is
//! empty text.

mod functions;
mod inspect;
mod row;

pub use inspect::Columns;
pub use row::{Header, Row};

use cel::common::types::{CelBool, CelBytes, CelDouble, CelInt, CelList, CelNull, CelString, CelTimestamp, CelUInt};
use cel::common::value::Val;
use cel::{ExecutionError, Program, Value};
use chrono::{DateTime, SecondsFormat, Utc};
use functions::ENGINE;
use std::borrow::Cow;

/// The longest expression, in bytes.
pub const LONGEST_EXPRESSION: usize = 4096;

/// The most bytes an expression reads of one column, and the most bytes of its result.
pub const LONGEST_VALUE: usize = 64 * 1024;

/// The parser recurses on the thread's stack; this is enough for [`LONGEST_EXPRESSION`] bytes of anything.
const PARSER_STACK: usize = 64 * 1024 * 1024;

/// The variable that holds a profile.
const PROFILE: &str = "profile";

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    source: String,
    program: Program,
    columns: Columns,
    plain_column: Option<String>,
}

/// Why an expression can't be used, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ExpressionError {
    /// Line within the expression, from 1.
    pub line: usize,
    /// Character within the line, from 1.
    pub column: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Why an expression has no value for one record, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the expression failed: {0}")]
pub struct EvaluationError(String);

/// What an expression gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Evaluated<'a> {
    /// `null`.
    Empty,
    /// Text.
    Text(Cow<'a, str>),
    /// A whole number.
    Integer(i64),
    /// A whole number without sign.
    Unsigned(u64),
    /// A floating-point number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// A moment.
    Moment(DateTime<Utc>),
    /// A list, flat.
    List(Vec<Evaluated<'a>>),
}

impl Expression {
    /// Compiles an expression: syntax, names of functions and variables, bounds. Whether its columns exist is for the
    /// caller to say, see [`Expression::columns`].
    pub fn compile(source: &str) -> Result<Self, ExpressionError> {
        Self::compile_over(source, "row")
    }

    /// The same for an expression over a person's profile: `profile.department == 'Computing'`.
    pub fn compile_for_profile(source: &str) -> Result<Self, ExpressionError> {
        Self::compile_over(source, PROFILE)
    }

    /// `record`: the name of the variable that holds the record.
    fn compile_over(source: &str, record: &'static str) -> Result<Self, ExpressionError> {
        if source.len() > LONGEST_EXPRESSION {
            let message = format!("has {} bytes; an expression can have at most {LONGEST_EXPRESSION}", source.len());
            return Err(ExpressionError { line: 1, column: 1, message });
        }
        if source.trim().is_empty() {
            let message = format!("is empty; leave it out, or write for example {record}.Name");
            return Err(ExpressionError { line: 1, column: 1, message });
        }
        on_deep_stack(source, record)
    }

    /// The expression as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The columns of `row` that it reads.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The column, if the expression is nothing but `row.Column`: then there is no need to evaluate it.
    pub fn plain_column(&self) -> Option<&str> {
        self.plain_column.as_deref()
    }

    /// Its value for a record.
    pub fn evaluate<'r>(&self, row: &'r Row<'r>) -> Result<Evaluated<'r>, EvaluationError> {
        let mut context = ENGINE.context.new_inner_scope();
        context.set_variable_resolver(row);
        let value = Value::resolve_val(self.program.expression(), &context)
            .map_err(|error| EvaluationError(explain(&error)))?;
        let evaluated = evaluated(&*value)?;
        let length = evaluated.length();
        if length > LONGEST_VALUE {
            return Err(EvaluationError(format!("its result has {length} bytes; at most {LONGEST_VALUE} are allowed")));
        }
        Ok(evaluated)
    }
}

impl<'a> Evaluated<'a> {
    /// The value as text, as a source would write it; a list has none.
    pub fn into_text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text,
            Self::Empty | Self::List(_) => Cow::Borrowed(""),
            Self::Integer(integer) => Cow::Owned(integer.to_string()),
            Self::Unsigned(integer) => Cow::Owned(integer.to_string()),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Bool(value) => Cow::Borrowed(if value { "true" } else { "false" }),
            Self::Moment(moment) => Cow::Owned(moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        }
    }

    fn length(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(items) => items.iter().map(|item| item.length() + 1).sum(),
            _ => 0,
        }
    }
}

/// Compiles where the parser has room, and where a panic in it is an error.
fn on_deep_stack(source: &str, record: &'static str) -> Result<Expression, ExpressionError> {
    let failed = |message: String| Err(ExpressionError { line: 1, column: 1, message });
    std::thread::scope(|scope| {
        let thread =
            std::thread::Builder::new().stack_size(PARSER_STACK).spawn_scoped(scope, || compile(source, record));
        match thread.map(|thread| thread.join()) {
            Ok(Ok(compiled)) => compiled,
            Ok(Err(_)) => failed("the parser gave up; write it in a simpler way".to_owned()),
            Err(error) => failed(format!("no thread to compile it on: {error}")),
        }
    })
}

fn compile(source: &str, record: &'static str) -> Result<Expression, ExpressionError> {
    let program = ENGINE.env.compile(source).map_err(|errors| syntax_error(&errors))?;
    let inspected = inspect::inspect(source, &program, record)?;
    Ok(Expression {
        source: source.to_owned(),
        program,
        columns: inspected.columns,
        plain_column: inspected.plain_column,
    })
}

fn syntax_error(errors: &cel::ParseErrors) -> ExpressionError {
    let first = errors.errors.first();
    let (line, column) = first.map_or((1, 1), |error| error.pos);
    ExpressionError {
        line: usize::try_from(line).unwrap_or_default().max(1),
        column: usize::try_from(column).unwrap_or_default().max(1),
        message: first.map_or_else(|| "can't be read".to_owned(), |error| error.msg.clone()),
    }
}

/// An execution error in our words, without the values: they are not for logs.
fn explain(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(name) => format!("there is no column '{name}'"),
        ExecutionError::FunctionError { message, .. } => message.clone(),
        ExecutionError::NoSuchOverload(error) => format!(
            "{} can't be used with {}; columns are text, int(…) or double(…) make numbers of them",
            error.function().trim_matches('_').replace('_', " "),
            error.argument_types().join(" and "),
        ),
        ExecutionError::UnsupportedBinaryOperator(operator, ..) => {
            format!("{operator} needs two values of the same type; columns are text, string(…) makes text of a number")
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "division by zero".to_owned(),
        ExecutionError::Overflow(..) => "a number is out of range".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "the list has no such element".to_owned(),
        ExecutionError::UndeclaredReference(name) => format!("'{name}' is unknown"),
        ExecutionError::UnexpectedType { want, .. } => format!("a {want} is needed"),
        ExecutionError::ValuesNotComparable(..) => "two values of different types can't be compared".to_owned(),
        _ => "a value has the wrong type".to_owned(),
    }
}

/// Takes a result out of CEL. Text of the record stays borrowed from it.
fn evaluated<'r>(value: &(dyn Val + 'r)) -> Result<Evaluated<'r>, EvaluationError> {
    if let Some(list) = value.downcast_ref::<CelList>() {
        return list.inner().iter().map(|item| scalar(&**item)).collect::<Result<_, _>>().map(Evaluated::List);
    }
    scalar(value)
}

fn scalar<'r>(value: &(dyn Val + 'r)) -> Result<Evaluated<'r>, EvaluationError> {
    Ok(if let Some(text) = value.downcast_ref::<CelString>() {
        Evaluated::Text(match text.as_borrowed() {
            Some(borrowed) => Cow::Borrowed(borrowed),
            None => Cow::Owned(text.inner().to_owned()),
        })
    } else if let Some(value) = value.downcast_ref::<CelBool>() {
        Evaluated::Bool(*value.inner())
    } else if let Some(value) = value.downcast_ref::<CelInt>() {
        Evaluated::Integer(*value.inner())
    } else if let Some(value) = value.downcast_ref::<CelUInt>() {
        Evaluated::Unsigned(*value.inner())
    } else if let Some(value) = value.downcast_ref::<CelDouble>() {
        Evaluated::Number(*value.inner())
    } else if value.downcast_ref::<CelNull>().is_some() {
        Evaluated::Empty
    } else if let Some(value) = value.downcast_ref::<CelTimestamp>() {
        Evaluated::Moment(value.inner().to_utc())
    } else if value.downcast_ref::<CelBytes>().is_some() {
        return Err(EvaluationError("it gave bytes; string(…) makes text of them".to_owned()));
    } else {
        let name = value.get_type().name().to_owned();
        return Err(EvaluationError(format!("it gave a {name}; text, number, bool, moment or a flat list is needed")));
    })
}

#[cfg(test)]
mod tests;
