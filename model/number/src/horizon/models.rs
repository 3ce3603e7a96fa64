//! Forecasts of several events ahead, learnt for each lead directly.
//!
//! For every lead and column six forecasts are made from what is known now: the model rolled forward, a linear
//! regression on the last values, the value one period before, the last value, the slow mean, and the usual value at
//! that time. The module `lead` says what is made of them. A forecast waits, with everything that it was made of, until
//! its event has come; only then is it learnt from: with delay exactly h. See `slots` for how many keys that is done.
//!
//! The leads of a column share regressors and so one inverse correlation: the gain is computed once, when the
//! regressors arise, and is used by lead h when its truth has come.
//!
//! Source of the delayed update: Joulani, György and Szepesvári, *Online learning under delayed feedback* (2013).

use crate::dims::FORGETTING;
use crate::horizon::lead::{DIRECT, HorizonInputs, INPUT_MAX, LEAD_OWN, LeadModel, SIMPLE_KEPT, SimpleForecasts};
use crate::horizon::pending::{DIRECT_DIMS, DIRECT_LAGS, DIRECT_WIDTH, ForecastOrigin, PendingForecasts};
use crate::horizon::slots::{Slot, SlotPool};
use crate::options::Forecast;
use crate::rls::LeastSquares;
use crate::units::ColumnUnits;
use std::collections::VecDeque;
use surmise_state::{Persist, State, StateError};

/// The most leads times columns that are learnt directly (PREDICTOR §9).
const LEADS_MAX: usize = 4096;
/// A column starts anew once its units are off by more than this factor, or by so many units.
const UNITS_OFF_MAX: f64 = 4.0;
/// Values after which a column's units are trusted.
const UNITS_SETTLED: u64 = 48;
/// Truths lie within so many units.
const TRUTH_MAX: f64 = 1e3;

/// What is learnt of one column's leads.
#[derive(Clone, Debug)]
struct ColumnHorizons {
    /// Fixed units: those of the column when it settled.
    base: f64,
    unit: f64,
    /// Cells of the column to a unit, of which quantiles are told.
    cells: f64,
    /// Changes with the units; forecasts of another epoch are void. 0 until the column has settled.
    epoch: u32,
    direct: LeastSquares,
    leads: Vec<LeadModel>,
}

/// What is learnt of leads, shared by the keys, and what waits for its truth.
#[derive(Clone, Debug)]
pub(crate) struct HorizonModels {
    steps: usize,
    columns: Vec<ColumnHorizons>,
    pool: SlotPool,
}

/// What is known at an event from which forecasts start.
pub(crate) struct HorizonOrigin<'a> {
    /// Values of the event, with what was expected in place of what was missing: `[columns]`.
    filled: &'a [f64],
    /// Sine and cosine of the time of day.
    phase: (f64, f64),
}

impl<'a> HorizonOrigin<'a> {
    pub(crate) fn new(filled: &'a [f64], phase: (f64, f64)) -> Self {
        Self { filled, phase }
    }
}

impl ColumnHorizons {
    fn new(steps: usize) -> Self {
        let direct = LeastSquares::new(DIRECT_DIMS, steps, FORGETTING, 10.0);
        Self { base: 0.0, unit: 1.0, cells: 1.0, epoch: 0, direct, leads: (0..steps).map(LeadModel::new).collect() }
    }

    /// Takes over the column's units once they can be trusted, and starts anew when they have gone astray.
    fn settle(&mut self, units: &ColumnUnits) {
        let (centre, unit) = (units.centre(), units.unit);
        let off = (centre - self.base).abs() > UNITS_OFF_MAX * self.unit
            || !(1.0 / UNITS_OFF_MAX..UNITS_OFF_MAX).contains(&(unit / self.unit));
        let sound = unit > 0.0 && centre.is_finite() && unit.is_finite();
        if units.seen >= UNITS_SETTLED && (self.epoch == 0 || off) && sound {
            let (epoch, steps) = (self.epoch + 1, self.leads.len());
            let direct = LeastSquares::new(DIRECT_DIMS, steps, FORGETTING, 10.0);
            let mut leads = std::mem::take(&mut self.leads);
            leads.iter_mut().for_each(LeadModel::restart_stack);
            *self = Self { base: centre, unit, cells: self.cells, epoch, direct, leads };
        }
    }

