//! What a key's columns do over the next events: learnt for each lead where that was asked for (see `horizon`), of
//! which one input is the model rolled forward as if each event were as expected; else drawn as paths (see `sampled`).

use crate::horizon::lead::{BEFORE, HorizonInputs, ROLLED, SimpleForecasts, USUAL};
use crate::horizon::models::HorizonOrigin;
use crate::key_column::KeyColumn;
use crate::options::{EventContext, Forecast};
use crate::season::phase;
use crate::stages::event::EventScratch;
use crate::stages::quantiles::Predictive;
use crate::{NumberKey, NumberModel};
use std::borrow::Cow;
use surmise_experts::PointLoss;

impl NumberModel {
    /// The next `horizon` events of `key`, without learning: for each step and column the mean and the quantiles at
    /// `levels`, in the column's units. `ctx` speaks of the first step; symbols are unknown after it. Leads that were
    /// learnt directly take the place of drawn paths as soon as enough of their truths have come.
    pub fn forecast(
        &self,
        key: &NumberKey,
        ctx: &EventContext<'_>,
        horizon: usize,
        levels: &[f64],
    ) -> Vec<Vec<Forecast>> {
        let columns = self.columns();
        let learnt = |h: usize, j: usize| self.horizons.as_ref()?.forecast(&key.slot, h, j, levels);
        let mut learnt: Vec<Vec<_>> = (0..horizon).map(|h| (0..columns).map(|j| learnt(h, j)).collect()).collect();
        let whole = |f: &Option<Forecast>| f.as_ref().is_some_and(|f| f.quantiles.len() == levels.len());
        if learnt.iter().flatten().all(whole) {
            return learnt.into_iter().map(|row| row.into_iter().flatten().collect()).collect();
        }
        let mut steps = self.forecast_paths(key, ctx, horizon, levels);
        for (drawn, learnt) in steps.iter_mut().flatten().zip(learnt.iter_mut().flatten()) {
            let Some(mut learnt) = learnt.take() else { continue };
            if learnt.quantiles.len() < levels.len() {
                learnt.quantiles = drawn.quantiles.iter().map(|y| y + learnt.mean - drawn.mean).collect();
            }
            *drawn = learnt;
        }
        steps
    }

    /// Learns from forecasts whose truth the event just learnt has brought, and makes those that start from it.
    pub(crate) fn learn_horizons(&mut self, key: &mut NumberKey) {
        let Some(mut horizons) = self.horizons.take() else { return };
        if let Some(mut pending) = horizons.take(&mut key.slot) {
            let columns = self.columns();
            let values: Vec<Option<f64>> = (0..columns).map(|j| self.event.value(j)).collect();
            horizons.settle_due_forecasts(&pending, &values);
            let rolled = self.roll(key, horizons.steps());
            let filled: Vec<f64> = (0..columns).map(|j| self.event.filled(j)).collect();
            let origin = HorizonOrigin::new(&filled, phase(key.time_us));
            let inputs = |h: usize, j: usize| self.horizon_inputs(key, h, j, rolled[h][j]);
            let simple = |j: usize| self.simple_forecasts(key, j, filled[j]);
            horizons.make_forecasts(&mut pending, &origin, |j| &self.columns[j].units, inputs, simple);
            horizons.put(&key.slot, pending);
        }
        self.horizons = Some(horizons);
    }

    /// What is known of a column `step` + 1 events ahead without learning it directly.
    fn horizon_inputs(&self, key: &NumberKey, step: usize, column: usize, rolled: f64) -> HorizonInputs {
        let season = &self.season;
        let mut inputs: HorizonInputs = [f64::NAN; _];
        inputs[ROLLED] = rolled;
        if season.day > 0 && key.ring.epoch == season.epoch {
            // the latest day whose value is known at the start
            let periods = step / season.day + 1;
            inputs[BEFORE] = key.ring.get(periods * season.day - step, column);
            let ahead = season.interval_us.saturating_mul(step as i64 + 1);
            let place = season.place(key.time_us.map(|time_us| time_us.saturating_add(ahead)));
            inputs[USUAL] = place.map_or(f64::NAN, |place| key.profile.usual(place, column));
        }
        inputs
    }

