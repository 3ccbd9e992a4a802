//! Rules of groups that changed, worked out in pieces: between two of them runs are applied and people edit.

use super::stop::Stop;
use crate::db::{Db, DbError};
use crate::model::job_slot;
use crate::pipeline::local_groups::rules;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Works out what waits, and looks again, until we stop.
pub async fn work_out_regularly(db: Db, stop: Stop) {
    loop {
        let (db, asked) = (db.clone(), stop.clone());
        let worked = tokio::task::spawn_blocking(move || {
            let mut conn = db.get().map_err(DbError::from).map_err(|error| error.to_string())?;
            let now = job_slot::clock(&mut conn).map_err(|error| error.to_string())?;
            while !asked.is_asked() && rules::work_out(&mut conn, now).map_err(|error| error.to_string())? {}
            Ok::<_, String>(())
        })
        .await;
        match worked {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error, "rules of groups could not be worked out"),
            Err(_) => tracing::error!("working out rules of groups ended unexpectedly"),
        }
        if !stop.sleep(LOOK_EVERY).await {
            return;
        }
    }
}
