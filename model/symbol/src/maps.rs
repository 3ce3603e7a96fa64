//! Maps from histories to probabilities, and the chain that refines them context by context.

use crate::bits::BitHistory;
use surmise_lanes::{Block, LANES, madd, sigmoid, stretch};
use surmise_state::{Persist, State, StateError};

/// Maps from bit histories to probabilities, and the chain that refines them context by context.
#[derive(Clone)]
pub struct Maps {
    /// By lane and history.
    entries: Vec<Entry>,
}

/// What is known of a history in a lane, read and learnt as one vector: its probability, that one's rate of learning,
/// and the chain's two weights, how much of the prediction so far and how much to add.
#[derive(Clone, Copy)]
#[repr(align(16))]
struct Entry([f32; 4]);

/// Where an entry's numbers are.
const PROBABILITY: usize = 0;
const KEEP: usize = 2;
const ADD: usize = 3;

/// Rate of learning a probability at first; it falls to a half by and by.
const MAP_RATE: f32 = 0.01;
const CHAIN_RATE: f32 = 0.0028;
/// The chain's predictions stay within ± this.
const CHAIN_MAX: f32 = 10.0;
/// Bound of a chain's weight on the prediction so far: sixteen of them in a row stay finite.
const KEEP_MAX: f32 = 4.0;
/// Bounds of an entry's numbers.
const LEAST: [f32; 4] = [0.0, MAP_RATE / 2.0, -KEEP_MAX, -1e6];
const MOST: [f32; 4] = [1.0, MAP_RATE, KEEP_MAX, 1e6];

impl Maps {
    /// For lanes whose statistics are counts (whose history is the last bits) or bit histories.
    pub fn new(is_counts: impl Fn(usize) -> bool) -> Self {
        let t = BitHistory::get();
        let entry = |lane: usize, h: usize| {
            let (n0, n1) = if is_counts(lane) {
                let bits = if h == 0 { 0 } else { h.ilog2() as usize };
                let ones = (0..bits).filter(|q| h >> q & 1 == 1).count();
                ((bits - ones) as f32, ones as f32)
            } else {
                (f32::from(t.counts[h][0]), f32::from(t.counts[h][1]))
            };
            let probability = (n1 + 0.4) / (n0 + n1 + 0.8);
            // where nothing was seen the chain goes on as it is
            let (keep, add) = if n0 + n1 == 0.0 { (1.0, 0.0) } else { (0.9, 0.1 * stretch::<false>(probability)) };
            Entry([probability, MAP_RATE, keep, add])
        };
        Maps { entries: (0..LANES * 256).map(|k| entry(k / 256, k % 256)).collect() }
    }

    /// Fills the histories' probabilities and the chain after each lane, for several decisions side by side.
    #[inline(always)]
    pub fn read<const FMA: bool, const N: usize>(
        &self,
        lanes: usize,
        maps: &[[u32; LANES]; N],
        history: &mut [Block; N],
        chain: &mut [Block; N],
    ) {
        let entries: &[Entry; 4096] = self.entries.as_slice().try_into().expect("a map has 256 entries a lane");
        // every lane waits for the one before, so the decisions go through the lanes together
        let mut y = [0f32; N];
        for i in 0..lanes {
            for j in 0..N {
                let e = &entries[maps[j][i] as usize & 4095].0;
                history[j][i] = e[PROBABILITY];
                y[j] = madd::<FMA>(e[KEEP], y[j], e[ADD]);
                chain[j][i] = y[j];
            }
        }
        for c in chain.iter_mut() {
            for y in c {
                *y = y.clamp(-CHAIN_MAX, CHAIN_MAX);
            }
        }
    }

    /// Fills the histories' probabilities alone.
    #[inline(always)]
    pub fn read_histories<const N: usize>(&self, lanes: usize, maps: &[[u32; LANES]; N], history: &mut [Block; N]) {
        let entries: &[Entry; 4096] = self.entries.as_slice().try_into().expect("a map has 256 entries a lane");
        for i in 0..lanes {
            for j in 0..N {
                history[j][i] = entries[maps[j][i] as usize & 4095].0[PROBABILITY];
            }
        }
    }

