//! A fault that ends the daemon, as it must not accept any more what it cannot keep.

use std::sync::Arc;
use tokio::sync::watch;

/// The fault of the daemon, if there is one. All clones share it.
#[derive(Clone)]
pub struct Fault(Arc<watch::Sender<Option<String>>>);

impl Default for Fault {
    fn default() -> Self {
        Fault(Arc::new(watch::Sender::new(None)))
    }
}

impl Fault {
    /// Sets the fault, unless there is one already, and wakes all that wait for it.
    pub fn set(&self, what: String) {
        tracing::error!("{what}");
        self.0.send_if_modified(|fault| {
            let is_first = fault.is_none();
            if is_first {
                *fault = Some(what);
            }
            is_first
        });
    }

    /// Whether there is a fault.
    pub fn is_set(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// The message of the fault, if there is one.
    pub fn get(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Waits until there is a fault, and returns its message.
    pub async fn wait(&self) -> String {
        let mut seen = self.0.subscribe();
        match seen.wait_for(Option::is_some).await {
            Ok(fault) => fault.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }
}
