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
use crate::horizon::lead::{DIRECT, HorizonInputs, INPUT_MAX, ISSUED, LeadModel, SIMPLE_KEPT, SimpleForecasts};
use crate::horizon::pending::{DIRECT_DIMS, DIRECT_LAGS, DIRECT_WIDTH, PendingForecasts};
use crate::horizon::slots::{Slot, SlotPool};
use crate::options::Forecast;
use crate::rls::LeastSquares;
use crate::units::ColumnUnits;
use std::collections::VecDeque;
use surmise_experts::PointLoss;
use surmise_state::{Persist, State, StateError};

/// The most leads times columns that are learnt directly (PREDICTOR §9).
const LEADS_MAX: usize = 4096;
/// Values after which a column's units are trusted.
const UNITS_SETTLED: u64 = 48;

/// What is learnt of one column's leads. Regressions see and expect distances from the last value, in the unit that the
/// column has then; so nothing is lost when a column's values go elsewhere, as those of a counter do for ever.
#[derive(Clone, Debug)]
struct ColumnHorizons {
    /// Cells of the column to a unit, of which quantiles are told.
    cells: f64,
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
        Self { cells: 1.0, direct, leads: (0..steps).map(LeadModel::new).collect() }
    }
}

/// Writes the regressors of the direct regression to `x`, `[DIRECT_WIDTH]`: how far the values before the last were
/// from it, and how far it is from the centre, in `unit`.
fn write_regressors(past: &VecDeque<f64>, centre: f64, unit: f64, phase: (f64, f64), x: &mut [f64]) {
    let latest = past.front().copied().unwrap_or(f64::NAN);
    let oldest = past.back().copied().unwrap_or(f64::NAN);
    let z = |d: f64| if d.is_finite() { (d / unit).clamp(-INPUT_MAX, INPUT_MAX) } else { 0.0 };
    x[0] = z(latest - centre);
    (1..DIRECT_LAGS).for_each(|i| x[i] = z(past.get(i).copied().unwrap_or(oldest) - latest));
    let (sin, cos) = phase;
    let harmonics = [sin, cos, 2.0 * sin * cos, cos * cos - sin * sin];
    x[DIRECT_LAGS..DIRECT_LAGS + 4].copy_from_slice(&harmonics);
    x[DIRECT_DIMS - 1] = 1.0;
}

impl HorizonModels {
    /// Models of `columns` columns, `steps` events ahead; none if that is nothing, or too much. `grants` slots were
    /// given before.
    pub(crate) fn new(columns: usize, steps: usize, grants: u64) -> Option<Self> {
        (1..=LEADS_MAX).contains(&(columns * steps)).then(|| Self {
            steps,
            columns: vec![ColumnHorizons::new(steps); columns],
            pool: SlotPool::new(
                steps * columns * (8 * (2 * DIRECT_WIDTH + SIMPLE_KEPT) + 4 * steps * (ISSUED + 2)),
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
            // the origin h events ago forecast this event at lead h
            for (h, origin) in pending.waiting.iter().enumerate().take(self.steps) {
                let Some(unit) = origin.unit(j) else { continue };
                let (simple, cells) = (origin.simple(j), column.cells);
                let forecast = origin.forecast(h, j, &simple);
                let lead = &mut column.leads[h];
                lead.learn(&forecast, &simple, value, origin.ends(h, j), cells);
                if let Some(unit) = unit {
                    lead.learn_stack(&forecast, &simple, value, unit);
                    let z = ((value - simple.latest()) / unit).clamp(-INPUT_MAX, INPUT_MAX);
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
            let (units, centre) = (units(j), units(j).centre());
            column.cells = units.inverse;
            let known = value.is_finite();
            let is_sound =
                units.seen >= UNITS_SETTLED && units.unit > 0.0 && units.unit.is_finite() && centre.is_finite();
            let unit = is_sound.then_some(units.unit);
            made.units.push(if known { unit.unwrap_or(0.0) } else { f64::NAN });
            if !known {
                continue;
            }
            let simple = simple(j);
            made.simple[j * SIMPLE_KEPT..][..SIMPLE_KEPT].copy_from_slice(&simple.0);
            let x = &mut made.regressors[j * DIRECT_WIDTH..][..DIRECT_WIDTH];
            if let Some(unit) = unit {
                write_regressors(past, centre, unit, origin.phase, x);
            }
            for h in 0..steps {
                let mut all = inputs(h, j);
                if let Some(unit) = unit {
                    all[DIRECT] = value + unit * column.direct.predict(h, x).clamp(-INPUT_MAX, INPUT_MAX);
                }
                let forecast = column.leads[h].predict(all, &simple, unit);
                made.issued[(h * n + j) * ISSUED..][..ISSUED].copy_from_slice(&forecast.issued(value));
                let ends = column.leads[h].ends(forecast.value(PointLoss::Squared), value, column.cells);
                made.ends[(h * n + j) * 2..][..2].copy_from_slice(&ends);
            }
            if unit.is_some() {
                let den = column.direct.gain(x);
                column.direct.gain_over(den, &mut made.gains[j * DIRECT_WIDTH..][..DIRECT_WIDTH]);
                column.direct.advance(den);
            }
        }
        pending.waiting.push_front(made);
    }

    /// The forecast of a key and column at a step, counted from 0, without quantiles while little was learnt of them;
    /// none if nothing waits for a truth of it.
    pub(crate) fn forecast(&self, slot: &Slot, step: usize, column: usize, levels: &[f64]) -> Option<Forecast> {
        let horizons = self.columns.get(column)?;
        let origin = self.pool.get(slot)?.waiting.front()?;
        let lead = horizons.leads.get(step)?;
        origin.unit(column)?;
        let forecast = origin.forecast(step, column, &origin.simple(column));
        let [mean, median] = PointLoss::ALL.map(|loss| forecast.value(loss));
        let quantiles = levels.iter().map_while(|p| lead.quantile(mean, *p, horizons.cells)).collect();
        Some(Forecast { mean, median, quantiles })
    }
}

impl Persist for HorizonModels {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("leads")?;
        for column in &mut self.columns {
            s.f64("cells", &mut column.cells)?;
            column.direct.persist(s)?;
            column.leads.iter_mut().try_for_each(|lead| lead.persist(s))?;
        }
        self.pool.persist(s)
    }
}
