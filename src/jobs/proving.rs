//! Proving: after runs are applied, what they had extracted is held against what is stored. It belongs to no run's time,
//! and one that was interrupted is made again.

use super::stop::Stop;
use crate::model::proof;
use crate::model::run::RunId;
use crate::pipeline::progress::Progress;
use crate::pipeline::proof::prove;
use crate::pipeline::{Context, TaskError};
use std::sync::Arc;
use std::time::Duration;

/// Between two looks for runs to be proven.
const EVERY: Duration = Duration::from_secs(5);
/// Up to so many rows, whoever waits for a run waits for its proof as well: it takes a moment.
pub const SMALL: i64 = 20_000;

/// Proves runs until we stop.
pub async fn prove_regularly(context: Context, stop: Stop) {
    while stop.sleep(EVERY).await {
        let progress = Arc::new(Progress::default());
        let (context, working) = (context.clone(), progress.clone());
        let mut work = tokio::task::spawn_blocking(move || prove_due(&context, i64::MAX, &working));
        let worked = tokio::select! {
            worked = &mut work => worked,
            () = stop.asked() => {
                progress.stop();
                work.await
            }
        };
        match worked {
            Ok(Ok(())) | Ok(Err(TaskError::Stopped(_))) => {}
            Ok(Err(error)) => tracing::warn!(error = %error, "a run could not be proven; it is tried again"),
            Err(_) => tracing::error!("proving a run ended unexpectedly"),
        }
    }
}

/// Proves all runs that are due and have at most `rows` rows.
pub fn prove_due(context: &Context, rows: i64, progress: &Progress) -> Result<(), TaskError> {
    let due: Vec<RunId> = {
        let mut connection = context.db.get().map_err(crate::db::DbError::from)?;
        proof::due(&mut connection, rows)?
    };
    for run in due {
        progress.go_on()?;
        if prove(context, run, progress)? {
            tracing::info!(run.id = run.0, "what the run extracted was held against what is stored");
        }
    }
    Ok(())
}
