//! Hash tables of tree nodes: fifteen binary statistics for each context and nibble prefix (PREDICTOR §3).
//!
//! There are two layouts. [`CountTable`] has lines of 64 bytes, each decision with a probability, a count and its last
//! seven bits: for contexts that recur often. [`HistoryTable`] has lines of 16 bytes, each decision with a bit history:
//! for the many contexts that occur a few times. Both start small and double with the stream, up to a ceiling; then the
//! least used of four lines gives way.

use crate::bits::BitHistory;
use crate::huge_memory::filled;
use surmise_lanes::prefetch;
use surmise_state::{Persist, SnapshotVec, State, StateError, incremental_copy};

/// Stands for the line of a context that was never seen, where an `Option` would cost a test in the hot path.
pub const UNSEEN: u32 = u32::MAX;

/// Lines that a context may have its statistics in.
const WAYS: u32 = 4;
/// A table grows when more than this of a hundred lines are used.
const FILL_PERCENT_MAX: usize = 45;

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
        CountTable { lines: SnapshotVec::new(filled(lines, EMPTY)), tags, used: 0, lines_max }
    }

    /// The first line that a hash may have; its others differ from it in the lowest two bits.
    #[inline(always)]
    fn base(&self, hash: u32) -> u32 {
        hash >> 3 & (self.lines.len() as u32 - 1)
    }

    /// The ways of a hash whose tag agrees, as a mask by their place among the four.
    #[inline(always)]
    fn agree(&self, base: u32, hash: u32) -> u32 {
        let tags = &self.tags[(base / WAYS) as usize];
        let t = tag(hash);
        (0..4).fold(0, |m, k| m | u32::from(tags[k] == t) << k)
    }

    /// Prefetches what tells where a context's line is.
    #[inline(always)]
    pub fn prefetch_tags(&self, hash: u32) {
        prefetch(&self.tags[(self.base(hash) / WAYS) as usize]);
    }

    /// Prefetches the line of a context, or the one that it would likely get.
    #[inline(always)]
    pub fn prefetch(&self, hash: u32) {
        let b = self.base(hash);
        let m = self.agree(b, hash);
        let i = if m != 0 { b & !(WAYS - 1) | m.trailing_zeros() } else { b };
        prefetch(&self.lines[i as usize]);
    }

    /// The line of a context, or [`UNSEEN`]. The hash is not 0.
    #[inline(always)]
    pub fn find(&self, hash: u32) -> u32 {
        let b = self.base(hash);
        let mut m = self.agree(b, hash);
        while m != 0 {
            let i = b & !(WAYS - 1) | m.trailing_zeros();
            if self.lines[i as usize].0[0] == hash {
                return i;
            }
            m &= m - 1;
        }
        UNSEEN
    }

    /// Whether the table is to grow before its next new line, which moves all lines.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.used * 100 > self.lines.len() * FILL_PERCENT_MAX && self.lines.len() < self.lines_max
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

    /// The first line of a context's four that is empty.
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
    pub fn claim(&mut self, hash: u32) -> u32 {
        let found = self.find(hash);
        if found != UNSEEN { found } else { self.replace(hash) }
    }

    /// Makes a line for a hash: an empty one, or that which was used least.
    #[inline(never)]
    fn replace(&mut self, hash: u32) -> u32 {
        let b = self.base(hash);
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
        line.0[0] = hash;
        self.put(i, line);
        i
    }

    /// A line's slots; slot 0 is the hash.
    #[inline(always)]
    pub fn line(&self, i: u32) -> &[u32; 16] {
        &self.lines[i as usize].0
    }

    /// A line's slots, to change them; slot 0 is the hash.
    #[inline(always)]
    pub fn line_mut(&mut self, i: u32) -> &mut [u32; 16] {
        &mut self.lines[i as usize].0
    }
}

incremental_copy!(CountTable { large: lines, tags; small: used, lines_max });

