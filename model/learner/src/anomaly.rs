//! The anomaly score: how unusual an event is for its own stream, from 0 to 1, so that streams can be compared by it
//! (PREDICTOR §10).
//!
//! An event deviates by the most unusual of its parts: how far each of its numbers lies from its forecast, and how many
//! bits more than usual the event cost as a whole. A deviation e is taken in three ways: as it is, e₁ = |e|; smoothed
//! over some events, e₄ = |e| averaged with weight ¼; and as a drift, e₁₀ = |e averaged with weight ⅒|, which errors to
//! one side raise and errors to alternating sides do not. Each is in units of its own root mean square over the
//! stream's past ([`Deviation`]), so that the unit, the noise and the entropy of a stream cancel:
//!
//! ```text
//! z = ½ max(e₁, e₄ + e₁₀),    score = z² / (z² + 16), a quarter of it if one of the last 400 events had a z as high
//! ```
//!
//! On ordinary events of every stream z is below 1. Where an event has so many numbers that their maximum is usually
//! above that, z is divided by its own mean. Hence
//!
//! * a score above one half is a *record*: for one event eight times the usual deviation, or four times for a while,
//!   and more than on any of the 400 events before. That is where to alarm; a higher threshold asks for more, and any
//!   threshold means the same on all streams;
//! * if the order of an event's z among the 400 before it is left to chance, fewer than one event in 400 is a record,
//!   whatever the distribution. This is a budget of false alarms, and no stream can stay at the top;
//! * an incident raises the score once, when it begins, and again only if it gets worse.
//!
//! The error of a number is taken against its *long-run* size, not against what the forecast allows now, because
//! forecasts rightly widen in wild times, and wild times are what people want to know of. What the score reaches on the
//! Numenta Anomaly Benchmark is in the README's table.

use surmise_state::{Persist, State, StateError};

/// Events that the usual size of a deviation remembers.
const MEMORY_EVENTS: f64 = 4096.0;

/// Weight of the latest event in the smoothed deviation and in the drift.
const SMOOTHING_RATES: [f64; 2] = [0.25, 0.1];

/// The standard deviation of independent values of deviation 1 when they are smoothed so: √(w / (2 − w)).
const SMOOTHED_DEVIATIONS: [f64; 2] = [0.377_964_473_009_227_2, 0.229_415_733_870_561_77];

/// The most that one deviation counts in what is usual, as a multiple of the usual: a single freak does not blind the
/// stream to what comes after it.
const USUAL_MULTIPLE_MAX: f64 = 32.0;

/// Events before a deviation is bounded so, as nothing is usual before.
const UNBOUNDED_EVENTS: f64 = 20.0;

/// Bits by which the costs of events vary at the least. On a stream that is predicted well half a bit is then no
/// anomaly.
const BITS_DEVIATION_MIN: f64 = 1.0;

/// The deviation z that scores one half.
const HALF_SCORE_DEVIATION: f64 = 4.0;

/// The largest error that is distinguished from larger ones; its square is finite.
const ERROR_MAX: f64 = 1e120;

/// The least resolution of a number, so that nothing is divided by zero.
const RESOLUTION_MIN: f64 = 1e-120;

/// The factor on the score of an event that is no record.
const NO_RECORD_FACTOR: f64 = 0.25;

/// Full blocks of events whose highest deviations are remembered.
const RECORD_BLOCKS: usize = 16;
/// Events of a block.
const BLOCK_EVENTS: usize = 25;

/// Moves a mean towards `x`: a plain mean of `count` events at first, then one that remembers [`MEMORY_EVENTS`].
fn track(mean: &mut f64, x: f64, count: f64) {
    *mean += (x - *mean) / count.min(MEMORY_EVENTS);
}

/// The side on which deviations are unusual: a number can be too low, but an event cannot be too cheap.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sides {
    /// Errors to both sides.
    Both,
    /// Errors upwards.
    Above,
}

/// The usual sizes of one part's deviation: as it is, smoothed, and as a drift.
#[derive(Clone, Default)]
struct Deviation {
    /// Errors so far.
    count: f64,
    /// The smoothed size of the error, and the smoothed error.
    smooth: [f64; 2],
    /// The mean squares of the three.
    squares: [f64; 3],
}

impl Deviation {
    /// Takes in an error; returns by how many times the usual it deviates. It is one of the usual errors itself, so
    /// that none of n deviations exceeds √n times the usual. A usual size below `floor` counts as `floor`.
    fn observe(&mut self, error: f64, floor: f64, sides: Sides) -> f64 {
        let error = error.clamp(-ERROR_MAX, ERROR_MAX);
        let floor = floor.min(ERROR_MAX);
        let size = |x: f64| if sides == Sides::Both { x.abs() } else { x };
        self.count += 1.0;
        let weight = 1.0 / self.count.min(MEMORY_EVENTS);
        let unbounded = self.count <= UNBOUNDED_EVENTS;
        let bound =
            |square: f64, floor: f64| if unbounded { ERROR_MAX } else { USUAL_MULTIPLE_MAX * square.sqrt().max(floor) };
        // divides x by the usual size with x in it, and takes the bounded x into the usual size
        let in_usual_sizes = |square: &mut f64, x: f64, floor: f64| {
            let with = |x: f64| *square + weight * (x * x - *square);
            let usual = with(x).sqrt().max(floor);
            let bound = bound(*square, floor);
            *square = with(x.clamp(-bound, bound));
            x / usual
        };
        // what is smoothed is bounded first, so that one freak does not last as long as the smoothing does
        let [now, smooth, drift] = &mut self.squares;
        let bound = bound(*now, floor);
        let bounded = error.clamp(-bound, bound);
        let now = in_usual_sizes(now, size(error), floor);
        for ((mean, x), rate) in self.smooth.iter_mut().zip([size(bounded), bounded]).zip(SMOOTHING_RATES) {
            *mean += rate.max(1.0 / self.count) * (x - *mean);
        }
        // smoothing shrinks independent errors by a known factor, and the floor with them
        let smooth = in_usual_sizes(smooth, self.smooth[0], floor * SMOOTHED_DEVIATIONS[0]);
        let drift = in_usual_sizes(drift, size(self.smooth[1]), floor * SMOOTHED_DEVIATIONS[1]);
        0.5 * now.max(smooth.max(0.0) + drift.max(0.0))
    }

