//! Predicting: what is expected of the next events of a key. Nothing is learnt, and the learner does not change.

use crate::clock::Clocks;
use crate::expected::{BYTE_SYMBOLS, FIRST_STEP, GapEffort, LATER_STEPS, QUANTILE_LEVELS, gaps, likely_bins, symbols};
use crate::field::{Model, folds_ends};
use crate::keys::KeyState;
use crate::learner::Learner;
use crate::number_fields::NumberFields;
use crate::values::{SideInputs, Values, hash_of_symbol};
use crate::vocabulary::{Token, Vocabulary};
use std::borrow::Cow;
use surmise_event::{Expected, GAP, Prediction};
use surmise_lines::LineModel;
use surmise_number::{EventContext, Forecast, NumberModel};
use surmise_symbol::{Probe, SymbolModel};

/// The state of a key moved forward over expected events.
struct Rollout {
    /// `[fields]`: positions of symbol models; `None` for numbers.
    probes: Vec<Option<Probe>>,
    /// The latest expected values.
    previous: Values,
    /// The expected time of the latest event.
    last_us: Option<i64>,
    /// Events of the key, expected ones included.
    length: u32,
}

/// What one step of a rollout expects of the fields observed so far.
pub(crate) struct RolloutStep {
    /// The expected values over the key's previous ones.
    pub(crate) current: Values,
    /// For each symbol field: what it saw, and the symbol that it moves forward by.
    moves: Vec<(usize, SideInputs, u32)>,
    /// The expected gap in microseconds.
    gap_us: i64,
    /// Whether the key's end is the likeliest.
    ends: bool,
}

impl RolloutStep {
    /// A step from the values of the event before.
    pub(crate) fn from_here(previous: &Values) -> RolloutStep {
        RolloutStep { current: previous.clone(), moves: Vec::new(), gap_us: 0, ends: false }
    }
}

impl Learner {
    /// What is expected of the next event of a key: the `top` likeliest symbols of a category, quantiles of a number.
    /// Each field is predicted given that the earlier ones are as expected. An unknown key is one that begins now.
    pub fn predict(&self, key: Option<&str>, top: usize) -> Prediction {
        self.forecast(key, 1, top).pop().unwrap_or_default()
    }

    /// What is expected of the next `horizon` events of a key, each given that those before it are as expected.
    ///
    /// Numbers whose leads are learnt directly ([`Options::horizon`](crate::Options::horizon)) take what was learnt,
    /// with its whole distribution; other numbers are drawn as paths, and everything else is rolled out (PREDICTOR §9).
    /// Gaps after the first step are among their likeliest bins. The list is shorter if the key's end becomes
    /// likeliest, and empty if the key's state lies in the store and cannot be read.
    pub fn forecast(&self, key: Option<&str>, horizon: usize, top: usize) -> Vec<Prediction> {
        let Some(state) = self.key_state(key) else { return Vec::new() };
        let model = self.models.numbers.as_ref().map(NumberFields::ask);
        let numbers = forecast_numbers(model.as_deref(), &state, horizon);
        // probes move over expected symbols without changing the key's own state
        let keys = self.models.fields.iter().zip(&state.symbols);
        let mut rollout = Rollout {
            probes: keys.map(|(f, k)| f.symbols().zip(k.as_ref()).map(|(m, k)| m.ask().probe(k))).collect(),
            previous: state.previous.clone(),
            last_us: state.clock.last_us(),
            length: state.length,
        };
        let mut predictions = Vec::new();
        for ahead in 0..horizon {
            let mut prediction = Prediction {
                offset: self.position.offset + ahead as u64,
                model_version: self.position.version,
                key: key.map(str::to_owned),
                ..Prediction::default()
            };
            let effort = if ahead == 0 { FIRST_STEP } else { LATER_STEPS };
            let numbers = model.as_deref().zip(numbers.get(ahead).map(Vec::as_slice));
            // the nearest event is worth a closer look at its gap
            let ends = self.step(&mut rollout, effort, numbers, top, &mut prediction);
            predictions.push(prediction);
            if ends {
                break;
            }
        }
        predictions
    }

