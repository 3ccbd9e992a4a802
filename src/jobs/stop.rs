//! The wish that this process stop, shared by everything that runs in it.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Tells tasks and threads that the process stops. Clones share the wish.
#[derive(Debug, Clone)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Stop {
    /// Asks everybody to stop.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether we stop.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until we stop.
    pub async fn asked(&self) {
        let mut wish = self.0.subscribe();
        // The sender lives as long as this clone, so waiting can't fail.
        let _ = wish.wait_for(|asked| *asked).await;
    }

    /// Waits for that long; `false`: we stop.
    pub async fn sleep(&self, duration: Duration) -> bool {
        tokio::select! {
            () = self.asked() => false,
            () = tokio::time::sleep(duration) => true,
        }
    }
}
