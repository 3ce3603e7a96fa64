//! How unusual an event is for its own stream: one score from 0 to 1 that streams can be compared by.
//!
//! An event deviates by the most unusual of its parts: how far each of its numbers lies from its forecast, and how many
//! bits more than usual the event cost as a whole. Each is measured twice, as it is and smoothed over some events, in
//! units of its own root mean square in the recent past ([`Deviation`]), so that the unit, the noise and the entropy of
//! a stream cancel. What is left, z, is near 1 on ordinary events of every stream.
//!
//! The score is z² / (z² + 25), and a quarter of that if one of the last 400 events had a z as high. Hence
//!
//! * a score above one half is a *record*: the event deviates by more than five times the usual, and by more than any
//!   of the 400 before it. Alarm there; a higher threshold asks for more, and any threshold means the same on all
//!   streams;
//! * where the order of the events' deviations is exchangeable, fewer than one event in 400 is a record, whatever the
//!   distribution of deviations is: a budget of false alarms, and no stream can stay at the top;
//! * an incident is told once, when it begins, and again only while it gets worse.
//!
//! The error of a number is taken against its *long-run* size, not against what the forecast allows now: forecasts
//! rightly widen in wild times, and wild times are what people want to be told of. On the 34 NAB files this gives 61
//! (standard profile), the tail probability under the standing forecast with the same refractory period 44.

use surmise_state::{Persist, State, StateError};

/// Events over which the usual size of a deviation is remembered.
const MEMORY: f64 = 4096.0;

/// Weight of the latest event in the smoothed deviation.
const SMOOTH: f64 = 0.25;

/// A deviation larger than so many times the usual enters the usual as so many times: one freak does not blind the
/// stream to what comes after it.
const CLIP: f64 = 16.0;

/// Events before a deviation is clipped.
const YOUNG: f64 = 20.0;

/// Bits by which costs vary at the least: a stream that is always foreseen need not fear half a bit.
const LEAST_BITS: f64 = 2.0;

/// The deviation that scores one half.
const HALF: f64 = 5.0;

/// Largest error that is told from larger ones; its square is finite.
const LARGEST: f64 = 1e120;

/// What is left of the score of an event that is no record.
const WITHIN: f64 = 0.25;

const BLOCKS: usize = 16;
const BLOCK: usize = 25;


/// A mean that remembers the last [`MEMORY`] events, all of them equally as long as they are fewer.
fn track(mean: &mut f64, x: f64, count: f64) {
    *mean += (x - *mean) / count.min(MEMORY);
}

/// The usual size of one kind of deviation.
#[derive(Clone, Default)]
struct Deviation {
    count: f64,
    square: f64,
    smooth: f64,
    smooth_square: f64,
}

impl Deviation {
    /// How many times the usual this deviation is, 0 for what falls short; itself is one of the usual ones, so that
    /// none of n deviations exceeds √n times the usual. Less than `floor` counts as usual.
    fn observe(&mut self, size: f64, floor: f64) -> f64 {
        self.count += 1.0;
        let smooth = self.smooth + SMOOTH.max(1.0 / self.count) * (size - self.smooth);
        let weight = 1.0 / self.count.min(MEMORY);
        let against = |square: &mut f64, x: f64| {
            let with = |x: f64| *square + weight * (x * x - *square);
            let usual = with(x).sqrt().max(floor);
            let bound = if self.count > YOUNG { CLIP * square.sqrt().max(floor) } else { LARGEST };
            *square = with(x.clamp(-bound, bound));
            x.max(0.0) / usual
        };
        let z = 0.5 * (against(&mut self.square, size) + against(&mut self.smooth_square, smooth));
        self.smooth = smooth;
        z
    }
}

impl Persist for Deviation {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("deviations", &mut self.count)?;
        s.f64("deviation square", &mut self.square)?;
        s.f64("deviation smoothed", &mut self.smooth)?;
        s.f64("deviation smoothed square", &mut self.smooth_square)
    }
}

/// The highest of the last events: blocks of [`BLOCK`] events each, the oldest one overwritten.
#[derive(Clone)]
struct Records {
    highest: [f32; BLOCKS + 1],
    at: u32,
}

impl Default for Records {
    fn default() -> Self {
        Records { highest: [0.0; BLOCKS + 1], at: 0 }
    }
}

impl Records {
    /// Whether this is higher than all of the last `BLOCKS * BLOCK` events, and up to `BLOCK` more.
    fn observe(&mut self, z: f32) -> bool {
        let at = self.at as usize;
        if at.is_multiple_of(BLOCK) {
            self.highest[at / BLOCK] = 0.0;
        }
        let record = self.highest.iter().all(|h| z > *h);
        let here = &mut self.highest[at / BLOCK];
        *here = here.max(z);
        self.at = (self.at + 1) % (BLOCK * (BLOCKS + 1)) as u32;
        record
    }
}

impl Persist for Records {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f32s_fixed("records", &mut self.highest)?;
        s.u32("record place", &mut self.at)?;
        self.at %= (BLOCK * (BLOCKS + 1)) as u32;
        Ok(())
    }
}

/// Scores the events of one stream by how unusual they are for it.
///
/// Tell it the errors of an event's numbers by [`number`](Self::number), then the event's surprise by
/// [`observe`](Self::observe). Costs a few square roots and divisions, about 10 ns and as much again for each number.
#[derive(Clone, Default)]
pub struct Anomaly {
    numbers: Vec<Deviation>,
    bits: Deviation,
    usual_bits: f64,
    /// How far events deviate by their furthest part: the furthest of many numbers is always further than one.
    usual: f64,
    records: Records,
    /// The furthest part of the event so far: scratch.
    furthest: f64,
}

impl Anomaly {
    /// A number of this event: by how much it missed its forecast, and how finely the column can tell.
    pub fn number(&mut self, column: usize, error: f64, resolution: f64) {
        if column >= self.numbers.len() {
            self.numbers.resize_with(column + 1, Deviation::default);
        }
        let n = &mut self.numbers[column];
        if n.count == 0.0 {
            // nothing was known of the first value: its error says nothing of later ones
            n.count = 1.0;
        } else if error.is_finite() {
            let z = n.observe(error.abs().min(LARGEST), resolution.clamp(1e-120, LARGEST));
            self.furthest = self.furthest.max(z);
        }
    }

    /// The score of the event that cost so many bits, from 0 to 1.
    pub fn observe(&mut self, bits: f64) -> f64 {
        let mut z = std::mem::take(&mut self.furthest);
        if bits.is_finite() {
            let over = if self.bits.count > 0.0 { bits - self.usual_bits } else { 0.0 };
            z = z.max(self.bits.observe(over, LEAST_BITS));
            let bound = CLIP * LEAST_BITS.max(self.bits.square.sqrt());
            let bits = bits.min(self.usual_bits + bound);
            track(&mut self.usual_bits, bits, self.bits.count);
        }
        let usual = self.usual.max(1.0);
        track(&mut self.usual, z.min(CLIP * usual), self.bits.count.max(1.0));
        z /= usual;
        let score = z * z / (z * z + HALF * HALF);
        if self.records.observe(z as f32) { score } else { WITHIN * score }
    }
}

impl Persist for Anomaly {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.list("deviations of numbers", &mut self.numbers, Deviation::default)?;
        self.bits.persist(s)?;
        s.f64("usual bits", &mut self.usual_bits)?;
        s.f64("usual deviation", &mut self.usual)?;
        self.records.persist(s)?;
        self.furthest = 0.0;
        Ok(())
    }
}