impl Persist for CountTable {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.len("count lines used", &mut self.used)?;
        let n = s.begin("count lines", self.lines.len(), 64)?;
        if s.is_reading() {
            if !n.is_power_of_two() || n > self.lines_max {
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

/// A table of bit histories: 16 bytes for each context and nibble prefix.
#[derive(Clone)]
pub struct HistoryTable {
    rows: SnapshotVec<HistoryLines>,
    /// The full hash of every line, as eight bits of check do not tell where in a larger table a line belongs. Written
    /// only when a line is made, read only when the table grows, and dropped when it has its final size.
    hashes: SnapshotVec<u32>,
    used: usize,
    rows_max: usize,
}

impl HistoryTable {
    /// A table that may grow to `rows_max` groups of four lines (a power of two, at least 64).
    pub fn new(rows_max: usize) -> Self {
        let n = 64.min(rows_max);
        HistoryTable {
            rows: SnapshotVec::new(filled(n, HistoryLines::default())),
            hashes: SnapshotVec::new(vec![0; if n < rows_max { n * 4 } else { 0 }]),
            used: 0,
            rows_max,
        }
    }

    /// The check byte of a hash, never 0.
    #[inline(always)]
    fn check(hash: u32) -> u8 {
        let c = (hash >> 24) as u8 ^ ((hash & 7) * 37) as u8;
        if c == 0 { 1 } else { c }
    }

    /// The group and the line of a hash, if its check byte is there.
    #[inline(always)]
    fn look(&self, hash: u32) -> Option<(usize, usize)> {
        let b = (hash >> 3) as usize & (self.rows.len() - 1);
        let c = Self::check(hash);
        (0..4).find(|k| self.rows[b].0[*k][0] == c).map(|k| (b, k))
    }

    /// Prefetches the line of a context.
    #[inline(always)]
    pub fn prefetch(&self, hash: u32) {
        prefetch(&self.rows[(hash >> 3) as usize & (self.rows.len() - 1)]);
    }

    /// The bit histories of a context for reading, if there are any.
    #[inline(always)]
    pub fn get(&self, hash: u32) -> Option<&[u8; 16]> {
        self.look(hash).map(|(b, k)| &self.rows[b].0[k])
    }

    /// The line of a context, made if need be in place of the least used of its four.
    #[inline(always)]
    pub fn claim(&mut self, hash: u32) -> u32 {
        match self.look(hash) {
            Some((b, k)) => (b * 4 + k) as u32,
            None => self.replace(hash),
        }
    }

    /// Makes a line for a hash in place of the least used of its four.
    #[inline(never)]
    fn replace(&mut self, hash: u32) -> u32 {
        let b = (hash >> 3) as usize & (self.rows.len() - 1);
        let k = self.least_used(b);
        let line = &mut self.rows[b].0[k];
        self.used += usize::from(line[0] == 0);
        *line = [0; 16];
        line[0] = Self::check(hash);
        if !self.hashes.is_empty() {
            self.hashes[b * 4 + k] = hash;
        }
        (b * 4 + k) as u32
    }

    /// The line of a group whose history at the root stands for the fewest bits; an empty one first.
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
        if self.used * 100 > self.rows.len() * 4 * FILL_PERCENT_MAX && self.rows.len() < self.rows_max {
            self.grow();
        }
    }

    #[inline(never)]
    fn grow(&mut self) {
        let n = self.rows.len() * 2;
        let rows = self.rows.replace(filled(n, HistoryLines::default()));
        let hashes = self.hashes.replace(vec![0; n * 4]);
        self.used = 0;
        for (i, hash) in hashes.into_iter().enumerate() {
            let line = rows[i / 4].0[i % 4];
            if line[0] != 0 {
                // both halves of a group of four have room for it
                let to = self.replace(hash);
                *self.line_mut(to) = line;
            }
        }
        if n == self.rows_max {
            self.hashes.replace(Vec::new());
        }
    }

    /// A line's bit histories; byte 0 is the check.
    #[inline(always)]
    pub fn line(&self, i: u32) -> &[u8; 16] {
        &self.rows[(i >> 2) as usize].0[(i & 3) as usize]
    }

    /// A line's bit histories, to change them; byte 0 is the check.
    #[inline(always)]
    pub fn line_mut(&mut self, i: u32) -> &mut [u8; 16] {
        &mut self.rows[(i >> 2) as usize].0[(i & 3) as usize]
    }
}

incremental_copy!(HistoryTable { large: rows, hashes; small: used, rows_max });

impl Persist for HistoryTable {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.len("history lines used", &mut self.used)?;
        let n = s.begin("history lines", self.rows.len(), 64)?;
        if s.is_reading() {
            if !n.is_power_of_two() || n > self.rows_max {
                return Err(StateError::Invalid("history lines"));
            }
            self.rows.replace(filled(n, HistoryLines::default()));
            self.hashes.replace(vec![0; if n < self.rows_max { n * 4 } else { 0 }]);
        }
        self.rows.walk(s).iter_mut().flat_map(|r| &mut r.0).try_for_each(|l| s.u8s_fixed("history line", l))?;
        s.u32s_fixed("history hashes", self.hashes.walk(s))
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
