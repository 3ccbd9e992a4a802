//! Runs, claims, workers, rescue, schedule: on a real database, with a stand-in for the pipeline only where a fault
//! can't be caused otherwise.

mod announcing;
mod arrivals;
mod cancel;
mod claim;
mod cleanup;
mod decision;
mod feeds;
mod first_run;
mod kill;
mod office;
mod queue;
mod report;
mod rescue;
mod retries;
mod schedule;
mod start;
mod stop;
