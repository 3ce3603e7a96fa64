//! Questions to a standing distribution: distribution function and quantiles.

use crate::column::Column;
use crate::experts::*;
use crate::score::FAINT;
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
        let mut density = st.spikes(c, w, |y, m| {
            if m > 1e-7 {
                spikes.push((y, m));
            }
        });
        if st.lattice && w[LATTICE] > FAINT {
            let (mean, inv) = st.lattice_centre(given);
            spikes.extend(c.lattice.spikes(mean, inv).map(|(y, m)| (y, w[LATTICE] * m)).filter(|s| s.1 > 1e-7));
        }
        spikes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut sum = 0.0;
        spikes.iter_mut().for_each(|s| {
            sum += s.1;
            s.1 = sum;
        });
        density += (1.0 - sum - density).max(0.0);
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
        let (mut below, mut above) = (self.cdf(low), self.cdf(high));
        let mut reach = self.width;
        while below >= p && reach < 1e200 {
            reach *= 4.0;
            (high, above, low) = (low, below, low - reach);
            below = self.cdf(low);
        }
        while above < p && reach < 1e200 {
            reach *= 4.0;
            (low, below, high) = (high, above, high + reach);
            above = self.cdf(high);
        }
        let (base, unit) = (self.c.units.base, self.c.units.unit);
        let mut fine = 0.0;
        for i in 0..300 {
            // what lies far from all centres need not be known as finely
            let apart = |x: f64| (x - self.mean).abs().min((x - base).abs());
            let size = low.abs().max(high.abs());
            fine = (1e-6 * self.width).max(1e-13 * size).max(1e-7 * apart(low).min(apart(high)));
            // two steps along the chord, then one to the middle
            let t = if i % 3 == 2 { 0.5 } else { ((p - below) / (above - below)).clamp(0.02, 0.98) };
            let mid = if i % 3 == 2 && high - low > 1e3 * self.width {
                // over many orders of magnitude: the middle of the orders
                base + unit * libm::sinh(0.5 * (libm::asinh((low - base) / unit) + libm::asinh((high - base) / unit)))
            } else if t.is_finite() {
                low + t * (high - low)
            } else {
                0.5 * low + 0.5 * high
            };
            if high - low <= fine {
                break;
            }
            let mid = if mid > low && mid < high { mid } else { 0.5 * low + 0.5 * high };
            if mid <= low || mid >= high {
                break;
            }
            let f = self.cdf(mid);
            if f >= p {
                (high, above) = (mid, f);
            } else {
                (low, below) = (mid, f);
            }
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_undo_the_distribution_function() {
        let mut c = Column::new(1, 0);
        (0..50).for_each(|i| _ = c.units.learn((i * 7 % 11) as f64 * 0.371_234, f64::NAN));
        let mut st = Stand::new();
        (st.mean, st.sigma[STACK]) = (2.0, 0.5);
        (st.mu[STACK], st.inv[STACK], st.w[STACK]) = (2.0, 2.0, 0.7);
        (st.mu[LAST], st.inv[LAST], st.w[LAST]) = (90.0, 0.1, 0.3);
        st.w_marginal[0] = 1.0;
        let p = Predictive::new(&c, &st, None);
        for level in [0.001, 0.05, 0.3, 0.5, 0.69, 0.75, 0.95, 0.999] {
            assert!((p.cdf(p.quantile(level)) - level).abs() < 1e-4, "{level}");
        }
    }
}
