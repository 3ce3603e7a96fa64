//! One binary decision: every input of the mixer, its output, and what learning needs afterwards.

use crate::bits::BitHistory;
use crate::code::{NIBBLES, Path};
use crate::matching::Expectation;
use crate::mixer::{GROUPS, MapPlace, Row};
use crate::numbers::{Opinion, Reading};
use crate::recency::{Recent, Sighting};
use crate::share::EXPERTS_MAX;
use surmise_lanes::{Block, LANES, madd, sigmoid, stretch};
use surmise_state::{Persist, State, StateError};

/// Most contexts of a model: one lane each.
pub const CONTEXTS_MAX: usize = LANES;

/// Blocks of inputs.
pub const DIRECT: usize = 0;
/// See [`DIRECT`].
pub const HISTORY: usize = 1;
/// See [`DIRECT`].
pub const CHAIN: usize = 2;
/// See [`DIRECT`].
pub const CONFIDENCE: usize = 3;
/// See [`DIRECT`].
pub const OTHER: usize = 4;

/// Lanes of the block [`OTHER`].
pub const NET: usize = 4;
/// See [`NET`].
pub const BIAS: usize = 6;
/// See [`NET`].
pub const RECENT_SIDES: usize = 7;
/// See [`NET`].
pub const RECENT_RANK: usize = 8;
/// The first of two lanes for what the event's numbers say.
pub const NUMBERS: usize = 14;

/// Selecting contexts of the mixer.
pub const SETS: usize = 10;

/// What is fixed while one symbol is predicted.
#[derive(Clone, Default)]
pub struct Front {
    /// The hash of every context.
    pub hashes: [u32; CONTEXTS_MAX],
    /// What the match models expect.
    pub expected: [Expectation; 2],
    /// The most recent distinct symbols.
    pub recent: Recent,
    /// The two last symbols + 1.
    pub last: [u32; 2],
    /// Kinds of the last four bytes, and the place within word and line.
    pub kinds: u32,
    /// See `kinds`.
    pub place: u32,
    /// A hash of the event's other fields.
    pub side: u32,
    /// What was seen in the event's numbers.
    pub reading: Reading,
}

/// Where in the tree a decision stands.
#[derive(Clone, Copy, Default)]
pub struct Place {
    /// Nibbles before this one.
    pub depth: usize,
    /// Those nibbles, packed.
    pub prefix: u32,
    /// The node within the nibble, 1..16.
    pub node: u32,
    /// Bits of the nibble still to come after this one.
    pub shift: u32,
    /// The node's number for the head and for selecting.
    pub number: u32,
    /// Recent symbols that share the prefix.
    pub mask: u32,
    /// Nibbles of the prefix.
    pub nibbles: [u8; NIBBLES],
}

/// One binary decision; see the module.
#[derive(Clone, Default)]
pub struct Decision {
    /// Raw statistics of every lane.
    pub slots: [u32; LANES],
    /// The mixer's inputs.
    pub inputs: Row,
    /// Counts of every lane.
    pub counts: [u32; LANES],
    /// Index of every lane's history map entry.
    pub maps: [u32; LANES],
    /// 1 in lanes whose context has been seen.
    pub seen: Block,
    /// Probability of a 1 in count lanes.
    pub direct: Block,
    /// Probability of a 1 by history.
    pub history: Block,
    /// The chain before and after each lane.
    pub chain_in: Block,
    /// See `chain_in`.
    pub chain_out: Block,
    /// Which bit each match expects: 0, 1, or −1 for none.
    pub expects: [i8; 2],
    /// Recency's view.
    pub sighting: Sighting,
    /// The network's stretched prediction.
    pub network: f32,
    /// What the event's numbers say.
    pub numbers: Opinion,
    /// Selected weights.
    pub selected: [u32; SETS],
    /// Outputs of the sets, stretched, and as probabilities.
    pub outputs: Block,
    /// See `outputs`.
    pub probabilities: Block,
    /// Selected final weights.
    pub finals: [u32; 3],
    /// Outputs of the final mixers.
    pub final_outputs: [f32; 3],
    /// The mixed prediction, stretched.
    pub stretched: f32,
    /// Where it fell in the probability maps.
    pub places: [MapPlace; 2],
    /// The counts' own mixture, stretched.
    pub counts_only: f32,
    /// Every expert's probability of a 1.
    pub experts: [f32; EXPERTS_MAX],
}

/// Maps from bit histories to probabilities, and the chain that refines them context by context.
#[derive(Clone)]
pub struct Maps {
    /// By lane and history.
    entries: Vec<Entry>,
}

