//! How unusual an event is for its own stream: one score from 0 to 1 that streams can be compared by.
//!
//! An event deviates by the most unusual of its parts: how far each of its numbers lies from its forecast, and how many
//! bits more than usual the event cost as a whole. A deviation is looked at in three ways: as it is, e₁ = |e|; smoothed
//! over some events, e₄ = |e| averaged with weight ¼; and as a drift, e₁₀ = |e averaged with weight ⅒|, which errors to
//! alternating sides do not make and errors to one side do. Each is told in units of its own root mean square over the
//! stream's past ([`Deviation`]), so that the unit, the noise and the entropy of a stream cancel:
//!
//! ```text
//! z = ½ max(e₁, e₄ + e₁₀),    score = z² / (z² + 16), a quarter of it if one of the last 400 events had a z as high
//! ```
//!
//! On ordinary events of every stream z is below 1. Where an event has so many numbers that their maximum is usually
//! above that, z is divided by its own mean. Hence
//!
//! * a score above one half is a *record*: for once eight times the usual, or four times for a while, and more than any
//!   of the 400 events before. Alarm there; a higher threshold asks for more, and any one means the same on all streams;
//! * if the order of an event's z among the 400 before it is left to chance, fewer than one event in 400 is a record,
//!   whatever the distribution: a budget of false alarms, and no stream can stay at the top;
//! * an incident is told once, when it begins, and again only if it gets worse.
//!
//! The error of a number is taken against its *long-run* size, not against what the forecast allows now: forecasts
//! rightly widen in wild times, and wild times are what people want to be told of. On the 34 NAB files (standard profile)
//! this has 67, and 65 at a score of one half; the tail probability under the standing forecast with the same rule for
//! records 44, the surprise in bits alone 50.

use surmise_state::{Persist, State, StateError};

/// Events over which the usual size of a deviation is remembered.
const MEMORY: f64 = 4096.0;

/// Weight of the latest event in the smoothed deviation and in the drift.
const SMOOTH: [f64; 2] = [0.25, 0.1];

/// Standard deviation of independent values of one when smoothed so: √(w / (2 − w)).
const SMOOTHED: [f64; 2] = [0.377_964_473_009_227_2, 0.229_415_733_870_561_77];

/// A deviation larger than so many times the usual enters the usual as so many times: one freak does not blind the
/// stream to what comes after it. The same holds for what is smoothed.
const CLIP: f64 = 32.0;

/// Events before a deviation is clipped.
const YOUNG: f64 = 20.0;

/// Bits by which costs vary at the least: a stream that is always foreseen need not fear half a bit.
const LEAST_BITS: f64 = 1.0;

/// The deviation that scores one half.
const HALF: f64 = 4.0;

/// Largest deviation that is told from larger ones; its square is finite.
const LARGEST: f64 = 1e120;

/// What is left of the score of an event that is no record.
const WITHIN: f64 = 0.25;

const BLOCKS: usize = 16;
const BLOCK: usize = 25;

/// A mean that remembers the last [`MEMORY`] events, all of them equally as long as they are fewer.
fn track(mean: &mut f64, x: f64, count: f64) {
    *mean += (x - *mean) / count.min(MEMORY);
}

/// Where deviations are unusual: a number can be too low, an event cannot be too cheap.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sides {
    Both,
    Above,
}

/// A deviation as it is, smoothed, and as a drift; and the usual size of each.
#[derive(Clone, Default)]
struct Deviation {
    count: f64,
    smooth: [f64; 2],
    squares: [f64; 3],
}

