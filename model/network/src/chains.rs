//! The rows of a chunk that have the same id in one table, whose gradients add up.

use crate::NONE;

/// Chains of rows with equal ids, each in the order of the rows, found in time that is linear in the rows.
#[derive(Clone)]
pub(crate) struct Chains {
    /// For each row the next row of the same id, or [`NONE`].
    next: Vec<u32>,
    /// For each row whether it is the first of its chain.
    first: Vec<bool>,
    /// A hash table with open addressing, a power of two of slots.
    slots: Vec<ChainSlot>,
    /// The number of the current call of [`link`](Self::link), so that the slots need not be cleared for each.
    round: u32,
    rows: usize,
}

/// One slot of the hash table: an id and the earliest of its rows that was visited.
#[derive(Clone, Copy, Default)]
struct ChainSlot {
    /// The round in which the slot was taken; the slot is free in any other.
    round: u32,
    id: u32,
    row: u32,
}

impl Chains {
    /// Chains of at most so many rows.
    pub fn new(rows: usize) -> Self {
        Chains {
            next: vec![NONE; rows],
            first: vec![false; rows],
            slots: vec![ChainSlot::default(); (2 * rows).next_power_of_two()],
            round: 0,
            rows: 0,
        }
    }

    /// Chains the rows of `ids` `[rows, tables]` by their ids in table `table`. A row without an id is in no chain.
    pub fn link(&mut self, ids: &[u32], tables: usize, table: usize) {
        self.rows = ids.len() / tables;
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            // the count of rounds has wrapped: slots of old rounds would look taken
            self.round = 1;
            self.slots.fill(ChainSlot::default());
        }
        let mask = self.slots.len() - 1;
        // from the last row to the first, so that the row in a slot is the next one of its chain
        for row in (0..self.rows).rev() {
            let id = ids[row * tables + table];
            (self.next[row], self.first[row]) = (NONE, id != NONE);
            if id == NONE {
                continue;
            }
            let mut at = (id.wrapping_mul(0x9E37_79B1) >> 7) as usize & mask;
            while self.slots[at].round == self.round && self.slots[at].id != id {
                at = (at + 1) & mask;
            }
            if self.slots[at].round == self.round {
                self.next[row] = self.slots[at].row;
                self.first[self.slots[at].row as usize] = false;
            }
            self.slots[at] = ChainSlot { round: self.round, id, row: row as u32 };
        }
    }

    /// The first row of every chain, ascending.
    pub fn firsts(&self) -> impl Iterator<Item = usize> {
        (0..self.rows).filter(|row| self.first[*row])
    }

    /// For each row the next of its chain, or [`NONE`]: `[rows]`.
    pub fn next(&self) -> &[u32] {
        &self.next[..self.rows]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initial_weights::{WeightKind, row_key};

    #[test]
    fn chains_are_what_a_search_finds() {
        let mut chains = Chains::new(40);
        for (round, distinct) in [1u32, 2, 5, 30, 1000].into_iter().cycle().take(50).enumerate() {
            let n = 1 + round % 40;
            let id = |i: usize| match row_key(round as u64, WeightKind::Dense, 0, 0, i) {
                x if x % 7 == 0 => NONE,
                x => (x >> 8) as u32 % distinct * 64,
            };
            let ids: Vec<u32> = (0..2 * n).map(id).collect();
            chains.link(&ids, 2, 1);
            let id_of = |row: usize| ids[2 * row + 1];
            for row in 0..n {
                let next = (row + 1..n).find(|later| id_of(row) != NONE && id_of(*later) == id_of(row));
                assert_eq!(chains.next()[row], next.map_or(NONE, |later| later as u32));
            }
            let is_first = |row: &usize| id_of(*row) != NONE && (0..*row).all(|other| id_of(other) != id_of(*row));
            assert_eq!(chains.firsts().collect::<Vec<_>>(), (0..n).filter(is_first).collect::<Vec<_>>());
        }
    }
}
