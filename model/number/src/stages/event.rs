//! The event that is under way: what is forecast of its columns, and what came of it.

use crate::NumberKey;
use crate::column::NumberColumn;
use crate::key_column::KeyColumn;
use crate::options::{EventContext, Given};
use crate::relations::Relations;
use crate::season::{SamplingSeason, phase};
use crate::stages::column_forecast::{ColumnForecast, ExpertForecasts};
use crate::stages::conditional::{ConditionalForecast, KnownColumn, SiblingInputs};
use crate::stages::experts::{DAY, NAMED};
use crate::stages::mixture_cdf::MixtureCdf;
use crate::stages::network::{LookAhead, NetworkInputs, NetworkPass, NumberNetwork};
use crate::stages::past::{ColumnPast, Days, Regime};
use crate::stages::points::PointForecasts;
use crate::stages::scored::{ColumnOutcome, Scored};
use crate::units::ColumnUnits;
use surmise_experts::{ExpertSet, PointLoss};
use surmise_stopwatch::{EventStage, lap};

/// What forecasts are made of: all that a model has learnt.
#[derive(Clone, Copy)]
pub(crate) struct ForecastSources<'a> {
    pub(super) columns: &'a [NumberColumn],
    pub(super) relations: &'a Relations,
    pub(super) season: &'a SamplingSeason,
    pub(super) network: Option<&'a NumberNetwork>,
}

impl<'a> ForecastSources<'a> {
    pub(crate) fn new(
        columns: &'a [NumberColumn],
        relations: &'a Relations,
        season: &'a SamplingSeason,
        network: Option<&'a NumberNetwork>,
    ) -> Self {
        Self { columns, relations, season, network }
    }
}

/// The stages of an event, column by column: scratch, which is reused from event to event and is never persisted.
///
/// Each stage is made of those before it: [`ColumnPast`], then [`ExpertForecasts`] and [`ColumnForecast`], all by
/// [`forecast`](Self::forecast); [`ConditionalForecast`] and [`Scored`] by [`observe`](Self::observe).
#[derive(Clone, Default)]
pub(crate) struct EventScratch {
    /// By column.
    pub(super) pasts: Vec<ColumnPast>,
    pub(super) experts: Vec<ExpertForecasts>,
    pub(super) forecasts: Vec<ColumnForecast>,
    pub(super) outcomes: Vec<ColumnOutcome>,
    pub(super) siblings: Vec<SiblingInputs>,
    /// Symbols of the event, and its time as far as it is known.
    pub(super) symbols: Vec<u32>,
    pub(super) time_us: Option<i64>,
    /// Values observed of the event so far.
    observed: u32,
    /// Regressors of the regressions over all columns, and what they forecast as z, by column.
    pub(super) regressors: Vec<f64>,
    pub(super) regressions: Vec<f64>,
    pub(super) pass: NetworkPass,
    /// Scratch of wide streams: order and error of each column's value.
    pub(super) errors: Vec<Option<(u32, f64)>>,
}