    /// A key's state with parts for all fields: from memory, from the store, or new. `None` if it lies in the store and
    /// cannot be read.
    pub(crate) fn key_state(&self, key: Option<&str>) -> Option<Cow<'_, KeyState>> {
        let mut state = match self.keys.get(key) {
            Some(known) if known.symbols.len() == self.models.fields.len() => return Some(Cow::Borrowed(known)),
            Some(incomplete) => incomplete.clone(),
            None => match self.stored_key(key).ok()? {
                Some((stored, _)) => stored,
                None => self.new_key(),
            },
        };
        self.complete(&mut state);
        Some(Cow::Owned(state))
    }

    /// Predicts one event and moves the rollout over it; true if the key's end is likelier than any value.
    fn step(
        &self,
        rollout: &mut Rollout,
        effort: GapEffort,
        numbers: Option<(&NumberModel, &[Forecast])>,
        top: usize,
        prediction: &mut Prediction,
    ) -> bool {
        let mut step = RolloutStep::from_here(&rollout.previous);
        if !folds_ends(&self.schema) && !self.schema.is_bytes() && self.measures.tally.ends > 0 {
            let last = rollout.previous.hashes.first().copied().unwrap_or(0);
            let end = self.models.ending.probability(rollout.length, last);
            prediction.end = Some(end);
            step.ends = end > 0.5;
        }
        // as in observing, each field is given what was expected of those before it
        let mut inputs = SideInputs::default();
        let (target, predicts_numbers) = (self.target(), self.predicts_numbers());
        for (i, field) in self.models.fields.iter().enumerate() {
            // of what only conditions the target nothing is learnt but, for a number, other numbers
            let is_learnt = target.is_none_or(|target| target == i)
                || (predicts_numbers && matches!(field.model, Model::Number(_)));
            if !is_learnt {
                continue;
            }
            field.fill_side_inputs(&step.current, Clocks::of(rollout.last_us), &mut inputs);
            let expected = match (&field.model, &rollout.probes[i]) {
                (Model::Number(column), _) => {
                    let forecast = numbers.and_then(|(model, forecasts)| Some((model, forecasts.get(*column)?)));
                    let Some((model, forecast)) = forecast else { continue };
                    expect_number(&mut step, i, model.bucket(*column, forecast.mean), forecast)
                }
                (Model::Category(model, vocabulary), Some(probe)) => {
                    expect_category(&mut step, prediction, i, (&model.ask(), vocabulary), probe, &inputs, top)
                }
                (Model::Bytes(model), Some(probe)) => {
                    let likeliest = model.ask().top(probe, &inputs, BYTE_SYMBOLS, top.max(1));
                    step.moves.extend(likeliest.first().map(|(byte, _)| (i, SideInputs::default(), *byte)));
                    symbols(likeliest, top, |byte| Some(Some((byte as u8).escape_ascii().to_string())))
                }
                (Model::Gap(model, means), Some(probe)) => {
                    let (expected, bin) = gaps(&likely_bins(&model.ask(), probe, &inputs, effort), means);
                    step.current.hashes[i] = hash_of_symbol(bin);
                    step.gap_us = (means.seconds(bin) * 1e6) as i64;
                    step.moves.push((i, inputs.clone(), bin));
                    expected
                }
                (Model::Line(model, lines, gaps), Some(probe)) => {
                    if let Some(due) = gaps.expected().filter(|_| !self.schema.has_gap()) {
                        prediction.fields.insert(GAP.to_owned(), due);
                    }
                    expect_line(&mut step, i, (&model.ask(), lines), probe, &inputs, top)
                }
                (Model::Category(..) | Model::Bytes(_) | Model::Gap(..) | Model::Line(..), None) => continue,
            };
            prediction.fields.insert(self.schema.fields[i].name.clone(), expected);
        }
        let RolloutStep { current, moves, gap_us, ends } = step;
        // all fields were predicted from where the key was, so they move on only now
        for (i, inputs, symbol) in moves {
            if let (Some(model), Some(probe)) = (self.models.fields[i].symbols(), &mut rollout.probes[i]) {
                model.ask().advance(probe, &inputs, symbol);
            }
        }
        rollout.last_us = rollout.last_us.map(|last_us| last_us.saturating_add(gap_us));
        rollout.previous = current;
        rollout.length += 1;
        ends
    }
}

/// Forecasts of all number columns: `[horizon][columns]`.
fn forecast_numbers(model: Option<&NumberModel>, state: &KeyState, horizon: usize) -> Vec<Vec<Forecast>> {
    match (model, &state.numbers) {
        // the next event's time is unknown, so the stream's sampling interval takes its place
        (Some(model), Some(key)) => model.forecast(key, &EventContext::default(), horizon, &QUANTILE_LEVELS),
        _ => Vec::new(),
    }
}

/// `bucket` says where the forecast lies among the column's past values.
fn expect_number(step: &mut RolloutStep, i: usize, bucket: u32, forecast: &Forecast) -> Expected {
    step.current.numbers[i] = forecast.mean;
    step.current.hashes[i] = hash_of_symbol(bucket);
    let quantiles = QUANTILE_LEVELS.iter().map(f64::to_string).zip(forecast.quantiles.iter().copied()).collect();
    Expected::Number { mean: forecast.mean, median: forecast.median, quantiles, missing: None }
}

pub(crate) fn expect_category(
    step: &mut RolloutStep,
    prediction: &mut Prediction,
    i: usize,
    (model, vocabulary): (&SymbolModel, &Vocabulary),
    probe: &Probe,
    inputs: &SideInputs,
    top: usize,
) -> Expected {
    // one more than is asked for, as the end of the key may be among them
    let likeliest = model.top(probe, inputs, vocabulary.len() as u32, top.max(1) + 1);
    if let (0, Some(end)) = (i, vocabulary.end()) {
        prediction.end = Some(model.probability(probe, inputs, end));
        step.ends = likeliest.first().is_some_and(|(symbol, _)| *symbol == end);
    }
    if let Some((symbol, _)) = likeliest.iter().find(|(symbol, _)| Some(*symbol) != vocabulary.end()) {
        step.current.hashes[i] = hash_of_symbol(*symbol);
        step.moves.push((i, inputs.clone(), *symbol));
    }
    symbols(likeliest, top, |symbol| match vocabulary.token(symbol) {
        Some(Token::Text(text)) => Some(Some(text.to_string())),
        Some(Token::Missing) => Some(None),
        Some(Token::End | Token::Others) | None => None,
    })
}

/// The likeliest templates of a line, as texts with placeholders.
pub(crate) fn expect_line(
    step: &mut RolloutStep,
    i: usize,
    (model, lines): (&SymbolModel, &LineModel),
    probe: &Probe,
    inputs: &SideInputs,
    top: usize,
) -> Expected {
    let likeliest = model.top(probe, inputs, lines.template_numbers(), top.max(1));
    if let Some((template, _)) = likeliest.first() {
        step.current.hashes[i] = hash_of_symbol(*template);
        step.moves.push((i, inputs.clone(), *template));
    }
    symbols(likeliest, top, |template| lines.template_text(template).map(Some))
}
