//! Forecasts of a key that wait for their truths.

use crate::dims::padded;
use crate::horizon::control::IntervalEnds;
use crate::horizon::lead::{ISSUED, LeadForecast, SIMPLE_KEPT, SimpleForecasts};
use std::collections::VecDeque;
use surmise_state::{Persist, State, StateError};

/// Own past values that the direct regression sees.
pub(crate) const DIRECT_LAGS: usize = 24;
/// Regressors of the direct regression: the past as distances, two harmonics of the day, a constant.
pub(crate) const DIRECT_DIMS: usize = DIRECT_LAGS + 5;
/// The length of their buffer.
pub(crate) const DIRECT_WIDTH: usize = padded(DIRECT_DIMS);

/// Forecasts of a key that wait for their truths, and what the next ones need.
#[derive(Clone, Debug, Default)]
pub(crate) struct PendingForecasts {
    /// Newest first.
    pub(super) waiting: VecDeque<ForecastOrigin>,
    /// Past values by column, newest first; what was expected stands in for what was missing.
    past: Vec<VecDeque<f64>>,
}

/// What was known at one event, from which all leads were forecast.
#[derive(Clone, Debug, Default)]
pub(crate) struct ForecastOrigin {
    /// The unit of each column that distances were measured in, 0 where nothing was regressed yet, NaN where it made no
    /// forecast: `[columns]`.
    pub(super) units: Vec<f64>,
    /// Regressors and gains of the direct regression, each `[columns, DIRECT_WIDTH]`, row-major.
    pub(super) regressors: Vec<f64>,
    pub(super) gains: Vec<f64>,
    /// What was forecast, `[steps, columns, ISSUED]`, row-major.
    pub(super) issued: Vec<f32>,
    /// The ends of the intervals that were told, `[steps, columns, 2]`, row-major.
    pub(super) ends: Vec<f32>,
    /// What needs no learning, `[columns, SIMPLE_KEPT]`, row-major.
    pub(super) simple: Vec<f64>,
}

impl ForecastOrigin {
    /// Empties it for `columns` columns and `steps` steps.
    pub(crate) fn clear(&mut self, columns: usize, steps: usize) {
        self.units.clear();
        for v in [&mut self.regressors, &mut self.gains] {
            v.clear();
            v.resize(columns * DIRECT_WIDTH, 0.0);
        }
        self.issued.clear();
        self.issued.resize(columns * steps * ISSUED, f32::NAN);
        self.ends.clear();
        self.ends.resize(columns * steps * 2, 0.0);
        self.simple.clear();
        self.simple.resize(columns * SIMPLE_KEPT, 0.0);
    }

    /// The regressors of one column.
    pub(crate) fn direct(&self, column: usize) -> &[f64] {
        &self.regressors[column * DIRECT_WIDTH..][..DIRECT_WIDTH]
    }

    /// The gain of one column's direct regression.
    pub(crate) fn gain(&self, column: usize) -> &[f64] {
        &self.gains[column * DIRECT_WIDTH..][..DIRECT_WIDTH]
    }

    /// What needs no learning of one column.
    pub(crate) fn simple(&self, column: usize) -> SimpleForecasts {
        let mut kept = [0.0; SIMPLE_KEPT];
        kept.copy_from_slice(&self.simple[column * SIMPLE_KEPT..][..SIMPLE_KEPT]);
        SimpleForecasts(kept)
    }

    /// The unit of a column in which there was something to regress, if any; `None` if no forecast was made of it.
    pub(crate) fn unit(&self, column: usize) -> Option<Option<f64>> {
        let unit = *self.units.get(column)?;
        (!unit.is_nan()).then_some((unit > 0.0).then_some(unit))
    }

    /// What was forecast at one step, counted from 0, of a column whose simple forecasts were `simple`.
    pub(crate) fn forecast(&self, step: usize, column: usize, simple: &SimpleForecasts) -> LeadForecast {
        let mut issued = [f32::NAN; ISSUED];
        issued.copy_from_slice(&self.issued[(step * self.units.len() + column) * ISSUED..][..ISSUED]);
        LeadForecast::of_issued(&issued, simple.latest())
    }

    /// The ends of the interval that was told at one step, counted from 0.
    pub(crate) fn ends(&self, step: usize, column: usize) -> IntervalEnds {
        let first = (step * self.units.len() + column) * 2;
        [self.ends[first], self.ends[first + 1]]
    }
}

impl PendingForecasts {
    /// Forgets forecasts that were made for another number of columns or steps.
    pub(crate) fn fit(&mut self, columns: usize, steps: usize) {
        self.past.resize_with(columns, VecDeque::new);
        self.waiting.retain(|o| o.units.len() == columns && o.issued.len() == columns * steps * ISSUED);
        self.waiting.truncate(steps);
    }

    /// The buffers of an origin that no truth can come for any more, or new ones.
    pub(crate) fn recycle(&mut self, steps: usize) -> ForecastOrigin {
        let oldest = if self.waiting.len() >= steps { self.waiting.pop_back() } else { None };
        oldest.unwrap_or_default()
    }

    /// Takes a column's value into its past; returns the past, newest first.
    pub(crate) fn push_value(&mut self, column: usize, value: f64) -> &VecDeque<f64> {
        let past = &mut self.past[column];
        past.truncate(DIRECT_LAGS - 1);
        past.push_front(value);
        past
    }
}

impl Persist for ForecastOrigin {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64s("units", &mut self.units)?;
        s.f64s("regressors", &mut self.regressors)?;
        s.f64s("gains", &mut self.gains)?;
        s.f32s("issued", &mut self.issued)?;
        s.f32s("ends", &mut self.ends)?;
        s.f64s("simple", &mut self.simple)?;
        let n = self.units.len() * DIRECT_WIDTH;
        let simple = self.units.len() * SIMPLE_KEPT;
        let ends = self.ends.len() * ISSUED == self.issued.len() * 2;
        if self.regressors.len() == n && self.gains.len() == n && self.simple.len() == simple && ends {
            Ok(())
        } else {
            Err(StateError::Invalid("origin"))
        }
    }
}

impl Persist for PendingForecasts {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("key-leads")?;
        let mut waiting: Vec<ForecastOrigin> = std::mem::take(&mut self.waiting).into();
        let walked = s.list("waiting", &mut waiting, ForecastOrigin::default);
        self.waiting = waiting.into();
        walked?;
        let mut columns = self.past.len();
        s.len("past", &mut columns)?;
        if columns > 1 << 16 {
            return Err(StateError::Invalid("past"));
        }
        self.past.resize_with(columns, VecDeque::new);
        for past in &mut self.past {
            let mut values: Vec<f64> = past.iter().copied().collect();
            s.f64s("past", &mut values)?;
            *past = values.into();
        }
        let whole = |o: &ForecastOrigin| o.issued.len().is_multiple_of((o.units.len() * ISSUED).max(1));
        if self.waiting.iter().all(whole) { Ok(()) } else { Err(StateError::Invalid("issued")) }
    }
}
