//! The rescue: runs whose worker died, and runs that the queue has lost, are taken up again.
//!
//! A lease lasts 15 s and the sweep comes every 5 s, so that a dead worker's run goes on within 30 s. Before it does,
//! the connections of the old claim are ended: what they had not committed is gone, and their locks with it.

use super::queue;
use super::stop::Stop;
use crate::db::{Db, DbConnection, backend};
use crate::model::claim::{Claim, Enqueue};
use crate::model::lease;
use crate::model::run::RunId;
use std::collections::HashSet;
use std::time::Duration;

/// Between two sweeps.
pub const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// The memory of one server's sweeps.
#[derive(Debug, Default)]
pub struct Rescue {
    /// Runs without a worker, seen by the last sweep: between two stages that is normal for a moment.
    idle: HashSet<RunId>,
}

impl Rescue {
    /// Looks at all runs once; those that nobody works on are put into the queue again. The result tells which.
    pub fn sweep(&mut self, conn: &mut DbConnection, enqueue: &Enqueue) -> Result<Vec<RunId>, diesel::result::Error> {
        let mut rescued = Vec::new();
        let mut idle = HashSet::new();
        for (run, expired) in lease::abandoned(conn)? {
            match expired {
                Some(epoch) => {
                    backend::end_numbered(conn, &Claim::application_prefix(run), epoch)?;
                }
                None => {
                    idle.insert(run);
                    if !self.idle.contains(&run) {
                        continue;
                    }
                }
            }
            if !queue::waits(conn, run)? {
                enqueue(conn, run, Duration::ZERO)?;
                rescued.push(run);
            }
        }
        self.idle = idle;
        Ok(rescued)
    }
}

/// Sweeps until we stop.
pub async fn sweep_regularly(db: Db, enqueue: Enqueue, stop: Stop) {
    let mut rescue = Rescue::default();
    loop {
        let (db, enqueue) = (db.clone(), enqueue.clone());
        let swept = tokio::task::spawn_blocking(move || {
            let swept = db
                .get()
                .map_err(|error| error.to_string())
                .and_then(|mut conn| rescue.sweep(&mut conn, &enqueue).map_err(|error| error.to_string()));
            (rescue, swept)
        })
        .await;
        let swept = match swept {
            Ok((memory, swept)) => {
                rescue = memory;
                swept
            }
            Err(error) => {
                rescue = Rescue::default();
                Err(error.to_string())
            }
        };
        match swept {
            Ok(rescued) => {
                for run in rescued {
                    tracing::warn!(run.id = run.0, "nobody worked on the run; it is taken up again");
                }
            }
            Err(error) => tracing::warn!(error, "runs could not be looked after"),
        }
        if !stop.sleep(SWEEP_EVERY).await {
            return;
        }
    }
}