/// What is known of a history in a lane, together as it is read together.
#[derive(Clone, Copy)]
#[repr(align(16))]
struct Entry {
    probability: f32,
    rate: f32,
    /// The chain's two weights: how much of the prediction so far, how much to add.
    keep: f32,
    add: f32,
}

const MAP_RATE_MIN: f32 = 0.005;
const CHAIN_RATE: f32 = 0.002;
/// The chain's predictions stay within ± this.
const CHAIN_MAX: f32 = 10.0;
/// Bound of a chain's weight on the prediction so far: sixteen of them in a row stay finite.
const KEEP_MAX: f32 = 4.0;

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
            Entry { probability, rate: 0.01, keep: 0.9, add: 0.1 * stretch::<false>(probability) }
        };
        Maps { entries: (0..LANES * 256).map(|k| entry(k / 256, k % 256)).collect() }
    }

    /// Fills the history and chain inputs of a decision.
    #[inline(always)]
    pub fn read<const FMA: bool>(&self, lanes: usize, d: &mut Decision) {
        let entries: &[Entry; 4096] = self.entries.as_slice().try_into().expect("a map has 256 entries a lane");
        // without a clamp or a branch on the way, as every lane waits for the one before
        let mut y = 0f32;
        for i in 0..lanes {
            let e = &entries[d.maps[i] as usize & 4095];
            d.history[i] = e.probability;
            d.chain_in[i] = y;
            let next = madd::<FMA>(e.keep, y, e.add);
            y = if d.seen[i] != 0.0 { next } else { y };
            d.chain_out[i] = y;
        }
        for i in 0..LANES {
            d.chain_in[i] = d.chain_in[i].clamp(-CHAIN_MAX, CHAIN_MAX);
            d.chain_out[i] = d.chain_out[i].clamp(-CHAIN_MAX, CHAIN_MAX);
            d.inputs[HISTORY][i] = stretch::<FMA>(d.history[i]) * d.seen[i];
        }
        d.inputs[CHAIN] = d.chain_out;
    }

    /// Learns the bit that came.
    #[inline(always)]
    pub fn learn<const FMA: bool>(&mut self, lanes: usize, d: &Decision, bit: f32) {
        let entries: &mut [Entry; 4096] = self.entries.as_mut_slice().try_into().expect("a map has 256 entries a lane");
        let (mut error, mut rate, mut slower) = ([0f32; LANES], [0f32; LANES], [0f32; LANES]);
        for i in 0..LANES {
            error[i] = (bit - sigmoid::<FMA>(d.chain_out[i])) * CHAIN_RATE;
        }
        // a loop of its own, as gathering in it would keep the one above from being vectorised
        for i in 0..LANES {
            rate[i] = entries[d.maps[i] as usize & 4095].rate;
        }
        for i in 0..LANES {
            slower[i] = (rate[i] / (rate[i] + 1.0)).max(MAP_RATE_MIN);
        }
        for i in 0..lanes {
            if d.seen[i] == 0.0 {
                continue;
            }
            let e = &mut entries[d.maps[i] as usize & 4095];
            *e = Entry {
                probability: madd::<FMA>(rate[i], bit - d.history[i], d.history[i]),
                rate: slower[i],
                keep: madd::<FMA>(error[i], d.chain_in[i], e.keep).clamp(-KEEP_MAX, KEEP_MAX),
                add: e.add + error[i],
            };
        }
    }
}

impl Persist for Maps {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        for e in &mut self.entries {
            let mut x = [e.probability, e.rate, e.keep, e.add];
            s.f32s_fixed("map entry", &mut x)?;
            let [probability, rate, keep, add] = x;
            *e = Entry { probability, rate, keep: keep.clamp(-KEEP_MAX, KEEP_MAX), add };
        }
        Ok(())
    }
}

/// Rates and confidences by count.
pub struct Tables {
    /// Step of a probability after n observations.
    pub rate: [f32; 256],
    /// How far a probability after n observations is believed.
    pub confidence: [f32; 256],
    /// Zeros and ones that a bit history stands for.
    pub weight: [u32; 256],
}

impl Tables {
    /// The one set.
    pub fn get() -> &'static Tables {
        static T: std::sync::OnceLock<Tables> = std::sync::OnceLock::new();
        T.get_or_init(|| Tables {
            rate: std::array::from_fn(|n| (1.0 / (n as f32 + 1.3)).max(1.0 / 256.5)),
            confidence: std::array::from_fn(|n| if n == 0 { 0.0 } else { (0.3 + 0.25 * n as f32).min(1.0) }),
            weight: std::array::from_fn(|s| BitHistory::get().counts[s].iter().map(|n| u32::from(*n)).sum()),
        })
    }
}

