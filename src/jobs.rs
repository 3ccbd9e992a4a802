//! Queue, workers, leases, schedule, rescue.
