//! Everything that is learnt about one column, shared by all keys.

use crate::atoms::{Odds, Table};
use crate::calibrate::Calibrator;
use crate::density::{Lanes, LogT, N};
use crate::experts::*;
use crate::lattice::Lattice;
use crate::options::NumberAblation;
use crate::partners::Search;
use crate::profile::Hours;
use crate::relations::SHARED;
use crate::rls::{Rls, padded};
use crate::scale::{Rebase, Units};
use crate::stand::{OWN_DIMS, STACK_DIMS, Stand};
use crate::symbols::Symbols;
use surmise_experts::{ExpertSet, RunningMean, ValueShare};
use surmise_state::{Persist, State, StateError};

/// Forgetting of the regressions.
pub(crate) const FORGET: f64 = 0.9995;
/// Means of errors, from which scales are made: they follow about fifty values, and one value counts as at most eight.
const SCALE: RunningMean = RunningMean::clipped(0.02, 8.0);
/// Most columns whose values explain another column's.
pub(crate) const REGRESSORS: usize = 32;
/// The same where there are more than 64 columns.
const REGRESSORS_WIDE: usize = 12;

/// Centre and spread of ln y, while every value is positive.
#[derive(Clone, Debug)]
pub(crate) struct LogLevel {
    mu: f64,
    spread: f64,
    n: u32,
    positive: bool,
}

impl LogLevel {
    pub(crate) fn awake(&self) -> bool {
        self.positive && self.n >= 2
    }
    pub(crate) fn density(&self) -> LogT {
        LogT { mu: self.mu, inv: 1.0 / self.spread.max(1e-9) }
    }
    fn learn(&mut self, y: f64) {
        if y <= 0.0 {
            self.positive = false;
        }
        if !self.positive {
            return;
        }
        let l = libm::log(y);
        let r = SCALE.rate(self.n as f64 + 1.0);
        let e = l - self.mu;
        if self.n == 0 {
            (self.mu, self.spread) = (l, 1.0);
        } else {
            let most = SCALE.most(self.spread, self.n);
            let e = e.clamp(-most, most);
            self.spread += r * (e.abs() - self.spread);
            self.mu += r * e;
        }
        self.n = (self.n + 1).min(1 << 30);
    }
}

/// Regression of one column on the others' values of the same event.
#[derive(Clone, Debug)]
pub(crate) struct Siblings {
    /// The columns that explain this one, with room for their regressors.
    pub(crate) others: Vec<u32>,
    /// Where there are more than can be looked at: who should be among them.
    search: Option<Search>,
    /// On their errors, in units of their scales.
    pub(crate) errors: Rls,
    /// On their values as z, the stack and a constant.
    pub(crate) values: Rls,
}

impl Siblings {
    fn new(columns: usize, j: usize) -> Option<Self> {
        let n = (columns - 1).min(if columns > 64 { REGRESSORS_WIDE } else { REGRESSORS });
        if n == 0 {
            return None;
        }
        // the nearest before, then the nearest after
        let others: Vec<u32> = (0..j).rev().chain(j + 1..columns).take(n).map(|c| c as u32).collect();
        let values = Rls::new(n + 2, 1, FORGET, 100.0);
        let search = (columns > SHARED).then(|| Search::new(columns, j, others.clone()));
        Some(Self { errors: Rls::new(n, 1, FORGET, 10.0), values, others, search })
    }

    /// What the others' errors leave of this column's, in units of its scale.
    fn left(&self, st: &Stand) -> f64 {
        let e = ((st.value - st.mean) * st.inv[STACK]).clamp(-8.0, 8.0);
        e - self.errors.predict(0, &st.given.x_errors[..padded(self.others.len())])
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) ablation: NumberAblation,
    pub(crate) units: Units,
    sigma: [Lanes; 2],
    sigma_n: [u32; 2],
    pub(crate) share: [ValueShare<N>; 2],
    pub(crate) share_given: ValueShare<G>,
    pub(crate) share_marginal: ValueShare<A>,
    pub(crate) share_outer: ValueShare<A>,
    pub(crate) own: Rls,
    pub(crate) hours: Hours,
    pub(crate) stack: Rls,
    /// Scale of the residual of the linear forecasts.
    pub(crate) residual: f64,
    residual_n: u32,
    pub(crate) log: LogLevel,
    pub(crate) values: Table,
    pub(crate) steps: Table,
    pub(crate) lattice: Lattice,
    pub(crate) repeat: [Odds; 8],
    /// P(value is there), by whether the key's last one was.
    pub(crate) there: [Odds; 2],
    pub(crate) calibrate: [Calibrator; 2],
    pub(crate) sigma_given: [f64; G],
    pub(crate) given_n: [u32; G],
    pub(crate) siblings: Option<Siblings>,
    pub(crate) symbols: Symbols,
    /// Lag-one covariance and variance of z, for how uncertainty grows with the horizon.
    pub(crate) covariance: [f64; 2],
}

