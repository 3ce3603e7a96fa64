//! A fault that ends the daemon: it must not go on accepting what it cannot keep.

use std::sync::Arc;
use tokio::sync::watch;

/// Whether there is such a fault, and which.
#[derive(Clone)]
pub struct Fault(Arc<watch::Sender<Option<String>>>);

impl Default for Fault {
    fn default() -> Self {
        Fault(Arc::new(watch::Sender::new(None)))
    }
}

impl Fault {
    /// Tells everyone; the first fault stays.
    pub fn set(&self, what: String) {
        tracing::error!("{what}");
        self.0.send_if_modified(|f| {
            let first = f.is_none();
            if first {
                *f = Some(what);
            }
            first
        });
    }

    /// Whether there is one.
    pub fn is_set(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Which one, if any.
    pub fn get(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Waits for one.
    pub async fn wait(&self) -> String {
        let mut seen = self.0.subscribe();
        match seen.wait_for(Option::is_some).await {
            Ok(f) => f.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }
}