impl EventScratch {
    /// Makes room for a number of columns.
    pub(crate) fn fit(&mut self, columns: usize) {
        self.pasts.resize_with(columns, ColumnPast::new);
        self.experts.resize_with(columns, ExpertForecasts::new);
        self.forecasts.resize_with(columns, ColumnForecast::new);
        self.outcomes.resize_with(columns, || ColumnOutcome::Pending);
        self.siblings.resize_with(columns, SiblingInputs::new);
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
            past.load_lags(&columns[j].units, key_column(j), days.as_ref(), phase, j);
        }
        relations.predict(&self.pasts, phase, &mut self.regressors, &mut self.regressions);
        for (j, experts) in self.experts.iter_mut().enumerate() {
            experts.run_experts(&columns[j], key_column(j), &self.pasts[j], self.regressions[j]);
        }
        if let (Some(network), Some(ahead)) = (network, ahead) {
            let inputs = NetworkInputs { pasts: &self.pasts, experts: &self.experts };
            lap(EventStage::Numbers);
            network.peek(ahead, &inputs, phase, |j| columns[j].units.unit, &mut self.pass);
            lap(EventStage::Network);
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

    /// What the usual day says of a column, if anything.
    pub(crate) fn usual(&self, column: usize) -> Option<f64> {
        let experts = self.experts.get(column)?;
        experts.awake.has(DAY).then_some(experts.centre[DAY])
    }

    /// What the usual day says of a column, and what it was a week before, where both are known.
    pub(crate) fn season(&self, column: usize) -> Option<[f64; 2]> {
        let past = self.pasts.get(column)?;
        Some([past.usual?, past.week?])
    }

    /// The forecast of a column given the columns observed so far.
    pub(crate) fn conditional(&self, columns: &[NumberColumn], column: usize) -> ConditionalForecast {
        self.conditional_from(columns, column, &mut SiblingInputs::new())
    }

    /// As [`conditional`](Self::conditional); leaves in `inputs` what the regressions saw.
    fn conditional_from(
        &self,
        columns: &[NumberColumn],
        column: usize,
        inputs: &mut SiblingInputs,
    ) -> ConditionalForecast {
        let known = |other: usize| {
            let scored = self.outcomes[other].observed()?;
            Some(KnownColumn { value: scored.value, forecast: &self.forecasts[other], column: &columns[other] })
        };
        ConditionalForecast::new(&columns[column], &self.forecasts[column], &self.symbols, known, inputs)
    }

    /// Scores the value `y` of a column given the columns observed so far; returns the probability of its cell, and
    /// that under every expert, `[NAMED]`.
    pub(crate) fn observe(&mut self, columns: &[NumberColumn], column: usize, y: f64) -> (f64, [f64; NAMED]) {
        let mut inputs = std::mem::take(&mut self.siblings);
        let conditional = self.conditional_from(columns, column, &mut inputs[column]);
        self.siblings = inputs;
        self.observed += 1;
        let (past, forecast) = (&self.pasts[column], &self.forecasts[column]);
        let scored = Scored::new(&columns[column], past, forecast, conditional, self.observed, y);
        let (mass, expert_masses) = (scored.corrected.mass, scored.expert_masses(forecast));
        self.outcomes[column] = ColumnOutcome::Observed(scored);
        (mass, expert_masses)
    }

    /// The experts that had something to say of an observed value, in the order of reports.
    pub(crate) fn experts_awake(&self, column: usize) -> ExpertSet {
        self.scored(column).map_or(ExpertSet::EMPTY, |scored| scored.experts_awake(&self.forecasts[column]))
    }

    /// Whether a column was not observed yet.
    pub(crate) fn is_pending(&self, column: usize) -> bool {
        matches!(self.outcomes.get(column), Some(ColumnOutcome::Pending))
    }

    /// Whether a value has come again so often that one more says nothing but that.
    pub(crate) fn is_settled(&self, column: usize) -> bool {
        let known = self.outcomes[column].observed();
        known.is_some_and(|scored| scored.is_settled)
    }

    /// Whether this value would be such a one.
    pub(crate) fn would_settle(&self, units: &ColumnUnits, column: usize, y: f64) -> bool {
        self.pasts[column].is_settled(units, y)
    }

    /// Whether a value teaches anything but the experts that foretold it.
    pub(crate) fn is_news(&self, column: usize) -> bool {
        let known = self.outcomes[column].observed();
        known.is_none_or(|scored| !scored.is_settled && !scored.is_foretold)
    }

    /// Notes that the value of a column is missing.
    pub(crate) fn observe_missing(&mut self, column: usize) {
        self.outcomes[column] = ColumnOutcome::Missing;
    }

    /// What an observed column was scored.
    pub(crate) fn scored(&self, column: usize) -> Option<&Scored> {
        self.outcomes[column].observed()
    }

    /// The time of the event, as far as it is known.
    pub(crate) fn time_us(&self) -> Option<i64> {
        self.time_us
    }

    /// The point forecast of a column before the event under a loss.
    pub(crate) fn point(&self, column: usize, loss: PointLoss) -> f64 {
        self.forecasts[column].points.value(loss)
    }

    /// All point forecasts of a column before the event.
    pub(crate) fn points(&self, column: usize) -> &PointForecasts {
        &self.forecasts[column].points
    }

    /// What the stack forecasts of a column before the event.
    pub(crate) fn mean(&self, column: usize) -> f64 {
        self.forecasts[column].mean
    }

    /// Whether the key has had a value of a column.
    pub(crate) fn is_known(&self, column: usize) -> bool {
        self.pasts[column].regime() == Regime::Known
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
        let expected = || if self.is_known(column) { self.mean(column) } else { f64::NAN };
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
