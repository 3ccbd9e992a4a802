//! Whole runs, through the program: export → prepare synchronization → synchronize.

mod active_directory;
mod as_of;
mod consequences;
mod dangerous_feeds;
mod directory_changes;
mod directory_example;
mod directory_faults;
mod export;
mod haplo;
mod histories;
mod hr_example;
mod incremental;
mod kills;
mod likely_causes;
mod newcomers;
mod nightly;
mod proof;
mod replay;
mod rest_example;
mod revert;
mod scim_example;
mod several_sources;
mod sql_source;
mod stored;
mod update_expressions;
mod withheld;
