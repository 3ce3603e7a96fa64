//! When values of a field were last seen, for what an alarm says of its parts. The state is bounded, a function of the
//! events, and nothing is predicted by it.

use surmise_state::{Persist, State, StateError};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Symbols of a vocabulary, or templates of lines, whose latest event is known: the first that arrived.
const SYMBOLS_MAX: usize = 4096;
/// Values in slots of lines whose latest event is known; a further one takes the place of another.
const WORDS_MAX: usize = 4096;
/// Places that a value may have, one behind the other.
const PLACES_OF_TAG: usize = 4;
/// Places for values in slots at first.
const WORDS_MIN: usize = 64;
/// Numbers whose latest event is known on either side: each the largest since it came.
const EXTREMES_MAX: usize = 64;

/// When values of one field were last seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct FieldSeen {
    /// By symbol: one more than the offset of its latest event, 0 for none.
    symbols: Vec<u64>,
    /// Values in slots, where the field has lines.
    words: Option<Box<SeenWords>>,
    /// The only number so far and its event: a number that came once takes no more room.
    first: Option<(f64, u64)>,
    /// Numbers, where the field has several.
    numbers: Option<Box<SeenNumbers>>,
}

/// Numbers that are large or small.
#[derive(Clone, Debug, Default)]
struct SeenNumbers {
    /// Large numbers.
    high: Extremes,
    /// Small numbers, their signs turned.
    low: Extremes,
}

impl FieldSeen {
    /// A symbol has come.
    pub(crate) fn see_symbol(&mut self, symbol: u32, offset: u64) {
        let place = symbol as usize;
        if place < SYMBOLS_MAX {
            if self.symbols.len() <= place {
                self.symbols.resize(place + 1, 0);
            }
            self.symbols[place] = offset + 1;
        }
    }

    /// The latest event with a symbol.
    pub(crate) fn symbol(&self, symbol: u32) -> Option<u64> {
        self.symbols.get(symbol as usize)?.checked_sub(1)
    }

    /// A value of a slot of a line has come.
    pub(crate) fn see_word(&mut self, slot: u32, text: &[u8], offset: u64) {
        self.words.get_or_insert_default().see(word_tag(slot, text), offset);
    }

    /// The latest event with a value in a slot.
    pub(crate) fn word(&self, slot: u32, text: &[u8]) -> Option<u64> {
        self.words.as_ref()?.latest(word_tag(slot, text))
    }

    /// A number has come.
    pub(crate) fn see_number(&mut self, x: f64, offset: u64) {
        if let Some(numbers) = &mut self.numbers {
            numbers.see(x, offset);
        } else if let Some((first, at)) = self.first.take() {
            let numbers = self.numbers.get_or_insert_default();
            numbers.see(first, at);
            numbers.see(x, offset);
        } else {
            self.first = Some((x, offset));
        }
    }

    /// The latest event with a number at least as large as `x` where that is more than `usual` holds, or at least as
    /// small where it is less; none for a usual number.
    pub(crate) fn number(&self, x: f64, usual: [f64; 2]) -> Option<u64> {
        let (is_high, is_low) = (x > usual[1], x < usual[0]);
        if let Some((first, at)) = self.first {
            return (is_high && first >= x || is_low && first <= x).then_some(at);
        }
        match &self.numbers {
            Some(numbers) if is_high => numbers.high.latest(x),
            Some(numbers) if is_low => numbers.low.latest(-x),
            Some(_) | None => None,
        }
    }
}

impl SeenNumbers {
    fn see(&mut self, x: f64, offset: u64) {
        self.high.see(x, offset);
        self.low.see(-x, offset);
    }
}

/// The tag of a value in a slot; never 0.
fn word_tag(slot: u32, text: &[u8]) -> u64 {
    xxh3_64_with_seed(text, u64::from(slot)).max(1)
}

/// The latest events of values by their tags: a table in which each tag may have one of [`PLACES_OF_TAG`] places.
#[derive(Clone, Debug, Default)]
struct SeenWords {
    /// `[places]`: the tag that has the place, 0 for none.
    tags: Vec<u64>,
    /// `[places]`: its latest event.
    offsets: Vec<u64>,
    /// Places that are taken.
    taken: u64,
}

impl SeenWords {
    fn see(&mut self, tag: u64, offset: u64) {
        // the table doubles when half of its places are taken, up to its bound
        if self.tags.len() < WORDS_MAX && self.taken as usize * 2 >= self.tags.len() {
            let places = (self.tags.len() * 2).max(WORDS_MIN);
            let (tags, offsets) = (std::mem::take(&mut self.tags), std::mem::take(&mut self.offsets));
            *self = SeenWords { tags: vec![0; places], offsets: vec![0; places], taken: 0 };
            tags.into_iter().zip(offsets).filter(|(tag, _)| *tag != 0).for_each(|(tag, offset)| self.put(tag, offset));
        }
        self.put(tag, offset);
    }

    fn put(&mut self, tag: u64, offset: u64) {
        let is_its = |place: &usize| self.tags[*place] == tag || self.tags[*place] == 0;
        // where all are taken, the one that came longest ago makes room
        let place = self.places(tag).find(is_its).or_else(|| self.places(tag).min_by_key(|place| self.offsets[*place]));
        let Some(place) = place else { return };
        self.taken += u64::from(self.tags[place] == 0);
        (self.tags[place], self.offsets[place]) = (tag, offset);
    }

