//! The values of a slot: those that were seen last, with their counts.

use crate::burst::Burst;
use crate::table::{KeyTable, Text};
use surmise_state::{Persist, State, StateError};

/// Values that a slot remembers.
pub(crate) const VALUES_MAX: usize = 256;

/// Values that a slot remembers if nearly every value is new, as of request ids.
pub(crate) const VALUES_FLEETING_MAX: usize = 32;

/// Bytes of a value that are kept for people.
const VALUE_BYTES_MAX: usize = 60;

/// No neighbour.
const NONE: u16 = u16::MAX;

/// A value of a slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct SlotValue {
    /// Its hash.
    pub hash: u64,
    /// How often it was seen.
    pub burst: Burst,
    /// What it says, kept from the second time on.
    pub text: Option<Text>,
    /// The template of its inside plus one, zero if it has none.
    pub inner: u32,
    older: u16,
    newer: u16,
}

/// Values in the order in which they were seen last, with a bound.
#[derive(Clone, Debug)]
pub(crate) struct SlotValues {
    all: Vec<SlotValue>,
    places: KeyTable<u16>,
    oldest: u16,
    newest: u16,
    /// The sum of the counts of the values that are kept.
    pub kept: f64,
}

impl Default for SlotValues {
    fn default() -> SlotValues {
        SlotValues { all: Vec::new(), places: KeyTable::default(), oldest: NONE, newest: NONE, kept: 0.0 }
    }
}

impl SlotValues {
    /// How many values there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// The values, in no meant order.
    pub fn all(&self) -> &[SlotValue] {
        &self.all
    }

    /// The value with this hash.
    pub fn get(&self, hash: u64) -> Option<&SlotValue> {
        self.place(hash).map(|place| &self.all[place as usize])
    }

    /// The value that was seen last.
    pub fn newest(&self) -> Option<&SlotValue> {
        self.all.get(self.newest as usize)
    }

    #[inline]
    fn place(&self, hash: u64) -> Option<u16> {
        // of few values the table is slower than a look at each
        if self.all.len() <= 8 {
            return self.all.iter().position(|v| v.hash == hash).map(|p| p as u16);
        }
        self.places.get(&hash).copied()
    }

    /// The value with this hash, which becomes the newest.
    #[inline]
    pub fn touch(&mut self, hash: u64) -> Option<&mut SlotValue> {
        let place = self.place(hash)?;
        if place != self.newest {
            self.unlink(place);
            self.link(place);
        }
        Some(&mut self.all[place as usize])
    }

    /// Says that the newest value, which has this hash, is a text with the template `inner`.
    pub fn set_inner(&mut self, hash: u64, inner: u32) {
        if let Some(value) = self.all.get_mut(self.newest as usize).filter(|value| value.hash == hash) {
            value.inner = inner + 1;
        }
    }

    /// Adds a value that is not there, in place of the oldest if there are `limit`; returns it.
    pub fn add(&mut self, hash: u64, burst: Burst, limit: usize) -> &mut SlotValue {
        while self.all.len() > limit.max(1) {
            self.remove_oldest();
        }
        let place = if self.all.len() == limit.max(1) {
            let place = self.oldest;
            self.unlink(place);
            let old = &self.all[place as usize];
            self.places.remove(&old.hash);
            self.kept -= old.burst.count;
            place
        } else {
            self.all.push(SlotValue::default());
            (self.all.len() - 1) as u16
        };
        self.all[place as usize] = SlotValue { hash, burst, text: None, inner: 0, older: NONE, newer: NONE };
        self.places.insert(hash, place);
        self.link(place);
        &mut self.all[place as usize]
    }

    fn remove_oldest(&mut self) {
        let place = self.oldest;
        self.unlink(place);
        let old = self.all.swap_remove(place as usize);
        self.places.remove(&old.hash);
        self.kept -= old.burst.count;
        let moved = self.all.len() as u16;
        if place != moved {
            // the last value has moved here
            let (hash, older, newer) = {
                let value = &self.all[place as usize];
                (value.hash, value.older, value.newer)
            };
            self.places.insert(hash, place);
            if older == NONE {
                self.oldest = place
            } else {
                self.all[older as usize].newer = place
            }
            if newer == NONE { self.newest = place } else { self.all[newer as usize].older = place }
        }
    }

    fn unlink(&mut self, place: u16) {
        let (older, newer) = (self.all[place as usize].older, self.all[place as usize].newer);
        if older == NONE {
            self.oldest = newer
        } else {
            self.all[older as usize].newer = newer
        }
        if newer == NONE { self.newest = older } else { self.all[newer as usize].older = older }
    }

    fn link(&mut self, place: u16) {
        let newest = self.newest;
        let value = &mut self.all[place as usize];
        (value.older, value.newer) = (newest, NONE);
        if newest == NONE {
            self.oldest = place
        } else {
            self.all[newest as usize].newer = place
        }
        self.newest = place;
    }
}

impl SlotValue {
    /// Keeps what the value says, unless that is kept already.
    #[inline]
    pub fn keep_text(&mut self, text: &[u8]) {
        if self.text.is_none() {
            self.text = Some(Text(text[..text.len().min(VALUE_BYTES_MAX)].into()));
        }
    }
}

impl Persist for SlotValues {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("kept", &mut self.kept)?;
        let n = s.begin("values", self.all.len(), 33)?;
        if n > VALUES_MAX {
            return Err(StateError::Invalid("values"));
        }
        let kept = self.kept;
        if s.is_reading() {
            *self = SlotValues { kept, ..SlotValues::default() };
        }
        let mut place = self.oldest;
        for _ in 0..n {
            let mut value =
                if s.is_reading() { SlotValue::default() } else { std::mem::take(&mut self.all[place as usize]) };
            s.u64("hash", &mut value.hash)?;
            value.burst.persist(s)?;
            s.option("text", &mut value.text, Text::default)?;
            s.u32("inner", &mut value.inner)?;
            if s.is_reading() {
                let SlotValue { hash, burst, text, inner, .. } = value;
                let added = self.add(hash, burst, VALUES_MAX);
                (added.text, added.inner) = (text, inner);
            } else {
                let newer = value.newer;
                self.all[place as usize] = value;
                place = newer;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_fixtures::Random;

    #[test]
    fn the_oldest_value_makes_room_as_in_a_plain_list() {
        let (mut random, mut values, mut plain) = (Random::new(1), SlotValues::default(), Vec::<u64>::new());
        for step in 0..20_000 {
            let hash = random.below(40) + 1;
            let limit = if step % 1000 < 700 { 30 } else { 12 };
            let known = values.touch(hash).is_some();
            assert_eq!(known, plain.contains(&hash));
            if !known {
                values.add(hash, Burst::new(0.0), limit);
                while plain.len() >= limit {
                    plain.remove(0);
                }
            }
            plain.retain(|h| *h != hash);
            plain.push(hash);
            assert_eq!(values.len(), plain.len());
            if step % 97 == 0 {
                let mut restored = SlotValues::default();
                restored.decode(&values.encode()).unwrap();
                assert_eq!(restored.hash_state(), values.hash_state());
                values = restored;
            }
        }
    }
}
