//! Whole runs, through the program: export → prepare synchronization → synchronize.

mod export;
mod hr_example;
