//! Keys that fell silent, until each of them is told.

use crate::claim::RespectClaim;
use crate::novelty::NoveltyRecord;
use surmise_event::AlarmKind;
use surmise_state::{Persist, State, StateError};
use xxhash_rust::xxh3::xxh3_64;

/// The most keys that wait to be told; the one that claims least goes for one more, of equals the oldest.
const WAITING_MAX: usize = 8;

/// A key that fell silent.
#[derive(Clone, Debug, Default)]
pub(crate) struct SilentKey {
    /// The offset of its latest event.
    pub(crate) since: u64,
    pub(crate) key: Box<str>,
    /// What its silence claims.
    bits: f64,
}

impl SilentKey {
    /// What its silence claims.
    fn claim(&self) -> RespectClaim {
        let about = Some(xxh3_64(self.key.as_bytes()));
        RespectClaim { kind: AlarmKind::Silent, bits: self.bits, field: None, about, lasts: true }
    }
}

/// The keys of a stream that fell silent and were not told yet.
///
/// A silence lasts, and is another cause than what else is odd meanwhile. So it waits while another incident is open or
/// the budget is spent, and is forgotten when its key speaks again. Deterministic; bounded.
#[derive(Clone, Debug, Default)]
pub(crate) struct SilentKeys {
    /// Events with which a key was found to be silent, of all events.
    record: NoveltyRecord,
    /// Those of the event at hand.
    noticed: Vec<SilentKey>,
    waiting: Vec<SilentKey>,
}

impl SilentKeys {
    /// A key was found to be silent with the event at hand, since its event at this offset.
    pub(crate) fn notice(&mut self, since: u64, key: &str) {
        self.noticed.push(SilentKey { since, key: key.into(), bits: 0.0 });
    }

    /// The event at hand is one of this key.
    pub(crate) fn speaks(&mut self, key: &str) {
        self.waiting.retain(|silent| *silent.key != *key);
    }

    /// Counts the event at hand, and has those wait that were noticed with it.
    pub(crate) fn event(&mut self) {
        let bits = self.record.observe(!self.noticed.is_empty());
        for silent in self.noticed.drain(..) {
            let Some(bits) = bits else { continue };
            self.waiting.push(SilentKey { bits, ..silent });
            if self.waiting.len() > WAITING_MAX {
                let least = (0..=WAITING_MAX).min_by(|a, b| self.waiting[*a].bits.total_cmp(&self.waiting[*b].bits));
                self.waiting.remove(least.unwrap_or(0));
            }
        }
    }

    /// Takes the key that has waited longest of those whose claim is told now, with that claim.
    pub(crate) fn take(&mut self, is_told: impl Fn(&RespectClaim) -> bool) -> Option<(SilentKey, RespectClaim)> {
        let (place, claim) = self.waiting.iter().map(SilentKey::claim).enumerate().find(|(_, claim)| is_told(claim))?;
        Some((self.waiting.remove(place), claim))
    }

    /// Has a key wait on that was taken and not told.
    pub(crate) fn put_back(&mut self, silent: SilentKey) {
        self.waiting.insert(0, silent);
    }
}

impl Persist for SilentKey {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let mut key = std::mem::take(&mut self.key).into_string();
        s.string("silent key", &mut key)?;
        self.key = key.into();
        s.u64("silent since", &mut self.since)?;
        s.f64("silence", &mut self.bits)
    }
}

impl Persist for SilentKeys {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.record.persist(s)?;
        s.list("silent keys", &mut self.waiting, SilentKey::default)?;
        if self.waiting.len() > WAITING_MAX {
            return Err(StateError::Invalid("silent keys"));
        }
        Ok(())
    }
}
