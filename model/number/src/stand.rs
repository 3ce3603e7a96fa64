//! What stands written about a column before its value is known: centres, scales and weights of every expert.
//!
//! A [`Stand`] is scratch: it is computed from model and key by `begin`, holds what an event brings until `finish`,
//! and is never part of a checkpoint.

use crate::calibrate::{Corrected, Span};
use crate::column::Column;
use crate::density::{Background, Lanes, LogT, N};
use crate::experts::*;
use crate::key::{KeyColumn, LAGS};
use crate::lattice::Parts;
use crate::profile::{HOUR_DIMS, Place, Profile};
use crate::rls::padded;
use crate::season::Ring;
use surmise_experts::ExpertSet;

/// Regressors of the own-past regression: lags, the day and the week before, the usual day, and a constant.
pub(crate) const OWN_DIMS: usize = LAGS + 8;
/// Regressors of the stack.
pub(crate) const STACK_DIMS: usize = 9;
/// Longest buffer of regressors given values of the same event.
pub(crate) const MOST: usize = 40;

/// Whether a column's value of this event is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    NotYet,
    Missing,
    There,
}

#[derive(Clone, Debug)]
pub(crate) struct Stand {
    /// 1 for a key that never had a value here, else 0.
    pub(crate) regime: usize,
    pub(crate) mu: Lanes,
    pub(crate) sigma: Lanes,
    pub(crate) inv: Lanes,
    pub(crate) awake: ExpertSet,
    pub(crate) w: Lanes,
    pub(crate) log: LogT,
    pub(crate) background: Background,
    /// The point forecast and the range that it may lie in.
    pub(crate) mean: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Mean of the two linear forecasts and the unit of the residual: what the network works in.
    pub(crate) linear: f64,
    pub(crate) residual_unit: f64,
    pub(crate) x_own: [f64; padded_own()],
    pub(crate) x_stack: [f64; padded_stack()],
    /// Where in the period the event lies, and the last two deviations from what is usual there, as z, with a constant.
    pub(crate) place: Option<Place>,
    pub(crate) x_hour: [f64; HOUR_DIMS],
    /// Lags as z, newest first, for the regressions over all columns.
    pub(crate) z: [f64; 3],
    pub(crate) day: f64,
    pub(crate) day_before: f64,
    /// Weights of the mixtures as they stand.
    pub(crate) w_marginal: [f64; A],
    pub(crate) w_outer: [f64; A],
    pub(crate) last: f64,
    pub(crate) run: usize,
    pub(crate) slot_before: usize,
    pub(crate) given: Given,
    pub(crate) seen: Seen,
    /// Which of the event's columns it was to be observed.
    pub(crate) turn: u32,
    /// Whether experts on single values take part.
    atoms: bool,
    pub(crate) value: f64,
    pub(crate) cell: (f64, f64),
    pub(crate) slot: usize,
    pub(crate) slot_step: usize,
    pub(crate) slot_lattice: usize,
    pub(crate) lattice: bool,
    /// The lattice below the value's cell and altogether, before and given the event; once the value is there.
    pub(crate) near: Parts,
    pub(crate) near_given: Parts,
    pub(crate) m: Lanes,
    pub(crate) p: f64,
    pub(crate) m_marginal: [f64; A],
    pub(crate) m_outer: [f64; A],
    pub(crate) p_marginal: f64,
    pub(crate) p_outer: f64,
    /// Where the value lies in both, and what the calibrator makes of the second.
    pub(crate) span_marginal: Span,
    pub(crate) span_outer: Span,
    pub(crate) corrected: Corrected,
}

/// Forecasts given what is known of the same event.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) awake: ExpertSet,
    pub(crate) mu: [f64; G],
    pub(crate) inv: [f64; G],
    pub(crate) w: [f64; G],
    pub(crate) m: [f64; G],
    pub(crate) p: f64,
    pub(crate) x_errors: [f64; MOST],
    pub(crate) x_values: [f64; MOST],
}

const fn padded_own() -> usize {
    OWN_DIMS.div_ceil(8) * 8
}
const fn padded_stack() -> usize {
    STACK_DIMS.div_ceil(8) * 8
}

/// What a key knows of the days before an event.
pub(crate) struct Days<'a> {
    pub(crate) ring: &'a Ring,
    pub(crate) profile: &'a Profile,
    /// Samples of a day.
    pub(crate) day: usize,
    /// Samples that were skipped since the key's last event.
    pub(crate) ahead: usize,
    pub(crate) place: Option<Place>,
}

