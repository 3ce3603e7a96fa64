//! The continuous ranked probability score, at the price of one look at eight points.
//!
//! CRPS(F, y) = ∫ (F(x) − 1{x ≥ y})² dx (Matheson and Winkler, 1976). Eight points split the line into parts that are
//! equally likely under a broad proposal around forecast and value, x = c + W s / (1 − s²) with s in (−1, 1); where in
//! its part each point lies moves on by the golden ratio from value to value (a randomly shifted lattice rule; Cranley
//! and Patterson, 1976). A single score is therefore off by some ten per cent, and means over a stream's values tend to
//! the integral. The line is cut at some fifty widths, since the background's tail has no mean.

use crate::calibrate::Map;
use crate::column::Column;
use crate::density::{N, chosen};
use crate::experts::*;
use crate::stand::{Given, Stand};
use surmise_lanes::{LANES, kernels};

/// Points.
const POINTS: usize = 8;
type Points = [f32; POINTS];
/// Most spikes of one kind.
const MOST: usize = 256;
/// Parts of less weight are left out, and the rest counts for the whole.
const FAINT: f64 = 1e-3;
/// s at the cut.
const LAST_S: f64 = 0.99;

/// atan, Cephes' single precision form, without a branch.
#[inline(always)]
fn atan(t: f32) -> f32 {
    let a = t.abs();
    let (big, mid) = (a > 2.414_213_6, a > 0.414_213_57);
    let over = if big { -1.0 } else { a - 1.0 };
    let under = if big { a } else { a + 1.0 };
    let x = if mid { over / under } else { a };
    let y = if big {
        std::f32::consts::FRAC_PI_2
    } else if mid {
        std::f32::consts::FRAC_PI_4
    } else {
        0.0
    };
    let z = x * x;
    let p = ((8.053_744_6e-2 * z - 1.387_768_5e-1) * z + 1.997_771_1e-1) * z - 3.333_295e-1;
    let v = y + (p * z * x + x);
    if t < 0.0 { -v } else { v }
}

kernels! {
    /// Adds `w` F₃(x · inv + offset) of every part to each point.
    fn smooth[FMA](x: &Points, w: &[f32], offset: &[f32], inv: &[f32], out: &mut Points) {
        let _ = FMA;
        let (x, mut s) = (*x, *out);
        for ((w, o), inv) in w.iter().zip(offset).zip(inv) {
            for i in 0..POINTS {
                let t = ((x[i] * inv + o) * 0.577_350_26).clamp(-1e15, 1e15);
                s[i] += w * (0.5 + (atan(t) + t / (1.0 + t * t)) * std::f32::consts::FRAC_1_PI);
            }
        }
        *out = s;
    }

    /// Adds the weights of the places below each point; there are at most [`MOST`] places.
    fn spikes[FMA](x: &Points, places: &[f64], from: f64, weights: &[f32; MOST], out: &mut Points) {
        let _ = FMA;
        let mut at = [f32::INFINITY; MOST];
        for (a, v) in at.iter_mut().zip(places) { *a = (v - from) as f32; }
        let blocks = places.len().div_ceil(LANES);
        for k in 0..POINTS {
            let (x, mut s) = (x[k], [0f32; LANES]);
            for (a, w) in at.as_chunks::<LANES>().0[..blocks].iter().zip(weights.as_chunks::<LANES>().0) {
                for i in 0..LANES { s[i] += chosen(a[i] < x, w[i]); }
            }
            out[k] += surmise_lanes::sum(&s);
        }
    }
}

/// Score of `y`; `at` in [0, 1) says where in their parts the points lie.
pub(crate) fn crps(c: &Column, st: &Stand, given: Option<&Given>, map: &Map, y: f64, at: f64) -> f64 {
    let given = given.filter(|g| g.awake != DENSITY_ALONE);
    let (mean, inv) = match given {
        Some(g) => g.centre(),
        None => (st.mean, st.inv[STACK]),
    };
    let far = y - mean;
    let (middle, width) = (0.5 * far, 1.0 / inv + 0.5 * far.abs());
    if !width.is_finite() {
        return far.abs();
    }
    // everything in units of the width, around the mean
    let unit = 1.0 / width;
    let (mut x, mut part) = ([0f32; POINTS], [0f64; POINTS]);
    for i in 0..POINTS {
        let s = LAST_S * (2.0 * (i as f64 + at) / POINTS as f64 - 1.0);
        let d = 1.0 / (1.0 - s * s);
        x[i] = (middle * unit + s * d) as f32;
        part[i] = (1.0 + s * s) * d * d;
    }
    let mut f = [0f32; POINTS];
    let total = spread(c, st, given, &x, mean, width, &mut f);
    let truth = (far * unit) as f32;
    let mut sum = 0.0;
    for i in 0..POINTS {
        let e = map.corrected((f[i] as f64 / total).clamp(0.0, 1.0)) - f64::from(u8::from(x[i] >= truth));
        sum += e * e * part[i];
    }
    let score = sum * (2.0 * LAST_S / POINTS as f64) * width;
    if score.is_finite() { score } else { far.abs() }
}

