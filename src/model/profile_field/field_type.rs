//! What the value of a profile field is: the types of properties, and those that only people need.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What the value of a profile field is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    /// One line. JSON string.
    String,
    /// Any text, of several lines. JSON string.
    #[default]
    Text,
    /// A 64-bit whole number. JSON number.
    Integer,
    /// A decimal number. JSON number.
    Number,
    /// True or false. JSON boolean.
    Bool,
    /// A day. JSON string `YYYY-MM-DD`.
    Date,
    /// A moment. JSON string, RFC 3339 in UTC.
    Datetime,
    /// One of the words that the field lists. JSON string.
    Choice,
    /// An address of the web, `https://…` or `http://…`. JSON string.
    Url,
    /// A telephone number as people write it. JSON string.
    Phone,
    /// A GUID, as sources bring it.
    Guid,
    /// A Windows security identifier, as sources bring it.
    Sid,
    /// Bytes, `sha256:<hex>` of what stands in `blobs`.
    Binary,
    /// The value of the first component of a distinguished name, as sources bring it.
    Rdn,
}

impl FieldType {
    /// All types, as documents know them.
    pub const ALL: [Self; 14] = [
        Self::String,
        Self::Text,
        Self::Integer,
        Self::Number,
        Self::Bool,
        Self::Date,
        Self::Datetime,
        Self::Choice,
        Self::Url,
        Self::Phone,
        Self::Guid,
        Self::Sid,
        Self::Binary,
        Self::Rdn,
    ];

    /// Those that somebody may fill in by hand.
    pub const BY_HAND: [Self; 10] = [
        Self::String,
        Self::Text,
        Self::Integer,
        Self::Number,
        Self::Bool,
        Self::Date,
        Self::Datetime,
        Self::Choice,
        Self::Url,
        Self::Phone,
    ];

    /// The word in documents and SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Bool => "bool",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Choice => "choice",
            Self::Url => "url",
            Self::Phone => "phone",
            Self::Guid => "guid",
            Self::Sid => "sid",
            Self::Binary => "binary",
            Self::Rdn => "rdn",
        }
    }

    /// The type of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// Whether a person can have several values of it.
    pub fn may_be_several(self) -> bool {
        !matches!(self, Self::Bool | Self::Binary | Self::Text)
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::FieldType;
    use crate::values::value_type::ValueType;

    #[test]
    fn every_type_has_a_word_and_comes_back_from_it() {
        for one in FieldType::ALL {
            assert_eq!(FieldType::from_word(one.as_str()), Some(one));
        }
        assert!(FieldType::BY_HAND.iter().all(|one| FieldType::ALL.contains(one)));
        for property in ValueType::ALL {
            assert!(
                FieldType::from_word(property.as_str()).is_some(),
                "{property:?}: what a source brings has a field"
            );
        }
    }
}
