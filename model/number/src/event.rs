//! The event that is under way: what is forecast of its columns, and what came of it.

use crate::NumberKey;
use crate::column::NumberColumn;
use crate::column_forecast::{ColumnForecast, ExpertForecasts};
use crate::conditional::{ConditionalForecast, KnownColumn};
use crate::key_column::KeyColumn;
use crate::mixture_cdf::MixtureCdf;
use crate::network::{KeyNetwork, LookAhead, NetworkInputs, NetworkPass, NumberNetwork};
use crate::options::{EventContext, Given};
use crate::past::{ColumnPast, Days, Regime};
use crate::relations::Relations;
use crate::scored::{ColumnOutcome, Scored};
use crate::season::{SamplingSeason, phase};

/// What forecasts are made of: all that a model has learnt.
#[derive(Clone, Copy)]
pub(crate) struct ForecastSources<'a> {
    pub(crate) columns: &'a [NumberColumn],
    pub(crate) relations: &'a Relations,
    pub(crate) season: &'a SamplingSeason,
    pub(crate) network: Option<&'a NumberNetwork>,
}

/// The stages of an event, column by column: scratch, which is reused from event to event and is never persisted.
///
/// Each stage is made of those before it: [`ColumnPast`], then [`ExpertForecasts`] and [`ColumnForecast`], all by
/// [`forecast`](Self::forecast); [`ConditionalForecast`] and [`Scored`] by [`observe`](Self::observe).
#[derive(Clone, Default)]
pub(crate) struct EventScratch {
    /// By column.
    pub(crate) pasts: Vec<ColumnPast>,
    pub(crate) experts: Vec<ExpertForecasts>,
    pub(crate) forecasts: Vec<ColumnForecast>,
    pub(crate) outcomes: Vec<ColumnOutcome>,
    /// Symbols of the event, and its time as far as it is known.
    pub(crate) symbols: Vec<u32>,
    pub(crate) time_us: Option<i64>,
    /// Values observed of the event so far.
    observed: u32,
    /// Regressors of the regressions over all columns, and what they forecast as z, by column.
    pub(crate) regressors: Vec<f64>,
    pub(crate) regressions: Vec<f64>,
    pub(crate) pass: NetworkPass,
}

impl EventScratch {
    /// Makes room for a number of columns.
    pub(crate) fn fit(&mut self, columns: usize) {
        self.pasts.resize_with(columns, ColumnPast::new);
        self.experts.resize_with(columns, ExpertForecasts::new);
        self.forecasts.resize_with(columns, ColumnForecast::new);
        self.outcomes.resize_with(columns, || ColumnOutcome::Pending);
    }

    /// Forecasts every column of the key's next event from the past alone and what `ctx` says. `ahead` is the network's
    /// state for the key, which moves on by the event.
    pub(crate) fn forecast(
        &mut self,
        learnt: ForecastSources<'_>,
        key: &NumberKey,
        ctx: &EventContext<'_>,
        ahead: &mut Option<LookAhead>,
    ) {
        let ForecastSources { columns, relations, season, network } = learnt;
        self.fit(columns.len());
        self.outcomes.fill(ColumnOutcome::Pending);
        self.observed = 0;
        self.symbols.clear();
        self.symbols.extend_from_slice(ctx.symbols);
        self.time_us = season.next_time(key.time_us, ctx.time_us);
        let phase = phase(self.time_us);
        let days = days(key, season, self.time_us);
        let fresh = KeyColumn::new();
        let key_column = |j: usize| key.columns.get(j).unwrap_or(&fresh);
        for (j, past) in self.pasts.iter_mut().enumerate() {
            past.load_lags(&columns[j].units, key_column(j), days.as_ref(), j);
        }
        relations.predict(&self.pasts, phase, &mut self.regressors, &mut self.regressions);
        for (j, experts) in self.experts.iter_mut().enumerate() {
            experts.run_experts(&columns[j], key_column(j), &self.pasts[j], self.regressions[j]);
        }
        if let (Some(network), Some(ahead)) = (network, ahead) {
            let inputs = NetworkInputs { pasts: &self.pasts, experts: &self.experts };
            network.peek(ahead, &inputs, phase, |j| columns[j].units.unit, &mut self.pass);
            for ((past, experts), (mean, log_scale)) in
                self.pasts.iter().zip(&mut self.experts).zip(self.pass.forecasts())
            {
                experts.apply_network(past, mean, log_scale);
            }
        }
        for (j, forecast) in self.forecasts.iter_mut().enumerate() {
            forecast.mix(&columns[j], key_column(j), &self.pasts[j], &self.experts[j]);
        }
    }

