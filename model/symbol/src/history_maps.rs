//! Probabilities of bit histories, and the chain that refines them context by context (PREDICTOR §3).

use crate::bits::BitHistory;
use crate::inputs::{CHAIN_BLOCK, HISTORY_BLOCK, InputRow};
use crate::spec::Spec;
use surmise_lanes::{Block, LANES, madd, sigmoid, stretch};
use surmise_state::{Persist, State, StateError};

/// Maps from bit histories to probabilities, and the chain that refines them context by context.
#[derive(Clone)]
pub struct HistoryMaps {
    /// By lane and history: `[LANES, HISTORIES]`.
    entries: Vec<MapEntry>,
    contexts: usize,
    has_chain: bool,
    /// Whether ablation keeps histories and chain from the mixer.
    is_ablated: bool,
}

/// States of a bit history.
const HISTORIES: usize = 256;

/// What the maps said at N decisions.
#[derive(Clone)]
pub struct HistoryMapsSaid<const N: usize> {
    /// Index of every lane's entry.
    entries: [[u32; LANES]; N],
    /// Probability of a 1 by each lane's history.
    pub history: [Block; N],
    /// The chain's stretched prediction after each lane.
    pub chain: [Block; N],
}

impl<const N: usize> Default for HistoryMapsSaid<N> {
    fn default() -> Self {
        HistoryMapsSaid { entries: [[0; LANES]; N], history: [[0.5; LANES]; N], chain: [[0.0; LANES]; N] }
    }
}

/// What is known of a history in a lane, read and learnt as one vector: its probability, that one's rate of learning,
/// and the chain's two weights, how much of the prediction so far and how much to add.
#[derive(Clone, Copy)]
#[repr(align(16))]
struct MapEntry([f32; 4]);

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
const ENTRY_MIN: [f32; 4] = [0.0, MAP_RATE / 2.0, -KEEP_MAX, -1e6];
const ENTRY_MAX: [f32; 4] = [1.0, MAP_RATE, KEEP_MAX, 1e6];

impl HistoryMaps {
    /// Maps that have seen nothing. The history of a context that counts is its last bits; that of another is the state
    /// of a bit history.
    pub fn new(spec: &Spec) -> Self {
        let entries = Self::initial(|lane| spec.is_counted(lane));
        HistoryMaps {
            entries,
            contexts: spec.contexts.len(),
            has_chain: spec.chain,
            is_ablated: spec.ablation.histories,
        }
    }

    fn initial(is_counts: impl Fn(usize) -> bool) -> Vec<MapEntry> {
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
            MapEntry([probability, MAP_RATE, keep, add])
        };
        (0..LANES * HISTORIES).map(|k| entry(k / HISTORIES, k % HISTORIES)).collect()
    }

    /// Looks histories up for several decisions side by side. `slots`: `[N, LANES]`, each with a history in its highest
    /// byte.
    #[inline(always)]
    pub fn predict<const FMA: bool, const N: usize>(&self, slots: &[[u32; LANES]; N], said: &mut HistoryMapsSaid<N>) {
        for j in 0..N {
            for i in 0..LANES {
                said.entries[j][i] = (i as u32) << 8 | slots[j][i] >> 24;
            }
        }
        (said.history, said.chain) = ([[0.5; LANES]; N], [[0.0; LANES]; N]);
        if self.has_chain {
            self.predict_with_chain::<FMA, N>(said)
        } else {
            self.predict_histories(said)
        }
        if self.is_ablated {
            said.chain = [[0.0; LANES]; N];
        }
    }

    /// Looks up the histories' probabilities and follows the chain.
    #[inline(always)]
    fn predict_with_chain<const FMA: bool, const N: usize>(&self, said: &mut HistoryMapsSaid<N>) {
        let entries = self.entries();
        // every lane waits for the one before, so the decisions go through the lanes together
        let mut y = [0f32; N];
        for i in 0..self.contexts {
            for j in 0..N {
                let entry = &entries[said.entries[j][i] as usize & (LANES * HISTORIES - 1)].0;
                said.history[j][i] = entry[PROBABILITY];
                y[j] = madd::<FMA>(entry[KEEP], y[j], entry[ADD]);
                said.chain[j][i] = y[j];
            }
        }
        for chain in said.chain.iter_mut() {
            for y in chain {
                *y = y.clamp(-CHAIN_MAX, CHAIN_MAX);
            }
        }
    }

    /// Looks up the histories' probabilities alone.
    #[inline(always)]
    fn predict_histories<const N: usize>(&self, said: &mut HistoryMapsSaid<N>) {
        let entries = self.entries();
        for i in 0..self.contexts {
            for j in 0..N {
                let entry = &entries[said.entries[j][i] as usize & (LANES * HISTORIES - 1)].0;
                said.history[j][i] = entry[PROBABILITY];
            }
        }
    }

    /// Writes the mixer's inputs. `seen`: `[N, LANES]`, 1 in lanes whose context was seen.
    #[inline(always)]
    pub fn write_inputs<const FMA: bool, const N: usize>(
        &self,
        said: &HistoryMapsSaid<N>,
        seen: &[Block; N],
        rows: &mut [InputRow; N],
    ) {
        for j in 0..N {
            for i in 0..LANES {
                rows[j][HISTORY_BLOCK][i] = stretch::<FMA>(said.history[j][i]) * seen[j][i];
            }
            if self.has_chain {
                rows[j][CHAIN_BLOCK] = said.chain[j];
            }
            if self.is_ablated {
                rows[j][HISTORY_BLOCK] = [0.0; LANES];
            }
        }
    }

    #[inline(always)]
    fn entries(&self) -> &[MapEntry; LANES * HISTORIES] {
        self.entries.as_slice().try_into().expect("a map has an entry for every history of every lane")
    }

    /// Learns the bit that came at the decision `j` of those that were predicted together. `seen`: `[LANES]`, 1 in
    /// lanes whose context was seen.
    #[inline(always)]
    pub fn learn<const FMA: bool, const N: usize>(
        &mut self,
        said: &HistoryMapsSaid<N>,
        j: usize,
        seen: &Block,
        bit: f32,
    ) {
        let (mut error, mut before) = ([0f32; LANES], [0f32; LANES + 1]);
        if self.has_chain {
            let chain = &said.chain[j];
            for i in 0..LANES {
                // what is not seen has no error, and its probability is never looked at
                error[i] = (bit - sigmoid::<FMA>(chain[i])) * seen[i] * CHAIN_RATE;
            }
            before[1..].copy_from_slice(chain);
        }
        let entries: &mut [MapEntry; LANES * HISTORIES] =
            self.entries.as_mut_slice().try_into().expect("a map has an entry for every history of every lane");
        for i in 0..self.contexts {
            let entry = &mut entries[said.entries[j][i] as usize & (LANES * HISTORIES - 1)].0;
            let [p, rate, ..] = *entry;
            // a rate of 1/n becomes nearly 1/(n + 1)
            let (a, b) = ([rate, -rate, error[i], error[i]], [bit - p, rate, before[i], 1.0]);
            for k in 0..4 {
                entry[k] = madd::<FMA>(a[k], b[k], entry[k]).clamp(ENTRY_MIN[k], ENTRY_MAX[k]);
            }
        }
    }
}