    /// Whether an origin's z are in the units that are in force, so that regressions can learn from them; `None` if it
    /// made no forecasts of column `j`, which this is.
    fn is_fresh(&self, origin: &ForecastOrigin, j: usize) -> Option<bool> {
        let epoch = origin.epochs.get(j).copied().filter(|epoch| *epoch > 0)?;
        Some(self.epoch > 0 && epoch == self.epoch + 1)
    }

    /// A value as z of the fixed units; 0 where there is none.
    fn z(&self, y: f64) -> f64 {
        if y.is_finite() { ((y - self.base) / self.unit).clamp(-INPUT_MAX, INPUT_MAX) } else { 0.0 }
    }

    /// Writes the regressors of the direct regression to `x`, `[DIRECT_WIDTH]`.
    fn write_regressors(&self, past: &VecDeque<f64>, phase: (f64, f64), x: &mut [f64]) {
        let oldest = past.back().copied().unwrap_or(f64::NAN);
        (0..DIRECT_LAGS).for_each(|i| x[i] = self.z(past.get(i).copied().unwrap_or(oldest)));
        let (sin, cos) = phase;
        let harmonics = [sin, cos, 2.0 * sin * cos, cos * cos - sin * sin];
        x[DIRECT_LAGS..DIRECT_LAGS + 4].copy_from_slice(&harmonics);
        x[DIRECT_DIMS - 1] = 1.0;
    }
}

impl HorizonModels {
    /// Models of `columns` columns, `steps` events ahead; none if that is nothing, or too much. `grants` slots were
    /// given before.
    pub(crate) fn new(columns: usize, steps: usize, grants: u64) -> Option<Self> {
        (1..=LEADS_MAX).contains(&(columns * steps)).then(|| Self {
            steps,
            columns: vec![ColumnHorizons::new(steps); columns],
            pool: SlotPool::new(
                steps * columns * 8 * (2 * DIRECT_WIDTH + SIMPLE_KEPT + steps * (LEAD_OWN + 1)),
                grants,
            ),
        })
    }

    /// How many slots were given.
    pub(crate) fn grants(&self) -> u64 {
        self.pool.grants()
    }

    /// How many events ahead are learnt.
    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    /// Takes what waits for a key; none if there is no room for it now.
    pub(crate) fn take(&mut self, slot: &mut Slot) -> Option<PendingForecasts> {
        let mut pending = self.pool.take(slot, self.steps)?;
        pending.fit(self.columns.len(), self.steps);
        Some(pending)
    }

    /// Puts back what was taken.
    pub(crate) fn put(&mut self, slot: &Slot, pending: PendingForecasts) {
        self.pool.put(slot, pending);
    }

    /// Learns from every forecast whose truth has come: `values` are those of an event, `[columns]`.
    pub(crate) fn settle_due_forecasts(&mut self, pending: &PendingForecasts, values: &[Option<f64>]) {
        for (j, column) in self.columns.iter_mut().enumerate() {
            let Some(value) = values[j] else { continue };
            let z = ((value - column.base) / column.unit).clamp(-TRUTH_MAX, TRUTH_MAX);
            // the origin h events ago forecast this event at lead h
            for (h, origin) in pending.waiting.iter().enumerate().take(self.steps) {
                let Some(fresh) = column.is_fresh(origin, j) else { continue };
                let (inputs, simple) = (origin.lead(h, j), origin.simple(j));
                let (base, unit, cells) = (column.base, column.unit, column.cells);
                let lead = &mut column.leads[h];
                let forecast = lead.predict(&inputs, &simple, h, fresh.then_some((base, unit)));
                lead.learn(&forecast, value, origin.ends(h, j), cells);
                if fresh {
                    lead.learn_stack(&inputs, z, (base, unit));
                    let error = z - column.direct.predict(h, origin.direct(j));
                    column.direct.correct_along(h, error, origin.gain(j));
                }
            }
        }
    }

