//! The typed record of one row.

use super::Mapper;
use crate::values::binary::Blob;
use serde_json::{Map, Value};

/// A row as the entity type's properties see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// In the order of the entity type's properties; [`Value::Null`] where there is no value.
    pub values: Vec<Value>,
    /// The bytes of its binary values, to be stored under their digests.
    pub blobs: Vec<Blob>,
}

impl Record {
    /// Appends the record as a JSON object: values that are there, in the order of the properties, without blanks.
    pub fn write_json(&self, mapper: &Mapper, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut first = true;
        for (property, value) in mapper.properties().iter().zip(&self.values) {
            if value.is_null() {
                continue;
            }
            if !first {
                out.push(b',');
            }
            first = false;
            out.extend_from_slice(property.json_name().as_bytes());
            write_value(value, out);
        }
        out.push(b'}');
    }

    /// The record as a JSON object: values that are there.
    pub fn to_map(&self, mapper: &Mapper) -> Map<String, Value> {
        mapper
            .properties()
            .iter()
            .zip(&self.values)
            .filter(|(_, value)| !value.is_null())
            .map(|(property, value)| (property.name().to_owned(), value.clone()))
            .collect()
    }
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
    // a vector takes whatever is written to it, and a value has no keys but texts
    let written = serde_json::to_writer(&mut *out, value);
    debug_assert!(written.is_ok());
}
