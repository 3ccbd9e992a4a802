//! Typed values: formats, expressions, digests. Pure.
