//! Keys that fell silent, until each of them is told.

use crate::claim::RespectClaim;
use crate::novelty::NoveltyRecord;
use std::collections::VecDeque;
use surmise_event::AlarmKind;
use surmise_state::{Persist, State, StateError};
use xxhash_rust::xxh3::xxh3_64;

/// The most keys that wait to be told; the oldest goes for one more.
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
    waiting: VecDeque<SilentKey>,
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
            if self.waiting.len() == WAITING_MAX {
                self.waiting.pop_front();
            }
            self.waiting.push_back(SilentKey { bits, ..silent });
        }
    }

    /// What the key claims that has waited longest, if one waits.
    pub(crate) fn claim(&self) -> Option<RespectClaim> {
        let SilentKey { key, bits, .. } = self.waiting.front()?;
        let about = Some(xxh3_64(key.as_bytes()));
        Some(RespectClaim { kind: AlarmKind::Silent, bits: *bits, field: None, about, lasts: true })
    }

    /// Takes the key that has waited longest, to be told.
    pub(crate) fn take(&mut self) -> Option<SilentKey> {
        self.waiting.pop_front()
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
        let mut waiting = Vec::from(std::mem::take(&mut self.waiting));
        s.list("silent keys", &mut waiting, SilentKey::default)?;
        if waiting.len() > WAITING_MAX {
            return Err(StateError::Invalid("silent keys"));
        }
        self.waiting = waiting.into();
        Ok(())
    }
}
