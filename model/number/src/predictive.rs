//! Questions to a standing distribution: quantiles, distribution function, CRPS.

use crate::column::Column;
use crate::experts::*;
use crate::stand::{Given, Stand};

/// A distribution of one column: spikes and a density part.
pub(crate) struct Predictive<'a> {
    c: &'a Column,
    st: &'a Stand,
    given: Option<&'a Given>,
    /// Spikes by place, with the mass up to and including each.
    spikes: Vec<(f64, f64)>,
    density: f64,
    mean: f64,
    width: f64,
}

impl<'a> Predictive<'a> {
    pub(crate) fn new(c: &'a Column, st: &'a Stand, given: Option<&'a Given>) -> Self {
        let mut spikes = Vec::new();
        let w = if given.is_some() { &st.w_outer } else { &st.w_marginal };
        let density = st.spikes(c, w, |y, m| {
            if m > 1e-7 {
                spikes.push((y, m));
            }
        });
        spikes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut sum = 0.0;
        spikes.iter_mut().for_each(|s| {
            sum += s.1;
            s.1 = sum;
        });
        let (mean, width) = match given {
            Some(g) => {
                let s = (1..G).map(|i| if g.w[i] > 0.0 { g.w[i] / g.inv[i] } else { 0.0 }).sum::<f64>();
                (g.mean(), g.w[0] * st.sigma[STACK] + s)
            }
            None => (st.mean, st.sigma[STACK]),
        };
        Self { c, st, given, spikes, density, mean, width: width.max(c.units.least()) }
    }

    /// P(value ≤ x).
    pub(crate) fn cdf(&self, x: f64) -> f64 {
        let n = self.spikes.partition_point(|s| s.0 <= x);
        let spiked = if n == 0 { 0.0 } else { self.spikes[n - 1].1 };
        (spiked + self.density * self.st.cdf(self.given, x)).clamp(0.0, 1.0)
    }

    /// Smallest x with P(value ≤ x) ≥ p, in the middle of its cell where cells are wide.
    pub(crate) fn quantile(&self, p: f64) -> f64 {
        let p = p.clamp(1e-9, 1.0 - 1e-9);
        let (mut low, mut high) = (self.mean - self.width, self.mean + self.width);
        let mut reach = self.width;
        while self.cdf(low) >= p && reach < 1e200 {
            reach *= 4.0;
            (high, low) = (low, low - reach);
        }
        reach = self.width;
        while self.cdf(high) < p && reach < 1e200 {
            reach *= 4.0;
            (low, high) = (high, high + reach);
        }
        let fine = (1e-6 * self.width).max(1e-13 * self.mean.abs());
        for _ in 0..200 {
            let mid = 0.5 * low + 0.5 * high;
            if high - low <= fine || mid <= low || mid >= high {
                break;
            }
            if self.cdf(mid) >= p { high = mid } else { low = mid }
        }
        // a spike that was closed in on is meant as it was written
        let after = self.spikes.partition_point(|s| s.0 <= high + fine);
        if after > 0 && self.spikes[after - 1].0 >= low - fine {
            self.spikes[after - 1].0
        } else if self.c.units.quantum > 1e-3 * self.width {
            self.c.units.centre_of(high)
        } else {
            high
        }
    }

    /// Continuous ranked probability score, by integrating (F − step)² over a grid that is fine near the mean, near
    /// the value and at spikes. Relative accuracy about one per cent; in units of the column.
    pub(crate) fn crps(&self, y: f64) -> f64 {
        const HALF: i32 = 24;
        let mut nodes: Vec<f64> = (-HALF..=HALF).map(|i| self.mean + self.width * libm::sinh(i as f64 * 0.28)).collect();
        nodes.push(y);
        let far = (y - self.mean).abs();
        if far > self.width {
            nodes.extend((1..16).map(|i| self.mean + (y - self.mean) * i as f64 / 16.0));
        }
        nodes.extend(self.spikes.iter().map(|s| s.0));
        nodes.sort_by(f64::total_cmp);
        let mut spike = 0;
        let mut sum = 0.0;
        let dense = |x: f64| self.density * self.st.cdf(self.given, x);
        let mut before = (nodes[0], dense(nodes[0]));
        let mut mass = 0.0;
        for &x in &nodes[1..] {
            let d = dense(x);
            while spike < self.spikes.len() && self.spikes[spike].0 <= before.0 {
                mass = self.spikes[spike].1;
                spike += 1;
            }
            let step = if before.0 >= y { 1.0 } else { 0.0 };
            let (a, b) = (mass + before.1 - step, mass + d - step);
            sum += (x - before.0) * (a * a + a * b + b * b) / 3.0;
            before = (x, d);
        }
        if sum.is_finite() { sum.max(0.0) } else { far }
    }
}
