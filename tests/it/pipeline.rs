//! Whole runs, through the program: export → prepare synchronization → synchronize.

mod as_of;
mod consequences;
mod directory_example;
mod directory_faults;
mod export;
mod histories;
mod hr_example;
mod kills;
mod several_sources;
mod stored;
mod withheld;
