//! Runs, claims, workers, rescue, schedule: on a real database, with a stand-in for the pipeline only where a fault
//! can't be caused otherwise.

mod cancel;
mod claim;
mod cleanup;
mod decision;
mod kill;
mod office;
mod queue;
mod report;
mod rescue;
mod schedule;
mod start;
mod stop;