impl Column {
    pub(crate) fn new(columns: usize, j: usize) -> Self {
        let mut own = Rls::new(OWN_DIMS, 1, FORGET, 10.0);
        own.set_weight(0, 0, 1.0);
        let mut stack = Rls::new(STACK_DIMS, 1, 0.998, 0.05);
        stack.set_weight(0, OWN, 0.5);
        stack.set_weight(0, ALL, 0.5);
        Self {
            ablation: NumberAblation::default(),
            units: Units::new(),
            sigma: [[0.0; N]; 2],
            sigma_n: [0; 2],
            share: [ValueShare::whole(), ValueShare::whole()],
            share_given: ValueShare::whole(),
            share_marginal: ValueShare::whole(),
            share_outer: ValueShare::whole(),
            own,
            hours: Hours::default(),
            stack,
            residual: 0.0,
            residual_n: 0,
            log: LogLevel { mu: 0.0, spread: 1.0, n: 0, positive: true },
            values: Table::new(true),
            steps: Table::new(false),
            lattice: Lattice::new(if columns > 64 { 32 } else { 256 }),
            repeat: std::array::from_fn(|_| Odds::new(0.3, 0.002)),
            there: [Odds::new(0.9, 0.005), Odds::new(0.3, 0.005)],
            calibrate: [Calibrator::new(), Calibrator::new()],
            sigma_given: [0.0; G],
            given_n: [0; G],
            siblings: Siblings::new(columns, j),
            symbols: Symbols::new(if columns > 64 { 256 } else { 1024 }),
            covariance: [0.0, 1e-3],
        }
    }

    /// A column without some parts.
    pub(crate) fn leaving_out(mut self, ablation: NumberAblation) -> Self {
        self.ablation = ablation;
        if ablation.calibration {
            self.calibrate = [Calibrator::plain(), Calibrator::plain()];
        }
        self
    }

    /// Starts again on the relations between columns, for another number of them.
    pub(crate) fn relate(&mut self, columns: usize, j: usize) {
        self.siblings = Siblings::new(columns, j);
    }

    /// Looks for columns that explain this one better than those that do; `errors` says any column's error of the
    /// event in units of its scale, 0 where it was not known before this column's value.
    pub(crate) fn seek(&mut self, j: usize, st: &Stand, errors: impl Fn(usize) -> f64) {
        let Some(s) = &mut self.siblings else { return };
        let left = s.left(st);
        let Some(search) = &mut s.search else { return };
        let found = search.learn(j, left, errors);
        if let Some(i) = found.and_then(|f| search.accept(f, 0, &s.errors)) {
            s.others.copy_from_slice(&search.partners);
            s.errors.replace(i);
            s.values.replace(i);
        }
    }

    /// Mean |error| of an expert, or the column's unit where none was measured yet.
    pub(crate) fn scale(&self, regime: usize, expert: usize) -> f64 {
        if self.sigma_n[regime] == 0 { self.units.unit } else { self.sigma[regime][expert] }
    }

    /// Takes in the errors of every expert's centre.
    pub(crate) fn learn_scales(&mut self, regime: usize, y: f64, mu: &Lanes, awake: ExpertSet) {
        let n = self.sigma_n[regime];
        let r = SCALE.rate(n as f64 + 1.0);
        for i in 0..N {
            let e = (y - mu[i]).abs().min(1e120);
            let s = &mut self.sigma[regime][i];
            if n == 0 {
                *s = e;
            } else if awake.has(i) {
                *s += r * (e.min(SCALE.most(s.max(self.units.least()), n)) - *s);
            }
        }
        self.sigma_n[regime] = (n + 1).min(1 << 30);
    }

