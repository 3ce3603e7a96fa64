//! The last stage of a distribution: what its own record says of the places where outcomes fell.
//!
//! Were a distribution right, outcomes would fall evenly over its probabilities: an outcome whose cell holds the span
//! [F(y⁻), F(y)] would meet every level alike (the probability integral transform, with spans for point masses as in
//! Czado, Gneiting and Held, *Predictive model assessment for count data*, 2009). The calibrator keeps histograms of
//! those spans over [`BINS`] bins, one slow and one quick. A histogram is itself a distribution: it gives the span the
//! mass G(F(y)) − G(F(y⁻)), G being the histogram's distribution function (Kuleshov, Fenner and Ermon, *Accurate
//! uncertainties for deep learning using calibrated regression*, 2018). A fixed share over the plain distribution and
//! the two makes the one that is scored and from which intervals are taken, so that correcting costs no more than the
//! share's bound where there is nothing to correct.

use surmise_experts::{ExpertSet, RunningMean, ValueShare, mix};
use surmise_state::{Persist, State, StateError};

/// Bins, finer towards both ends.
pub(crate) const BINS: usize = 24;
const EDGES: [f64; BINS + 1] = [
    0.0, 0.005, 0.01, 0.02, 0.035, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95,
    0.965, 0.98, 0.99, 0.995, 1.0,
];
const WIDTHS: [f64; BINS] = {
    let (mut w, mut k) = ([0.0; BINS], 0);
    while k < BINS {
        w[k] = EDGES[k + 1] - EDGES[k];
        k += 1;
    }
    w
};
const PER_WIDTH: [f64; BINS] = {
    let (mut w, mut k) = ([0.0; BINS], 0);
    while k < BINS {
        w[k] = 1.0 / WIDTHS[k];
        k += 1;
    }
    w
};
/// The plain distribution and the two histograms.
const MAPS: usize = 3;
const ALL_MAPS: ExpertSet = ExpertSet::first(MAPS);
/// The plain distribution alone.
const PLAIN: ExpertSet = ExpertSet::first(1);
/// Frequencies of the bins: one slow histogram and one quick.
const FREQUENCIES: [RunningMean; MAPS - 1] = [RunningMean::new(0.0005), RunningMean::new(0.004)];
/// Outcomes that the even start counts for.
const PRIOR_OUTCOMES: f64 = 60.0;
/// The part of every histogram that stays even.
const EVEN_PART: f64 = 0.02;
/// Places are known to about this; so much mass is held back.
const HISTOGRAM_SAFETY: f64 = 1.0 - 1e-4;

/// The part of a distribution's unit interval that an outcome covers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    /// Mass below the outcome's cell.
    pub(crate) below: f64,
    /// Mass of the cell, positive.
    pub(crate) mass: f64,
}

/// What the maps say of a span.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Corrected {
    /// Which part of the span lies in each bin.
    parts: [f64; BINS],
    weights: [f64; MAPS],
    masses: [f64; MAPS],
    /// The corrected mass.
    pub(crate) mass: f64,
}

/// What corrects one distribution of one column by its own record (PREDICTOR §8).
#[derive(Clone, Debug)]
pub(crate) struct Calibrator {
    /// Frequency of every bin.
    bins: [[f64; BINS]; MAPS - 1],
    share: ValueShare<MAPS>,
    n: u64,
    /// Which maps take part.
    awake: ExpertSet,
}

impl Calibrator {
    /// A calibrator without a record: it starts even.
    pub(crate) fn new() -> Self {
        Self { bins: [WIDTHS; MAPS - 1], share: ValueShare::whole(), n: 0, awake: ALL_MAPS }
    }

    /// One that corrects nothing.
    pub(crate) fn plain() -> Self {
        Self { awake: PLAIN, ..Self::new() }
    }

    /// Density of a histogram in a bin.
    fn slope(&self, map: usize, bin: usize) -> f64 {
        EVEN_PART + (1.0 - EVEN_PART) * self.bins[map][bin] * PER_WIDTH[bin]
    }

