//! The entry.

fn main() {}
