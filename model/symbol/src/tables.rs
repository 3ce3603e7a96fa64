//! Hash tables of tree nodes: fifteen binary statistics for each context and nibble prefix.
//!
//! Two layouts. [`CountTable`] has lines of 64 bytes, each decision with a probability, a count and its last seven
//! bits: for contexts that recur often. [`HistoryTable`] has lines of 16 bytes, each decision with a bit history: for
//! the many contexts that occur a few times. Both start small and double with the stream, up to a ceiling; then the
//! least used of four lines gives way.

use crate::bits::BitHistory;
use crate::pages::filled;
use surmise_lanes::prefetch;
use surmise_state::{Persist, SnapshotVec, State, StateError, incremental_copy};

/// No line: the context was never seen.
pub const UNSEEN: u32 = u32::MAX;

const WAYS: u32 = 4;

/// A decision never made: probability ½, no count, empty history with its sentinel bit.
pub const FRESH: u32 = 32768 | 1 << 24;

/// A line of counts: the context's hash, then 15 slots of `p16 | n8 << 16 | history8 << 24`.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct CountLine(pub [u32; 16]);

const EMPTY: CountLine = {
    let mut l = [FRESH; 16];
    l[0] = 0;
    CountLine(l)
};

/// See the module.
#[derive(Clone)]
pub struct CountTable {
    lines: SnapshotVec<CountLine>,
    /// Sixteen bits of every line's hash, those of four ways together; 0 where a line is empty. They are small enough to
    /// stay in a near cache, and tell which of the four lines is worth fetching.
    tags: SnapshotVec<[u16; WAYS as usize]>,
    used: usize,
    max: usize,
}

#[inline(always)]
fn tag(h: u32) -> u16 {
    (h >> 16) as u16 | 1
}

impl CountTable {
    /// A table that may grow to `max` lines (a power of two, at least 256).
    pub fn new(max: usize) -> Self {
        let n = 256.min(max);
        let tags = SnapshotVec::new(vec![[0; 4]; n.div_ceil(4)]);
        CountTable { lines: SnapshotVec::new(filled(n, EMPTY)), tags, used: 0, max }
    }

    #[inline(always)]
    fn base(&self, h: u32) -> u32 {
        h >> 3 & (self.lines.len() as u32 - 1)
    }

    /// The ways of a hash whose tag agrees, as a mask by their place among the four.
    #[inline(always)]
    fn agree(&self, base: u32, h: u32) -> u32 {
        let tags = &self.tags[(base / WAYS) as usize];
        let t = tag(h);
        (0..4).fold(0, |m, k| m | u32::from(tags[k] == t) << k)
    }

    /// Asks the processor for what tells where a context's line is.
    #[inline(always)]
    pub fn prefetch_tags(&self, h: u32) {
        prefetch(&self.tags[(self.base(h) / WAYS) as usize]);
    }

    /// Asks the processor for the line of a context ahead of its use, or for the one that it would likely get.
    #[inline(always)]
    pub fn prefetch(&self, h: u32) {
        let b = self.base(h);
        let m = self.agree(b, h);
        let i = if m != 0 { b & !(WAYS - 1) | m.trailing_zeros() } else { b };
        prefetch(&self.lines[i as usize]);
    }

    /// The line of a context, if there is one. `h` is not 0.
    #[inline(always)]
    pub fn find(&self, h: u32) -> u32 {
        let b = self.base(h);
        let mut m = self.agree(b, h);
        while m != 0 {
            let i = b & !(WAYS - 1) | m.trailing_zeros();
            if self.lines[i as usize].0[0] == h {
                return i;
            }
            m &= m - 1;
        }
        UNSEEN
    }

