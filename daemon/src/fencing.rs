//! The registry of producers over all streams: the newest epoch of each, how far it is durable, and which connection
//! may send for it.
//!
//! A producer that connects again *fences* its older connection: that one is told to end, and the new one is welcomed
//! only when the old one has sent its last event, so that the welcome can say after which number to resume.

use crate::producers::Producers;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Producers in the registry. When it is full, those without a connection are dropped from it; the tables of their
/// streams still recognise what was learnt.
pub const PRODUCERS_MAX: usize = 65_536;

/// How long a claim waits until the connection that it fences has sent its last event.
const FENCED_TIME_MAX: Duration = Duration::from_secs(2);

/// What the registry knows of one producer.
#[derive(Default)]
struct ProducerState {
    /// The newest epoch.
    epoch: u64,
    /// The number up to which everything of that epoch is durable.
    committed: Option<u64>,
    /// The connection that may send for the producer.
    holder: Option<Holder>,
}

/// The connection that may send for a producer.
#[derive(Clone)]
struct Holder {
    /// The number of the claim.
    id: u64,
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

/// The error of a producer that comes with an old epoch.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("epoch {known} of the producer is known, which is newer than {asked}; take a higher one")]
pub struct OldEpoch {
    known: u64,
    asked: u64,
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

    /// Notes what the table of a recovered stream says of its producers.
    pub fn record_recovered(&self, producers: &Producers) {
        for (name, producer) in producers.iter() {
            self.record_durable(name, producer.epoch, producer.safe);
        }
    }

    /// Notes that everything of a producer's epoch up to a number is durable.
    pub fn record_durable(&self, producer: &Arc<str>, epoch: u64, committed: Option<u64>) {
        let mut producers = self.lock();
        let state = producers.entry(producer.clone()).or_default();
        state.raise(epoch);
        // of an older epoch nothing counts any more
        if epoch == state.epoch {
            state.committed = state.committed.max(committed);
        }
    }

    /// Claims the right to send for a producer. An older connection of it is fenced, and has sent its last event when
    /// this returns (or has not done so within [`FENCED_TIME_MAX`]; its stream then refuses its events).
    ///
    /// # Errors
    /// A newer epoch is known.
    pub async fn claim(self: &Arc<Self>, producer: &Arc<str>, epoch: u64) -> Result<Claim, OldEpoch> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let holder = Holder { id, fenced: CancellationToken::new(), done: CancellationToken::new() };
        let before = {
            let mut producers = self.lock();
            let state = entry(&mut producers, producer, epoch)?;
            state.raise(epoch);
            state.holder.replace(holder.clone())
        };
        let mut claim = Claim { fencing: self.clone(), producer: producer.clone(), holder, committed: None };
        // the lock is not held while this waits: the older connection needs it to end
        if let Some(before) = before {
            before.fenced.cancel();
            let _ = tokio::time::timeout(FENCED_TIME_MAX, before.done.cancelled()).await;
        }
        // read only now: the older connection may have had events made durable meanwhile
        let known = self.lock().get(producer).filter(|state| state.epoch == epoch).and_then(|state| state.committed);
        claim.committed = known;
        Ok(claim)
    }

    /// Checks the epoch of events that come without a connection of their own, over HTTP. A newer epoch than the known
    /// one fences the producer's connection.
    ///
    /// # Errors
    /// A newer epoch is known.
    pub fn admit(&self, producer: &Arc<str>, epoch: u64) -> Result<(), OldEpoch> {
        let mut producers = self.lock();
        let state = entry(&mut producers, producer, epoch)?;
        if epoch > state.epoch {
            if let Some(holder) = state.holder.take() {
                holder.fenced.cancel();
            }
            state.raise(epoch);
        }
        Ok(())
    }
}

/// The state of a producer that comes with an epoch; made if it is new.
///
/// # Errors
/// A newer epoch is known.
fn entry<'a>(
    producers: &'a mut FxHashMap<Arc<str>, ProducerState>,
    producer: &Arc<str>,
    epoch: u64,
) -> Result<&'a mut ProducerState, OldEpoch> {
    // the bound holds memory against producers that make up a new name each time
    if producers.len() >= PRODUCERS_MAX {
        producers.retain(|_, state| state.holder.is_some());
    }
    let state = producers.entry(producer.clone()).or_default();
    if epoch < state.epoch {
        return Err(OldEpoch { known: state.epoch, asked: epoch });
    }
    Ok(state)
}

impl ProducerState {
    /// Goes over to a newer epoch, of which nothing is durable yet.
    fn raise(&mut self, epoch: u64) {
        if epoch > self.epoch {
            self.epoch = epoch;
            self.committed = None;
        }
    }
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
    async fn a_posted_event_of_a_newer_epoch_fences_the_connection() {
        let fencing = Arc::new(Fencing::default());
        let producer: Arc<str> = "p".into();
        let claim = fencing.claim(&producer, 1).await.unwrap();
        assert_eq!(fencing.admit(&producer, 1), Ok(()));
        assert!(!claim.holder.fenced.is_cancelled(), "the same epoch may use both doors");
        assert_eq!(fencing.admit(&producer, 2), Ok(()));
        assert!(claim.holder.fenced.is_cancelled());
        assert_eq!(fencing.admit(&producer, 1), Err(OldEpoch { known: 2, asked: 1 }));
    }
}
