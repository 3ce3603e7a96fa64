//! Recency: the few symbols that came last in this key, and in which order.

use crate::code::{Code, NIBBLES, Path};
use crate::key::SymbolKey;
use surmise_state::{Persist, State, StateError};

/// Distinct symbols that are looked at.
pub const DISTINCT: usize = 16;

/// How far back they are looked for.
const REACH: usize = 48;

/// The most recent distinct symbols of a key.
#[derive(Clone, Copy)]
pub struct Recent {
    paths: [Path; DISTINCT],
    len: usize,
}

impl Default for Recent {
    fn default() -> Self {
        Recent { paths: [Path::default(); DISTINCT], len: 0 }
    }
}

impl Recent {
    /// Of a key, newest first.
    #[inline]
    pub fn of(key: &SymbolKey, code: Code) -> Recent {
        let mut r = Recent::default();
        let mut seen = [0u32; DISTINCT];
        for k in 1..=REACH {
            let x = key.at(k);
            if x == 0 || r.len == DISTINCT {
                break;
            }
            if !seen[..r.len].contains(&x) {
                seen[r.len] = x;
                r.paths[r.len] = code.path(x - 1);
                r.len += 1;
            }
        }
        r
    }

    /// Those whose path starts with these nibbles, as a mask.
    #[inline]
    pub fn within(&self, nibbles: &[u8; NIBBLES], depth: usize) -> u32 {
        let mut m = 0;
        for i in 0..self.len {
            let p = &self.paths[i];
            let same = (p.len as usize > depth) && p.nibbles[..depth] == nibbles[..depth];
            m |= u32::from(same) << i;
        }
        m
    }
}

/// What recency says at one node.
#[derive(Clone, Copy, Default)]
pub struct Sighting {
    /// Whether any recent symbol lies below the node.
    pub any: bool,
    /// Which counter holds the numbers on each side; also selects mixer weights.
    pub sides: usize,
    /// Which counter holds the newest one's rank.
    pub rank: usize,
    /// The newest one's bit.
    pub bit: bool,
}

/// Counters over (how many recent symbols lie on each side) and over (rank of the newest).
#[derive(Clone)]
pub struct Recency {
    pub(crate) by_sides: Vec<f32>,
    sides_seen: Vec<f32>,
    pub(crate) by_rank: Vec<f32>,
    rank_seen: Vec<f32>,
}

impl Default for Recency {
    fn default() -> Self {
        Recency {
            by_sides: vec![0.5; 256],
            sides_seen: vec![0.0; 256],
            by_rank: vec![0.5; 256],
            rank_seen: vec![0.0; 256],
        }
    }
}

impl Recency {
    /// What the recent symbols in `mask` say at `node` of the nibble at `depth`, whose next bit has this shift.
    #[inline(always)]
    pub fn look(&self, recent: &Recent, mut mask: u32, depth: usize, node: u32, shift: u32) -> Sighting {
        let (mut n0, mut n1, mut first, mut bit) = (0usize, 0usize, usize::MAX, false);
        while mask != 0 {
            let i = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            let e = u32::from(recent.paths[i].nibbles[depth]);
            if (e | 16) >> (shift + 1) == node {
                let b = e >> shift & 1 == 1;
                if b {
                    n1 += 1
                } else {
                    n0 += 1
                }
                if first == usize::MAX {
                    (first, bit) = (i, b);
                }
            }
        }
        let place = (shift as usize) * 4 + depth.min(3);
        Sighting {
            any: n0 + n1 > 0,
            sides: (n1.min(3) * 4 + n0.min(3)) * 16 + place,
            rank: if first == usize::MAX { 0 } else { first.min(15) } * 16 + place,
            bit,
        }
    }

    /// Learns the bit that came.
    #[inline(always)]
    pub fn learn(&mut self, s: &Sighting, bit: bool) {
        if !s.any {
            return;
        }
        let step = |p: &mut f32, n: &mut f32, hit: bool| {
            *p = (*p + (f32::from(u8::from(hit)) - *p) / (*n + 1.5)).clamp(0.0002, 0.9998);
            *n = (*n + 1.0).min(400.0);
        };
        step(&mut self.by_sides[s.sides], &mut self.sides_seen[s.sides], bit);
        step(&mut self.by_rank[s.rank], &mut self.rank_seen[s.rank], bit == s.bit);
    }
}

impl Persist for Recency {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        for v in [&mut self.by_sides, &mut self.sides_seen, &mut self.by_rank, &mut self.rank_seen] {
            s.f32s_fixed("recency", v)?;
        }
        Ok(())
    }
}