    /// Whether the next new line makes the table grow, which moves all lines.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.used * 100 > self.lines.len() * 45 && self.lines.len() < self.max
    }

    /// Doubles the table.
    pub fn grow(&mut self) {
        let old = self.lines.replace(filled(self.lines.len() * 2, EMPTY));
        self.tags.replace(vec![[0; 4]; self.lines.len().div_ceil(4)]);
        self.used = 0;
        for l in old.iter().filter(|l| l.0[0] != 0) {
            let b = self.base(l.0[0]);
            let free = self.free(b);
            if free.is_some() {
                self.used += 1;
            }
            self.put(free.unwrap_or(b ^ (WAYS - 1)), *l);
        }
    }

    /// The first empty way.
    #[inline(always)]
    fn free(&self, base: u32) -> Option<u32> {
        let tags = &self.tags[(base / WAYS) as usize];
        (0..WAYS).map(|k| base ^ k).find(|i| tags[(i % WAYS) as usize] == 0)
    }

    #[inline(always)]
    fn put(&mut self, i: u32, line: CountLine) {
        self.tags[(i / WAYS) as usize][(i % WAYS) as usize] = tag(line.0[0]);
        self.lines[i as usize] = line;
    }

    /// The line of a context, made if need be in place of the least used of its four.
    #[inline(always)]
    pub fn claim(&mut self, h: u32) -> u32 {
        let found = self.find(h);
        if found != UNSEEN { found } else { self.replace(h) }
    }

    #[inline(never)]
    fn replace(&mut self, h: u32) -> u32 {
        let b = self.base(h);
        let i = match self.free(b) {
            Some(i) => {
                self.used += 1;
                i
            }
            None => {
                let uses = |i: &u32| self.lines[*i as usize].0[1] >> 16 & 255;
                (0..WAYS).map(|k| b ^ k).min_by_key(uses).expect("there are four ways")
            }
        };
        let mut line = EMPTY;
        line.0[0] = h;
        self.put(i, line);
        i
    }

    /// A line's slots; slot 0 is the hash.
    #[inline(always)]
    pub fn line(&self, i: u32) -> &[u32; 16] {
        &self.lines[i as usize].0
    }

    /// See [`CountTable::line`].
    #[inline(always)]
    pub fn line_mut(&mut self, i: u32) -> &mut [u32; 16] {
        &mut self.lines[i as usize].0
    }
}

incremental_copy!(CountTable { large: lines, tags; small: used, max });

impl Persist for CountTable {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.len("count lines used", &mut self.used)?;
        let n = s.begin("count lines", self.lines.len(), 64)?;
        if s.is_reading() {
            if !n.is_power_of_two() || n > self.max {
                return Err(StateError::Invalid("count lines"));
            }
            self.lines.replace(filled(n, EMPTY));
            self.tags.replace(vec![[0; 4]; n.div_ceil(4)]);
        }
        self.lines.walk(s).iter_mut().try_for_each(|l| s.u32s_fixed("count line", &mut l.0))?;
        if s.is_reading() {
            for (i, l) in self.lines.iter().enumerate().filter(|(_, l)| l.0[0] != 0) {
                self.tags[i / 4][i % 4] = tag(l.0[0]);
            }
        }
        Ok(())
    }
}

/// Four history lines, one cache line: each a check byte and 15 bit histories.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct HistoryLines([[u8; 16]; 4]);

/// See the module.
#[derive(Clone)]
pub struct HistoryTable {
    rows: SnapshotVec<HistoryLines>,
    /// The full hash of every line, as eight bits of check do not tell where in a larger table a line belongs. Written
    /// only when a line is made, read only when the table grows, and dropped when it has its final size.
    hashes: SnapshotVec<u32>,
    used: usize,
    max: usize,
}

impl HistoryTable {
    /// A table that may grow to `max` groups of four lines (a power of two, at least 64).
    pub fn new(max: usize) -> Self {
        let n = 64.min(max);
        HistoryTable {
            rows: SnapshotVec::new(filled(n, HistoryLines::default())),
            hashes: SnapshotVec::new(vec![0; if n < max { n * 4 } else { 0 }]),
            used: 0,
            max,
        }
    }

    #[inline(always)]
    fn check(h: u32) -> u8 {
        let c = (h >> 24) as u8 ^ ((h & 7) * 37) as u8;
        if c == 0 { 1 } else { c }
    }

    #[inline(always)]
    fn look(&self, h: u32) -> Option<(usize, usize)> {
        let b = (h >> 3) as usize & (self.rows.len() - 1);
        let c = Self::check(h);
        (0..4).find(|k| self.rows[b].0[*k][0] == c).map(|k| (b, k))
    }

