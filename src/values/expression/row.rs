//! `row`: a record as CEL sees it. Columns are looked up when they are read; nothing is built per record.

use super::LONGEST_VALUE;
use cel::ExecutionError;
use cel::common::traits::Indexer;
use cel::common::types::{CelString, DYN_TYPE, Type};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use csv::StringRecord;
use std::collections::HashMap;
use std::sync::Arc;

/// The columns of a table, by name.
#[derive(Debug, Clone, Default)]
pub struct Header {
    names: Vec<String>,
    positions: HashMap<String, usize>,
}

impl Header {
    /// Of several columns with one name the first counts.
    pub fn new(names: &[String]) -> Self {
        let mut positions = HashMap::with_capacity(names.len());
        for (position, name) in names.iter().enumerate() {
            positions.entry(name.clone()).or_insert(position);
        }
        Self { names: names.to_vec(), positions }
    }

    /// The names in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Where a column stands, from 0.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }
}

/// One record with its header.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    variable: &'static str,
    header: &'a Header,
    record: &'a StringRecord,
}

impl<'a> Row<'a> {
    /// A record shorter than its header has empty values at its end.
    pub fn new(header: &'a Header, record: &'a StringRecord) -> Self {
        Self { variable: "row", header, record }
    }

    /// The fields of a profile, for an expression that was compiled for one.
    pub fn of_profile(header: &'a Header, record: &'a StringRecord) -> Self {
        Self { variable: super::PROFILE, header, record }
    }

    /// The trimmed text of a column; `None` if there is no such column.
    pub fn text(&self, column: &str) -> Option<&'a str> {
        let position = self.header.position(column)?;
        Some(self.record.get(position).unwrap_or_default().trim())
    }
}

impl VariableResolver for Row<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        (variable == self.variable).then_some(CowVal::Borrowed(self))
    }
}

impl<'a> Val for Row<'a> {
    fn get_type(&self) -> &Type {
        &DYN_TYPE
    }

    fn cel_type() -> &'static Type {
        &DYN_TYPE
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(*self)
    }
}

impl Indexer for Row<'_> {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.value(index).map(CowVal::owned)
    }

    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.value(index).map(|value| Box::new(value) as Box<dyn Val + 'v>)
    }
}

impl<'a> Row<'a> {
    fn value(&self, index: &dyn Val) -> Result<CelString<'a>, ExecutionError> {
        let Some(name) = index.downcast_ref::<CelString>() else {
            let got = index.get_type().name().to_owned();
            return Err(ExecutionError::UnexpectedType { got, want: "column name".to_owned() });
        };
        let name = name.inner();
        let Some(value) = self.text(name) else {
            return Err(ExecutionError::NoSuchKey(Arc::new(name.to_owned())));
        };
        if value.len() > LONGEST_VALUE {
            return Err(ExecutionError::function_error(
                "row",
                format!("column '{name}' has {} bytes; an expression reads at most {LONGEST_VALUE}", value.len()),
            ));
        }
        Ok(CelString::from(value))
    }
}
