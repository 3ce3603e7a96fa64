//! The registry of producers over all streams: the newest epoch of each, how far it is durable, and which connection
//! may send for it.
//!
//! Only an event that was learnt raises the epoch of its producer: neither a hello nor a request does so by itself. A
//! producer that connects again *fences* its older connection: that one is told to end, and the new one is welcomed
//! only when the old one has sent its last event, so that the welcome can say after which number to resume.
//!
//! The registry holds what was asked for lately. What it does not hold is in the tables of streams and in the marks of
//! the log: see `Hub::look_up_producer`.

use crate::producers::{EpochFault, check_epoch};
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Producers in the registry. When it is full, those without a connection are dropped from it.
const PRODUCERS_MAX: usize = 65_536;

/// Streams of one producer of which it is remembered that they were asked.
const ASKED_STREAMS_MAX: usize = 16;

/// How long a claim waits until the connection that it fences has sent its last event.
const FENCED_TIME_MAX: Duration = Duration::from_secs(2);

/// What the registry knows of one producer.
#[derive(Default)]
struct ProducerState {
    /// The newest epoch that an event was learnt of.
    epoch: Option<u64>,
    /// The number up to which everything of that epoch is durable.
    committed: Option<u64>,
    /// The connection that may send for the producer.
    holder: Option<Holder>,
    /// Streams that were asked what they know of the producer.
    asked: Vec<Arc<str>>,
}

/// The connection that may send for a producer.
#[derive(Clone)]
struct Holder {
    /// The number of the claim.
    id: u64,
    /// The epoch of the claim.
    epoch: u64,
    /// Cancelled when a newer connection takes over.
    fenced: CancellationToken,
    /// Cancelled when the connection has sent its last event.
    done: CancellationToken,
}

/// The registry of producers.
#[derive(Default)]
pub struct Fencing {
    producers: Mutex<FxHashMap<Arc<str>, ProducerState>>,
    next_id: AtomicU64,
}

/// The right of a connection to send for a producer. It ends when it is dropped, or when a newer connection takes over.
pub struct Claim {
    fencing: Arc<Fencing>,
    producer: Arc<str>,
    holder: Holder,
    /// The largest number that was known to be durable when the claim was made.
    pub committed: Option<u64>,
}

impl Fencing {
    fn lock(&self) -> std::sync::MutexGuard<'_, FxHashMap<Arc<str>, ProducerState>> {
        self.producers.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Whether the registry knows what a stream knows of a producer.
    pub fn has_asked(&self, producer: &str, stream: &str) -> bool {
        self.lock().get(producer).is_some_and(|state| state.asked.iter().any(|asked| **asked == *stream))
    }

    /// Notes that a stream was asked what it knows of a producer, and that this was recorded.
    pub fn record_asked(&self, producer: &Arc<str>, stream: &Arc<str>) {
        let mut producers = self.lock();
        let state = entry(&mut producers, producer);
        if state.asked.len() >= ASKED_STREAMS_MAX {
            state.asked.remove(0);
        }
        state.asked.push(stream.clone());
    }

    /// Notes that an event of an epoch of a producer is durable, and everything of the epoch up to a number. A
    /// connection of an older epoch is fenced by it.
    pub fn record_durable(&self, producer: &Arc<str>, epoch: u64, committed: Option<u64>) {
        let mut producers = self.lock();
        let state = entry(&mut producers, producer);
        if state.epoch.is_none_or(|known| epoch > known) {
            (state.epoch, state.committed) = (Some(epoch), None);
            if let Some(holder) = state.holder.take_if(|holder| holder.epoch < epoch) {
                holder.fenced.cancel();
            }
        }
        // of an older epoch nothing counts any more
        if state.epoch == Some(epoch) {
            state.committed = state.committed.max(committed);
        }
    }

