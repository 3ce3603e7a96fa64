//! The continuous ranked probability score, at the price of one look at eight points.
//!
//! CRPS(F, y) = ∫ (F(x) − 1{x ≥ y})² dx (Matheson and Winkler, 1976). Eight points split the line into parts that are
//! equally likely under a broad proposal around forecast and value, x = c + W s / (1 − s²) with s in (−1, 1); where in
//! its part each point lies moves on by the golden ratio from value to value (a randomly shifted lattice rule; Cranley
//! and Patterson, 1976). A single score is therefore off by some ten per cent, and means over a stream's values tend to
//! the integral. The line is cut at some fifty widths, since the background's tail has no mean.

use crate::calibrate::LevelMap;
use crate::options::Given;
use crate::stages::experts::*;
use crate::stages::mixture_cdf::MixtureCdf;
use crate::stages::scored::Scored;
use crate::t3::cdf3_single;
use surmise_lanes::kernels;
use surmise_lanes::select_or_zero;

/// Points at which the distribution is looked up.
const POINTS: usize = 8;
/// One number for each point: `[POINTS]`.
type Points = [f32; POINTS];
/// The most spikes of one kind.
const SPIKES_MAX: usize = 256;
/// Parts of less weight are left out, and the rest counts for the whole.
const WEIGHT_MIN: f64 = 1e-3;
/// s at the cut of the line.
const S_MAX: f64 = 0.99;

kernels! {
    /// Adds `w` F₃(x · inv + offset) of every part to each point.
    fn add_t3(x: &Points, w: &[f32], offset: &[f32], inv: &[f32], out: &mut Points) {
        let (x, mut s) = (*x, *out);
        for ((w, o), inv) in w.iter().zip(offset).zip(inv) {
            for i in 0..POINTS { s[i] += w * cdf3_single(x[i] * inv + o); }
        }
        *out = s;
    }

    /// Adds the weights of the places below each point; there are at most [`SPIKES_MAX`] places.
    fn add_spikes(x: &Points, places: &[f64], from: f64, weights: &[f32; SPIKES_MAX], out: &mut Points) {
        let mut at = [f32::INFINITY; SPIKES_MAX];
        for (a, v) in at.iter_mut().zip(places) { *a = (v - from) as f32; }
        let blocks = places.len().div_ceil(surmise_lanes::LANES);
        for k in 0..POINTS {
            let (x, mut s) = (x[k], [0f32; surmise_lanes::LANES]);
            let blocks = at.as_chunks::<{ surmise_lanes::LANES }>().0[..blocks].iter();
            for (a, w) in blocks.zip(weights.as_chunks::<{ surmise_lanes::LANES }>().0) {
                for i in 0..surmise_lanes::LANES { s[i] += select_or_zero(a[i] < x, w[i]); }
            }
            out[k] += surmise_lanes::sum(&s);
        }
    }
}

/// The score of an observed value under the distribution that stood for it. `shift` in [0, 1) says where in their parts
/// the points lie.
pub(crate) fn crps(cdf: MixtureCdf<'_>, scored: &Scored, given: Given, map: &LevelMap, shift: f64) -> f64 {
    crps_of(cdf, scored.points(given).grid.total(), map, scored.value, shift)
}

/// The score of `y`, where `grid_total` is the grid's weight altogether under the same forecast.
fn crps_of(cdf: MixtureCdf<'_>, grid_total: f64, map: &LevelMap, y: f64, shift: f64) -> f64 {
    // where nothing of the event is known, the mixture that stood before it is as good and quicker
    let cdf = MixtureCdf { conditional: cdf.conditional.filter(|given| !given.is_density_alone()), ..cdf };
    let (mean, inverse) = match cdf.conditional {
        Some(given) => given.centre(),
        None => (cdf.forecast.mean, cdf.forecast.inverse[STACK]),
    };
    let far = y - mean;
    let (middle, width) = (0.5 * far, 1.0 / inverse + 0.5 * far.abs());
    if !width.is_finite() {
        return far.abs();
    }
    // everything in units of the width, around the mean
    let unit = 1.0 / width;
    let (mut x, mut part) = ([0f32; POINTS], [0f64; POINTS]);
    for i in 0..POINTS {
        let s = S_MAX * (2.0 * (i as f64 + shift) / POINTS as f64 - 1.0);
        let d = 1.0 / (1.0 - s * s);
        x[i] = (middle * unit + s * d) as f32;
        part[i] = (1.0 + s * s) * d * d;
    }
    let mut sum = PartialSum { x, mean, width, f: [0.0; POINTS], total: 0.0 };
    sum.add_mixture(&cdf, grid_total);
    let (f, total) = (sum.f, sum.total.max(1e-3));
    let truth = (far * unit) as f32;
    let mut score = 0.0;
    for i in 0..POINTS {
        let e = map.corrected((f[i] as f64 / total).clamp(0.0, 1.0)) - f64::from(u8::from(x[i] >= truth));
        score += e * e * part[i];
    }
    let score = score * (2.0 * S_MAX / POINTS as f64) * width;
    if score.is_finite() { score } else { far.abs() }
}

/// A distribution function at a score's points, part by part.
struct PartialSum {
    /// The points in widths around the mean.
    x: Points,
    mean: f64,
    width: f64,
    /// What the parts add up to at each point, and far out.
    f: Points,
    total: f64,
}

