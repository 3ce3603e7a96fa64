//! Room for the forecasts of a bounded number of keys.
//!
//! What waits for its truth is about steps² × columns × 80 bytes a key, so not every key has room for it.

use crate::horizon::pending::PendingForecasts;
use surmise_state::{Persist, State, StateError};

/// Bytes that all pending forecasts may take together (PREDICTOR §9).
const POOL_BYTES_MAX: usize = 64 << 20;
/// The most slots.
const POOL_SLOTS_MAX: usize = 1024;
/// A slot may be given away once its key was idle for so many events, times the number of slots.
const SLOT_IDLE_EVENTS: u64 = 64;
/// A slot may be given away once its key has had so many events in it, times the number of steps.
const SLOT_MIN_EVENTS: u64 = 16;

/// A key's right to one of the pool's slots; void once the slot has another key.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slot {
    index: u32,
    /// The number under which the slot was given, from 1; 0 for a key that has none.
    grant: u64,
}

/// The pool's side of a slot.
#[derive(Clone, Debug, Default)]
struct SlotContent {
    grant: u64,
    /// The pool's count of events at the key's last event, and how many the key had here.
    last: u64,
    events: u64,
    pending: PendingForecasts,
}

/// The pending forecasts of as many keys as there is room for.
///
/// A key that has no slot gets a free one at its next event, or that of the key whose last event is longest ago, if
/// that key has been idle or has had its turn (see [`SLOT_IDLE_EVENTS`] and [`SLOT_MIN_EVENTS`]): with more keys than
/// slots each stays long enough to be learnt from. Forecasts of keys without a slot are drawn.
#[derive(Clone, Debug)]
pub(crate) struct SlotPool {
    slots: Vec<SlotContent>,
    slots_max: usize,
    /// Events so far, and slots given so far.
    events: u64,
    grants: u64,
}

impl SlotPool {
    /// A pool of slots of `slot_bytes` each; `grants` slots were given before by another pool, whose keys must not take
    /// those of others for their own.
    pub(crate) fn new(slot_bytes: usize, grants: u64) -> Self {
        let slots_max = (POOL_BYTES_MAX / slot_bytes).clamp(1, POOL_SLOTS_MAX);
        Self { slots: Vec::new(), slots_max, events: 0, grants }
    }

    /// How many slots were given.
    pub(crate) fn grants(&self) -> u64 {
        self.grants
    }

    /// Counts an event of a key, and takes what waits for it, to be [`put`](Self::put) back after the event; none if
    /// there is no room for the key now.
    pub(crate) fn take(&mut self, slot: &mut Slot, steps: usize) -> Option<PendingForecasts> {
        self.events += 1;
        if self.get(slot).is_none() {
            let index = self.vacate(steps)?;
            self.grants += 1;
            *slot = Slot { index: index as u32, grant: self.grants };
            self.slots[index] = SlotContent { grant: self.grants, ..SlotContent::default() };
        }
        let content = &mut self.slots[slot.index as usize];
        (content.last, content.events) = (self.events, content.events + 1);
        Some(std::mem::take(&mut content.pending))
    }

    /// Puts back what was taken.
    pub(crate) fn put(&mut self, slot: &Slot, pending: PendingForecasts) {
        self.slots[slot.index as usize].pending = pending;
    }

    /// What waits for a key; none if it has no slot.
    pub(crate) fn get(&self, slot: &Slot) -> Option<&PendingForecasts> {
        let content = self.slots.get(slot.index as usize)?;
        (slot.grant > 0 && content.grant == slot.grant).then_some(&content.pending)
    }

    /// A slot that is free, or may be given away.
    fn vacate(&mut self, steps: usize) -> Option<usize> {
        if self.slots.len() < self.slots_max {
            self.slots.push(SlotContent::default());
            return Some(self.slots.len() - 1);
        }
        let (idle, turn) = (SLOT_IDLE_EVENTS * self.slots_max as u64, SLOT_MIN_EVENTS * steps as u64);
        let ready = |slot: &SlotContent| self.events - slot.last > idle || slot.events >= turn;
        let ready = self.slots.iter().enumerate().filter(|(_, slot)| ready(slot));
        ready.min_by_key(|(_, slot)| slot.last).map(|(i, _)| i)
    }
}

impl Persist for Slot {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32("room", &mut self.index)?;
        s.u64("lease", &mut self.grant)
    }
}

impl Persist for SlotContent {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u64("holder", &mut self.grant)?;
        s.u64("last", &mut self.last)?;
        s.u64("events", &mut self.events)?;
        self.pending.persist(s)
    }
}

impl Persist for SlotPool {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u64("now", &mut self.events)?;
        s.u64("leases", &mut self.grants)?;
        s.list("rooms", &mut self.slots, SlotContent::default)?;
        if self.slots.len() > self.slots_max || self.slots.iter().any(|slot| slot.last > self.events) {
            return Err(StateError::Invalid("rooms"));
        }
        Ok(())
    }
}