    /// Learns the bit that came at a decision; `chain` is what the chain said after each lane, if there is one.
    #[inline(always)]
    pub fn learn<const FMA: bool>(
        &mut self,
        lanes: usize,
        maps: &[u32; LANES],
        seen: &Block,
        chain: Option<&Block>,
        bit: f32,
    ) {
        let entries: &mut [Entry; 4096] = self.entries.as_mut_slice().try_into().expect("a map has 256 entries a lane");
        let (mut error, mut before) = ([0f32; LANES], [0f32; LANES + 1]);
        if let Some(chain) = chain {
            for i in 0..LANES {
                // what is not seen has no error, and its probability is never looked at
                error[i] = (bit - sigmoid::<FMA>(chain[i])) * seen[i] * CHAIN_RATE;
            }
            before[1..].copy_from_slice(chain);
        }
        for i in 0..lanes {
            let e = &mut entries[maps[i] as usize & 4095].0;
            let [p, rate, ..] = *e;
            // a rate of 1/n becomes nearly 1/(n + 1)
            let (a, b) = ([rate, -rate, error[i], error[i]], [bit - p, rate, before[i], 1.0]);
            for k in 0..4 {
                e[k] = madd::<FMA>(a[k], b[k], e[k]).clamp(LEAST[k], MOST[k]);
            }
        }
    }
}

impl Persist for Maps {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        for e in &mut self.entries {
            s.f32s_fixed("map entry", &mut e.0)?;
            if s.is_reading() {
                e.0 = std::array::from_fn(|k| if e.0[k].is_nan() { LEAST[k] } else { e.0[k].clamp(LEAST[k], MOST[k]) });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever weights a checkpoint brings, the chain stays finite and within its bounds, learning included.
    #[test]
    fn the_chain_stays_within_its_bounds() {
        let mut maps = Maps::new(|_| true);
        maps.entries.fill(Entry([0.5, MAP_RATE, KEEP_MAX, CHAIN_MAX]));
        let at: [u32; LANES] = std::array::from_fn(|i| i as u32 * 256);
        let (mut history, mut chain) = ([[0.0; LANES]; 2], [[0.0; LANES]; 2]);
        for t in 0..2000 {
            maps.read::<false, 2>(LANES, &[at; 2], &mut history, &mut chain);
            assert!(chain.iter().flatten().all(|x| x.abs() <= CHAIN_MAX), "{t}");
            maps.learn::<false>(LANES, &at, &[1.0; LANES], Some(&chain[0]), if t % 3 == 0 { 1.0 } else { 0.0 });
        }
        assert!(maps.entries.iter().all(|e| e.0[KEEP].abs() <= KEEP_MAX && e.0[ADD].is_finite()));
    }

    /// A lane whose context was never seen hands the chain on as it is, and goes on doing so.
    #[test]
    fn unseen_lanes_hand_the_chain_on() {
        let mut maps = Maps::new(|lane| lane >= 8);
        // no history is state 0, no bits are a sentinel alone
        let fresh = |i: usize| if i >= 8 { 1 } else { 0 };
        let at: [u32; LANES] = std::array::from_fn(|i| (i * 256 + if i % 2 == 0 { 2 } else { fresh(i) }) as u32);
        let seen: Block = std::array::from_fn(|i| if i % 2 == 0 { 1.0 } else { 0.0 });
        let (mut history, mut chain) = ([[0.0; LANES]; 1], [[0.0; LANES]; 1]);
        for t in 0..300 {
            maps.read::<false, 1>(LANES, &[at], &mut history, &mut chain);
            for i in (1..LANES).step_by(2) {
                assert_eq!(chain[0][i], chain[0][i - 1], "{t}");
            }
            assert!(chain[0][2] != chain[0][0]);
            maps.learn::<false>(LANES, &at, &seen, Some(&chain[0]), if t % 3 == 0 { 1.0 } else { 0.0 });
        }
    }
}