impl Deviation {
    /// By how many times the usual this error deviates: to both sides alike, or upwards alone. Itself is one of the
    /// usual ones, so that none of n deviations exceeds √n times the usual. Less than `floor` counts as usual.
    fn observe(&mut self, error: f64, floor: f64, sides: Sides) -> f64 {
        let error = error.clamp(-LARGEST, LARGEST);
        let floor = floor.min(LARGEST);
        let size = |x: f64| if sides == Sides::Both { x.abs() } else { x };
        self.count += 1.0;
        let weight = 1.0 / self.count.min(MEMORY);
        let young = self.count <= YOUNG;
        let bound = |square: f64, floor: f64| if young { LARGEST } else { CLIP * square.sqrt().max(floor) };
        let against = |square: &mut f64, x: f64, floor: f64| {
            let with = |x: f64| *square + weight * (x * x - *square);
            let usual = with(x).sqrt().max(floor);
            let bound = bound(*square, floor);
            *square = with(x.clamp(-bound, bound));
            x / usual
        };
        let [now, smooth, drift] = &mut self.squares;
        let bound = bound(*now, floor);
        let bounded = error.clamp(-bound, bound);
        let now = against(now, size(error), floor);
        for ((mean, x), rate) in self.smooth.iter_mut().zip([size(bounded), bounded]).zip(SMOOTH) {
            *mean += rate.max(1.0 / self.count) * (x - *mean);
        }
        let smooth = against(smooth, self.smooth[0], floor * SMOOTHED[0]);
        let drift = against(drift, size(self.smooth[1]), floor * SMOOTHED[1]);
        0.5 * now.max(smooth.max(0.0) + drift.max(0.0))
    }

