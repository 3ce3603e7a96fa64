//! The slots of all templates, with a bound.

use crate::slot::{LineSlot, SlotEvidence};
use crate::values::VALUES_MAX;
use surmise_state::{Persist, State, StateError};

/// Values of all slots together, for each slot that there may be.
const VALUES_PER_SLOT: usize = 4;

/// Values of a slot where all slots together have more than that.
const VALUES_CROWDED_MAX: usize = 8;

/// The slots of all templates.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    limit: usize,
    slots: Vec<Option<Box<LineSlot>>>,
    free: Vec<u32>,
    /// Frames that were given out.
    frames: u64,
    /// Values of all slots.
    values: usize,
}

impl Slots {
    pub fn new(limit: usize) -> Slots {
        Slots { limit, slots: Vec::new(), free: Vec::new(), frames: 0, values: 0 }
    }

    /// How many slots there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The slot with this number.
    #[inline]
    pub fn get(&self, number: u32) -> Option<&LineSlot> {
        self.slots.get(number as usize)?.as_deref()
    }

    /// The slot with this number, to be changed.
    #[inline]
    pub fn get_mut(&mut self, number: u32) -> Option<&mut LineSlot> {
        self.slots.get_mut(number as usize)?.as_deref_mut()
    }

    /// Adds an empty slot at line `now`, unless there are as many as may be.
    pub fn add(&mut self, now: u64) -> Option<u32> {
        if self.len() >= self.limit {
            return None;
        }
        self.frames += 1;
        let slot = Some(Box::new(LineSlot::new(now, self.frames)));
        let number = self.free.pop().unwrap_or(self.slots.len() as u32);
        if number as usize == self.slots.len() {
            self.slots.push(slot);
        } else {
            self.slots[number as usize] = slot;
        }
        Some(number)
    }

    /// Removes a slot.
    pub fn remove(&mut self, number: u32) {
        if let Some(slot) = self.slots.get_mut(number as usize).and_then(Option::take) {
            self.values -= slot.values.len();
            self.free.push(number);
        }
    }

    /// Scores a value of a slot and learns it, as [`LineSlot::value`] does; the slot remembers few values where all
    /// slots together have many.
    #[inline]
    pub fn value(&mut self, number: u32, hash: u64, text: &[u8], now: u64) -> SlotEvidence {
        let limit = if self.values < VALUES_PER_SLOT * self.limit { VALUES_MAX } else { VALUES_CROWDED_MAX };
        let Some(slot) = self.slots.get_mut(number as usize).and_then(Option::as_mut) else {
            return SlotEvidence::default();
        };
        let before = slot.values.len();
        let said = slot.value(hash, text, now, limit);
        self.values = self.values + slot.values.len() - before;
        said
    }

    /// Makes a word that was a literal of a template with `count` lines a value of a slot.
    pub fn take_in(&mut self, number: u32, word: u64, count: u64, text: &[u8]) {
        if let Some(slot) = self.slots.get_mut(number as usize).and_then(Option::as_mut) {
            let before = slot.values.len();
            slot.take_in(word, count, text);
            self.values = self.values + slot.values.len() - before;
        }
    }
}

impl Persist for Slots {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("slots")?;
        s.u64("frames", &mut self.frames)?;
        s.u32s("free", &mut self.free)?;
        let n = s.begin("all", self.slots.len(), 1)?;
        if n > self.limit {
            return Err(StateError::Invalid("slots"));
        }
        if s.is_reading() {
            self.slots = vec![None; n];
        }
        for slot in &mut self.slots {
            let mut is_there = slot.is_some();
            s.bool("there", &mut is_there)?;
            if s.is_reading() {
                *slot = is_there.then(|| Box::new(LineSlot::new(0, 0)));
            }
            if let Some(slot) = slot {
                slot.persist(s)?;
            }
        }
        if s.is_reading() {
            self.values = self.slots.iter().flatten().map(|slot| slot.values.len()).sum();
        }
        Ok(())
    }
}
