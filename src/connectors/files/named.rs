//! Records whose values carry names (JSON, XML) as rows with columns.

use super::fault::Fault;
use super::rows::Rows;
use crate::model::property::VALUE_SEPARATOR;
use std::collections::HashMap;

/// How many records are looked at to find out which columns there are.
const LOOKED_AT: usize = 100;

/// A source of records whose values carry names.
pub(super) trait NamedRecords {
    /// The next record: its values in order, a name several times if it has several values. Gives the line it starts in;
    /// `None`: the end was reached, and reached without a doubt.
    fn next(&mut self, values: &mut Vec<(String, String)>) -> Result<Option<u64>, Fault>;
}

/// Rows with the columns that were declared. A column without a value in any record is empty, not missing.
pub(super) struct NamedRows<S> {
    columns: Vec<String>,
    positions: HashMap<String, usize>,
    source: S,
    /// Records that were read to find the columns, in reverse order.
    ahead: Vec<(u64, Vec<(String, String)>)>,
    values: Vec<(String, String)>,
    row: Vec<String>,
    filled: Vec<bool>,
    line: u64,
}

impl<S: NamedRecords> NamedRows<S> {
    /// With the declared columns; `None`: those that the first records have.
    pub(super) fn begin(mut source: S, declared: Option<&[String]>) -> Result<Self, Fault> {
        let mut ahead = Vec::new();
        let columns = match declared {
            Some(columns) => columns.to_vec(),
            None => {
                let mut columns: Vec<String> = Vec::new();
                let mut values = Vec::new();
                while let Some(line) = source.next(&mut values)? {
                    for (name, _) in &values {
                        if !columns.contains(name) {
                            columns.push(name.clone());
                        }
                    }
                    ahead.push((line, std::mem::take(&mut values)));
                    if ahead.len() == LOOKED_AT {
                        break;
                    }
                }
                ahead.reverse();
                columns
            }
        };
        let positions = columns.iter().enumerate().map(|(position, name)| (name.clone(), position)).collect();
        let row = vec![String::new(); columns.len()];
        let filled = vec![false; columns.len()];
        Ok(Self { columns, positions, source, ahead, values: Vec::new(), row, filled, line: 0 })
    }
}

impl<S: NamedRecords> Rows for NamedRows<S> {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn next(&mut self) -> Result<bool, Fault> {
        self.values.clear();
        self.line = match self.ahead.pop() {
            Some((line, values)) => {
                self.values = values;
                line
            }
            None => match self.source.next(&mut self.values)? {
                Some(line) => line,
                None => return Ok(false),
            },
        };
        self.row.iter_mut().for_each(String::clear);
        self.filled.fill(false);
        for (name, value) in &self.values {
            if value.contains('\0') {
                let message = format!("a NUL character stands in {name:?}");
                return Err(Fault::At { line: self.line, column: 1, message });
            }
            let Some(&position) = self.positions.get(name) else { continue };
            if std::mem::replace(&mut self.filled[position], true) {
                self.row[position].push_str(VALUE_SEPARATOR);
            }
            self.row[position].push_str(value);
        }
        Ok(true)
    }

    fn line(&self) -> u64 {
        self.line
    }

    fn value(&self, column: usize) -> &[u8] {
        self.row[column].as_bytes()
    }

    fn is_given(&self, column: usize) -> bool {
        self.filled[column]
    }
}
