//! What pending tables still need once they are loaded, built meanwhile on connections of its own: indexes, repeated
//! links, statistics. Prepare goes on with the next table and waits at its end.

use super::Pending;
use crate::pipeline::TaskError;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Connections that build at once. Each may use [`MEMORY`]: together half a gigabyte of the database server's.
const BUILDERS: usize = 2;
const MEMORY: &str = "256MB";

/// A piece of work on one table.
pub struct Build {
    /// The table, with its schema.
    pub table: String,
    /// The statements.
    pub statements: Vec<String>,
    /// The association, if it is a table of links: pairs that stood twice are counted once.
    pub links: Option<i32>,
}

/// The builds of one preparation.
#[derive(Default)]
pub struct Builds {
    builds: Option<Sender<Build>>,
    builders: Vec<JoinHandle<Result<Dropped, TaskError>>>,
    tables: Vec<String>,
    dropped: Dropped,
    given_up: Arc<AtomicBool>,
}

/// Repeated links that were dropped, per association.
pub type Dropped = BTreeMap<i32, u64>;

impl Builds {
    /// Begins a piece of work, or puts it in line.
    pub fn add(&mut self, pending: &Pending, build: Build) {
        if !self.tables.contains(&build.table) {
            self.tables.push(build.table.clone());
        }
        let (builders, given_up) = (&mut self.builders, &self.given_up);
        let sender = self.builds.get_or_insert_with(|| {
            let (sender, receiver) = channel();
            let receiver = Arc::new(Mutex::new(receiver));
            *builders = (0..BUILDERS)
                .map(|_| {
                    let (pending, receiver) = (pending.clone(), Arc::clone(&receiver));
                    let given_up = Arc::clone(given_up);
                    std::thread::spawn(move || work(&pending, &receiver, &given_up))
                })
                .collect();
            sender
        });
        // Nobody is there to take it once all builders have failed: their errors tell why.
        let _ = sender.send(build);
    }

    /// Waits for all of it, then takes the statistics, and tells what was dropped. Statistics come last: taking them and
    /// building an index of the same table shut each other out.
    pub fn finish(&mut self, pending: &Pending) -> Result<Dropped, TaskError> {
        self.wait()?;
        for table in std::mem::take(&mut self.tables) {
            self.add(
                pending,
                Build { table: table.clone(), statements: vec![format!("analyze {table}")], links: None },
            );
        }
        self.wait()?;
        self.tables.clear();
        Ok(std::mem::take(&mut self.dropped))
    }

    /// Waits until what has begun is there.
    pub fn wait(&mut self) -> Result<(), TaskError> {
        self.builds = None;
        for builder in std::mem::take(&mut self.builders) {
            let built = builder.join().unwrap_or_else(|_| {
                Err(TaskError::failed("the database", "an index could not be built: its thread ended unexpectedly"))
            });
            self.dropped.extend(built?);
        }
        Ok(())
    }
}

impl Drop for Builds {
    /// Who gives up prepare waits for nothing: what is in line is not begun.
    fn drop(&mut self) {
        self.given_up.store(true, Ordering::Relaxed);
    }
}

fn work(pending: &Pending, builds: &Mutex<Receiver<Build>>, given_up: &AtomicBool) -> Result<Dropped, TaskError> {
    let mut connection = pending.connect()?;
    // These tables stay: their statistics are taken as anybody's.
    connection.batch_execute(&format!("set maintenance_work_mem = '{MEMORY}'; reset default_statistics_target"))?;
    let mut dropped = Dropped::new();
    loop {
        let next = builds.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(build) = next else { return Ok(dropped) };
        for statement in &build.statements {
            if given_up.load(Ordering::Relaxed) {
                return Ok(dropped);
            }
            match (connection.batch_execute(statement), build.links) {
                // Repeated pairs are rare: the index is the cheapest way to find out, and only then are they looked for.
                (Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)), Some(association)) => {
                    *dropped.entry(association).or_default() += drop_repeated(&mut connection, &build.table)?;
                    connection.batch_execute(statement)?;
                }
                (done, _) => done?,
            }
        }
    }
}

fn drop_repeated(connection: &mut PgConnection, table: &str) -> QueryResult<u64> {
    let dropped = diesel::sql_query(format!(
        "delete from {table} a using {table} b where a.ctid > b.ctid and a.from_id = b.from_id and a.to_id = b.to_id"
    ))
    .execute(connection)?;
    Ok(dropped as u64)
}
