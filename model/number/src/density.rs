//! Densities of all experts at once: each expert is one lane.
//!
//! Most experts forecast a t₃ around their centre. Two have a distribution of their own: the t₃ of the logarithm, and
//! the background. Lanes beyond the last expert are padding, whose weight is zero.

use crate::stages::experts::LANES;
use crate::t3::{MASS_SAFETY, cdf3, cell_mass, pdf3};
use surmise_lanes::kernels;

/// One number for each expert of the density mixture, then padding: `[LANES]`.
pub(crate) type Lanes = [f64; LANES];

kernels! {
    /// Mass of the cell c ± h under every lane's t₃ of centre `mu` and scale 1/`inv`.
    pub(crate) fn masses(c: f64, h: f64, mu: &Lanes, inv: &Lanes, out: &mut Lanes) {
        let mut narrow = true;
        for i in 0..LANES { narrow &= h * inv[i] <= 0.02; }
        if narrow {
            let w = 2.0 * h * MASS_SAFETY;
            for i in 0..LANES { out[i] = w * inv[i] * pdf3((c - mu[i]) * inv[i]); }
        } else {
            for i in 0..LANES { out[i] = MASS_SAFETY * cell_mass(c, h, mu[i], inv[i]); }
        }
    }

    /// Σ w F((x − mu) · inv) over the lanes.
    pub(crate) fn mixed_cdf(x: f64, w: &Lanes, mu: &Lanes, inv: &Lanes) -> f64 {
        let mut s = [0f64; LANES];
        for i in 0..LANES { s[i] = w[i] * cdf3((x - mu[i]) * inv[i]); }
        let mut a = 0.0;
        for i in 0..LANES { a += s[i]; }
        a
    }
}

/// The distribution of a y whose logarithm is t₃, on the positive half.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LogT {
    /// Centre of ln y, and 1 / its scale.
    pub(crate) mu: f64,
    pub(crate) inv: f64,
}

impl LogT {
    /// Mass of the cell c ± h.
    pub(crate) fn mass(&self, c: f64, h: f64) -> f64 {
        if c + h <= 0.0 {
            0.0
        } else if h <= 0.01 * c {
            MASS_SAFETY * cell_mass(libm::log(c), h / c, self.mu, self.inv)
        } else {
            MASS_SAFETY * (self.cdf(c + h) - self.cdf(c - h)).max(0.0)
        }
    }

    /// P(value ≤ x).
    pub(crate) fn cdf(&self, x: f64) -> f64 {
        if x > 1e-300 { cdf3((libm::log(x) - self.mu) * self.inv) } else { 0.0 }
    }
}

/// The distribution that is left when nothing else fits: P(|x − centre| > u · scale) = 1 / (1 + ln(1 + u)), so that no
/// finite value in no unit costs more than some fifty nats.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Background {
    pub(crate) centre: f64,
    pub(crate) scale: f64,
}

impl Background {
    /// ln(1 + d / scale), without overflow.
    fn log_distance(&self, d: f64) -> f64 {
        let u = d / self.scale;
        if u < 1e300 { libm::log1p(u) } else { libm::log(d.min(1.7e308)) - libm::log(self.scale) }
    }

    /// Mass of the cell c ± h.
    pub(crate) fn mass(&self, c: f64, h: f64) -> f64 {
        let d = (c * 0.5 - self.centre * 0.5).abs() * 2.0;
        let d = if d.is_finite() { d } else { 1.7e308 };
        if d <= h {
            // the cell holds the centre
            let (a, b) = (self.log_distance(h - d), self.log_distance(h + d));
            return MASS_SAFETY * 0.5 * (a / (1.0 + a) + b / (1.0 + b));
        }
        let near = d - h;
        let a = self.log_distance(near);
        // ln(1+far) − ln(1+near), without cancellation
        let gap = libm::log1p(2.0 * h / (self.scale + near));
        MASS_SAFETY * 0.5 * gap / ((1.0 + a) * (1.0 + a + gap))
    }

    /// P(value ≤ x).
    pub(crate) fn cdf(&self, x: f64) -> f64 {
        let a = self.log_distance((x - self.centre).abs());
        let tail = 0.5 / (1.0 + a);
        if x < self.centre { tail } else { 1.0 - tail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::t3::mass;

    #[test]
    fn cells_sum_to_one_and_not_more() {
        for (mu, sigma, h) in [(0.3, 1.0, 0.5), (0.0, 0.01, 0.5), (-7.2, 3.0, 0.05), (0.49, 0.2, 0.5), (1.0, 40.0, 0.5)]
        {
            let b = Background { centre: mu, scale: sigma };
            let l = LogT { mu: 1.0, inv: 1.0 / sigma };
            let mut out = [0.0; LANES];
            let (mut s, mut t, mut u, mut v) = (0.0, 0.0, 0.0, 0.0);
            for i in -300_000..=300_000 {
                let c = i as f64 * 2.0 * h;
                s += mass(c, h, mu, 1.0 / sigma);
                masses(c, h, &[mu; LANES], &[1.0 / sigma; LANES], &mut out);
                t += out[3];
                u += b.mass(c, h);
                v += l.mass(c, h);
            }
            for (name, s, least) in [("t", s, 0.9999), ("lanes", t, 0.9999), ("background", u, 0.8), ("log", v, 0.5)] {
                assert!(s <= 1.0 && s > least, "{name}: {mu} {sigma} {h}: {s}");
            }
        }
    }
}
