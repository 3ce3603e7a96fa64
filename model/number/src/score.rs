//! The mass of a cell under everybody, and under the mixtures.

use crate::column::Column;
use crate::density::{cdf3, mass, masses, mixed_cdf};
use crate::experts::*;
use crate::lattice::Parts;
use crate::stand::{Given, MOST, Seen, Stand};
use surmise_experts::mix;

/// Forecasts of column `j` from what is known of its event: other columns' errors and values, and symbols.
pub(crate) fn given(columns: &[Column], stands: &[Stand], j: usize, symbols: &[u32]) -> Given {
    let (c, st) = (&columns[j], &stands[j]);
    let mut g = Given {
        awake: DENSITY_ALONE,
        mu: [st.mean; G],
        inv: [st.inv[STACK], 1.0, 1.0, 1.0],
        w: [0.0; G],
        m: [0.0; G],
        p: 0.0,
        x_errors: [0.0; MOST],
        x_values: [0.0; MOST],
    };
    if c.ablation.conditioning {
        g.w = c.share_given.awake_weights(g.awake);
        return g;
    }
    let sigma = st.sigma[STACK];
    let least = c.units.least();
    if let Some(s) = &c.siblings {
        let n = s.others.len();
        let mut any = false;
        for (i, o) in s.others.iter().enumerate() {
            let other = &stands[*o as usize];
            if other.seen == Seen::There {
                any = true;
                g.x_errors[i] = ((other.value - other.mean) * other.inv[STACK]).clamp(-8.0, 8.0);
                g.x_values[i] = columns[*o as usize].units.z(other.value);
            }
        }
        if any {
            g.awake = g.awake.with(GIVEN_ERRORS, true).with(GIVEN_VALUES, true);
            (g.x_values[n], g.x_values[n + 1]) = (c.units.z(st.mean), 1.0);
            let e = s.errors.predict(0, &g.x_errors[..crate::rls::padded(n)]).clamp(-30.0, 30.0);
            g.mu[GIVEN_ERRORS] = st.mean + sigma * e;
            let z = s.values.predict(0, &g.x_values[..crate::rls::padded(n + 2)]).clamp(-20.0, 20.0);
            g.mu[GIVEN_VALUES] = c.units.base + c.units.unit * z;
            for i in [GIVEN_ERRORS, GIVEN_VALUES] {
                let s = if c.given_n[i] == 0 { sigma } else { c.sigma_given[i] };
                g.inv[i] = 1.0 / s.max(least);
            }
        }
    }
    if !symbols.is_empty() {
        g.awake = g.awake.with(GIVEN_SYMBOLS, true);
        let (offset, scale) = c.symbols.predict(symbols);
        g.mu[GIVEN_SYMBOLS] = st.mean + sigma * offset;
        g.inv[GIVEN_SYMBOLS] = 1.0 / (sigma * scale).max(least);
    }
    g.w = c.share_given.awake_weights(g.awake);
    g
}

impl Given {
    /// The forecast and the scale, as 1/σ, of the expert that is trusted most.
    pub(crate) fn centre(&self) -> (f64, f64) {
        let best = (1..G).fold(0, |b, i| if self.w[i] > self.w[b] { i } else { b });
        (self.mean(), self.inv[best])
    }

    /// The forecast: centres by weight and precision, so that the share which an expert keeps for bad days does not
    /// pull on the good ones.
    pub(crate) fn mean(&self) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        let widest = (0..G).filter(|i| self.w[*i] > 0.0).map(|i| self.inv[i]).fold(f64::MAX, f64::min);
        for i in 0..G {
            if self.w[i] > 0.0 {
                let r = widest / self.inv[i];
                let w = self.w[i] / (r * r).max(1e-30);
                sum += w * (self.mu[i] - self.mu[0]);
                total += w;
            }
        }
        if total > 0.0 && sum.is_finite() { self.mu[0] + sum / total } else { self.mu[0] }
    }
}

/// Spikes of so little mass altogether count as density where quantiles are concerned.
pub(crate) const FAINT: f64 = 1e-4;

