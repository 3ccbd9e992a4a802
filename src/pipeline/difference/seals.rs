//! Proves beside the work that the files are those that were sealed.

use super::rows::changed;
use crate::model::extraction::ExtractionFile;
use crate::pipeline::TaskError;
use crate::store::{Sealed, Store};
use std::cell::RefCell;
use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

const CHUNK: usize = 1 << 20;

type File = (String, Sealed);

/// Files under proof. Dropped, it gives up.
pub struct Seals {
    asked: RefCell<HashSet<String>>,
    sender: Option<Sender<File>>,
    thread: Option<JoinHandle<Result<(), TaskError>>>,
    stop: Arc<AtomicBool>,
}

impl Seals {
    /// Nothing to prove yet.
    pub fn begin(store: &Store) -> Self {
        let (sender, receiver) = channel();
        let (store, stop) = (store.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || prove_all(&store, receiver, &stopped));
        Self { asked: RefCell::default(), sender: Some(sender), thread: Some(thread), stop }
    }

    /// Has a file proved, once.
    pub fn prove(&self, file: &ExtractionFile) {
        if self.asked.borrow_mut().insert(file.path.clone())
            && let Some(sender) = &self.sender
        {
            // If nobody listens, it has failed already, which the end tells.
            let _ = sender.send((file.path.clone(), Sealed { sha256: file.sha256.clone(), bytes: file.bytes }));
        }
    }

    /// Waits for the proofs. Nothing that was read may be used before.
    pub fn finish(mut self) -> Result<(), TaskError> {
        self.sender = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(proved)) => proved,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(()),
        }
    }
}

impl Drop for Seals {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.sender = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn prove_all(store: &Store, files: Receiver<File>, stop: &AtomicBool) -> Result<(), TaskError> {
    let mut buffer = vec![0; CHUNK];
    for (path, sealed) in files {
        let mut reader =
            store.verified(&path, &sealed).map_err(|error| TaskError::failed("extraction store", error.to_string()))?;
        while !stop.load(Ordering::Relaxed) {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => return Err(changed(&path, &error)),
            }
        }
    }
    Ok(())
}
