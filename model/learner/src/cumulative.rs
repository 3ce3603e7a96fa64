//! The cumulative sum of Page (Biometrika 41, 1954) over the means m of blocks of 8 and of 64 events, which are nearly
//! independent where events are not, in units of their own running mean μ and deviation σ:
//!
//! ```text
//! z = clip((m − μ) / σ, ±4),   S ← max(0, S + z − k),   a change where S > max(14, 2 · the largest S of the past)
//! ```
//!
//! The change began where S was zero last. That S has to exceed the stream's own past excursions keeps alarms rare,
//! whatever the stream's distribution and correlation; the clip keeps single freaks out. After a change μ and σ are
//! learnt anew.
//!
//! For example, a number that scatters around 100 with a deviation of 1 and moves to 92 has z = −4 in every block of 8
//! from then on. With k = 1 its sum S grows by 3 a block and exceeds 14 after five blocks, if no sum of the past was
//! larger than 7. So the change is noticed some 40 events after it began, and is placed where S left zero, in the block
//! in which the number moved.

use surmise_state::{Persist, State, StateError};

/// The two scales: events of a block, and k, the deviations by which a block's mean may be higher without being a
/// change.
const SCALES: [(u32, f64); 2] = [(8, 1.0), (64, 0.75)];

/// The least sum S that is a change.
const SUM_MIN: f64 = 14.0;

/// By what factor a change exceeds the largest sum of the past.
const PAST_SUM_FACTOR: f64 = 2.0;

/// How much of the largest sum of the past is remembered after one more block without a sum.
const PAST_SUM_DECAY: f64 = 0.9999;

/// Blocks that mean and deviation remember.
const MEMORY_BLOCKS: f64 = 1024.0;

/// Blocks before anything can be a change, because mean and deviation are not known yet.
const QUIET_BLOCKS: u32 = 32;

/// The most deviations that one block counts.
const BLOCK_DEVIATIONS_MAX: f64 = 4.0;

/// The least deviation of a stream's loss, in bits.
pub(crate) const LOSS_DEVIATION_MIN: f64 = 0.05;

/// The least move of a level, in deviations of the number.
const LEVEL_DEVIATIONS_MIN: f64 = 3.0;

/// The largest number that is distinguished from larger ones; its square is finite.
pub(crate) const NUMBER_MAX: f64 = 1e120;

/// The least resolution of a number, so that nothing is divided by zero.
pub(crate) const RESOLUTION_MIN: f64 = 1e-100;

/// The cumulative sum to one side.
#[derive(Clone, Copy, Default)]
struct Sum {
    /// S.
    sum: f64,
    /// The largest S since it was zero.
    peak: f64,
    /// The largest S before it was zero last, slowly forgotten.
    largest: f64,
    /// The offset where S was zero last.
    began: u64,
    /// Blocks since then.
    blocks: u32,
    /// The sum of the blocks' means since then.
    values: f64,
    /// The sum of the blocks' mean bits since then.
    bits: f64,
}

impl Sum {
    /// Adds a block that deviates by `z`, with its mean value and bits; true if S is a change. `next` is the offset
    /// after the block.
    fn add(&mut self, z: f64, allowed: f64, value: f64, bits: f64, next: u64) -> bool {
        let sum = self.sum + z - allowed;
        // an excursion is over: keep how far it went, or let the memory of earlier ones fade
        if sum <= 0.0 {
            self.largest = if self.peak > 0.0 { self.peak.max(self.largest) } else { self.largest * PAST_SUM_DECAY };
            *self = Sum { largest: self.largest, began: next, ..Sum::default() };
            return false;
        }
        self.sum = sum;
        self.peak = self.peak.max(sum);
        self.blocks += 1;
        self.values += value;
        self.bits += bits;
        sum > SUM_MIN.max(PAST_SUM_FACTOR * self.largest)
    }
}

/// The detector of one scale: the running mean and deviation of block means, and the sums to both sides.
#[derive(Clone, Default)]
struct Scale {
    /// Blocks so far.
    count: u32,
    /// μ, the mean of block means.
    mean: f64,
    /// σ², their mean square deviation.
    square: f64,
    /// The mean bits of an event.
    usual_bits: f64,
    /// Events of the block that is being filled.
    filled: u32,
    /// The sum of their values.
    value: f64,
    /// The sum of their bits.
    bits: f64,
    up: Sum,
    down: Sum,
}

/// A change that a scale has found.
pub(crate) struct Change {
    /// The offset where it began.
    pub(crate) began: u64,
    /// The mean before it, and since.
    pub(crate) before: f64,
    pub(crate) after: f64,
    /// Mean bits of an event before it, and since.
    pub(crate) bits_before: f64,
    pub(crate) bits_after: f64,
}

impl Scale {
    fn new(from: u64) -> Scale {
        let sum = Sum { began: from, ..Sum::default() };
        Scale { up: sum, down: sum, ..Scale::default() }
    }

