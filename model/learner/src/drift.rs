//! Drift: lasting changes of a stream, found online, with position and size.
//!
//! Two things are watched. The *loss*: what events cost in bits, which rises when a stream no longer does what was
//! learnt. The *level* of each number: a model that follows a number to a new level pays for two or three events only,
//! so its loss does not last, although the change does.
//!
//! The detector is the cumulative sum of Page (Biometrika 41, 1954) over the means m of blocks of 8 and of 64 events,
//! which are nearly independent where events are not, in units of their own running mean μ and deviation σ:
//!
//! ```text
//! z = clip((m − μ) / σ, ±4),   S ← max(0, S + z − k),   a change where S > max(14, 2 · the largest S of the past)
//! ```
//!
//! The change began where S last was zero. That S has to exceed the stream's own past excursions is what keeps alarms
//! rare whatever the stream's distribution and correlation; the clip keeps single freaks out. After a change μ and σ
//! are learnt anew. Only a *rising* loss is a change: a falling one is what learning looks like, and μ follows it. A level may change to both
//! sides, and counts if it moved by more than three deviations of the number.
//!
//! On 16 regimes of a permuted alphabet (a Markov source; Shakespeare in pieces) all 15 boundaries are found and
//! nothing else, 60 to 130 events late and placed within 8. A mean, a spread or a season that changes is found within 40
//! to 230 events. On HDFS keys (normal and abnormal sessions), ETTh1 and the clicks of bms there is no alarm, on the
//! 1.1 million bytes of tinyshakespeare there are two.

use std::sync::Arc;
use surmise_event::{Detector, Drift};
use surmise_state::{Persist, State, StateError};

/// Events of a block, and what is allowed for: a mean that is higher by so many deviations is not yet a change.
const SCALES: [(u32, f64); 2] = [(8, 1.0), (64, 0.75)];

/// Least sum that is a change.
const LEAST: f64 = 14.0;

/// By how much a change exceeds the largest excursion of the past.
const BEYOND: f64 = 2.0;

/// An excursion is remembered this well after one more block.
const REMEMBERED: f64 = 0.9999;

/// Blocks that mean and deviation remember.
const MEMORY: f64 = 1024.0;

/// Blocks before anything can be a change.
const YOUNG: u32 = 32;

/// Deviations of a block that count at most.
const CLIP: f64 = 4.0;

/// Deviation of the loss that a stream has at the least, in bits.
const LEAST_BITS: f64 = 0.05;

/// Deviations of a number by which its level moves at the least.
const LEVEL: f64 = 3.0;

/// Largest number that is told from larger ones; its square is finite.
const LARGEST: f64 = 1e120;

/// Changes that are kept.
const KEPT: usize = 16;

/// The sum to one side.
#[derive(Clone, Copy, Default)]
struct Sum {
    /// S, its largest value since it was zero, and the largest of the past.
    sum: f64,
    peak: f64,
    largest: f64,
    /// Offset where S was zero last, and what came since: blocks, their values, their bits.
    began: u64,
    blocks: u32,
    values: f64,
    bits: f64,
}

impl Sum {
    /// Adds a block; true where S says that it is a change.
    fn add(&mut self, z: f64, allowed: f64, value: f64, bits: f64, next: u64) -> bool {
        let sum = self.sum + z - allowed;
        if sum <= 0.0 {
            self.largest = if self.peak > 0.0 { self.peak.max(self.largest) } else { self.largest * REMEMBERED };
            *self = Sum { largest: self.largest, began: next, ..Sum::default() };
            return false;
        }
        self.sum = sum;
        self.peak = self.peak.max(sum);
        self.blocks += 1;
        self.values += value;
        self.bits += bits;
        sum > LEAST.max(BEYOND * self.largest)
    }
}

/// One scale: the running mean and deviation of block means, and the sums to both sides.
#[derive(Clone, Default)]
struct Scale {
    count: u32,
    mean: f64,
    square: f64,
    usual_bits: f64,
    /// The block that is being filled.
    filled: u32,
    value: f64,
    bits: f64,
    up: Sum,
    down: Sum,
}

/// A change that a scale has found.
struct Change {
    began: u64,
    before: f64,
    after: f64,
    bits_before: f64,
    bits_after: f64,
}

impl Scale {
    fn new(from: u64) -> Scale {
        let sum = Sum { began: from, ..Sum::default() };
        Scale { up: sum, down: sum, ..Scale::default() }
    }

    /// Begins anew after a change; what excursions were like is kept.
    fn renew(&mut self, from: u64) {
        let largest = [self.up.largest, self.down.largest];
        *self = Scale::new(from);
        [self.up.largest, self.down.largest] = largest;
    }

