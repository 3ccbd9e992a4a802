//! Pieces of connector documents that tests have in common.

/// Thresholds that stop nothing a test does: a literal, for `concat!`.
macro_rules! wide_open {
    () => {
        r#"
[thresholds]
maximum_inserted_lines = 1000
maximum_updated_lines = 1000
maximum_deleted_lines = 1000
maximum_link_inserted_lines = 1000
maximum_link_updated_lines = 1000
maximum_link_deleted_lines = 1000
max_percentage_inserted_lines = 0
max_percentage_updated_lines = 0
max_percentage_deleted_lines = 0
max_percentage_link_inserted_lines = 0
max_percentage_link_updated_lines = 0
max_percentage_link_deleted_lines = 0
"#
    };
}
pub(crate) use wide_open;
