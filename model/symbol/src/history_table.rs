//! The table of bit histories: fifteen bit histories for each context and nibble prefix (PREDICTOR §3).
//!
//! Lines have 16 bytes, four of them in a cache line, each decision with a bit history: for the many contexts that
//! occur a few times. The table starts small and doubles with the stream, up to a ceiling; then the least used of four
//! lines gives way.

use crate::bits::BitHistory;
use crate::huge_memory::{FILL_PERCENT_MAX, filled};
use surmise_lanes::prefetch;
use surmise_state::{Persist, SnapshotVec, State, StateError, incremental_copy};

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
    /// Bytes that it may still grow by.
    room: usize,
}

impl HistoryTable {
    /// A table that may grow to `rows_max` groups of four lines (a power of two, at least 64).
    pub fn new(rows_max: usize) -> Self {
        let rows = 64.min(rows_max);
        HistoryTable {
            rows: SnapshotVec::new(filled(rows, HistoryLines::default())),
            hashes: SnapshotVec::new(vec![0; if rows < rows_max { rows * 4 } else { 0 }]),
            used: 0,
            rows_max,
            room: usize::MAX,
        }
    }

    /// Bytes of the table now; doubling it takes as many more.
    pub fn bytes(&self) -> usize {
        self.rows.len() * size_of::<HistoryLines>() + self.hashes.len() * size_of::<u32>()
    }

    /// Sets by how many bytes the table may still grow.
    pub fn set_room(&mut self, room: usize) {
        self.room = room;
    }

    /// The check byte of a hash, never 0.
    #[inline(always)]
    fn check(hash: u32) -> u8 {
        // the bits that do not choose the group
        let check = (hash >> 24) as u8 ^ ((hash & 7) * 37) as u8;
        if check == 0 { 1 } else { check }
    }

    /// The group of a hash.
    #[inline(always)]
    fn row(&self, hash: u32) -> usize {
        (hash >> 3) as usize & (self.rows.len() - 1)
    }

    /// The group and the line of a hash, if its check byte is there.
    #[inline(always)]
    fn look(&self, hash: u32) -> Option<(usize, usize)> {
        let row = self.row(hash);
        let check = Self::check(hash);
        (0..4).find(|line| self.rows[row].0[*line][0] == check).map(|line| (row, line))
    }

    /// Prefetches the line of a context.
    #[inline(always)]
    pub fn prefetch(&self, hash: u32) {
        prefetch(&self.rows[self.row(hash)]);
    }

    /// The bit histories of a context for reading, if there are any.
    #[inline(always)]
    pub fn get(&self, hash: u32) -> Option<&[u8; 16]> {
        self.look(hash).map(|(row, line)| &self.rows[row].0[line])
    }

    /// The line of a context, made if need be in place of the least used of its four.
    #[inline(always)]
    pub fn claim(&mut self, hash: u32) -> u32 {
        match self.look(hash) {
            Some((row, line)) => (row * 4 + line) as u32,
            None => self.replace(hash),
        }
    }

    /// Makes a line for a hash in place of the least used of its four.
    #[inline(never)]
    fn replace(&mut self, hash: u32) -> u32 {
        let row = self.row(hash);
        let number = self.least_used(row);
        let line = &mut self.rows[row].0[number];
        self.used += usize::from(line[0] == 0);
        *line = [0; 16];
        line[0] = Self::check(hash);
        if !self.hashes.is_empty() {
            self.hashes[row * 4 + number] = hash;
        }
        (row * 4 + number) as u32
    }

    /// The line of a group whose history at the root stands for the fewest bits; an empty one first.
    fn least_used(&self, row: usize) -> usize {
        let counts = &BitHistory::get().counts;
        let uses = |line: &[u8; 16]| match line[0] {
            0 => -1,
            _ => i32::from(counts[line[1] as usize][0]) + i32::from(counts[line[1] as usize][1]),
        };
        (0..4).min_by_key(|line| uses(&self.rows[row].0[*line])).expect("there are four lines")
    }

    /// Doubles the table if it is full; then no line number from before stays valid.
    #[inline(always)]
    pub fn grow_if_full(&mut self) {
        if self.used * 100 > self.rows.len() * 4 * FILL_PERCENT_MAX
            && self.rows.len() < self.rows_max
            && self.bytes() <= self.room
        {
            self.grow();
        }
    }

    #[inline(never)]
    fn grow(&mut self) {
        let doubled = self.rows.len() * 2;
        let rows = self.rows.replace(filled(doubled, HistoryLines::default()));
        let hashes = self.hashes.replace(vec![0; doubled * 4]);
        self.used = 0;
        for (number, hash) in hashes.into_iter().enumerate() {
            let line = rows[number / 4].0[number % 4];
            if line[0] != 0 {
                // both halves of a group of four have room for it
                let to = self.replace(hash);
                *self.line_mut(to) = line;
            }
        }
        if doubled == self.rows_max {
            // the table has its final size
            self.hashes.replace(Vec::new());
        }
    }

    /// A line's bit histories; byte 0 is the check.
    #[inline(always)]
    pub fn line(&self, number: u32) -> &[u8; 16] {
        &self.rows[(number >> 2) as usize].0[(number & 3) as usize]
    }

    /// A line's bit histories, to change them; byte 0 is the check.
    #[inline(always)]
    pub fn line_mut(&mut self, number: u32) -> &mut [u8; 16] {
        &mut self.rows[(number >> 2) as usize].0[(number & 3) as usize]
    }
}

incremental_copy!(HistoryTable { large: rows, hashes; small: used, rows_max, room });

impl Persist for HistoryTable {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.len("history lines used", &mut self.used)?;
        let rows = s.begin("history lines", self.rows.len(), size_of::<HistoryLines>())?;
        if s.is_reading() {
            if !rows.is_power_of_two() || rows > self.rows_max {
                return Err(StateError::Invalid("history lines"));
            }
            self.rows.replace(filled(rows, HistoryLines::default()));
            self.hashes.replace(vec![0; if rows < self.rows_max { rows * 4 } else { 0 }]);
        }
        self.rows
            .walk(s)
            .iter_mut()
            .flat_map(|row| &mut row.0)
            .try_for_each(|line| s.u8s_fixed("history line", line))?;
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