    /// Makes the forecasts that start from `origin`. `units` gives each column's own, `inputs` what others forecast
    /// at a step, counted from 0, and `simple` what needs no learning of a column.
    pub(crate) fn make_forecasts<'u>(
        &mut self,
        pending: &mut PendingForecasts,
        origin: &HorizonOrigin<'_>,
        units: impl Fn(usize) -> &'u ColumnUnits,
        inputs: impl Fn(usize, usize) -> HorizonInputs,
        simple: impl Fn(usize) -> SimpleForecasts,
    ) {
        let (n, steps) = (self.columns.len(), self.steps);
        let mut made = pending.recycle(steps);
        made.clear(n, steps);
        for (j, column) in self.columns.iter_mut().enumerate() {
            let value = origin.filled[j];
            let past = pending.push_value(j, value);
            column.settle(units(j));
            column.cells = units(j).inverse;
            if column.epoch == 0 {
                // until units can be trusted, those of the moment serve
                let units = units(j);
                (column.base, column.unit) = (units.centre(), units.unit);
            }
            let known = value.is_finite();
            made.epochs.push(if known { column.epoch + 1 } else { 0 });
            if !known {
                continue;
            }
            let x = &mut made.regressors[j * DIRECT_WIDTH..][..DIRECT_WIDTH];
            column.write_regressors(past, origin.phase, x);
            let simple = simple(j);
            made.simple[j * SIMPLE_KEPT..][..SIMPLE_KEPT].copy_from_slice(&simple.0);
            let units = (column.epoch > 0).then_some((column.base, column.unit));
            for h in 0..steps {
                let mut all = inputs(h, j);
                simple.complete(&mut all);
                let z = column.direct.predict(h, x).clamp(-INPUT_MAX, INPUT_MAX);
                all[DIRECT] = column.base + column.unit * z;
                made.inputs[(h * n + j) * LEAD_OWN..][..LEAD_OWN].copy_from_slice(&all[..LEAD_OWN]);
                let mean = column.leads[h].predict(&all, &simple, h, units).points[0];
                made.ends[(h * n + j) * 2..][..2].copy_from_slice(&column.leads[h].ends(mean, value, column.cells));
            }
            let den = column.direct.gain(x);
            column.direct.gain_over(den, &mut made.gains[j * DIRECT_WIDTH..][..DIRECT_WIDTH]);
            column.direct.advance(den);
        }
        pending.waiting.push_front(made);
    }

    /// The forecast of a key and column at a step, counted from 0, without quantiles while little was learnt of them;
    /// none if nothing waits for a truth of it.
    pub(crate) fn forecast(&self, slot: &Slot, step: usize, column: usize, levels: &[f64]) -> Option<Forecast> {
        let horizons = self.columns.get(column)?;
        let origin = self.pool.get(slot)?.waiting.front()?;
        let fresh = horizons.is_fresh(origin, column)?;
        let lead = horizons.leads.get(step)?;
        let (inputs, simple) = (origin.lead(step, column), origin.simple(column));
        let units = fresh.then_some((horizons.base, horizons.unit));
        let [mean, median] = lead.predict(&inputs, &simple, step, units).points;
        let quantiles = levels.iter().map_while(|p| lead.quantile(mean, *p, horizons.cells)).collect();
        Some(Forecast { mean, median, quantiles })
    }
}

impl Persist for HorizonModels {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("leads")?;
        for column in &mut self.columns {
            s.f64("base", &mut column.base)?;
            s.f64("unit", &mut column.unit)?;
            s.f64("cells", &mut column.cells)?;
            s.u32("epoch", &mut column.epoch)?;
            column.direct.persist(s)?;
            column.leads.iter_mut().try_for_each(|lead| lead.persist(s))?;
        }
        self.pool.persist(s)
    }
}