    /// The usual size of an error as it is.
    fn usual(&self) -> f64 {
        self.squares[0].sqrt()
    }
}

impl Persist for Deviation {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("deviations", &mut self.count)?;
        s.f64s_fixed("deviations smoothed", &mut self.smooth)?;
        s.f64s_fixed("deviation squares", &mut self.squares)
    }
}

/// The highest deviations of the last events, one per block of [`BLOCK_EVENTS`]; the oldest block is overwritten.
#[derive(Clone)]
struct Records {
    /// `[RECORD_BLOCKS + 1]`: the highest deviation of each block; one of them is being filled.
    highest: [f32; RECORD_BLOCKS + 1],
    /// The place of the next event in the ring of blocks.
    next: u32,
}

/// Events in the ring of blocks.
const RING_EVENTS: usize = BLOCK_EVENTS * (RECORD_BLOCKS + 1);

impl Default for Records {
    fn default() -> Self {
        Records { highest: [0.0; RECORD_BLOCKS + 1], next: 0 }
    }
}

impl Records {
    /// Whether a deviation is a record: higher than all of the last 400 events, and of up to 25 before those.
    fn observe(&mut self, z: f32) -> bool {
        let next = self.next as usize;
        // a new block overwrites the oldest
        if next.is_multiple_of(BLOCK_EVENTS) {
            self.highest[next / BLOCK_EVENTS] = 0.0;
        }
        let record = self.highest.iter().all(|h| z > *h);
        let block = &mut self.highest[next / BLOCK_EVENTS];
        *block = block.max(z);
        self.next = (self.next + 1) % RING_EVENTS as u32;
        record
    }
}

impl Persist for Records {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f32s_fixed("records", &mut self.highest)?;
        s.u32("record place", &mut self.next)?;
        self.next %= RING_EVENTS as u32;
        Ok(())
    }
}

/// Scores the events of one stream by how unusual they are for it.
///
/// For each event, give the errors of its numbers to [`number`](Self::number), then its surprise to
/// [`observe`](Self::observe). An event costs some square roots and divisions, about 50 ns, and each of its numbers
/// 30 ns.
#[derive(Clone, Default)]
pub struct Anomaly {
    /// `[columns]`: the usual errors of the numbers.
    numbers: Vec<Deviation>,
    /// The usual excess of an event's bits.
    bits: Deviation,
    /// The mean bits of an event.
    usual_bits: f64,
    /// The mean deviation of an event's furthest part: the furthest of many numbers is always further than one.
    usual_furthest: f64,
    records: Records,
    /// The deviation of the furthest part of the event at hand.
    furthest: f64,
}

impl Anomaly {
    /// Takes in a number of the event at hand: by how much it missed its forecast, and how finely its column can tell.
    pub fn number(&mut self, column: usize, error: f64, resolution: f64) {
        if column >= self.numbers.len() {
            self.numbers.resize_with(column + 1, Deviation::default);
        }
        let usual = &mut self.numbers[column];
        if usual.count == 0.0 {
            // nothing was known of the first value, so its error says nothing of later ones
            usual.count = 1.0;
        } else if error.is_finite() {
            let deviation = usual.observe(error, resolution.max(RESOLUTION_MIN), Sides::Both);
            self.furthest = self.furthest.max(deviation);
        }
    }

    /// The score of the event at hand, which cost `bits`: from 0 to 1.
    pub fn observe(&mut self, bits: f64) -> f64 {
        let mut z = std::mem::take(&mut self.furthest);
        if bits.is_finite() {
            // only what an event costs beyond the usual is unusual; the first event has no usual to exceed
            let over = if self.bits.count > 0.0 { bits - self.usual_bits } else { 0.0 };
            z = z.max(self.bits.observe(over, BITS_DEVIATION_MIN, Sides::Above));
            let bound = USUAL_MULTIPLE_MAX * BITS_DEVIATION_MIN.max(self.bits.usual());
            let bits = bits.min(self.usual_bits + bound);
            track(&mut self.usual_bits, bits, self.bits.count);
        }
        // with one number or none z is usually below 1, and nothing is divided
        let usual = self.usual_furthest.max(1.0);
        track(&mut self.usual_furthest, z.min(USUAL_MULTIPLE_MAX * usual), self.bits.count.max(1.0));
        z /= usual;
        let score = z * z / (z * z + HALF_SCORE_DEVIATION * HALF_SCORE_DEVIATION);
        if self.records.observe(z as f32) { score } else { NO_RECORD_FACTOR * score }
    }
}

impl Persist for Anomaly {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.list("deviations of numbers", &mut self.numbers, Deviation::default)?;
        self.bits.persist(s)?;
        s.f64("usual bits", &mut self.usual_bits)?;
        s.f64("usual deviation", &mut self.usual_furthest)?;
        self.records.persist(s)?;
        self.furthest = 0.0;
        Ok(())
    }
}

#[cfg(test)]
#[path = "anomaly_tests.rs"]
mod tests;
