//! Whole runs, through the program: export → prepare synchronization → synchronize.

mod directory_example;
mod directory_faults;
mod export;
mod hr_example;
mod stored;