    fn latest(&self, tag: u64) -> Option<u64> {
        self.places(tag).find(|place| self.tags[*place] == tag).map(|place| self.offsets[place])
    }

    /// The places that a tag may have.
    fn places(&self, tag: u64) -> impl Iterator<Item = usize> + use<> {
        let places = self.tags.len();
        (0..PLACES_OF_TAG.min(places)).map(move |next| (tag as usize).wrapping_add(next) & (places - 1))
    }
}

/// The numbers that none since has reached, from the largest and oldest to the latest one.
#[derive(Clone, Debug, Default)]
struct Extremes {
    numbers: Vec<f64>,
    offsets: Vec<u64>,
}

impl Extremes {
    fn see(&mut self, x: f64, offset: u64) {
        while self.numbers.last().is_some_and(|last| *last <= x) {
            self.numbers.pop();
            self.offsets.pop();
        }
        // what is too long ago is no longer known, rather than told wrongly
        if self.numbers.len() >= EXTREMES_MAX {
            self.numbers.remove(0);
            self.offsets.remove(0);
        }
        self.numbers.push(x);
        self.offsets.push(offset);
    }

    /// The latest event with a number of at least `x`.
    fn latest(&self, x: f64) -> Option<u64> {
        let reached = self.numbers.partition_point(|number| *number >= x);
        self.offsets.get(reached.checked_sub(1)?).copied()
    }
}

impl Persist for FieldSeen {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u64s("seen symbols", &mut self.symbols)?;
        if self.symbols.len() > SYMBOLS_MAX {
            return Err(StateError::Invalid("seen symbols"));
        }
        // what is not there is written as if it were empty
        let mut words_seen = self.words.take().unwrap_or_default();
        s.u64s("seen words", &mut words_seen.tags)?;
        s.u64s("seen words", &mut words_seen.offsets)?;
        s.u64("seen words", &mut words_seen.taken)?;
        let words = words_seen.tags.len();
        if words != words_seen.offsets.len() || words > WORDS_MAX || words > 0 && !words.is_power_of_two() {
            return Err(StateError::Invalid("seen words"));
        }
        self.words = (words > 0).then_some(words_seen);
        let mut numbers = self.numbers.take().unwrap_or_default();
        if let Some((x, offset)) = self.first.take() {
            numbers.see(x, offset);
        }
        for extremes in [&mut numbers.high, &mut numbers.low] {
            s.f64s("seen numbers", &mut extremes.numbers)?;
            s.u64s("seen numbers", &mut extremes.offsets)?;
            if extremes.numbers.len() != extremes.offsets.len() || extremes.numbers.len() > EXTREMES_MAX {
                return Err(StateError::Invalid("seen numbers"));
            }
        }
        self.numbers = (!numbers.high.numbers.is_empty()).then_some(numbers);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_fixtures::Random;

    #[test]
    fn the_latest_number_as_far_out_is_found() {
        let (mut seen, mut random, mut past) = (FieldSeen::default(), Random::new(3), Vec::new());
        for offset in 0..3_000 {
            let x = random.normal();
            for sought in [1.5, -1.5, 2.5] {
                let is_like = |y: &f64| if sought > 0.0 { *y >= sought } else { *y <= sought };
                let found = past.iter().rposition(is_like).map(|at| at as u64);
                assert_eq!(seen.number(sought, [-1.0, 1.0]), found, "{sought} at {offset}");
            }
            assert_eq!(seen.number(0.5, [-1.0, 1.0]), None, "a usual number");
            seen.see_number(x, offset);
            past.push(x);
        }
        // a fall that goes on leaves only the latest numbers known
        (3_000..4_000).for_each(|i| seen.see_number(-(i as f64), i));
        assert_eq!((seen.number(-3_980.5, [-1e9, -1e8]), seen.number(0.0, [-1e9, -1e8])), (Some(3_980), None));
        assert_eq!(seen.numbers.unwrap().high.numbers.len(), EXTREMES_MAX);
    }

    #[test]
    fn values_are_found_or_forgotten_and_never_taken_for_others() {
        let mut seen = FieldSeen::default();
        assert_eq!((seen.symbol(0), seen.word(1, b"a")), (None, None));
        for i in 0..20_000u64 {
            seen.see_word(1, i.to_string().as_bytes(), i);
            seen.see_symbol(i as u32, i);
        }
        assert_eq!(seen.words.as_ref().unwrap().tags.len(), WORDS_MAX);
        let found = (0..20_000u64).filter_map(|i| seen.word(1, i.to_string().as_bytes()).map(|offset| (i, offset)));
        let found: Vec<(u64, u64)> = found.collect();
        assert!(found.iter().all(|(i, offset)| i == offset) && found.len() > WORDS_MAX / 2, "{}", found.len());
        assert_eq!((seen.word(1, b"19999"), seen.word(2, b"19999")), (Some(19_999), None));
        assert_eq!((seen.symbol(7), seen.symbol(4_095), seen.symbol(4_096)), (Some(7), Some(4_095), None));
        let mut read = FieldSeen::default();
        read.decode(&seen.encode()).unwrap();
        assert_eq!(read.hash_state(), seen.hash_state());
    }
}
