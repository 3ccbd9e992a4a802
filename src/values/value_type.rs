//! The types a value can have.

use serde::{Deserialize, Serialize};

/// The type of a property or a profile field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    /// Any text. Stored as a JSON string.
    #[default]
    #[serde(alias = "string")]
    Text,
    /// A 64-bit whole number. JSON number.
    Integer,
    /// A decimal number of at most 15 significant digits. JSON number.
    Number,
    /// True or false. JSON boolean.
    Bool,
    /// A day. JSON string `YYYY-MM-DD`.
    Date,
    /// A moment. JSON string, RFC 3339 in UTC.
    Datetime,
    /// A GUID; accepts text in either form and base64 of Active Directory's 16 bytes (mixed endian). Lower-case text.
    Guid,
    /// A Windows security identifier; accepts `S-1-…` and base64 of its bytes. JSON string `S-1-…`.
    Sid,
    /// Bytes, base64 in the extraction. Stored once in `blobs`, as `sha256:<hex>` in the resource.
    Binary,
    /// The value of the first component of a distinguished name.
    Rdn,
}

impl ValueType {
    /// All types, as documents know them.
    pub const ALL: [Self; 10] = [
        Self::Text,
        Self::Integer,
        Self::Number,
        Self::Bool,
        Self::Date,
        Self::Datetime,
        Self::Guid,
        Self::Sid,
        Self::Binary,
        Self::Rdn,
    ];

    /// The word in documents and SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Bool => "bool",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Guid => "guid",
            Self::Sid => "sid",
            Self::Binary => "binary",
            Self::Rdn => "rdn",
        }
    }
}