    pub(crate) fn learn_residual(&mut self, e: f64) {
        let e = e.abs().min(1e120);
        SCALE.learn(&mut self.residual, self.residual_n, e, self.units.least());
        self.residual_n = (self.residual_n + 1).min(1 << 30);
    }

    pub(crate) fn learn_given(&mut self, i: usize, e: f64) {
        let e = e.abs().min(1e120);
        SCALE.learn(&mut self.sigma_given[i], self.given_n[i], e, self.units.least());
        self.given_n[i] = (self.given_n[i] + 1).min(1 << 30);
    }

    /// The value itself: units, tables of values, levels. Returns how units changed.
    pub(crate) fn learn_value(&mut self, y: f64, previous: f64) -> Rebase {
        self.log.learn(y);
        self.units.learn(y, previous)
    }

    /// Converts this column's own regressions to its new units.
    pub(crate) fn rebase(&mut self, change: Rebase) {
        match change {
            Rebase::None => {}
            Rebase::Soft { a, c } => {
                const INPUTS: [usize; OWN_DIMS - 1] = {
                    let mut v = [0; OWN_DIMS - 1];
                    let mut i = 0;
                    while i < v.len() {
                        v[i] = i;
                        i += 1;
                    }
                    v
                };
                self.own.rebase_inputs(&INPUTS, a, c);
                self.own.rebase_target(0, 1.0 / a, -c / a);
                self.hours.rebase(a);
                self.stack.rebase_inputs(&INPUTS[..STACK_DIMS - 1], a, c);
                self.stack.rebase_target(0, 1.0 / a, -c / a);
                if let Some(s) = &mut self.siblings {
                    let own = s.others.len();
                    s.values.rebase_inputs(&[own], a, c);
                    s.values.rebase_target(0, 1.0 / a, -c / a);
                }
            }
            Rebase::Hard => {
                // scales of the old units would take thousands of events to shrink
                if self.scale(0, LAST) > 1e3 * self.units.unit {
                    (self.sigma_n, self.residual_n, self.given_n) = ([0; 2], 0, [0; G]);
                    self.residual = self.units.unit;
                }
                self.own.unsettle(0);
                self.hours.restart();
                self.stack.unsettle(0);
                if let Some(s) = &mut self.siblings {
                    s.values.unsettle(0);
                }
            }
        }
    }

    /// Another column changed its units.
    pub(crate) fn rebase_sibling(&mut self, column: usize, change: Rebase) {
        let Some(s) = &mut self.siblings else { return };
        let Some(i) = s.others.iter().position(|o| *o as usize == column) else { return };
        match change {
            Rebase::None => {}
            Rebase::Soft { a, c } => s.values.rebase_inputs(&[i], a, c),
            Rebase::Hard => s.values.unsettle(0),
        }
    }
}

impl Persist for Column {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("column")?;
        self.units.persist(s)?;
        for i in 0..2 {
            s.f64s_fixed("sigma", &mut self.sigma[i])?;
            s.u32("sigma_n", &mut self.sigma_n[i])?;
            self.share[i].persist(s)?;
            self.there[i].persist(s)?;
            self.calibrate[i].persist(s)?;
        }
        self.share_given.persist(s)?;
        self.share_marginal.persist(s)?;
        self.share_outer.persist(s)?;
        self.own.persist(s)?;
        self.hours.persist(s)?;
        self.stack.persist(s)?;
        s.f64("residual", &mut self.residual)?;
        s.u32("residual_n", &mut self.residual_n)?;
        s.f64("log", &mut self.log.mu)?;
        s.f64("log", &mut self.log.spread)?;
        s.u32("log", &mut self.log.n)?;
        s.bool("log", &mut self.log.positive)?;
        self.values.persist(s)?;
        self.steps.persist(s)?;
        self.lattice.persist(s)?;
        self.repeat.iter_mut().try_for_each(|r| r.persist(s))?;
        s.f64s_fixed("sigma_given", &mut self.sigma_given)?;
        s.u32s_fixed("given_n", &mut self.given_n)?;
        s.f64s_fixed("covariance", &mut self.covariance)?;
        if let Some(b) = &mut self.siblings {
            if let Some(search) = &mut b.search {
                search.persist(s)?;
                b.others.copy_from_slice(&search.partners);
            }
            b.errors.persist(s)?;
            b.values.persist(s)?;
        }
        self.symbols.persist(s)
    }
}
