//! What the targets share: a file with the fuzzer's content, read through the public interface, and the laws that hold
//! for whatever is read.

mod directory;
mod keeping;
mod reading;
mod trusting;

pub use directory::Directory;
pub use keeping::Kept;
pub use reading::{FOLDER, Feed, read, read_changes};
pub use trusting::own_panics_only;

/// The columns that formats without a header are asked for.
pub const MAPPED: &[&str] = &["id", "name", "tags", "at.city", "@kind"];
