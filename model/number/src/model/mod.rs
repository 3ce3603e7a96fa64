//! The model of one stream's numbers: predict, score, learn.

mod forecast;
mod query;
mod sampled;

use crate::NumberKey;
use crate::column::NumberColumn;
use crate::horizon::models::HorizonModels;
use crate::horizon::slots::Slot;
use crate::key_column::KeyColumn;
use crate::options::{EventContext, Given, NumberOptions};
use crate::period::PeriodSearch;
use crate::profile::DayProfile;
use crate::relations::Relations;
use crate::season::{Ring, SamplingSeason};
use crate::stages::event::{EventScratch, ForecastSources};
use crate::stages::experts::NAMED;
use crate::stages::network::{LookAhead, NumberNetwork};
use crate::stages::scored::Scored;
use crate::t3::ln_all;
use crate::units::Rebase;
use surmise_experts::{Excess, ExpertSet};
use surmise_state::{Persist, State, StateError};

/// The smallest probability of which a logarithm is taken.
const PROBABILITY_MIN: f64 = 1e-300;

/// Predicts all number fields of one stream, online; shared by the stream's keys.
///
/// An event is three calls: [`begin`](Self::begin) makes the standing prediction from the past alone,
/// [`observe`](Self::observe) scores the event's columns one after another, each given those before it, and
/// [`finish`](Self::finish) learns from all of them. Only `finish` changes what is learnt. All three speak of the same
/// key. A checkpoint is taken between events: the standing prediction is no part of it.
///
/// Units: values in, values out are the column's own; surprise is in nats.
///
/// Surprise is −ln of the probability of the *cell* that holds the value: cells are 10^-d wide, d being the most
/// decimals the column has been written with before this event, but never finer than 2^-24 of the column's unit (the
/// binade of its spread) nor than 2^-44 of the value. A column whose decimals cannot be told so costs a constant
/// ln 2^24 more than its density says.
///
/// Determinism: one thread, no clock; basic arithmetic of `f64`, `libm`, and the network's lanes. Equal calls give
/// equal bits on every machine of one arithmetic (see `surmise_lanes`); without the network on every machine.
///
/// Cost: about 3 µs a column and event on one core; linear in the number of columns. Up to 37 columns are regressed on
/// each other's past together, and on up to 32 others' values of the same event; beyond that a column looks at eight
/// others' past and twelve others' values, those that explain it best of the ones it has tried so far.
///
/// Errors: none; a column number that does not exist panics, except in `observe`. What is not finite counts as
/// missing; an update that is not finite is not applied.
#[derive(Clone)]
pub struct NumberModel {
    options: NumberOptions,
    seed: u64,
    columns: Vec<NumberColumn>,
    relations: Relations,
    season: SamplingSeason,
    period: PeriodSearch,
    network: Option<NumberNetwork>,
    horizons: Option<HorizonModels>,
    /// The event that was begun, and whether it waits to be finished.
    event: EventScratch,
    begun: bool,
    ahead: Option<LookAhead>,
    /// What each expert would have paid for the last observed value, by column: `[NAMED]` each.
    expert_nats: Vec<[f64; NAMED]>,
    /// By how much the latest observed value exceeded what was expected of it.
    latest_excess: Excess,
}

impl NumberModel {
    /// A model that has learnt nothing, for `columns` number fields.
    pub fn new(columns: usize, options: NumberOptions, seed: u64) -> Self {
        let network = options.network.clone().filter(|_| columns > 0);
        let mut model = Self {
            network: network.map(|network| NumberNetwork::new(columns, network, seed, 0)),
            horizons: HorizonModels::new(columns, options.horizon, 0),
            columns: (0..columns).map(|column| NumberColumn::new(columns, column, options.ablation)).collect(),
            options,
            seed,
            relations: Relations::new(columns),
            season: SamplingSeason::default(),
            period: PeriodSearch::default(),
            event: EventScratch::default(),
            begun: false,
            ahead: None,
            expert_nats: Vec::new(),
            latest_excess: Excess::default(),
        };
        model.fit_scratch();
        model
    }