    /// Takes in the event before offset `next`.
    fn add(&mut self, [size, allowed]: [f64; 2], value: f64, bits: f64, floor: f64, next: u64) -> Option<Change> {
        self.filled += 1;
        self.value += value;
        self.bits += bits;
        if f64::from(self.filled) < size {
            return None;
        }
        let (value, bits) = (std::mem::take(&mut self.value) / size, std::mem::take(&mut self.bits) / size);
        self.filled = 0;
        self.count += 1;
        let mut followed = value;
        let mut found = None;
        if self.count > YOUNG {
            let deviation = self.square.sqrt().max(floor);
            let z = ((value - self.mean) / deviation).clamp(-CLIP, CLIP);
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
        let weight = 1.0 / f64::from(self.count).min(MEMORY);
        let d = followed - self.mean;
        self.mean += weight * d;
        self.square += weight * (d * d * (1.0 - weight) - self.square);
        self.usual_bits += weight * (bits - self.usual_bits);
        found
    }
}

/// What is watched of one number, or of the loss.
#[derive(Clone)]
struct Watch {
    scales: [Scale; 2],
    /// Of single values, for levels.
    count: f64,
    mean: f64,
    square: f64,
}

impl Watch {
    fn new(from: u64) -> Watch {
        Watch { scales: [Scale::new(from), Scale::new(from)], count: 0.0, mean: 0.0, square: 0.0 }
    }

    fn add(&mut self, value: f64, bits: f64, floor: f64, next: u64) -> Option<Change> {
        let mut found = None;
        for (s, (size, allowed)) in self.scales.iter_mut().zip(SCALES) {
            let change = s.add([f64::from(size), allowed], value, bits, floor, next);
            found = found.or(change);
        }
        found
    }

    fn renew(&mut self, from: u64) {
        self.scales.iter_mut().for_each(|s| s.renew(from));
        (self.count, self.mean, self.square) = (0.0, 0.0, 0.0);
    }

    /// Takes in a number; a change of its level.
    fn level(&mut self, x: f64, bits: f64, floor: f64, next: u64) -> Option<Change> {
        let change = self.add(x, bits, floor, next);
        // before the number itself counts, as far as possible, for what it is to be held against
        let deviation = self.square.sqrt().max(floor);
        self.count += 1.0;
        let weight = 1.0 / self.count.min(MEMORY * f64::from(SCALES[0].0));
        let bound = if self.count > f64::from(YOUNG) { CLIP * deviation } else { LARGEST };
        let d = (x - self.mean).clamp(-bound, bound);
        self.mean += weight * d;
        self.square += weight * (d * d * (1.0 - weight) - self.square);
        change.filter(|c| (c.after - c.before).abs() > LEVEL * deviation)
    }
}

impl Default for Watch {
    fn default() -> Self {
        Watch::new(0)
    }
}

/// Watches one stream for drift. Costs a few additions an event and a few divisions a block; a number costs as much.
#[derive(Clone, Default)]
pub struct Watcher {
    loss: Watch,
    numbers: Vec<Watch>,
    /// The numbers of the event at hand: column, value, resolution.
    values: Vec<(usize, f64, f64)>,
    /// Changes so far, by detector.
    pub counts: [u64; 2],
    /// The latest of them, oldest first.
    pub latest: Vec<Drift>,
}

impl Watcher {
    /// A number of the event at hand, and how finely its column can tell.
    pub fn number(&mut self, column: usize, x: f64, resolution: f64) {
        self.values.push((column, x.clamp(-LARGEST, LARGEST), resolution.clamp(1e-100, LARGEST)));
    }

    /// The event at an offset, which cost so many bits and of which the numbers were told; `name` says which field a
    /// column is. Changes that it shows are added to `out`.
    pub fn observe(&mut self, offset: u64, bits: f64, name: impl Fn(usize) -> Arc<str>, out: &mut Vec<Drift>) {
        let next = offset + 1;
        let bits = if bits.is_finite() { bits } else { 0.0 };
        let before = out.len();
        if let Some(c) = self.loss.add(bits, bits, LEAST_BITS, next)
            && c.after > c.before
        {
            self.loss.renew(next);
            out.push(drift(Detector::Loss, None, &c, offset));
        }
        while let Some((column, x, resolution)) = self.values.pop() {
            if column >= self.numbers.len() {
                self.numbers.resize_with(column + 1, || Watch::new(offset));
            }
            if let Some(c) = self.numbers[column].level(x, bits, resolution, next) {
                self.numbers[column].renew(next);
                out.push(drift(Detector::Level, Some((name(column), c.before, c.after)), &c, offset));
            }
        }
        for d in &out[before..] {
            self.counts[usize::from(d.detector == Detector::Level)] += 1;
            if self.latest.len() == KEPT {
                self.latest.remove(0);
            }
            self.latest.push(d.clone());
        }
    }
}

fn drift(detector: Detector, level: Option<(Arc<str>, f64, f64)>, c: &Change, noticed: u64) -> Drift {
    let (field, level_before, level_after) = match level {
        Some((field, before, after)) => (Some(field), Some(before), Some(after)),
        None => (None, None, None),
    };
    let (began, bits_before, bits_after) = (c.began, c.bits_before, c.bits_after);
    Drift { detector, field, began, noticed, bits_before, bits_after, level_before, level_after }
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

impl Persist for Watcher {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("drift")?;
        self.values.clear();
        self.loss.persist(s)?;
        s.list("drift numbers", &mut self.numbers, Watch::default)?;
        s.u64s_fixed("drift counts", &mut self.counts)?;
        // the latest changes are told to people: as plain data
        let mut text =
            if s.is_reading() { String::new() } else { serde_json::to_string(&self.latest).unwrap_or_default() };
        s.string("drift latest", &mut text)?;
        if s.is_reading() {
            self.latest = serde_json::from_str(&text).map_err(|_| StateError::Invalid("drift latest"))?;
            self.latest.truncate(KEPT);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "drift_tests.rs"]
mod tests;