    /// Claims the right to send for a producer. An older connection of it is fenced, and has sent its last event when
    /// this returns (or has not done so within [`FENCED_TIME_MAX`]; its stream then refuses its events).
    ///
    /// # Errors
    /// An event of a newer epoch was learnt, or the producer's connection has a newer one; or the epoch is too high.
    pub async fn claim(self: &Arc<Self>, producer: &Arc<str>, epoch: u64) -> Result<Claim, EpochFault> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let holder = Holder { id, epoch, fenced: CancellationToken::new(), done: CancellationToken::new() };
        let before = {
            let mut producers = self.lock();
            let state = entry(&mut producers, producer);
            check_epoch(state.epoch, epoch)?;
            if let Some(Holder { epoch: known, .. }) = state.holder.as_ref().filter(|holder| holder.epoch > epoch) {
                return Err(EpochFault::Old { known: *known, asked: epoch });
            }
            state.holder.replace(holder.clone())
        };
        let mut claim = Claim { fencing: self.clone(), producer: producer.clone(), holder, committed: None };
        // the lock is not held while this waits: the older connection needs it to end
        if let Some(before) = before {
            before.fenced.cancel();
            let _ = tokio::time::timeout(FENCED_TIME_MAX, before.done.cancelled()).await;
        }
        // read only now: the older connection may have had events made durable meanwhile
        let known = self.lock().get(producer).filter(|s| s.epoch == Some(epoch)).and_then(|s| s.committed);
        claim.committed = known;
        Ok(claim)
    }

    /// The newest epoch of a producer that an event was learnt of, and the number up to which it is durable.
    pub fn known(&self, producer: &str) -> Option<(u64, Option<u64>)> {
        self.lock().get(producer).and_then(|state| Some((state.epoch?, state.committed)))
    }

    /// Checks the epoch of events that come without a connection of their own, over HTTP.
    ///
    /// # Errors
    /// An event of a newer epoch was learnt, or the epoch is too high.
    pub fn check(&self, producer: &str, epoch: u64) -> Result<(), EpochFault> {
        check_epoch(self.lock().get(producer).and_then(|state| state.epoch), epoch)
    }

    /// Forgets a producer, and ends its connection.
    pub fn forget(&self, producer: &str) {
        if let Some(holder) = self.lock().remove(producer).and_then(|state| state.holder) {
            holder.fenced.cancel();
        }
    }
}

/// The state of a producer; made if it is new.
fn entry<'a>(producers: &'a mut FxHashMap<Arc<str>, ProducerState>, producer: &Arc<str>) -> &'a mut ProducerState {
    // the bound holds memory against producers that make up a new name each time
    if producers.len() >= PRODUCERS_MAX && !producers.contains_key(producer) {
        producers.retain(|_, state| state.holder.is_some());
    }
    producers.entry(producer.clone()).or_default()
}

impl Claim {
    /// Waits until a newer connection takes over.
    pub async fn fenced(&self) {
        self.holder.fenced.cancelled().await;
    }

    /// Lets the connection that takes over know that this one has sent its last event.
    pub fn signal_last_event_sent(&self) {
        self.holder.done.cancel();
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.holder.done.cancel();
        let mut producers = self.fencing.lock();
        // a newer connection may have taken over meanwhile; its right stays
        if let Some(state) = producers.get_mut(&self.producer)
            && state.holder.as_ref().is_some_and(|holder| holder.id == self.holder.id)
        {
            state.holder = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_newer_connection_fences_the_older_one_and_resumes_after_it() {
        let fencing = Arc::new(Fencing::default());
        let producer: Arc<str> = "p".into();
        let first = fencing.claim(&producer, 1).await.unwrap();
        fencing.record_durable(&producer, 1, Some(7));
        first.signal_last_event_sent();
        let second = fencing.claim(&producer, 1).await.unwrap();
        assert!(first.holder.fenced.is_cancelled() && !second.holder.fenced.is_cancelled());
        assert_eq!(second.committed, Some(7));
        second.signal_last_event_sent();
        let newer_epoch = fencing.claim(&producer, 2).await.unwrap();
        assert_eq!(newer_epoch.committed, None, "a new epoch begins anew");
        fencing.record_durable(&producer, 1, Some(9));
        drop(second);
        assert!(fencing.claim(&producer, 1).await.is_err());
        fencing.record_durable(&producer, 2, Some(3));
        newer_epoch.signal_last_event_sent();
        assert_eq!(fencing.claim(&producer, 2).await.unwrap().committed, Some(3));
    }

    #[tokio::test]
    async fn only_an_event_that_was_learnt_raises_the_epoch() {
        let fencing = Arc::new(Fencing::default());
        let producer: Arc<str> = "p".into();
        let claim = fencing.claim(&producer, 1).await.unwrap();
        assert_eq!((fencing.check(&producer, 1), fencing.check(&producer, 2)), (Ok(()), Ok(())));
        assert!(!claim.holder.fenced.is_cancelled(), "asking fences nobody");
        fencing.record_durable(&producer, 2, None);
        assert!(claim.holder.fenced.is_cancelled());
        assert_eq!(fencing.check(&producer, 1), Err(EpochFault::Old { known: 2, asked: 1 }));
        assert!(matches!(fencing.check(&producer, u64::MAX), Err(EpochFault::Jump { known: 2, .. })));
        drop(claim);
        // a hello of a high epoch holds its place while its connection lives, and leaves nothing behind
        let high = fencing.claim(&producer, 100).await.unwrap();
        assert!(fencing.claim(&producer, 2).await.is_err());
        drop(high);
        assert!(fencing.claim(&producer, 2).await.is_ok());
    }
}