    /// The corrected mass of a span.
    pub(crate) fn correct(&self, span: Span) -> Corrected {
        let mut out = Corrected { weights: self.share.awake_weights(self.awake), ..Corrected::default() };
        let low = span.below.clamp(0.0, 1.0);
        let high = (low + span.mass).min(1.0);
        let first = bin_of(&EDGES, low);
        let mut density = [0.0; MAPS - 1];
        if high <= EDGES[first + 1] || high - low < 1e-7 {
            // within one bin, or too narrow for a difference: the whole of it where it begins
            out.parts[first] = 1.0;
            density = std::array::from_fn(|map| self.slope(map, first));
        } else {
            let inv = 1.0 / (high - low);
            for k in first..BINS {
                let part = (high.min(EDGES[k + 1]) - low.max(EDGES[k])).max(0.0) * inv;
                out.parts[k] = part;
                for (map, d) in density.iter_mut().enumerate() {
                    *d += part * self.slope(map, k);
                }
            }
        }
        out.masses[0] = span.mass;
        for (m, d) in out.masses[1..].iter_mut().zip(density) {
            *m = HISTOGRAM_SAFETY * span.mass * d;
        }
        out.mass = mix(&out.weights, &out.masses);
        out
    }

    /// Takes in the span of an outcome, as it was corrected; not into the histograms if `is_news` is false.
    pub(crate) fn learn(&mut self, c: &Corrected, is_news: bool) {
        if !(c.mass > 0.0 && c.mass.is_finite()) {
            return;
        }
        self.share.learn(&c.weights, &c.masses, c.mass, self.awake);
        if !is_news {
            return;
        }
        for (bins, frequency) in self.bins.iter_mut().zip(FREQUENCIES) {
            let r = frequency.rate(self.n as f64 + PRIOR_OUTCOMES);
            for (b, p) in bins.iter_mut().zip(&c.parts) {
                *b += r * (p - *b);
            }
        }
        self.n += 1;
    }

    /// Exchanges the weights of the maps with another calibrator, whose histograms stay.
    pub(crate) fn exchange_share(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.share, &mut other.share);
    }

    /// The corrected distribution's density over each bin of the plain one.
    fn density(&self) -> [f64; BINS] {
        let w = self.share.awake_weights(self.awake);
        std::array::from_fn(|k| w[0] + w[1] * self.slope(0, k) + w[2] * self.slope(1, k))
    }

    /// The corrected distribution function as a function of the plain one: its values at the edges of the bins.
    pub(crate) fn map(&self) -> LevelMap {
        let density = self.density();
        let mut at = [0.0; BINS + 1];
        for k in 0..BINS {
            at[k + 1] = at[k] + density[k] * WIDTHS[k];
        }
        let inv = 1.0 / at[BINS];
        at.iter_mut().for_each(|a| *a *= inv);
        LevelMap { at }
    }

    /// Nats by which correcting may have cost more than not to correct.
    pub(crate) fn bound(&self) -> f64 {
        self.share.bound()
    }
}

/// The bin that holds `u`, of increasing edges.
fn bin_of(edges: &[f64; BINS + 1], u: f64) -> usize {
    edges[1..BINS].iter().map(|e| u32::from(*e <= u)).sum::<u32>() as usize
}

/// A piecewise linear, increasing map of [0, 1] onto itself.
pub(crate) struct LevelMap {
    at: [f64; BINS + 1],
}

impl LevelMap {
    /// The corrected level of a plain one.
    pub(crate) fn corrected(&self, u: f64) -> f64 {
        let k = bin_of(&EDGES, u);
        self.at[k] + (self.at[k + 1] - self.at[k]) * ((u - EDGES[k]) * PER_WIDTH[k]).clamp(0.0, 1.0)
    }

