//! What a column learns from one event.

use crate::column::Column;
use crate::experts::*;
use crate::rls::padded;
use crate::stand::Stand;

/// Values after which a column's units are no longer guesses.
const SETTLED: u64 = 12;

impl Column {
    /// The error of a regression, in units of z.
    pub(crate) fn innovation(&self, y: f64, predicted_z: f64) -> f64 {
        ((y - self.units.base) / self.units.unit).clamp(-1e6, 1e6) - predicted_z
    }

    /// Everything but units and lags, which change last.
    pub(crate) fn learn_event(&mut self, st: &Stand, symbols: &[u32]) {
        let y = st.value;
        // mixtures
        self.share[st.regime].learn(&st.w, &st.m, st.p, st.awake);
        let g = &st.given;
        if g.awake != DENSITY_ALONE {
            self.share_given.learn(&g.w, &g.m, g.p, g.awake);
        }
        let atoms = st.atoms_awake();
        self.share_marginal.learn(&st.w_marginal, &st.m_marginal, st.p_marginal, atoms);
        self.share_outer.learn(&st.w_outer, &st.m_outer, st.p_outer, atoms);
        self.calibrate[0].learn(&self.calibrate[0].correct(st.span_marginal));
        self.calibrate[1].learn(&st.corrected);
        self.learn_atoms(st, y);
        // forecasts
        if st.regime == 0 {
            self.learn_linear(st, y);
        }
        self.learn_siblings(st, y, symbols);
        self.learn_scales(st.regime, y, &st.mu, st.awake);
    }

    fn learn_atoms(&mut self, st: &Stand, y: f64) {
        if st.last.is_finite() {
            let again = st.repeats(self);
            self.repeat[st.run].learn(again);
            let step = st.step(self);
            if step.abs() < 1e100 {
                self.steps.learn(step, st.slot_step, usize::MAX);
            }
        }
        self.values.learn(y, st.slot, st.slot_before);
        self.lattice.learn(y, st.slot_lattice);
    }

    fn learn_linear(&mut self, st: &Stand, y: f64) {
        let z = self.units.z(y);
        let e = self.innovation(y, self.own.predict(0, &st.x_own));
        if let Some(p) = st.place {
            self.hours.learn(p, &st.x_hour, e);
        }
        self.own.learn(&st.x_own, e);
        let e = self.innovation(y, self.stack.predict(0, &st.x_stack));
        self.stack.learn(&st.x_stack, e);
        // a regression that does much worse than the last value has gone astray
        let astray = 4.0 * self.scale(0, LAST).max(self.units.quantum) / self.units.unit;
        if self.own.size(0).1 > 100 && self.own.size(0).0 > astray {
            self.own.reset(0, &[(0, 1.0)]);
        }
        if self.stack.size(0).1 > 100 && self.stack.size(0).0 > astray {
            self.stack.reset(0, &[(OWN, 0.5), (ALL, 0.5)]);
        }
        self.learn_residual(y - st.linear);
        let c = &mut self.covariance;
        c[0] += 0.002 * (z * st.z[0] - c[0]);
        c[1] += 0.002 * (z * z - c[1]);
    }

    fn learn_siblings(&mut self, st: &Stand, y: f64, symbols: &[u32]) {
        let g = &st.given;
        let sigma = st.sigma[STACK];
        if g.awake.has(GIVEN_ERRORS) {
            let z = ((y - self.units.base) / self.units.unit).clamp(-1e6, 1e6);
            if let Some(s) = &mut self.siblings {
                let n = s.others.len();
                let x = &g.x_errors[..padded(n)];
                let e = ((y - st.mean) / sigma).clamp(-8.0, 8.0) - s.errors.predict(0, x);
                s.errors.learn(x, e);
                let x = &g.x_values[..padded(n + 2)];
                let e = z - s.values.predict(0, x);
                s.values.learn(x, e);
                if self.units.seen == SETTLED {
                    // the first events came in units that were guesses
                    s.values.reset(0, &[]);
                    self.given_n[GIVEN_VALUES] = 0;
                }
            }
            self.learn_given(GIVEN_ERRORS, y - g.mu[GIVEN_ERRORS]);
            self.learn_given(GIVEN_VALUES, y - g.mu[GIVEN_VALUES]);
        }
        if g.awake.has(GIVEN_SYMBOLS) {
            self.symbols.learn(symbols, (y - g.mu[GIVEN_SYMBOLS]) / sigma);
        }
    }
}