    /// What is known of a column's next events without a look at their leads; `latest` is the last value.
    fn simple_forecasts(&self, key: &NumberKey, column: usize, latest: f64) -> SimpleForecasts {
        let (c, season) = (&self.columns[column], &self.season);
        let smoothing = key.columns[column].smoothing();
        let (average, trend) = c.smoothing.best();
        let (averages, levels, ahead) = (smoothing.averages(), smoothing.trends(0.0), smoothing.trends(1.0));
        let has_day = season.day > 0 && key.ring.epoch == season.epoch;
        let period_ago = if has_day { key.ring.get(season.day + 1, column) } else { f64::NAN };
        let [rise, quick_rise] = smoothing.rises();
        SimpleForecasts([
            averages[average],
            smoothing.plateau().forecast(),
            levels[trend],
            ahead[trend] - levels[trend],
            levels[0],
            ahead[0] - levels[0],
            rise,
            quick_rise,
            c.units.half(),
            period_ago,
            key.columns[column].reach(&c.units),
            latest,
            c.units.centre(),
            f64::from(u8::from(smoothing.is_counter())),
        ])
    }

    /// Rolls the model forward: each event is as expected, which is the value that is likelier than all others
    /// together, or else what the stack forecasts. Returns the point forecasts of every step.
    fn roll(&self, key: &NumberKey, horizon: usize) -> Vec<Vec<f64>> {
        let columns = &self.columns;
        // a key takes a copy only if it is moved on
        let mut key = Cow::Borrowed(key);
        if key.columns.len() < columns.len() {
            key.to_mut().columns.resize_with(columns.len(), KeyColumn::new);
        }
        let mut ahead = self.network.as_ref().map(|network| network.ahead(key.network.as_ref()));
        let mut event = EventScratch::default();
        let mut steps = Vec::with_capacity(horizon);
        for h in 0..horizon {
            event.forecast(self.sources(), &key, &EventContext::default(), &mut ahead);
            steps.push((0..columns.len()).map(|j| event.point(j, PointLoss::Squared)).collect());
            if h + 1 < horizon {
                let expected = |j: usize| {
                    let likeliest = Predictive::likeliest(event.cdf(columns, j));
                    likeliest.map_or(event.mean(j), |(value, _)| value)
                };
                let expected: Vec<f64> = (0..columns.len()).map(expected).collect();
                self.move_as_expected(key.to_mut(), &event, |j| expected[j]);
            }
        }
        steps
    }

    /// Moves a key on over an event that was as `expected` of each column.
    fn move_as_expected(&self, key: &mut NumberKey, event: &EventScratch, expected: impl Fn(usize) -> f64) {
        for (j, key_column) in key.columns.iter_mut().enumerate().take(self.columns.len()) {
            if event.is_known(j) {
                let value = Some(expected(j)).filter(|value| !value.is_nan());
                key_column.push_expected(value, event.mean(j), self.columns[j].units.quantum);
            }
        }
        self.move_days(key, event, expected);
    }

    /// Moves a key's record of days on over an event that had these values.
    pub(super) fn move_days(&self, key: &mut NumberKey, event: &EventScratch, value: impl Fn(usize) -> f64) {
        let season = &self.season;
        if season.day > 0 && key.ring.epoch == season.epoch {
            if let (Some(before), Some(now)) = (key.time_us, event.time_us()) {
                key.ring.skip(season.steps(before, now) - 1);
            }
            let value = |j: usize| if j < self.columns() { value(j) } else { f64::NAN };
            key.ring.push_with(value);
            key.profile.pass(value, season.place(event.time_us()));
        }
        key.time_us = event.time_us();
    }
}
