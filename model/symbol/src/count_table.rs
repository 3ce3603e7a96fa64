//! The table of counts: fifteen probabilities with counts for each context and nibble prefix (PREDICTOR §3).
//!
//! Lines have 64 bytes, each decision with a probability, a count and its last seven bits: for contexts that recur
//! often. The table starts small and doubles with the stream, up to a ceiling; then the least used of four lines gives
//! way.

use crate::huge_memory::{FILL_PERCENT_MAX, filled};
use surmise_lanes::prefetch;
use surmise_state::{Persist, SnapshotVec, State, StateError, incremental_copy};

/// Stands for the line of a context that was never seen, where an `Option` would cost a test in the hot path.
pub const UNSEEN: u32 = u32::MAX;

/// Lines that a context may have its counts in.
const WAYS: u32 = 4;

/// The slot of a decision that was never made: probability ½, no count, an empty history with its sentinel bit. A slot
/// is `p16 | n8 << 16 | history8 << 24`.
pub const FRESH: u32 = 32768 | 1 << 24;

/// A line of counts: the context's hash (0 where the line is empty), then 15 slots, see [`FRESH`].
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct CountLine(pub [u32; 16]);

const EMPTY: CountLine = {
    let mut line = [FRESH; 16];
    line[0] = 0;
    CountLine(line)
};

/// A table of counts: 64 bytes for each context and nibble prefix.
#[derive(Clone)]
pub struct CountTable {
    lines: SnapshotVec<CountLine>,
    /// Sixteen bits of every line's hash, those of four ways together; 0 where a line is empty. They are small enough
    /// to stay in a near cache, and tell which of the four lines is worth fetching.
    tags: SnapshotVec<[u16; WAYS as usize]>,
    used: usize,
    lines_max: usize,
    /// Bytes that it may still grow by.
    room: usize,
}

/// The tag of a hash, never 0.
#[inline(always)]
fn tag(hash: u32) -> u16 {
    (hash >> 16) as u16 | 1
}

impl CountTable {
    /// A table that may grow to `lines_max` lines (a power of two, at least 256).
    pub fn new(lines_max: usize) -> Self {
        let lines = 256.min(lines_max);
        let tags = SnapshotVec::new(vec![[0; 4]; lines.div_ceil(4)]);
        CountTable { lines: SnapshotVec::new(filled(lines, EMPTY)), tags, used: 0, lines_max, room: usize::MAX }
    }

    /// The first line that a hash may have; its others differ from it in the lowest two bits.
    #[inline(always)]
    fn base(&self, hash: u32) -> u32 {
        hash >> 3 & (self.lines.len() as u32 - 1)
    }

    /// The lines of a hash whose tag agrees, as a mask by their place among the four.
    #[inline(always)]
    fn agreeing(&self, base: u32, hash: u32) -> u32 {
        let tags = &self.tags[(base / WAYS) as usize];
        let tag = tag(hash);
        (0..WAYS as usize).fold(0, |mask, way| mask | u32::from(tags[way] == tag) << way)
    }

    /// Prefetches what tells where a context's line is.
    #[inline(always)]
    pub fn prefetch_tags(&self, hash: u32) {
        prefetch(&self.tags[(self.base(hash) / WAYS) as usize]);
    }

    /// Prefetches the line of a context, or the one that it would likely get.
    #[inline(always)]
    pub fn prefetch(&self, hash: u32) {
        let base = self.base(hash);
        let mask = self.agreeing(base, hash);
        let line = if mask != 0 { base & !(WAYS - 1) | mask.trailing_zeros() } else { base };
        prefetch(&self.lines[line as usize]);
    }

    /// The line of a context, or [`UNSEEN`]. The hash is not 0.
    #[inline(always)]
    pub fn find(&self, hash: u32) -> u32 {
        let base = self.base(hash);
        let mut mask = self.agreeing(base, hash);
        // tags may agree by chance, so the full hash decides
        while mask != 0 {
            let line = base & !(WAYS - 1) | mask.trailing_zeros();
            if self.lines[line as usize].0[0] == hash {
                return line;
            }
            mask &= mask - 1;
        }
        UNSEEN
    }

