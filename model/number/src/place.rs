//! Where an observed value lies in the distributions that stood: the mass below its cell, and in it.

use crate::calibrate::Span;
use crate::column::Column;
use crate::density::cdf3;
use crate::experts::*;
use crate::stand::Stand;

/// Less mass than this is not looked at closely.
const FAINT: f64 = 3e-5;

impl Stand {
    /// The spans of the observed value before and given what is known of its event; follows `score`. Every expert's
    /// part below the cell is the sum of what its own masses say, so that the spans of all cells lie end to end.
    pub(crate) fn spans(&self, c: &Column) -> (Span, Span) {
        let (centre, half) = self.cell;
        let edge = centre - half;
        let before = self.cdf_before(edge);
        let g = &self.given;
        let conditional = g.awake != DENSITY_ALONE;
        let mut given = before;
        if conditional {
            given *= g.w[0];
            for i in 1..G {
                if g.w[i] > 0.0 {
                    given += g.w[i] * cdf3((edge - g.mu[i]) * g.inv[i]);
                }
            }
        }
        // spikes that weigh next to nothing count as density
        let heavy = |i: usize, novelty: f64| self.w_marginal[i].max(self.w_outer[i]) * (1.0 - novelty) > FAINT;
        let (e, es) = (c.values.novelty(), c.steps.novelty());
        let (frequent, following) = if heavy(FREQUENT, e) || heavy(FOLLOWING, e) {
            c.values.below(edge, self.slot_before)
        } else {
            (before, before)
        };
        let (mut r, mut step, mut repeat) = (0.0, before, 0.0);
        if self.last.is_finite() {
            r = c.repeat[self.run].get();
            repeat = if c.units.index(self.last) < c.units.index(self.value) { r } else { 0.0 };
            if heavy(STEP, es) {
                step = c.steps.below(self.step(c) - half, usize::MAX).0;
            }
        }
        let (new, near_before, near_given) = if self.lattice {
            let plain = c.lattice.below(self.near);
            (c.lattice.novelty(), plain, if conditional { c.lattice.below(self.near_given) } else { plain })
        } else {
            (1.0, 0.0, 0.0)
        };
        let below = |w: &[f64; A], dense: f64, near: f64| {
            w[0] * dense
                + w[REPEAT] * (repeat + (1.0 - r) * dense)
                + w[FREQUENT] * ((1.0 - e) * frequent + e * dense)
                + w[FOLLOWING] * ((1.0 - e) * following + e * dense)
                + w[STEP] * ((1.0 - es) * step + es * dense)
                + w[LATTICE] * (near + new * dense)
        };
        let span = |below: f64, mass: f64| Span { below: below.clamp(0.0, 1.0), mass };
        (
            span(below(&self.w_marginal, before, near_before), self.p_marginal),
            span(below(&self.w_outer, given, near_given), self.p_outer),
        )
    }
}
