//! Typed values: formats, expressions, digests. Pure: no connection, no clock, no I/O.
//!
//! A source's text becomes a value by its [`format`](format::Format): trimmed, mapped, converted, checked. An
//! [`expression`](expression::Expression) computes a text from the record first.

pub mod binary;
pub mod digest;
pub mod expression;
pub mod format;
pub mod identifier;
pub mod lines;
pub mod moment;
pub mod photo;
pub mod rdn;
pub mod text;
pub mod value_type;
