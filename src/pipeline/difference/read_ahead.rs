//! What is stored, read batch by batch on a connection and a thread of its own, while prepare reads what it is compared
//! with.

use crate::pipeline::TaskError;
use crate::pipeline::pending::Pending;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use std::sync::mpsc::{Receiver, sync_channel};

/// A reading under way. Dropped, it ends at its next batch.
pub(super) struct ReadAhead<T> {
    batches: Receiver<Result<T, TaskError>>,
}

impl<T: Send + 'static> ReadAhead<T> {
    /// Begins to read a batch for each of these questions, in their order. `waiting`: how many may wait to be taken, which
    /// bounds the memory.
    pub(super) fn begin<Q: Send + 'static>(
        pending: &Pending,
        waiting: usize,
        questions: Vec<Q>,
        read: impl Fn(&mut PgConnection, &Q) -> QueryResult<T> + Send + 'static,
    ) -> Self {
        let (sender, batches) = sync_channel(waiting);
        let pending = pending.clone();
        std::thread::spawn(move || {
            let mut connection = match pending.connect() {
                Ok(connection) => connection,
                Err(error) => return drop(sender.send(Err(error.into()))),
            };
            for question in questions {
                let batch = read(&mut connection, &question).map_err(TaskError::from);
                let is_over = batch.is_err();
                if sender.send(batch).is_err() || is_over {
                    return;
                }
            }
        });
        Self { batches }
    }

    /// The next batch; `None`: there is no other.
    pub(super) fn next(&self) -> Result<Option<T>, TaskError> {
        self.batches.recv().ok().transpose()
    }
}
