//! The slots of all templates, with a bound.

use crate::slot::LineSlot;
use surmise_state::{Persist, State, StateError};

/// The slots of all templates.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    limit: usize,
    slots: Vec<Option<Box<LineSlot>>>,
    free: Vec<u32>,
    /// Frames that were given out.
    frames: u64,
}

impl Slots {
    pub fn new(limit: usize) -> Slots {
        Slots { limit, slots: Vec::new(), free: Vec::new(), frames: 0 }
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
        if self.slots.get_mut(number as usize).and_then(Option::take).is_some() {
            self.free.push(number);
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
        Ok(())
    }
}
