//! Whole runs, through the program: export → prepare synchronization → synchronize.

mod as_of;
mod consequences;
mod dangerous_feeds;
mod directory_example;
mod directory_faults;
mod export;
mod histories;
mod hr_example;
mod incremental;
mod kills;
mod likely_causes;
mod newcomers;
mod nightly;
mod proof;
mod proposal;
mod replay;
mod revert;
mod several_sources;
mod stored;
mod update_expressions;
mod withheld;
