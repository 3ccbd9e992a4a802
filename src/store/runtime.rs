//! The store's own async runtime: the object store is async, our stages are blocking.

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// One thread that drives the store's futures.
pub(super) struct Runtime {
    handle: Handle,
    owned: Option<tokio::runtime::Runtime>,
}

impl Runtime {
    pub(super) fn new() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(8)
            .thread_name("muster-store")
            .enable_all()
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), owned: Some(runtime) })
    }

    /// Waits for `work`; its I/O is driven by the runtime's own thread. The caller may be inside of another runtime (a
    /// directory is read in one, and its rows are written here). Waiting there is what tokio forbids: work that yields
    /// would wait for the very thread that waits for it. So another thread waits in its place.
    pub(super) fn block_on<T: Send>(&self, work: impl Future<Output = T> + Send) -> T {
        if Handle::try_current().is_err() {
            return self.handle.block_on(work);
        }
        std::thread::scope(|scope| match scope.spawn(|| self.handle.block_on(work)).join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    /// Lets `work` go on beside this thread.
    pub(super) fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.handle.spawn(work)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // The last clone of a store may be dropped within async code, where waiting for threads is forbidden.
        if let Some(runtime) = self.owned.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_inside_of_another_runtime() {
        let store = Runtime::new().unwrap();
        let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        other.block_on(async {
            // More often than tokio lets a task go on without yielding.
            for _ in 0..1_000 {
                assert_eq!(store.block_on(tokio::fs::read("/dev/null")).unwrap(), b"");
            }
        });
    }
}