    /// Asks the processor for the line of a context ahead of its use.
    #[inline(always)]
    pub fn prefetch(&self, h: u32) {
        prefetch(&self.rows[(h >> 3) as usize & (self.rows.len() - 1)]);
    }

    /// The bit histories of a context for reading, if there are any.
    #[inline(always)]
    pub fn get(&self, h: u32) -> Option<&[u8; 16]> {
        self.look(h).map(|(b, k)| &self.rows[b].0[k])
    }

    /// The line of a context, made if need be in place of the least used of its four.
    #[inline(always)]
    pub fn claim(&mut self, h: u32) -> u32 {
        match self.look(h) {
            Some((b, k)) => (b * 4 + k) as u32,
            None => self.replace(h),
        }
    }

    #[inline(never)]
    fn replace(&mut self, h: u32) -> u32 {
        let b = (h >> 3) as usize & (self.rows.len() - 1);
        let k = self.least_used(b);
        let line = &mut self.rows[b].0[k];
        self.used += usize::from(line[0] == 0);
        *line = [0; 16];
        line[0] = Self::check(h);
        if !self.hashes.is_empty() {
            self.hashes[b * 4 + k] = h;
        }
        (b * 4 + k) as u32
    }

    fn least_used(&self, b: usize) -> usize {
        let t = BitHistory::get();
        let weight = |l: &[u8; 16]| match l[0] {
            0 => -1,
            _ => i32::from(t.counts[l[1] as usize][0]) + i32::from(t.counts[l[1] as usize][1]),
        };
        (0..4).min_by_key(|k| weight(&self.rows[b].0[*k])).expect("there are four ways")
    }

    /// Doubles the table if it is full; then no line number from before stays valid.
    #[inline(always)]
    pub fn grow_if_full(&mut self) {
        if self.used * 100 > self.rows.len() * 4 * 45 && self.rows.len() < self.max {
            self.grow();
        }
    }

    #[inline(never)]
    fn grow(&mut self) {
        let n = self.rows.len() * 2;
        let rows = self.rows.replace(filled(n, HistoryLines::default()));
        let hashes = self.hashes.replace(vec![0; n * 4]);
        self.used = 0;
        for (i, h) in hashes.into_iter().enumerate() {
            let line = rows[i / 4].0[i % 4];
            if line[0] != 0 {
                // both halves of a group of four have room for it
                let to = self.replace(h);
                *self.line_mut(to) = line;
            }
        }
        if n == self.max {
            self.hashes.replace(Vec::new());
        }
    }

    /// A line's bit histories; byte 0 is the check.
    #[inline(always)]
    pub fn line(&self, i: u32) -> &[u8; 16] {
        &self.rows[(i >> 2) as usize].0[(i & 3) as usize]
    }

    /// See [`HistoryTable::line`].
    #[inline(always)]
    pub fn line_mut(&mut self, i: u32) -> &mut [u8; 16] {
        &mut self.rows[(i >> 2) as usize].0[(i & 3) as usize]
    }
}

incremental_copy!(HistoryTable { large: rows, hashes; small: used, max });

impl Persist for HistoryTable {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.len("history lines used", &mut self.used)?;
        let n = s.begin("history lines", self.rows.len(), 64)?;
        if s.is_reading() {
            if !n.is_power_of_two() || n > self.max {
                return Err(StateError::Invalid("history lines"));
            }
            self.rows.replace(filled(n, HistoryLines::default()));
            self.hashes.replace(vec![0; if n < self.max { n * 4 } else { 0 }]);
        }
        self.rows.walk(s).iter_mut().flat_map(|r| &mut r.0).try_for_each(|l| s.u8s_fixed("history line", l))?;
        s.u32s_fixed("history hashes", self.hashes.walk(s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(i: u32) -> u32 {
        crate::context::mix(i, 77) | 1
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

    #[test]
    fn histories_survive_growth() {
        let mut t = HistoryTable::new(1 << 12);
        for i in 0..3000 {
            t.grow_if_full();
            let l = t.claim(hash(i));
            t.line_mut(l)[7] = (i % 200) as u8 + 1;
        }
        let kept = (0..3000).filter(|i| t.get(hash(*i)).is_some_and(|l| l[7] == (i % 200) as u8 + 1)).count();
        assert!(kept > 2600, "{kept}");
    }
}
