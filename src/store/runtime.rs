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

    /// Waits for `work` on this thread; its I/O is driven by the runtime's own.
    pub(super) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.handle.block_on(work)
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