    /// Whether the table is to grow before its next new line, which moves all lines.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.used * 100 > self.lines.len() * FILL_PERCENT_MAX
            && self.lines.len() < self.lines_max
            && self.bytes() <= self.room
    }

    /// Bytes of the table now; doubling it takes as many more.
    pub fn bytes(&self) -> usize {
        self.lines.len() * (size_of::<CountLine>() + size_of::<u16>())
    }

    /// Sets by how many bytes the table may still grow.
    pub fn set_room(&mut self, room: usize) {
        self.room = room;
    }

    /// Doubles the table.
    pub fn grow(&mut self) {
        let old = self.lines.replace(filled(self.lines.len() * 2, EMPTY));
        self.tags.replace(vec![[0; 4]; self.lines.len().div_ceil(4)]);
        self.used = 0;
        for line in old.iter().filter(|line| line.0[0] != 0) {
            let base = self.base(line.0[0]);
            let free = self.free(base);
            if free.is_some() {
                self.used += 1;
            }
            // where four lines came before, the last place is taken over
            self.put(free.unwrap_or(base ^ (WAYS - 1)), *line);
        }
    }

    /// The first line of a context's four that is empty.
    #[inline(always)]
    fn free(&self, base: u32) -> Option<u32> {
        let tags = &self.tags[(base / WAYS) as usize];
        (0..WAYS).map(|way| base ^ way).find(|line| tags[(line % WAYS) as usize] == 0)
    }

    /// Stores a line and its tag.
    #[inline(always)]
    fn put(&mut self, number: u32, line: CountLine) {
        self.tags[(number / WAYS) as usize][(number % WAYS) as usize] = tag(line.0[0]);
        self.lines[number as usize] = line;
    }

    /// The line of a context, made if need be in place of the least used of its four.
    #[inline(always)]
    pub fn claim(&mut self, hash: u32) -> u32 {
        let found = self.find(hash);
        if found != UNSEEN { found } else { self.replace(hash) }
    }

    /// Makes a line for a hash: an empty one, or that which was used least.
    #[inline(never)]
    fn replace(&mut self, hash: u32) -> u32 {
        let base = self.base(hash);
        let number = match self.free(base) {
            Some(number) => {
                self.used += 1;
                number
            }
            None => {
                // the count at the root of the nibble tells how often a line was used
                let uses = |number: &u32| self.lines[*number as usize].0[1] >> 16 & 255;
                (0..WAYS).map(|way| base ^ way).min_by_key(uses).expect("there are four ways")
            }
        };
        let mut line = EMPTY;
        line.0[0] = hash;
        self.put(number, line);
        number
    }

    /// A line's slots; slot 0 is the hash.
    #[inline(always)]
    pub fn line(&self, number: u32) -> &[u32; 16] {
        &self.lines[number as usize].0
    }

    /// A line's slots, to change them; slot 0 is the hash.
    #[inline(always)]
    pub fn line_mut(&mut self, number: u32) -> &mut [u32; 16] {
        &mut self.lines[number as usize].0
    }
}

incremental_copy!(CountTable { large: lines, tags; small: used, lines_max, room });

impl Persist for CountTable {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.len("count lines used", &mut self.used)?;
        let lines = s.begin("count lines", self.lines.len(), size_of::<CountLine>())?;
        if s.is_reading() {
            if !lines.is_power_of_two() || lines > self.lines_max {
                return Err(StateError::Invalid("count lines"));
            }
            self.lines.replace(filled(lines, EMPTY));
            self.tags.replace(vec![[0; 4]; lines.div_ceil(4)]);
        }
        self.lines.walk(s).iter_mut().try_for_each(|line| s.u32s_fixed("count line", &mut line.0))?;
        if s.is_reading() {
            // tags follow from the lines, so a checkpoint leaves them out
            for (number, line) in self.lines.iter().enumerate().filter(|(_, line)| line.0[0] != 0) {
                self.tags[number / 4][number % 4] = tag(line.0[0]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(i: u32) -> u32 {
        crate::hash::mix(i, 77) | 1
    }

    #[test]
    fn counts_survive_growth() {
        let mut t = CountTable::new(1 << 14);
        for i in 0..5000 {
            if t.is_full() {
                t.grow();
            }
            let l = t.claim(hash(i));
            t.line_mut(l)[5] = i;
        }
        let kept = (0..5000).filter(|i| t.find(hash(*i)) != UNSEEN && t.line(t.find(hash(*i)))[5] == *i).count();
        assert!(kept > 4200, "{kept}");
    }
}