impl PartialSum {
    /// Adds all parts of a mixture that weigh something.
    fn add_mixture(&mut self, cdf: &MixtureCdf<'_>, grid_total: f64) {
        let density = self.add_remembered(cdf, grid_total);
        let (mut w, mut offset, mut inv, mut n) = ([0f32; PARTS_MAX], [0f32; PARTS_MAX], [0f32; PARTS_MAX], 0);
        let (mean, width) = (self.mean, self.width);
        cdf.t3_parts(density, |weight, centre, inverse| {
            if weight > WEIGHT_MIN {
                (w[n], offset[n], inv[n]) =
                    (weight as f32, ((mean - centre) * inverse) as f32, (width * inverse) as f32);
                n += 1;
                self.total += weight;
            }
        });
        add_t3(&self.x, &w[..n], &offset[..n], &inv[..n], &mut self.f);
        let plain = cdf.density_experts_weight(density);
        for lane in [LOG, BACKGROUND] {
            let weight = plain * cdf.forecast.weights[lane];
            if weight > WEIGHT_MIN {
                for (f, x) in self.f.iter_mut().zip(&self.x) {
                    *f += (weight * cdf.shape_cdf(lane, mean + *x as f64 * width)) as f32;
                }
                self.total += weight;
            }
        }
    }

    /// Adds the spikes on remembered values; returns what is left for the density.
    fn add_remembered(&mut self, cdf: &MixtureCdf<'_>, grid_total: f64) -> f64 {
        let (c, w) = (cdf.column, cdf.point_weights());
        let mut density = 1.0;
        let mut masses = [0f32; SPIKES_MAX];
        let novelty = c.values.novelty();
        let known = (w[FREQUENT] * (1.0 - novelty), w[FOLLOWING] * (1.0 - novelty));
        if known.0 + known.1 > WEIGHT_MIN {
            let places = c.values.weigh(cdf.forecast.slot_before, known, &mut masses);
            self.add_places(places, self.mean, &masses);
            density -= known.0 + known.1;
            self.total += known.0 + known.1;
        }
        if let Some(last) = cdf.past.last {
            let again = w[REPEAT] * c.repeat[cdf.past.run_class].get();
            if again > WEIGHT_MIN {
                masses[0] = again as f32;
                self.add_places(&[last], self.mean, &masses);
                density -= again;
                self.total += again;
            }
            let step = w[STEP] * (1.0 - c.steps.novelty());
            if step > WEIGHT_MIN {
                let places = c.steps.weigh(None, (step, 0.0), &mut masses);
                self.add_places(places, self.mean - last, &masses);
                density -= step;
                self.total += step;
            }
        }
        let near = w[GRID] * if cdf.has_grid() { 1.0 - c.grid.novelty() } else { 0.0 };
        if near > WEIGHT_MIN {
            let (mean, inverse) = cdf.grid_centre();
            let places = c.grid.weigh(mean, inverse, grid_total, near, &mut masses);
            self.add_places(places, self.mean, &masses);
            density -= near;
            self.total += near;
        }
        density
    }

    /// Adds spikes at `places`, which lie around `from`; `masses` are theirs.
    fn add_places(&mut self, places: &[f64], from: f64, masses: &[f32; SPIKES_MAX]) {
        let x = self.x.map(|x| x * self.width as f32);
        add_spikes(&x, places, from, masses, &mut self.f);
    }
}

/// The most parts that are t₃.
const PARTS_MAX: usize = DENSITY_EXPERTS + CONDITIONAL_EXPERTS;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::Calibrator;
    use crate::column::NumberColumn;
    use crate::options::NumberAblation;
    use crate::stages::column_forecast::ColumnForecast;
    use crate::stages::past::ColumnPast;
    use crate::t3::cdf3;

    /// A quarter of the mass at 2.5, the rest t₃ around 2.
    fn distribution() -> (NumberColumn, ColumnPast, ColumnForecast) {
        let mut column = NumberColumn::new(1, 0, NumberAblation::default());
        (0..50).for_each(|i| _ = column.units.learn((i * 7 % 11) as f64 * 0.37, None));
        (0..400).for_each(|i| column.repeat[0].learn(i % 2 == 0));
        let (mut past, mut forecast) = (ColumnPast::new(), ColumnForecast::new());
        past.last = Some(2.5);
        forecast.mean = 2.0;
        (forecast.centre[STACK], forecast.scale[STACK], forecast.inverse[STACK]) = (2.0, 0.5, 2.0);
        forecast.weights[STACK] = 1.0;
        let weights = &mut forecast.point_weights[Given::Before as usize];
        (weights[0], weights[REPEAT]) = (0.5, 0.5);
        (column, past, forecast)
    }

    #[test]
    fn the_mean_over_values_is_that_of_the_integral() {
        let (column, past, forecast) = distribution();
        let cdf = MixtureCdf { column: &column, past: &past, forecast: &forecast, conditional: None };
        let map = Calibrator::new().map();
        let r = 0.5 * column.repeat[0].get();
        for y in [2.0, 2.3, 2.5, 0.0, 9.0, 60.0] {
            let (n, lo, hi) = (400_000, -200.0, 300.0);
            let h = (hi - lo) / n as f64;
            let f = |x: f64| (1.0 - r) * cdf3((x - 2.0) * 2.0) + if x > 2.5 { r } else { 0.0 };
            let want: f64 = (0..n)
                .map(|i| lo + (i as f64 + 0.5) * h)
                .map(|x| (f(x) - f64::from(u8::from(x >= y))).powi(2) * h)
                .sum();
            let many = 4000;
            let mean = (0..many)
                .map(|i| crps_of(cdf, 0.0, &map, y, (i as f64 * 0.618_033_988_749_894_9).fract()))
                .sum::<f64>()
                / many as f64;
            assert!((mean / want - 1.0).abs() < 5e-3, "{y}: {mean} {want}");
        }
    }
}
