//! Observing the value of one field that is a number.

use crate::before_event::ObservedNumber;
use crate::explain::FieldExplanation;
use crate::field::Model;
use crate::learner::{Learner, NumberForecast};
use crate::observe::{EventInProgress, ObservedField, Role};
use crate::parts::{expect_number, value_text};
use crate::surprise::Surprise;
use crate::values::hash_of_symbol;
use crate::words::PartExpectation;
use surmise_alarm::Reading;
use surmise_event::Value;
use surmise_number::{ColumnPlaces, EventContext, Given};
use surmise_stopwatch::{EventStage, lap};

impl Learner {
    /// Takes in a number that only conditions a target, and the key's number before it. Returns the hash under which
    /// the target sees it.
    pub(crate) fn place_number(&mut self, column: usize, value: &Value, previous: f64) -> u32 {
        let Value::Number(x) = value else { return 0 };
        if !x.is_finite() {
            return 0;
        }
        let places = &mut self.models.places;
        if places.len() <= column {
            places.resize_with(column + 1, ColumnPlaces::default);
        }
        // as of numbers that are predicted, it is placed among those before it
        let hash = hash_of_symbol(places[column].bucket(*x));
        places[column].learn(*x, previous);
        lap(EventStage::Numbers);
        hash
    }

    /// Observes a number that is predicted, or that conditions one. Returns what it cost, and the hash under which
    /// other fields see it.
    pub(crate) fn observe_number(
        &mut self,
        now: &mut EventInProgress<'_>,
        i: usize,
        column: usize,
        value: &Value,
        role: Role,
    ) -> (ObservedField, u32) {
        let fields = &self.models.fields;
        let (Some(numbers), Some(key)) = (&mut self.models.numbers, &mut now.key.numbers) else {
            return (ObservedField::default(), 0);
        };
        if !now.numbers_begun {
            // categories before the first number condition all numbers
            let earlier = fields.iter().zip(&now.current.hashes).take(i);
            let symbols = &mut self.scratch.symbols;
            symbols.clear();
            symbols.extend(earlier.filter(|(f, _)| matches!(f.model, Model::Category(..))).map(|(_, hash)| *hash));
            numbers.begin(key, &EventContext { time_us: now.event.time_us, symbols });
            now.numbers_begun = true;
        }
        let Some(model) = numbers.made_model() else { return (ObservedField::default(), 0) };
        let x = match value {
            Value::Number(x) => *x,
            Value::Missing | Value::Symbol(_) | Value::Bytes(_) => f64::NAN,
        };
        // a target is forecast from the values of its own event, other numbers from the past
        let given = if self.options.target.is_some() { Given::Within } else { Given::Before };
        let measures = &mut self.measures;
        let predicted = role == Role::Predicted;
        let resolution = model.resolution(column);
        let mut reading = Reading { value: x, forecast: x, resolution, usual: None, season: None, tails: None };
        // errors are taken before the model sees the value
        if predicted && x.is_finite() {
            let (mean, median, centre) = match given {
                Given::Before => (model.mean(column), model.median(column), model.centre(column)),
                Given::Within => [model.conditional_mean(column); 3].into(),
            };
            (reading.forecast, reading.usual) = (centre, model.usual(column));
            reading.season = model.season(column);
            self.monitors.drift.number(column, x, resolution);
            if measures.scoring {
                let sums = &mut measures.tally.fields[i];
                sums.numbers += 1;
                sums.squared += (x - mean) * (x - mean);
                sums.absolute += (x - median).abs();
            }
            if measures.intervals {
                let interval_90 = model.interval(column, given, 0.05, 0.95);
                measures.forecasts.push(NumberForecast { field: fields[i].name.clone(), mean, interval_90 });
            }
        }
        let asks = predicted && measures.parts.asks();
        let expectation = if asks { expect_number(model, column, given) } else { PartExpectation::default() };
        let nats = numbers.observe(key, column, x);
        lap(EventStage::Numbers);
        let Some(model) = numbers.made_model() else { return (ObservedField::default(), 0) };
        let cost = Surprise { nats, excess: model.latest_excess() };
        if predicted {
            let levels = model.levels(column, given);
            reading.tails = levels.map(|(below, within)| (below, 1.0 - within));
            if measures.scoring
                && let Some(levels) = levels
            {
                measures.tally.add_levels(i, levels);
            }
            self.monitors.alarms.number(i, &reading);
            let claim_bits = self.monitors.alarms.claim_bits();
            self.scratch.before.keep_number(i, &ObservedNumber { model, column, given, claim_bits });
        }
        if measures.explaining && predicted {
            let shares = model.expert_shares(column, Given::Within);
            measures.explanations.push(FieldExplanation::of_number(&fields[i].name, nats, shares));
        }
        if predicted && measures.parts.is_on() {
            measures.parts.push(&fields[i].name, value_text(&fields[i].model, value, None), cost, expectation);
        }
        if measures.scoring && predicted {
            measures.tally.add_experts(i, nats, model.expert_nats(column), model.experts_awake(column));
            if measures.ranks
                && let Some(crps) = model.crps(column, given)
            {
                measures.tally.add_crps(i, crps);
            }
        }
        // other fields see how large the number is for its column; where there are none, nothing looks
        let hash = if fields.len() > 1 && x.is_finite() { hash_of_symbol(model.bucket(column, x)) } else { 0 };
        (ObservedField { cost, word: None }, hash)
    }
}
