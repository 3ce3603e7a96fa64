//! Producers over all streams: their newest epoch, what is durable of it, and which connection speaks for them.

use crate::producers::Producers;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Producers that are remembered here. Beyond it, those without a connection are forgotten; their streams' own
/// tables still recognise what was learnt.
pub const PRODUCERS_MAX: usize = 65_536;

/// How long a connection that was taken over is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Known {
    epoch: u64,
    committed: Option<u64>,
    holder: Option<Holder>,
}

#[derive(Clone)]
struct Holder {
    id: u64,
    fenced: CancellationToken,
    gone: CancellationToken,
}

/// All producers.
#[derive(Default)]
pub struct Fencing {
    known: Mutex<FxHashMap<Arc<str>, Known>>,
    next_id: AtomicU64,
}

/// A newer epoch of the producer is known.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("epoch {known} of the producer is known, which is newer than {asked}; take a higher one")]
pub struct OldEpoch {
    known: u64,
    asked: u64,
}

/// A connection's right to speak for a producer. It ends when it is dropped, or when a newer connection takes over.
pub struct Claim {
    fencing: Arc<Fencing>,
    producer: Arc<str>,
    holder: Holder,
    /// The largest number that was known to be durable when the claim was made.
    pub committed: Option<u64>,
}

impl Fencing {
    fn lock(&self) -> std::sync::MutexGuard<'_, FxHashMap<Arc<str>, Known>> {
        self.known.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Takes in what a recovered stream knows.
    pub fn record_recovered(&self, producers: &Producers) {
        for (name, p) in producers.iter() {
            self.record_durable(name, p.epoch, p.safe);
        }
    }

    /// Takes in that everything of a producer up to a number is durable.
    pub fn record_durable(&self, producer: &Arc<str>, epoch: u64, committed: Option<u64>) {
        let mut known = self.lock();
        let k = known.entry(producer.clone()).or_default();
        Self::raise(k, epoch);
        if epoch == k.epoch {
            k.committed = k.committed.max(committed);
        }
    }

    /// Makes a connection speak for a producer. An older connection is fenced, and has sent its last event when this
    /// returns.
    ///
    /// # Errors
    /// A newer epoch is known.
    pub async fn claim(self: &Arc<Self>, producer: &Arc<str>, epoch: u64) -> Result<Claim, OldEpoch> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let holder = Holder { id, fenced: CancellationToken::new(), gone: CancellationToken::new() };
        let before = {
            let mut known = self.lock();
            Self::make_room(&mut known);
            let k = known.entry(producer.clone()).or_default();
            if epoch < k.epoch {
                return Err(OldEpoch { known: k.epoch, asked: epoch });
            }
            Self::raise(k, epoch);
            k.holder.replace(holder.clone())
        };
        let mut claim = Claim { fencing: self.clone(), producer: producer.clone(), holder, committed: None };
        if let Some(before) = before {
            before.fenced.cancel();
            let _ = tokio::time::timeout(PATIENCE, before.gone.cancelled()).await;
        }
        claim.committed = self.lock().get(producer).filter(|k| k.epoch == epoch).and_then(|k| k.committed);
        Ok(claim)
    }

    /// Holds the epoch of events that come without a connection of their own (HTTP) against what is known.
    ///
    /// # Errors
    /// A newer epoch is known.
    pub fn admit(&self, producer: &Arc<str>, epoch: u64) -> Result<(), OldEpoch> {
        let mut known = self.lock();
        Self::make_room(&mut known);
        let k = known.entry(producer.clone()).or_default();
        if epoch < k.epoch {
            return Err(OldEpoch { known: k.epoch, asked: epoch });
        }
        if epoch > k.epoch {
            if let Some(h) = k.holder.take() {
                h.fenced.cancel();
            }
            Self::raise(k, epoch);
        }
        Ok(())
    }

    fn raise(k: &mut Known, epoch: u64) {
        if epoch > k.epoch {
            k.epoch = epoch;
            k.committed = None;
        }
    }

    fn make_room(known: &mut FxHashMap<Arc<str>, Known>) {
        if known.len() >= PRODUCERS_MAX {
            known.retain(|_, k| k.holder.is_some());
        }
    }
}

impl Claim {
    /// Waits until a newer connection takes over.
    pub async fn fenced(&self) {
        self.holder.fenced.cancelled().await;
    }

    /// The connection has sent its last event.
    pub fn signal_last_event_sent(&self) {
        self.holder.gone.cancel();
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.holder.gone.cancel();
        let mut known = self.fencing.lock();
        if let Some(k) = known.get_mut(&self.producer)
            && k.holder.as_ref().is_some_and(|h| h.id == self.holder.id)
        {
            k.holder = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newer_connection_speaks() {
        let f = Arc::new(Fencing::default());
        let p: Arc<str> = "p".into();
        let a = f.claim(&p, 1).await.unwrap();
        f.record_durable(&p, 1, Some(7));
        a.signal_last_event_sent();
        let b = f.claim(&p, 1).await.unwrap();
        assert!(a.holder.fenced.is_cancelled() && !b.holder.fenced.is_cancelled());
        assert_eq!(b.committed, Some(7));
        b.signal_last_event_sent();
        let c = f.claim(&p, 2).await.unwrap();
        assert_eq!(c.committed, None, "a new epoch begins anew");
        f.record_durable(&p, 1, Some(9));
        drop(b);
        assert!(f.claim(&p, 1).await.is_err());
        f.record_durable(&p, 2, Some(3));
        c.signal_last_event_sent();
        assert_eq!(f.claim(&p, 2).await.unwrap().committed, Some(3));
    }
}