/// The next slots of counts after a bit, in every lane.
#[inline(always)]
pub fn count<const FMA: bool>(
    slots: &[u32; LANES],
    counts: &[u32; LANES],
    rates: &[f32; 256],
    bit: u32,
) -> [u32; LANES] {
    let y = bit as f32;
    let mut rate = [0f32; LANES];
    for i in 0..LANES {
        rate[i] = rates[counts[i] as usize & 255];
    }
    let mut next = [0u32; LANES];
    for i in 0..LANES {
        let p = ((slots[i] & 0xffff) as i32 as f32 + 0.5) * (1.0 / 65536.0);
        let q = (madd::<FMA>(rate[i], y - p, p) * 65536.0).clamp(16.0, 65519.0);
        // SAFETY: the clamp keeps it far inside the range of the type.
        let q = unsafe { q.to_int_unchecked::<i32>() } as u32;
        let h = slots[i] >> 24 << 1 | bit;
        let h = if h > 255 { h & 127 | 128 } else { h };
        let n = counts[i] + 1;
        let n = if n > 255 { 255 } else { n };
        next[i] = q | n << 16 | h << 24;
    }
    next
}

/// What a match's expectation says at a place: the expected bit, if its path runs through the node.
#[inline(always)]
pub fn expected_bit(e: &Expectation, at: &Place) -> i8 {
    let Path { nibbles, .. } = &e.path;
    let x = u32::from(nibbles[at.depth]);
    if e.alive && e.length > 0 && (x | 16) >> (at.shift + 1) == at.node { (x >> at.shift & 1) as i8 } else { -1 }
}

/// Initial weights of a mixer row for these inputs.
pub fn initial_row(lanes: usize, recency: bool, network: bool, numbers: bool) -> Row {
    let mut r = [[0f32; LANES]; GROUPS];
    for i in 0..lanes {
        r[DIRECT][i] = 0.12;
        r[HISTORY][i] = 0.12;
        r[CHAIN][i] = 0.024;
        r[CONFIDENCE][i] = 0.12;
    }
    r[OTHER][..4].fill(0.12);
    if network {
        r[OTHER][NET] = 0.12;
    }
    if numbers {
        r[OTHER][NUMBERS] = 0.3;
        r[OTHER][NUMBERS + 1] = 0.3;
    }
    if recency {
        r[OTHER][RECENT_SIDES] = 0.12;
        r[OTHER][RECENT_RANK] = 0.12;
    }
    r
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever weights a checkpoint brings, the chain stays finite and within its bounds, learning included.
    #[test]
    fn the_chain_stays_within_its_bounds() {
        let mut maps = Maps::new(|_| true);
        maps.entries.fill(Entry { probability: 0.5, rate: 0.01, keep: KEEP_MAX, add: CHAIN_MAX });
        let mut d = Decision { seen: [1.0; LANES], ..Decision::default() };
        for i in 0..LANES {
            d.maps[i] = (i * 256) as u32;
        }
        for t in 0..2000 {
            maps.read::<false>(LANES, &mut d);
            let within = |x: &f32| x.abs() <= CHAIN_MAX;
            assert!(d.chain_in.iter().all(within) && d.chain_out.iter().all(within), "{t}");
            maps.learn::<false>(LANES, &d, if t % 3 == 0 { 1.0 } else { 0.0 });
        }
        assert!(maps.entries.iter().all(|e| e.keep.abs() <= KEEP_MAX && e.add.is_finite()));
    }

    /// A lane whose context was never seen hands the chain on as it is.
    #[test]
    fn unseen_lanes_hand_the_chain_on() {
        let maps = Maps::new(|_| true);
        let mut d = Decision::default();
        for i in 0..LANES {
            d.maps[i] = (i * 256 + 3) as u32;
            d.seen[i] = if i % 2 == 0 { 1.0 } else { 0.0 };
        }
        maps.read::<false>(LANES, &mut d);
        for i in (1..LANES).step_by(2) {
            assert_eq!(d.chain_out[i], d.chain_out[i - 1]);
            assert_eq!(d.inputs[HISTORY][i], 0.0);
        }
        assert!(d.chain_out[2] != d.chain_out[0]);
    }
}