    /// The forecast of a column given the columns observed so far.
    pub(crate) fn conditional(&self, columns: &[NumberColumn], column: usize) -> ConditionalForecast {
        ConditionalForecast::new(&columns[column], &self.forecasts[column], &self.symbols, |other| {
            let scored = self.outcomes[other].observed()?;
            Some(KnownColumn { value: scored.value, forecast: &self.forecasts[other], column: &columns[other] })
        })
    }

    /// Scores the value `y` of a column given the columns observed so far; returns its score, and what was forecast.
    pub(crate) fn observe(&mut self, columns: &[NumberColumn], column: usize, y: f64) -> (&Scored, &ColumnForecast) {
        let conditional = self.conditional(columns, column);
        self.observed += 1;
        let (past, forecast) = (&self.pasts[column], &self.forecasts[column]);
        let scored = Scored::new(&columns[column], past, forecast, conditional, self.observed, y);
        let outcome = &mut self.outcomes[column];
        *outcome = ColumnOutcome::Observed(scored);
        (outcome.observed().expect("the outcome was set above"), forecast)
    }

    /// The network learns from the event, and the key moves on in it.
    pub(crate) fn learn_network(&mut self, network: &mut NumberNetwork, key: &mut Option<KeyNetwork>) {
        let inputs = NetworkInputs { pasts: &self.pasts, experts: &self.experts };
        network.learn(key, &inputs, &self.outcomes, &mut self.pass);
    }

    /// The distribution of a column that stood before the event.
    pub(crate) fn cdf<'a>(&'a self, columns: &'a [NumberColumn], column: usize) -> MixtureCdf<'a> {
        let (past, forecast) = (&self.pasts[column], &self.forecasts[column]);
        MixtureCdf { column: &columns[column], past, forecast, conditional: None }
    }

    /// The distribution that stood for the value of a column that was observed.
    pub(crate) fn cdf_of<'a>(
        &'a self,
        columns: &'a [NumberColumn],
        column: usize,
        given: Given,
    ) -> Option<MixtureCdf<'a>> {
        let scored = self.outcomes[column].observed()?;
        let conditional = (given == Given::Within).then_some(&scored.conditional);
        Some(MixtureCdf { conditional, ..self.cdf(columns, column) })
    }

    /// The value of a column, if it was observed.
    pub(crate) fn value(&self, column: usize) -> Option<f64> {
        self.outcomes[column].observed().map(|scored| scored.value)
    }

    /// The value of a column, or what was expected in its place; NaN where nothing can be expected.
    pub(crate) fn filled(&self, column: usize) -> f64 {
        let expected = || match self.pasts[column].regime() {
            Regime::Known => self.forecasts[column].mean,
            Regime::Fresh => f64::NAN,
        };
        self.value(column).unwrap_or_else(expected)
    }
}

/// What a key knows of the days before an event at a time, if the stream has a day.
fn days<'a>(key: &'a NumberKey, season: &SamplingSeason, time_us: Option<i64>) -> Option<Days<'a>> {
    (season.day > 0 && key.ring.epoch == season.epoch).then(|| {
        let steps = key.time_us.zip(time_us).map(|(before, now)| season.steps(before, now));
        let place = season.place(time_us).filter(|_| key.profile.epoch == season.epoch);
        let skipped = steps.map_or(0, |steps| steps - 1);
        Days { ring: &key.ring, profile: &key.profile, day: season.day, skipped, place }
    })
}
