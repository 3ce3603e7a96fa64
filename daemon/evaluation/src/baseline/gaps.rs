//! The time between a key's events, by two laws and by counts.
//!
//! What is scored is the bin of the gap, in quarter octaves of microseconds as the learner's: a law's probability of a
//! bin is that of the interval which it stands for. A gap of zero is a decision of its own; a key's first event has no
//! gap and costs nothing.

use super::bounds::KEYS_MAX;
use super::measure::{Measure, Score};
use lru::LruCache;

/// The rate at which the laws' parameters follow the latest gaps.
const FOLLOWING_RATE: f64 = 0.02;
/// Bins of gaps: the first is a gap of zero.
const BINS: usize = 256;

/// The bin of a positive gap, and the bounds of its interval in microseconds.
fn bin(gap_us: i64) -> (usize, f64, f64) {
    let b = ((gap_us as f64).log2() * 4.0 + 0.5).floor();
    (b as usize + 1, ((b - 0.5) / 4.0).exp2(), ((b + 0.5) / 4.0).exp2())
}

/// The standard normal distribution function (Abramowitz and Stegun 7.1.26; errors below 1.5e-7).
pub(crate) fn normal(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let p = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let tail = p.into_iter().fold(0.0, |sum, a| sum * t + a) * t * (-x * x).exp() / 2.0;
    if z > 0.0 { 1.0 - tail } else { tail }
}

/// An exponential law, a log-normal one, and counts of bins, all of the whole stream.
pub(crate) struct GapBaselines {
    last: LruCache<Option<Box<str>>, i64>,
    zero: [f64; 2],
    mean: f64,
    log_mean: f64,
    log_square: f64,
    bins: [f64; BINS],
    total: f64,
    seen: u64,
    scored: u64,
    bits: [f64; 3],
}

impl GapBaselines {
    pub(crate) fn new() -> GapBaselines {
        GapBaselines {
            last: LruCache::new(KEYS_MAX),
            zero: [0.5; 2],
            mean: 1.0,
            log_mean: 0.0,
            log_square: 1.0,
            bins: [0.5; BINS],
            total: 0.5 * BINS as f64,
            seen: 0,
            scored: 0,
            bits: [0.0; 3],
        }
    }

    pub(crate) fn event(&mut self, key: &Option<Box<str>>, time_us: Option<i64>, count: bool) {
        self.scored += u64::from(count);
        let Some(t) = time_us else { return };
        let last = self.last.get_or_insert_mut_ref(key, || i64::MIN);
        let before = *last;
        *last = t.max(before);
        if before > i64::MIN {
            self.gap(t.saturating_sub(before), count);
        }
    }

    pub(crate) fn ended(&mut self, key: &Option<Box<str>>) {
        self.last.pop(key);
    }

    fn gap(&mut self, gap_us: i64, count: bool) {
        let positive = gap_us > 0;
        let (at, low, high) = if positive { bin(gap_us) } else { (0, 0.0, 0.0) };
        let share = self.zero[usize::from(positive)] / (self.zero[0] + self.zero[1]);
        if count {
            // a law gives a little to every bin, so that no gap is impossible
            let law = |p: f64| share * if positive { 0.999 * p + 0.001 / BINS as f64 } else { 1.0 };
            let z = |x: f64| (x.ln() - self.log_mean) / self.log_square.max(1e-4).sqrt();
            let exponential = (-low / self.mean).exp() - (-high / self.mean).exp();
            let log_normal = if positive { normal(z(high)) - normal(z(low)) } else { 0.0 };
            let all = [law(exponential), law(log_normal.max(0.0)), self.bins[at] / self.total];
            self.bits.iter_mut().zip(all).for_each(|(b, p)| *b -= p.log2());
        }
        self.zero[usize::from(positive)] += 1.0;
        self.bins[at] += 1.0;
        self.total += 1.0;
        if positive {
            self.seen += 1;
            let rate = FOLLOWING_RATE.max(1.0 / self.seen as f64);
            let x = gap_us as f64;
            self.mean += rate * (x - self.mean);
            let off = x.ln() - self.log_mean;
            self.log_mean += rate * off;
            if self.seen > 1 {
                self.log_square += rate * (off * off - self.log_square);
            }
        }
    }

    pub(crate) fn scores(&self) -> Vec<Score> {
        let names = ["exponential", "log-normal", "counts of bins"];
        let n = self.scored.max(1) as f64;
        let score = |(name, b): (&str, f64)| Score::new(Measure::Bits, name.into(), b / n).over(self.scored);
        names.into_iter().zip(self.bits).map(score).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_gives_its_bins_one_in_all() {
        assert!((normal(0.0) - 0.5).abs() < 1e-6 && (normal(1.96) - 0.975).abs() < 1e-5);
        let sum: f64 = (0..200)
            .map(|b| {
                let gap = (f64::from(b) / 4.0).exp2();
                let (_, low, high) = bin(gap as i64);
                if (bin(gap as i64).0 as i32) == b + 1 { (-low / 5e6).exp() - (-high / 5e6).exp() } else { 0.0 }
            })
            .sum();
        assert!(sum < 1.0 + 1e-9 && sum > 0.99, "{sum}");
    }

    #[test]
    fn the_law_that_holds_wins() {
        let mut g = GapBaselines::new();
        let mut x = 99u64;
        let mut t = 0i64;
        for i in 0..20_000 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let u = (x >> 11) as f64 / (1u64 << 53) as f64;
            t += (-(1.0 - u).ln() * 1e6) as i64 + 1;
            g.event(&None, Some(t), i > 2000);
        }
        let s = g.scores();
        assert!(s[0].value < s[1].value, "exponential gaps: {s:?}");
        assert!((s[0].value - s[2].value).abs() < 0.1, "{s:?}");
    }
}