    /// A model that has learnt nothing and whose columns came one by one.
    pub fn grown(columns: usize, options: NumberOptions, seed: u64) -> Self {
        let mut model = Self::new(columns.min(1), options, seed);
        model.add_columns(columns.saturating_sub(1));
        model
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// Adds one more column, the last. What columns have learnt of themselves stays; what they have learnt of each
    /// other starts again, and so does the network when it has no room.
    pub fn add_column(&mut self) {
        self.add_columns(1);
    }

    /// Adds columns as if they were added one by one.
    pub fn add_columns(&mut self, more: usize) {
        if more == 0 {
            return;
        }
        let (before, n) = (self.columns.len(), self.columns.len() + more);
        for column in before..n {
            self.columns.push(NumberColumn::new(column + 1, column, self.options.ablation));
        }
        for (j, column) in self.columns.iter_mut().enumerate().take(n - 1) {
            column.relate(n, j);
        }
        self.relations = Relations::new(n);
        let grants = self.horizons.as_ref().map_or(0, HorizonModels::grants);
        self.horizons = HorizonModels::new(n, self.options.horizon, grants);
        for columns in before + 1..=n {
            match &mut self.network {
                Some(network) => network.grow(columns),
                None => {
                    let options = self.options.network.clone();
                    self.network = options.map(|o| NumberNetwork::new(columns, o, self.seed, 0));
                }
            }
        }
        self.fit_scratch();
    }

    fn fit_scratch(&mut self) {
        self.event.fit(self.columns.len());
        self.expert_nats.resize(self.columns.len(), [0.0; NAMED]);
        self.begun = false;
    }

    /// All that forecasts are made of.
    fn sources(&self) -> ForecastSources<'_> {
        ForecastSources::new(&self.columns, &self.relations, &self.season, self.network.as_ref())
    }

    /// Computes the standing distribution of every column of the key's next event, from the past alone and what `ctx`
    /// says. Changes nothing that is learnt; it may be called any number of times.
    pub fn begin(&mut self, key: &mut NumberKey, ctx: &EventContext<'_>) {
        let Self { columns, relations, season, network, event, ahead, .. } = self;
        if let Some(network) = network {
            network.ahead_into(key.network.as_ref(), ahead);
        }
        event.forecast(ForecastSources::new(columns, relations, season, network.as_ref()), key, ctx, ahead);
        self.begun = true;
    }

    /// Scores one column given the columns observed before it in this event; anything not finite counts as missing.
    /// Returns the surprise in nats. A column that is observed twice counts as first observed.
    pub fn observe(&mut self, key: &mut NumberKey, column: usize, value: f64) -> f64 {
        if !self.event.is_pending(column) {
            return 0.0;
        }
        let after_gap = key.columns.get(column).is_some_and(KeyColumn::is_gap);
        let there = self.columns[column].there(after_gap);
        let nats = &mut self.expert_nats[column];
        if !value.is_finite() {
            self.event.observe_missing(column);
            let surprise = -libm::log(1.0 - there);
            nats.fill(surprise);
            self.latest_excess = Excess::of_decision(1.0 - there);
            return surprise;
        }
        let presence = -libm::log(there);
        let (mass, expert_masses) = self.event.observe(&self.columns, column, value);
        ln_all(&expert_masses, nats);
        nats.iter_mut().for_each(|nats| *nats = presence - *nats);
        self.latest_excess = Excess::of_decision(there);
        if let Some(scored) = self.event.scored(column) {
            self.latest_excess += scored.excess(&self.columns[column].calibrator(Given::Within).map());
        }
        presence - libm::log(mass.max(PROBABILITY_MIN))
    }

    /// Learns from the event that was begun: every column that was observed; the others count as missing, but their
    /// presence is not learnt. Does nothing if no event was begun.
    pub fn finish(&mut self, key: &mut NumberKey) {
        if !std::mem::take(&mut self.begun) {
            return;
        }
        key.columns.resize_with(self.columns.len(), KeyColumn::new);
        let Self { columns, relations, network, event, .. } = self;
        event.learn_columns(columns, key);
        event.learn_relations(columns, relations);
        if let Some(network) = network {
            event.learn_network(network, &mut key.network);
        }
        self.move_on(key);
        self.remember_event(key);
        self.learn_horizons(key);
    }

    /// Takes the event's values into units and lags.
    fn move_on(&mut self, key: &mut NumberKey) {
        let Self { columns, event, relations, .. } = self;
        for j in 0..columns.len() {
            let (mean, quantum) = (event.mean(j), columns[j].units.quantum);
            let value = event.value(j);
            if event.is_settled(j) {
                key.columns[j].repeat();
                continue;
            }
            if let Some(value) = value {
                let change = columns[j].learn_value(value, key.columns[j].last());
                if change != Rebase::None {
                    columns[j].rebase(change);
                    columns.iter_mut().for_each(|c| c.rebase_other(j, change));
                    relations.rebase(j, change);
                }
            }
            key.columns[j].push(value, mean, quantum);
            if let Some(value) = value {
                let certain = event.scored(j).is_some_and(Scored::is_certain);
                key.columns[j].count_certain(certain);
                key.columns[j].settle(columns[j].regime, &columns[j].units, value);
            }
        }
    }

