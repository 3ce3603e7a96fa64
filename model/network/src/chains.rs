//! The rows of a chunk that have the same id in one table.

use crate::NONE;

/// Chains of rows with equal ids, each in the order of the rows; in time that is linear in the rows.
#[derive(Clone)]
pub(crate) struct Chains {
    /// The next row of the same id, or [`NONE`].
    next: Vec<u32>,
    /// Rows that no earlier row names.
    first: Vec<bool>,
    /// By hash of the id: the round in which the place was taken, the id, its earliest row so far.
    places: Vec<(u32, u32, u32)>,
    round: u32,
    rows: usize,
}

impl Chains {
    /// For up to so many rows.
    pub fn new(rows: usize) -> Self {
        Chains {
            next: vec![NONE; rows],
            first: vec![false; rows],
            places: vec![(0, 0, 0); (2 * rows).next_power_of_two()],
            round: 0,
            rows: 0,
        }
    }

    /// Chains the rows `[n, tables]` by their ids in table k. A row without an id is in no chain.
    pub fn link(&mut self, ids: &[u32], tables: usize, k: usize) {
        self.rows = ids.len() / tables;
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            (self.round, _) = (1, self.places.fill((0, 0, 0)));
        }
        let mask = self.places.len() - 1;
        for r in (0..self.rows).rev() {
            let id = ids[r * tables + k];
            (self.next[r], self.first[r]) = (NONE, id != NONE);
            if id == NONE {
                continue;
            }
            let mut at = (id.wrapping_mul(0x9E37_79B1) >> 7) as usize & mask;
            while self.places[at].0 == self.round && self.places[at].1 != id {
                at = (at + 1) & mask;
            }
            if self.places[at].0 == self.round {
                self.next[r] = self.places[at].2;
                self.first[self.places[at].2 as usize] = false;
            }
            self.places[at] = (self.round, id, r as u32);
        }
    }

    /// The first row of every chain.
    pub fn firsts(&self) -> impl Iterator<Item = usize> {
        (0..self.rows).filter(|r| self.first[*r])
    }

    /// Of every row the next of its chain.
    pub fn next(&self) -> &[u32] {
        &self.next[..self.rows]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_are_what_a_search_finds() {
        let mut chains = Chains::new(40);
        for (round, distinct) in [1u32, 2, 5, 30, 1000].into_iter().cycle().take(50).enumerate() {
            let n = 1 + round % 40;
            let id = |i: usize| match crate::start::key(round as u64, crate::start::Part::Dense, 0, 0, i) {
                x if x % 7 == 0 => NONE,
                x => (x >> 8) as u32 % distinct * 64,
            };
            let ids: Vec<u32> = (0..2 * n).map(id).collect();
            chains.link(&ids, 2, 1);
            let at = |r: usize| ids[2 * r + 1];
            for r in 0..n {
                let next = (r + 1..n).find(|q| at(r) != NONE && at(*q) == at(r));
                assert_eq!(chains.next()[r], next.map_or(NONE, |q| q as u32));
            }
            let firsts: Vec<usize> = (0..n).filter(|r| at(*r) != NONE && (0..*r).all(|q| at(q) != at(*r))).collect();
            assert_eq!(chains.firsts().collect::<Vec<_>>(), firsts);
        }
    }
}