    /// The plain level of a corrected one.
    pub(crate) fn plain(&self, p: f64) -> f64 {
        let k = bin_of(&self.at, p);
        let rise = self.at[k + 1] - self.at[k];
        EDGES[k] + WIDTHS[k] * if rise > 0.0 { ((p - self.at[k]) / rise).clamp(0.0, 1.0) } else { 0.5 }
    }

    /// The corrected span of a plain one.
    pub(crate) fn span(&self, s: Span) -> Span {
        let low = self.corrected(s.below);
        Span { below: low, mass: (self.corrected((s.below + s.mass).min(1.0)) - low).max(0.0) }
    }
}

impl Persist for Calibrator {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("calibrator")?;
        s.u64("n", &mut self.n)?;
        self.bins.iter_mut().try_for_each(|b| s.f64s_fixed("bins", b))?;
        self.share.persist(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(s: Span, low: f64, high: f64) -> f64 {
        ((s.below + s.mass).min(high) - s.below.max(low)).max(0.0) / s.mass
    }

    /// A number in [0, 1) that depends on a counter and a column only.
    fn spread(counter: u64, column: usize) -> f64 {
        let mut x = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (column as u64).wrapping_mul(0xd1b5_4a32_d192_ed03);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / 9_007_199_254_740_992.0
    }

    #[test]
    fn a_distribution_that_is_too_narrow_is_corrected_and_pays_less() {
        let mut c = Calibrator::new();
        let (mut inside, mut n, mut gain) = (0.0, 0, 0.0);
        for i in 0..40_000u64 {
            // true places crowd at both ends: the raw distribution is too narrow
            let v = spread(i, 7);
            let u = if v < 0.5 { 2.0 * v * v } else { 1.0 - 2.0 * (1.0 - v) * (1.0 - v) };
            let span = Span { below: u, mass: 1e-3f64.min(1.0 - u) };
            let corrected = c.correct(span);
            if i >= 4000 {
                n += 1;
                inside += within(c.map().span(span), 0.05, 0.95);
                gain += libm::log(corrected.mass / span.mass);
            }
            c.learn(&corrected, true);
        }
        let covered = inside / n as f64;
        assert!((covered - 0.9).abs() < 0.01, "{covered}");
        // the density of u is 1 / (2 √2u) on either side: ∫ ln of it is 1 − ln 2
        let gain = gain / n as f64;
        assert!(gain > 0.2 && gain < 0.307, "{gain}");
        let map = c.map();
        for p in [0.0, 0.003, 0.05, 0.4, 0.5, 0.93, 0.999, 1.0] {
            assert!((map.corrected(map.plain(p)) - p).abs() < 1e-12, "{p}");
        }
    }

    #[test]
    fn a_right_distribution_is_left_alone_at_the_price_of_the_bound() {
        for point_masses in [false, true] {
            let (mut c, mut loss) = (Calibrator::new(), 0.0);
            for i in 0..20_000u64 {
                let u = spread(i, 3);
                let span = if point_masses {
                    Span { below: (u * 4.0).floor() / 4.0, mass: 0.25 }
                } else {
                    Span { below: u, mass: 1e-5f64.min(1.0 - u) }
                };
                let corrected = c.correct(span);
                loss -= libm::log(corrected.mass / span.mass);
                c.learn(&corrected, true);
            }
            assert!(loss <= c.bound(), "{loss} {}", c.bound());
        }
    }

    #[test]
    fn corrected_masses_of_all_cells_sum_to_one_at_most() {
        let mut c = Calibrator::new();
        for i in 0..3000u64 {
            let u = spread(i, 1).powi(3);
            c.learn(&c.correct(Span { below: u, mass: 1e-4f64.min(1.0 - u) }), true);
        }
        for cells in [1, 3, 17, 1000, 1 << 20] {
            let mass = 1.0 / cells as f64;
            let sum: f64 = (0..cells).map(|i| c.correct(Span { below: i as f64 * mass, mass }).mass).sum();
            assert!(sum <= 1.0 + 1e-9 && sum > 0.999, "{cells}: {sum}");
        }
    }
}
