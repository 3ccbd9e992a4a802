//! Queue, workers, leases, schedule, rescue: what makes runs go on by themselves, on any number of servers.
//!
//! The `runs` row is the truth. The queue only says "look at this run"; whoever looks claims it, and a claim that finds
//! nothing to do is done. So deliveries may be doubled or lost: [`rescue`] looks at the rows themselves.

pub mod announcing;
pub mod arrivals;
pub mod cleanup;
pub mod feeds;
pub mod first_run;
pub mod health;
pub mod heartbeat;
pub mod proving;
pub mod queue;
pub mod rescue;
pub mod retries;
pub mod rules;
pub mod schedule;
pub mod stop;
pub mod worker;