impl Stand {
    pub(crate) fn new() -> Self {
        debug_assert_eq!(padded(OWN_DIMS), padded_own());
        Self {
            regime: 1,
            mu: [0.0; N],
            sigma: [1.0; N],
            inv: [1.0; N],
            awake: ExpertSet::EMPTY,
            w: [0.0; N],
            log: LogT::default(),
            background: Background { centre: 0.0, scale: 1.0 },
            mean: 0.0,
            low: 0.0,
            high: 0.0,
            linear: 0.0,
            residual_unit: 1.0,
            x_own: [0.0; padded_own()],
            x_stack: [0.0; padded_stack()],
            place: None,
            x_hour: [0.0; HOUR_DIMS],
            z: [0.0; 3],
            day: 0.0,
            day_before: 0.0,
            w_marginal: [0.0; A],
            w_outer: [0.0; A],
            last: f64::NAN,
            run: 0,
            slot_before: 0,
            given: Given {
                awake: ExpertSet::EMPTY,
                mu: [0.0; G],
                inv: [1.0; G],
                w: [0.0; G],
                m: [0.0; G],
                p: 0.0,
                x_errors: [0.0; MOST],
                x_values: [0.0; MOST],
            },
            seen: Seen::NotYet,
            turn: 0,
            atoms: true,
            value: f64::NAN,
            cell: (0.0, 0.0),
            slot: 0,
            slot_step: 0,
            slot_lattice: 0,
            lattice: false,
            near: Parts::default(),
            near_given: Parts::default(),
            m: [0.0; N],
            p: 0.0,
            m_marginal: [0.0; A],
            m_outer: [0.0; A],
            p_marginal: 0.0,
            p_outer: 0.0,
            span_marginal: Span::default(),
            span_outer: Span::default(),
            corrected: Corrected::default(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.seen = Seen::NotYet;
        self.value = f64::NAN;
        self.given.awake = ExpertSet::EMPTY;
    }

    /// The lags in the column's units, and what the key knows of the days before.
    pub(crate) fn recall(&mut self, c: &Column, k: &KeyColumn, days: Option<&Days<'_>>, column: usize) {
        let u = &c.units;
        let x = &mut self.x_own;
        x.fill(0.0);
        self.regime = usize::from(!k.last.is_finite());
        let z = |y: f64| if y.is_finite() { u.z(y) } else { 0.0 };
        for (i, x) in x[..LAGS].iter_mut().enumerate() {
            *x = z(k.lag(i + 1));
        }
        self.z = [x[0], x[1], x[2]];
        (self.day, self.day_before) = (f64::NAN, f64::NAN);
        self.place = None;
        if let Some(d) = days {
            let (day, ahead) = (d.day, d.ahead);
            let at = |back: usize| if back > ahead { d.ring.get(back - ahead, column) } else { f64::NAN };
            (self.day, self.day_before) = (at(day), at(day + 1));
            x[LAGS] = z(self.day);
            x[LAGS + 1] = z(self.day_before);
            x[LAGS + 2] = z(at(day - 1));
            x[LAGS + 3] = z(at(7 * day));
            x[LAGS + 4] = z(at(7 * day + 1));
            let usual = d.place.map_or(f64::NAN, |p| d.profile.usual(p, column));
            if usual.is_finite() && k.last.is_finite() {
                self.place = d.place;
                let [d1, d2] = d.profile.deviations(column);
                x[LAGS + 5] = z(usual);
                x[LAGS + 6] = z(k.last - d1);
                self.x_hour = [(d1 / u.unit).clamp(-20.0, 20.0), (d2 / u.unit).clamp(-20.0, 20.0), 1.0];
            }
        }
        x[OWN_DIMS - 1] = 1.0;
    }

    /// The simple forecasts and the two linear ones; `all` is the regression over all columns, as z.
    pub(crate) fn speak(&mut self, c: &Column, k: &KeyColumn, all: f64) {
        let u = &c.units;
        let raw = |z: f64| u.base + u.unit * z;
        self.mu[LEVEL] = u.centre();
        self.mu[LOG] = 0.0;
        self.mu[BACKGROUND] = 0.0;
        self.awake = ExpertSet::of(&[LEVEL, BACKGROUND]);
        self.log = c.log.density();
        self.awake = self.awake.with(LOG, c.log.awake());
        self.background = Background { centre: if u.seen > 0 { u.centre() } else { 0.0 }, scale: u.unit };
        if self.regime == 1 {
            for i in 0..LEVEL {
                self.mu[i] = self.mu[LEVEL];
            }
            (self.mu[LAST_KEY], self.mu[LINE]) = (self.mu[LEVEL], self.mu[LEVEL]);
            self.mean = self.mu[LEVEL];
            (self.low, self.high) = (f64::MIN, f64::MAX);
            self.linear = self.mean;
            self.residual_unit = c.scale(0, OWN).max(u.least());
            return;
        }
        let y1 = k.lag(1);
        let (day, step) = (self.day.is_finite(), self.day.is_finite() && self.day_before.is_finite());
        // nothing that extrapolates may stray further than the column has moved, or than the record itself says
        let reach = if k.gap == 0 { u.reach() } else { u.reach().max(8.0 * u.unit) };
        let near = |a: f64, b: f64| if day { (a.min(self.day), b.max(self.day)) } else { (a, b) };
        (self.low, self.high) = near(y1 - reach, y1 + reach);
        let (low, high) = (self.low, self.high);
        let keep = |y: f64| if y.is_finite() { y.clamp(low, high) } else { y1 };
        let mu = &mut self.mu;
        mu[LAST] = y1;
        mu[LAST_KEY] = y1;
        mu[MEAN] = k.mean;
        mu[TREND] = keep(k.level + k.trend);
        mu[DAY] = if day { self.day } else { y1 };
        mu[DAY_STEP] = if step { keep(y1 + 0.7 * (self.day - self.day_before)) } else { y1 };
        let hour = self.place.map_or(0.0, |p| c.hours.say(p, &self.x_hour));
        mu[OWN] = keep(raw(c.own.predict(0, &self.x_own) + hour));
        mu[ALL] = if all.is_nan() { mu[OWN] } else { keep(raw(all)) };
        if c.ablation.regressions {
            (mu[OWN], mu[ALL]) = (y1, y1);
        }
        mu[LINE] = keep(2.0 * y1 - k.lag(2));
        self.linear = 0.5 * (mu[OWN] + mu[ALL]);
        mu[NETWORK] = self.linear;
        self.residual_unit = c.residual.max(u.least());
        let known = ExpertSet::of(&[LAST, MEAN, TREND, OWN, ALL, STACK, STACK_KEY, STACK_NARROW, LAST_KEY, LINE]);
        self.awake = self.awake.union(known).with(DAY, day).with(DAY_STEP, step);
    }

    /// The network's say, as mean and log scale of the residual in its unit.
    pub(crate) fn listen(&mut self, mean: f64, log_scale: f64) {
        if self.regime == 0 {
            let y = self.linear + self.residual_unit * mean;
            self.mu[NETWORK] = if y.is_finite() { y.clamp(self.low, self.high) } else { self.linear };
            self.sigma[NETWORK] = self.residual_unit * libm::exp(log_scale.clamp(-6.0, 6.0));
            self.awake = self.awake.with(NETWORK, true);
        }
    }

    /// The stack, and everybody's scale and weight.
    pub(crate) fn settle(&mut self, c: &Column, k: &KeyColumn) {
        let u = &c.units;
        if self.regime == 0 {
            for (x, y) in self.x_stack.iter_mut().zip(&self.mu[..STACK]) {
                *x = u.z(*y);
            }
            self.x_stack[STACK_DIMS - 1] = 1.0;
            if !self.awake.has(NETWORK) {
                self.x_stack[NETWORK] = 0.0;
            }
            let y = if c.ablation.stack {
                self.average(&c.share[0].awake_weights(self.awake))
            } else {
                u.base + u.unit * c.stack.predict(0, &self.x_stack)
            };
            self.mean = if y.is_finite() { y.clamp(self.low, self.high) } else { self.mu[OWN] };
            self.mu[STACK] = self.mean;
            self.mu[STACK_KEY] = self.mean;
            self.mu[STACK_NARROW] = self.mean;
        }
        let least = u.least();
        for i in 0..N {
            if i != NETWORK || !self.awake.has(NETWORK) {
                self.sigma[i] = c.scale(self.regime, i);
            }
        }
        let blend = |own: f64, all: f64| if k.seen < 4 { all } else { 0.8 * own.min(30.0 * all) + 0.2 * all };
        self.sigma[STACK_KEY] = blend(k.error, self.sigma[STACK]);
        self.sigma[LAST_KEY] = blend(k.move_, self.sigma[LAST]);
        self.sigma[STACK_NARROW] = 0.3 * self.sigma[STACK];
        for i in 0..N {
            self.sigma[i] = self.sigma[i].max(least);
            self.inv[i] = 1.0 / self.sigma[i];
        }
        self.w = c.share[self.regime].awake_weights(self.awake);
        self.last = k.last;
        self.run = (32 - k.run.leading_zeros()).min(7) as usize;
        self.slot_before = if k.last.is_finite() { c.values.find(u, k.last) } else { usize::MAX };
        self.atoms = !c.ablation.atoms;
        self.lattice = c.lattice.awake();
        let a = self.atoms_awake();
        self.w_marginal = c.share_marginal.awake_weights(a);
        self.w_outer = c.share_outer.awake_weights(a);
    }

    /// The mean of what the stack is made of, by weights of the mixture.
    fn average(&self, w: &Lanes) -> f64 {
        let (sum, total) = (0..STACK).fold((0.0, 0.0), |(s, t), i| (s + w[i] * self.mu[i], t + w[i]));
        sum / total
    }

    /// Which of the experts on single values have something to say.
    pub(crate) fn atoms_awake(&self) -> ExpertSet {
        if !self.atoms {
            return DENSITY_ALONE;
        }
        let known = self.last.is_finite();
        ExpertSet::of(&[0, FREQUENT])
            .with(LATTICE, self.lattice)
            .with(REPEAT, known)
            .with(FOLLOWING, known)
            .with(STEP, known)
    }
}
