//! Snapshots of streams, as those who ask questions get them.

use crate::directory::{Snapshot, StreamView};
use crate::hub::{AskError, Hub};
use crate::owner::OwnerRequest;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long a question waits for a snapshot that the owner publishes anyway, before it asks for one of its own.
const PUBLISH_WAIT_MAX: Duration = Duration::from_millis(250);

impl Hub {
    /// The latest published snapshot of a stream.
    ///
    /// The first reader in a while has the owner publish one and waits for it. From then on the owner keeps publishing,
    /// as long as readers ask.
    ///
    /// # Errors
    /// The owner does not answer in time, or has ended.
    pub async fn snapshot(&self, view: &StreamView) -> Result<Arc<Snapshot>, AskError> {
        view.asked_ms.store(crate::clock::millis_since(self.started).max(1), Ordering::Relaxed);
        // the owner sees the time of the latest question and publishes as long as it is recent
        if let Some(snapshot) = view.snapshot.load_full() {
            return Ok(snapshot);
        }
        self.fresh_snapshot(view).await
    }

    /// A snapshot of a stream that has learnt every event which was acknowledged before it was asked for.
    ///
    /// The owner publishes one within milliseconds where no events wait; on a busy stream this waits for the next one,
    /// so that it costs the learner no more than other readers do.
    ///
    /// # Errors
    /// As of [`Hub::fresh_snapshot`].
    pub async fn acknowledged_snapshot(&self, view: &StreamView) -> Result<Arc<Snapshot>, AskError> {
        self.snapshot_from(view, view.committed.load(Ordering::Acquire)).await
    }

    /// A snapshot of a stream that has learnt all events before this offset, which the stream has learnt.
    ///
    /// # Errors
    /// As of [`Hub::fresh_snapshot`].
    pub async fn snapshot_from(&self, view: &StreamView, offset: u64) -> Result<Arc<Snapshot>, AskError> {
        let is_it = |snapshot: &Arc<Snapshot>| snapshot.learner.offset() >= offset;
        let snapshot = self.snapshot(view).await?;
        if is_it(&snapshot) {
            return Ok(snapshot);
        }
        let later = async {
            loop {
                let mut published = pin!(view.published.notified());
                // what is published from here on wakes it
                published.as_mut().enable();
                if let Some(snapshot) = view.snapshot.load_full().filter(is_it) {
                    return snapshot;
                }
                published.await;
            }
        };
        match tokio::time::timeout(PUBLISH_WAIT_MAX, later).await {
            Ok(snapshot) => Ok(snapshot),
            Err(_) => self.fresh_snapshot(view).await,
        }
    }

    /// A new snapshot of a stream, as it is now.
    ///
    /// # Errors
    /// The owner does not answer in time, or the stream has failed.
    pub async fn fresh_snapshot(&self, view: &StreamView) -> Result<Arc<Snapshot>, AskError> {
        let stream = view.name.clone();
        self.ask(&view.name, |reply| OwnerRequest::Publish { stream, reply }).await?.ok_or(AskError::Gone)
    }
}