    /// Begins anew after a change; how large the sums of the past were is kept.
    fn renew(&mut self, from: u64) {
        let largest = [self.up.largest, self.down.largest];
        *self = Scale::new(from);
        [self.up.largest, self.down.largest] = largest;
    }

    /// Takes in the event before offset `next`: its value and its bits. A deviation below `floor` counts as `floor`.
    fn add(&mut self, [size, allowed]: [f64; 2], value: f64, bits: f64, floor: f64, next: u64) -> Option<Change> {
        self.filled += 1;
        self.value += value;
        self.bits += bits;
        // only whole blocks are looked at
        if f64::from(self.filled) < size {
            return None;
        }
        let (value, bits) = (std::mem::take(&mut self.value) / size, std::mem::take(&mut self.bits) / size);
        self.filled = 0;
        self.count += 1;
        // mean and deviation follow the clipped value, so that a freak does not blind them
        let mut followed = value;
        let mut found = None;
        if self.count > QUIET_BLOCKS {
            let deviation = self.square.sqrt().max(floor);
            let z = ((value - self.mean) / deviation).clamp(-BLOCK_DEVIATIONS_MAX, BLOCK_DEVIATIONS_MAX);
            for (sum, z) in [(&mut self.up, z), (&mut self.down, -z)] {
                if sum.add(z, allowed, value, bits, next) {
                    let blocks = f64::from(sum.blocks);
                    found = Some(Change {
                        began: sum.began,
                        before: self.mean,
                        after: sum.values / blocks,
                        bits_before: self.usual_bits,
                        bits_after: sum.bits / blocks,
                    });
                }
            }
            followed = self.mean + z * deviation;
        }
        // exponential moments: plain means at first, then over the last blocks
        let weight = 1.0 / f64::from(self.count).min(MEMORY_BLOCKS);
        let d = followed - self.mean;
        self.mean += weight * d;
        self.square += weight * (d * d * (1.0 - weight) - self.square);
        self.usual_bits += weight * (bits - self.usual_bits);
        found
    }
}

/// What is watched of one number, or of a loss.
#[derive(Clone)]
pub(crate) struct Watch {
    scales: [Scale; 2],
    /// Numbers so far; this and the next two are of single values, for levels only.
    count: f64,
    /// Their running mean.
    mean: f64,
    /// Their running mean square deviation.
    square: f64,
}

impl Watch {
    pub(crate) fn new(from: u64) -> Watch {
        Watch { scales: [Scale::new(from), Scale::new(from)], count: 0.0, mean: 0.0, square: 0.0 }
    }

    /// Takes in a value; returns a change of its mean, if it shows one.
    pub(crate) fn add(&mut self, value: f64, bits: f64, floor: f64, next: u64) -> Option<Change> {
        let mut found = None;
        for (s, (size, allowed)) in self.scales.iter_mut().zip(SCALES) {
            let change = s.add([f64::from(size), allowed], value, bits, floor, next);
            found = found.or(change);
        }
        found
    }

    pub(crate) fn renew(&mut self, from: u64) {
        self.scales.iter_mut().for_each(|s| s.renew(from));
        (self.count, self.mean, self.square) = (0.0, 0.0, 0.0);
    }

    /// Takes in a number; returns a change of its level, if it shows one.
    pub(crate) fn level(&mut self, x: f64, bits: f64, floor: f64, next: u64) -> Option<Change> {
        let change = self.add(x, bits, floor, next);
        // the deviation that the change is held against does not contain the number itself
        let deviation = self.square.sqrt().max(floor);
        self.count += 1.0;
        let weight = 1.0 / self.count.min(MEMORY_BLOCKS * f64::from(SCALES[0].0));
        let bound = if self.count > f64::from(QUIET_BLOCKS) { BLOCK_DEVIATIONS_MAX * deviation } else { NUMBER_MAX };
        let d = (x - self.mean).clamp(-bound, bound);
        self.mean += weight * d;
        self.square += weight * (d * d * (1.0 - weight) - self.square);
        change.filter(|c| (c.after - c.before).abs() > LEVEL_DEVIATIONS_MIN * deviation)
    }
}

impl Default for Watch {
    fn default() -> Self {
        Watch::new(0)
    }
}

impl Persist for Sum {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        for v in [&mut self.sum, &mut self.peak, &mut self.largest, &mut self.values, &mut self.bits] {
            s.f64("drift sum", v)?;
        }
        s.u64("drift began", &mut self.began)?;
        s.u32("drift blocks", &mut self.blocks)
    }
}

impl Persist for Watch {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        for v in [&mut self.count, &mut self.mean, &mut self.square] {
            s.f64("drift number", v)?;
        }
        self.scales.iter_mut().try_for_each(|c| {
            s.u32("drift blocks", &mut c.count)?;
            s.u32("drift block", &mut c.filled)?;
            for v in [&mut c.mean, &mut c.square, &mut c.usual_bits, &mut c.value, &mut c.bits] {
                s.f64("drift scale", v)?;
            }
            c.up.persist(s)?;
            c.down.persist(s)
        })
    }
}