    /// The usual size of a deviation as it is.
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
/// [`observe`](Self::observe). Costs square roots and divisions: about 50 ns an event and 30 ns a number.
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
            self.furthest = self.furthest.max(n.observe(error, resolution.max(1e-120), Sides::Both));
        }
    }

    /// The score of the event that cost so many bits, from 0 to 1.
    pub fn observe(&mut self, bits: f64) -> f64 {
        let mut z = std::mem::take(&mut self.furthest);
        if bits.is_finite() {
            let over = if self.bits.count > 0.0 { bits - self.usual_bits } else { 0.0 };
            z = z.max(self.bits.observe(over, LEAST_BITS, Sides::Above));
            let bound = CLIP * LEAST_BITS.max(self.bits.usual());
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Uniform on 0 to 1.
    fn noise(seed: &mut u64) -> f64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About normal, with a standard deviation of 1.
    fn normal(seed: &mut u64) -> f64 {
        (0..12).map(|_| noise(seed)).sum::<f64>() - 6.0
    }

    fn quiet(a: &mut Anomaly, n: usize, unit: f64, seed: &mut u64) -> Vec<f64> {
        (0..n)
            .map(|_| {
                a.number(0, unit * normal(seed), 1e-9 * unit);
                a.observe(3.0)
            })
            .collect()
    }

    #[test]
    fn the_unit_of_a_stream_cancels() {
        for unit in [1e-90, 1e-3, 1.0, 1e6, 1e90] {
            let (mut a, mut seed) = (Anomaly::default(), 1);
            let scores = quiet(&mut a, 3000, unit, &mut seed);
            assert!(scores[100..].iter().all(|s| *s < 0.5), "{unit}: {:?}", scores.iter().copied().fold(0.0, f64::max));
            a.number(0, 12.0 * unit, 1e-9 * unit);
            let spike = a.observe(3.0);
            assert!((0.6..0.8).contains(&spike), "{unit}: {spike}");
        }
    }

    #[test]
    fn a_lasting_shift_is_an_anomaly_where_a_single_such_error_is_none() {
        let (mut a, mut seed) = (Anomaly::default(), 7);
        quiet(&mut a, 2000, 1.0, &mut seed);
        let scores: Vec<f64> = (0..12)
            .map(|_| {
                a.number(0, 4.0 + normal(&mut seed), 0.0);
                a.observe(3.0)
            })
            .collect();
        assert!(scores[0] < 0.5 && scores.iter().any(|s| *s > 0.5), "{scores:?}");
    }

    #[test]
    fn an_incident_is_told_once_and_a_worse_one_again() {
        let (mut a, mut seed) = (Anomaly::default(), 3);
        quiet(&mut a, 2000, 1.0, &mut seed);
        let mut spike = |size: f64, calm: usize| {
            a.number(0, size, 0.0);
            let s = a.observe(3.0);
            quiet(&mut a, calm, 1.0, &mut seed);
            s
        };
        assert!(spike(20.0, 50) > 0.5);
        assert!(spike(15.0, 50) < WITHIN);
        assert!(spike(40.0, 350) > 0.5);
        assert!(spike(20.0, 500) < WITHIN, "within 400 events");
        assert!(spike(20.0, 0) > 0.5, "after them");
    }

    #[test]
    fn few_events_are_records_whatever_the_distribution() {
        for power in [1, 9, 41] {
            let (mut a, mut seed) = (Anomaly::default(), 11);
            let alarms = (0..100_000)
                .filter(|_| {
                    a.number(0, normal(&mut seed).powi(power), 0.0);
                    a.observe(3.0) > 0.5
                })
                .count();
            assert!(alarms <= 100_000 / 400, "{power}: {alarms}");
        }
    }

    #[test]
    fn symbols_rare_ones_and_ordinary_ones() {
        // always foreseen: 8 bits are one event in 256, 10 one in 1000
        let mut a = Anomaly::default();
        for _ in 0..2000 {
            assert!(a.observe(0.01) < 0.01);
        }
        assert!(a.observe(2.0) < 0.1, "no half a bit");
        assert!(a.observe(10.0) > 0.5);
        // never foreseen: 8 equal ones of 3 bits each, then one of 16 bits; cheap is no anomaly
        let (mut a, mut seed) = (Anomaly::default(), 5);
        for _ in 0..2000 {
            assert!(a.observe(3.0 + 0.1 * normal(&mut seed)) < 0.1);
        }
        assert!(a.observe(0.0) < 0.1);
        assert!(a.observe(16.0) > 0.5);
        // text: half of the letters cost nothing, others up to 12 bits; a run of dear ones stands out
        let mut a = Anomaly::default();
        let text = |seed: &mut u64| if noise(seed) < 0.5 { 0.1 } else { 12.0 * noise(seed).powi(2) };
        let scores: Vec<f64> = (0..5000).map(|_| a.observe(text(&mut seed))).collect();
        assert!(scores[100..].iter().all(|s| *s < 0.5));
        assert!((0..8).map(|_| a.observe(14.0)).fold(0.0, f64::max) > 0.5);
    }

    #[test]
    fn a_constant_number_that_changes() {
        let mut a = Anomaly::default();
        for _ in 0..300 {
            a.number(0, 0.0, 1.0);
            assert_eq!(a.observe(0.0), 0.0);
        }
        a.number(0, 1.0, 1.0);
        assert!(a.observe(0.0) < 0.5, "by its finest step");
        a.number(0, 50.0, 1.0);
        assert!(a.observe(0.0) > 0.5);
    }

    #[test]
    fn many_numbers_deviate_no_further_than_one() {
        let (mut a, mut seed) = (Anomaly::default(), 9);
        let alarms = (0..3000)
            .filter(|_| {
                (0..500).for_each(|c| a.number(c, normal(&mut seed).powi(3), 0.0));
                a.observe(3.0) > 0.5
            })
            .count();
        assert!(alarms <= 3, "{alarms}");
    }

    #[test]
    fn whatever_comes_scores_are_scores() {
        let (mut a, mut seed) = (Anomaly::default(), 2);
        let odd = [f64::NAN, f64::INFINITY, f64::MAX, -f64::MAX, 1e-300, 0.0, -0.0, 5e200, 1.0];
        for i in 0..20_000 {
            let mut pick = || odd[(noise(&mut seed) * odd.len() as f64) as usize];
            a.number(i % 3, pick(), pick());
            let s = a.observe(pick());
            assert!((0.0..=1.0).contains(&s), "{s}");
        }
        // and it recovers
        let mut a = Anomaly::default();
        quiet(&mut a, 500, 1.0, &mut seed);
        a.number(0, f64::MAX, 0.0);
        a.observe(f64::MAX);
        quiet(&mut a, 1000, 1.0, &mut seed);
        a.number(0, 30.0, 0.0);
        assert!(a.observe(3.0) > 0.5, "one freak does not blind");
    }

    #[test]
    fn a_restored_one_goes_on_alike() {
        let (mut a, mut seed) = (Anomaly::default(), 4);
        quiet(&mut a, 1234, 1.0, &mut seed);
        let mut b = Anomaly::default();
        b.decode(&a.encode()).unwrap();
        let mut again = seed;
        let (x, y) = (quiet(&mut a, 900, 3.0, &mut seed), quiet(&mut b, 900, 3.0, &mut again));
        assert_eq!(x, y);
        assert_eq!(a.encode(), b.encode());
    }
}