/// Adds the plain distribution function at every point of x to `f`; returns what it adds up to far out.
fn spread(c: &Column, st: &Stand, g: Option<&Given>, x: &Points, mean: f64, width: f64, f: &mut Points) -> f64 {
    let w = if g.is_some() { &st.w_outer } else { &st.w_marginal };
    let mut dense = 1.0;
    let (mut p, mut total) = ([0f32; MOST], 0.0);
    let (e, es) = (c.values.novelty(), c.steps.novelty());
    let known = (w[FREQUENT] * (1.0 - e), w[FOLLOWING] * (1.0 - e));
    if known.0 + known.1 > FAINT {
        let places = c.values.weigh(st.slot_before, known, &mut p);
        rescaled(x, places, mean, width, &p, f);
        dense -= known.0 + known.1;
        total += known.0 + known.1;
    }
    if st.last.is_finite() {
        let again = w[REPEAT] * c.repeat[st.run].get();
        if again > FAINT {
            p[0] = again as f32;
            rescaled(x, &[st.last], mean, width, &p, f);
            dense -= again;
            total += again;
        }
        let step = w[STEP] * (1.0 - es);
        if step > FAINT {
            let places = c.steps.weigh(usize::MAX, (step, 0.0), &mut p);
            rescaled(x, places, mean - st.last, width, &p, f);
            dense -= step;
            total += step;
        }
    }
    if st.lattice {
        let near = w[LATTICE] * (1.0 - c.lattice.novelty());
        if near > FAINT {
            let (mu, inv) = st.lattice_centre(g);
            let of = if g.is_some() { st.near_given } else { st.near }.total;
            let places = c.lattice.weigh(mu, inv, of, near, &mut p);
            rescaled(x, places, mean, width, &p, f);
            dense -= near;
            total += near;
        }
    }
    // the density's parts
    let (mut v, mut o, mut k, mut n) = ([0f32; N + G], [0f32; N + G], [0f32; N + G], 0);
    let mut add = |weight: f64, mu: f64, inv: f64| {
        if weight > FAINT {
            (v[n], o[n], k[n]) = (weight as f32, ((mean - mu) * inv) as f32, (width * inv) as f32);
            n += 1;
            total += weight;
        }
    };
    let plain = dense * g.map_or(1.0, |g| g.w[0]);
    for i in 0..LOG {
        add(plain * st.w[i], st.mu[i], st.inv[i]);
    }
    if let Some(g) = g {
        (1..G).for_each(|i| add(dense * g.w[i], g.mu[i], g.inv[i]));
    }
    smooth(x, &v[..n], &o[..n], &k[..n], f);
    for i in [LOG, BACKGROUND] {
        let weight = plain * st.w[i];
        if weight > FAINT {
            for (f, x) in f.iter_mut().zip(x) {
                let x = mean + *x as f64 * width;
                *f += (weight * if i == LOG { st.log.cdf(x) } else { st.background.cdf(x) }) as f32;
            }
            total += weight;
        }
    }
    total.max(1e-3)
}

/// Spikes at `places`, where `x` is in widths around the mean.
fn rescaled(x: &Points, places: &[f64], mean: f64, width: f64, p: &[f32; MOST], f: &mut Points) {
    let x = x.map(|x| x * width as f32);
    spikes(&x, places, mean, p, f);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::Calibrator;
    use crate::density::cdf3;

    /// A quarter of the mass at 2.5, the rest t₃ around 2.
    fn distribution() -> (Column, Stand) {
        let mut c = Column::new(1, 0);
        (0..50).for_each(|i| _ = c.units.learn((i * 7 % 11) as f64 * 0.37, f64::NAN));
        (0..400).for_each(|i| c.repeat[0].learn(i % 2 == 0));
        let mut st = Stand::new();
        (st.mean, st.sigma[STACK], st.last) = (2.0, 0.5, 2.5);
        (st.mu[STACK], st.inv[STACK], st.w[STACK]) = (2.0, 2.0, 1.0);
        (st.w_marginal[0], st.w_marginal[REPEAT]) = (0.5, 0.5);
        (c, st)
    }

    #[test]
    fn the_mean_over_values_is_that_of_the_integral() {
        let (c, st) = distribution();
        let map = Calibrator::new().map();
        let r = 0.5 * c.repeat[0].get();
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
                .map(|i| crps(&c, &st, None, &map, y, (i as f64 * 0.618_033_988_749_894_9).fract()))
                .sum::<f64>()
                / many as f64;
            assert!((mean / want - 1.0).abs() < 5e-3, "{y}: {mean} {want}");
        }
    }

    #[test]
    fn the_quick_arc_tangent_is_close() {
        for i in -4000..4000 {
            let t = libm::sinh(i as f64 * 0.005) as f32;
            assert!((atan(t) as f64 - libm::atan(t as f64)).abs() < 3e-7, "{t}");
        }
    }
}