impl Persist for HistoryMaps {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        for e in &mut self.entries {
            s.f32s_fixed("map entry", &mut e.0)?;
            if s.is_reading() {
                e.0 = std::array::from_fn(|k| {
                    if e.0[k].is_nan() { ENTRY_MIN[k] } else { e.0[k].clamp(ENTRY_MIN[k], ENTRY_MAX[k]) }
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps(is_counts: impl Fn(usize) -> bool) -> HistoryMaps {
        let entries = HistoryMaps::initial(is_counts);
        HistoryMaps { entries, contexts: LANES, has_chain: true, is_ablated: false }
    }

    /// Whatever weights a checkpoint brings, the chain stays finite and within its bounds, learning included.
    #[test]
    fn the_chain_stays_within_its_bounds() {
        let mut maps = maps(|_| true);
        maps.entries.fill(MapEntry([0.5, MAP_RATE, KEEP_MAX, CHAIN_MAX]));
        let mut said = HistoryMapsSaid::<2>::default();
        for t in 0..2000 {
            maps.predict::<false, 2>(&[[0; LANES]; 2], &mut said);
            assert!(said.chain.iter().flatten().all(|x| x.abs() <= CHAIN_MAX), "{t}");
            maps.learn::<false, 2>(&said, 0, &[1.0; LANES], if t % 3 == 0 { 1.0 } else { 0.0 });
        }
        assert!(maps.entries.iter().all(|e| e.0[KEEP].abs() <= KEEP_MAX && e.0[ADD].is_finite()));
    }

    /// A lane whose context was never seen passes the chain on as it is, and never stops doing so.
    #[test]
    fn unseen_lanes_pass_the_chain_on() {
        let mut maps = maps(|lane| lane >= 8);
        // no history is state 0, no bits are a sentinel alone
        let fresh = |i: usize| if i >= 8 { 1 } else { 0 };
        let slots: [u32; LANES] = std::array::from_fn(|i| if i % 2 == 0 { 2 << 24 } else { fresh(i) << 24 });
        let seen: Block = std::array::from_fn(|i| if i % 2 == 0 { 1.0 } else { 0.0 });
        let mut said = HistoryMapsSaid::<1>::default();
        for t in 0..300 {
            maps.predict::<false, 1>(&[slots], &mut said);
            for i in (1..LANES).step_by(2) {
                assert_eq!(said.chain[0][i], said.chain[0][i - 1], "{t}");
            }
            assert!(said.chain[0][2] != said.chain[0][0]);
            maps.learn::<false, 1>(&said, 0, &seen, if t % 3 == 0 { 1.0 } else { 0.0 });
        }
    }
}