    /// Takes the event into the stream's clock and the key's record of days.
    fn remember_event(&mut self, key: &mut NumberKey) {
        let Self { season, event, options, columns, period, .. } = self;
        if (event.time_us().is_none() || season.is_counted) && options.season_rows > 0 {
            let value = |j: usize| event.filled(j);
            let found = period.learn(&mut key.period_grant, columns.len(), |j| &columns[j].units, value);
            found.into_iter().for_each(|period| season.count(period));
        }
        let (before, now) = (key.time_us, event.time_us());
        if let Some(now) = now {
            if let Some(before) = before {
                season.learn(now.saturating_sub(before));
            }
            key.time_us = Some(now);
        }
        let (day, rows) = (season.day, options.season_rows);
        if day == 0 || day + 2 > rows {
            return;
        }
        // a week, where there is room for one
        let rows = if 7 * day + 1 < rows { 7 * day + 2 } else { day + 2 };
        if key.ring.fit(season.epoch, columns.len(), rows) {
            // what came before the day was known belongs to it too
            let known = key.columns.iter().map(KeyColumn::lags_known).max().unwrap_or(0);
            for back in (2..=known.min(rows)).rev() {
                key.ring.push_with(|column| key.columns[column].lag_or_nan(back));
            }
        }
        if let (Some(before), Some(now)) = (before, now) {
            key.ring.skip(season.steps(before, now) - 1);
        }
        let value = |column: usize| event.value(column).unwrap_or(f64::NAN);
        key.ring.push_with(value);
        if let Some(place) = season.place(now) {
            key.profile.fit(season.epoch, columns.len(), season.slots());
            columns.iter().enumerate().for_each(|(j, column)| key.profile.settle(j, column.regime));
            // a value that was certain, or lies far out, says nothing of what is usual
            let is_usual = |j: usize, y: f64| event.is_news(j) && !columns[j].units.is_outside(y);
            key.profile.learn(place, |j| Some(value(j)).filter(|y| is_usual(j, *y)).unwrap_or(f64::NAN));
        }
    }

    /// What each expert alone would have paid for the column's last observed value, in nats, presence included. An
    /// expert that had nothing to say counts as saying what the mixture said.
    pub fn expert_nats(&self, column: usize) -> &[f64] {
        &self.expert_nats[column]
    }

    /// Which of them had something to say of it, by their places there; until [`finish`](Self::finish).
    pub fn experts_awake(&self, column: usize) -> ExpertSet {
        self.event.experts_awake(column)
    }

    /// By how much the latest observed value's surprise exceeded what was expected of it: that it is there at all, that
    /// it is or is not one of the values that come again and again, and how far out it lies. Under the prediction it
    /// has mean zero.
    pub fn latest_excess(&self) -> Excess {
        self.latest_excess
    }

    /// Throws away gradient jobs that were not yet begun; see [`surmise_network::Recurrence::discard_pending_jobs`].
    pub fn discard_pending_jobs(&mut self) {
        self.network.iter_mut().for_each(NumberNetwork::discard_pending_jobs);
    }

    /// Sets the workers that compute the network's gradients, see [`surmise_network::JobSink`]. It is to be set again
    /// after a checkpoint was read; a clone has none.
    pub fn set_job_sink(&mut self, job_sink: Option<surmise_network::JobSink>) {
        if let Some(network) = &mut self.network {
            network.set_job_sink(job_sink);
        }
    }
}

impl NumberKey {
    /// A key without history.
    pub fn new(model: &NumberModel) -> Self {
        Self::of_columns(model.columns())
    }

    /// A key without history of a model of so many columns.
    pub fn of_columns(columns: usize) -> Self {
        Self {
            columns: (0..columns).map(|_| KeyColumn::new()).collect(),
            ring: Ring::default(),
            profile: DayProfile::default(),
            slot: Slot::default(),
            time_us: None,
            network: None,
            period_grant: 0,
        }
    }
}

impl Persist for NumberModel {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("number-model")?;
        // whoever reads a model knows how many columns it has: what bytes say could be any number
        let mut n = self.columns.len();
        s.len("columns", &mut n)?;
        if n != self.columns.len() {
            return Err(StateError::Mismatch("columns"));
        }
        self.columns.iter_mut().try_for_each(|c| c.persist(s))?;
        self.relations.persist(s)?;
        self.season.persist(s)?;
        self.period.persist(s)?;
        if let Some(network) = &mut self.network {
            network.persist(s)?;
        }
        if let Some(horizons) = &mut self.horizons {
            horizons.persist(s)?;
        }
        if s.is_reading() {
            self.fit_scratch();
        }
        Ok(())
    }
}