impl Stand {
    /// Scores a value that is there; `given` was filled before.
    pub(crate) fn score(&mut self, c: &Column, y: f64) {
        self.seen = Seen::There;
        self.value = y;
        let (centre, half) = c.units.cell(y);
        self.cell = (centre, half);
        masses(centre, half, &self.mu, &self.inv, &mut self.m);
        self.m[LOG] = if self.awake.has(LOG) { self.log.mass(centre, half) } else { 0.0 };
        self.m[BACKGROUND] = self.background.mass(centre, half);
        self.p = mix(&self.w, &self.m);
        let g = &mut self.given;
        g.m[0] = self.p;
        for i in 1..G {
            g.m[i] = if g.awake.has(i) { mass(centre, half, g.mu[i], g.inv[i]) } else { 0.0 };
        }
        g.p = mix(&g.w, &g.m);
        self.slot = c.values.find(&c.units, y);
        self.slot_step = if self.last.is_finite() { c.steps.find(&c.units, self.step(c)) } else { usize::MAX };
        let again = self.repeats(c);
        let r = c.repeat[self.run].get();
        self.slot_lattice = c.lattice.find(&c.units, y);
        let (mean, inv) = (self.mean, self.inv[STACK]);
        let near = |st: &Self, p: f64, mean: f64, inv: f64| {
            if !st.lattice {
                return (0.0, Parts::default());
            }
            let parts = c.lattice.parts(mean, inv, centre - half);
            (c.lattice.mass(st.slot_lattice, mean, inv, parts.total, p), parts)
        };
        let near_marginal;
        (near_marginal, self.near) = near(&*self, self.p, mean, inv);
        let near_outer = if self.given.awake == DENSITY_ALONE {
            near_marginal
        } else {
            let (mean, inv) = self.given.centre();
            let near_outer;
            (near_outer, self.near_given) = near(&*self, self.given.p, mean, inv);
            near_outer
        };
        let atoms = |p: f64, near: f64| {
            let (f, o) = c.values.mass(self.slot, self.slot_before, p);
            let (s, _) = c.steps.mass(self.slot_step, usize::MAX, p);
            [p, if again { r } else { 0.0 } + (1.0 - r) * p, f, o, s, near]
        };
        let (m_marginal, m_outer) = (atoms(self.p, near_marginal), atoms(self.given.p, near_outer));
        (self.m_marginal, self.m_outer) = (m_marginal, m_outer);
        self.p_marginal = mix(&self.w_marginal, &self.m_marginal);
        self.p_outer = mix(&self.w_outer, &self.m_outer);
        (self.span_marginal, self.span_outer) = self.spans(c);
        self.corrected = c.calibrate[1].correct(self.span_outer);
    }

    /// The cell of the change since the last value.
    pub(crate) fn step(&self, c: &Column) -> f64 {
        c.units.cell(self.value - self.last).0
    }

    /// Whether the value is the last one again.
    pub(crate) fn repeats(&self, c: &Column) -> bool {
        self.last.is_finite() && c.units.index(self.last) == c.units.index(self.value)
    }

    /// F(x) of the density mixture before the event's values.
    pub(crate) fn cdf_before(&self, x: f64) -> f64 {
        let mut f = mixed_cdf(x, &self.w, &self.mu, &self.inv);
        // the last two lanes are not t₃
        for i in [LOG, BACKGROUND] {
            if self.w[i] > 1e-5 {
                let g = if i == LOG { self.log.cdf(x) } else { self.background.cdf(x) };
                f += self.w[i] * (g - cdf3((x - self.mu[i]) * self.inv[i]));
            }
        }
        f
    }

    fn given_cdf(&self, g: &Given, x: f64) -> f64 {
        let mut f = g.w[0] * self.cdf_before(x);
        for i in 1..G {
            if g.w[i] > 0.0 {
                f += g.w[i] * cdf3((x - g.mu[i]) * g.inv[i]);
            }
        }
        f
    }

    /// F(x) of the density part: given what is known of the event, or not.
    pub(crate) fn cdf(&self, g: Option<&Given>, x: f64) -> f64 {
        match g {
            Some(g) if g.awake != DENSITY_ALONE => self.given_cdf(g, x),
            _ => self.cdf_before(x),
        }
    }

    /// Centre and scale by which the lattice is weighed.
    pub(crate) fn lattice_centre(&self, g: Option<&Given>) -> (f64, f64) {
        match g {
            Some(g) if g.awake != DENSITY_ALONE => g.centre(),
            _ => (self.mean, self.inv[STACK]),
        }
    }

    /// Calls `f` with place and mass of every spike but the lattice's; returns the factor of the density part.
    pub(crate) fn spikes(&self, c: &Column, w: &[f64; A], mut f: impl FnMut(f64, f64)) -> f64 {
        let (e, es) = (c.values.novelty(), c.steps.novelty());
        let mut d = w[0] + (w[FREQUENT] + w[FOLLOWING]) * e;
        for (i, before) in [(FREQUENT, usize::MAX), (FOLLOWING, self.slot_before)] {
            let m = w[i] * (1.0 - e);
            if m > FAINT {
                c.values.spikes(before).for_each(|(y, p)| f(y, m * p));
            } else {
                d += m;
            }
        }
        if self.lattice {
            d += w[LATTICE] * if w[LATTICE] > FAINT { c.lattice.novelty() } else { 1.0 };
        }
        if self.last.is_finite() {
            let r = c.repeat[self.run].get();
            f(self.last, w[REPEAT] * r);
            d += w[REPEAT] * (1.0 - r) + w[STEP] * es;
            let m = w[STEP] * (1.0 - es);
            if m > FAINT {
                c.steps.spikes(usize::MAX).for_each(|(y, p)| f(c.units.centre_of(self.last + y), m * p));
            } else {
                d += m;
            }
        }
        d
    }
}
