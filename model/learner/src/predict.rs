//! Predicting: what is expected of the next events of a key. Nothing is learnt, and the learner does not change.

use crate::clock::Clocks;
use crate::field::{Model, folds_ends};
use crate::gap;
use crate::keys::KeyState;
use crate::learner::Learner;
use crate::values::{SideInputs, Values, hash_of_symbol};
use crate::vocabulary::{Token, Vocabulary};
use std::borrow::Cow;
use surmise_event::{Expected, Prediction};
use surmise_number::{EventContext, Forecast};
use surmise_symbol::{Probe, SymbolModel};

/// Levels of the quantiles that predictions give.
const QUANTILE_LEVELS: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
/// The place of the median in [`QUANTILE_LEVELS`].
const MEDIAN: usize = 3;

/// Symbols of a byte, and bins of a gap.
const BYTE_SYMBOLS: u32 = 256;

/// How much of a gap's distribution is asked for. Bins that hardly ever come cost as much as likely ones.
#[derive(Clone, Copy)]
struct GapEffort {
    /// Probability that may be left out.
    left_out: f64,
    /// Bins that are asked for, at most.
    bins_max: usize,
}

/// For the next event: the outermost quantiles are those of one event in a hundred.
const FIRST_STEP: GapEffort = GapEffort { left_out: 1e-3, bins_max: 256 };
/// For later events: each is predicted given that those before it are as expected, so rare gaps mean little there.
const LATER_STEPS: GapEffort = GapEffort { left_out: 0.01, bins_max: 32 };

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
struct RolloutStep {
    /// The expected values over the key's previous ones.
    current: Values,
    /// For each symbol field: what it saw, and the symbol that it moves forward by.
    moves: Vec<(usize, SideInputs, u32)>,
    /// The expected gap in microseconds.
    gap_us: i64,
    /// Whether the key's end is the likeliest.
    ends: bool,
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
    /// with its whole distribution; everything else is rolled out (PREDICTOR §9). Gaps after the first step are among
    /// their likeliest bins. The list is shorter if the key's end becomes likeliest, and empty if the key's state lies
    /// in the store and cannot be read.
    pub fn forecast(&self, key: Option<&str>, horizon: usize, top: usize) -> Vec<Prediction> {
        let Some(state) = self.key_state(key) else { return Vec::new() };
        let numbers = self.forecast_numbers(&state, horizon);
        // probes move over expected symbols without changing the key's own state
        let keys = self.models.fields.iter().zip(&state.symbols);
        let mut rollout = Rollout {
            probes: keys.map(|(f, k)| f.symbols().zip(k.as_ref()).map(|(m, k)| m.probe(k))).collect(),
            previous: state.previous.clone(),
            last_us: state.last_us,
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
            let numbers = numbers.get(ahead).map(Vec::as_slice);
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
    fn key_state(&self, key: Option<&str>) -> Option<Cow<'_, KeyState>> {
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

    /// Forecasts of all number columns: `[horizon][columns]`.
    fn forecast_numbers(&self, state: &KeyState, horizon: usize) -> Vec<Vec<Forecast>> {
        match (&self.models.numbers, &state.numbers) {
            // the next event's time is unknown, so the stream's sampling interval takes its place
            (Some(model), Some(key)) => model.forecast(key, &EventContext::default(), horizon, &QUANTILE_LEVELS),
            _ => Vec::new(),
        }
    }

    /// Predicts one event and moves the rollout over it; true if the key's end is likelier than any value.
    fn step(
        &self,
        rollout: &mut Rollout,
        effort: GapEffort,
        numbers: Option<&[Forecast]>,
        top: usize,
        prediction: &mut Prediction,
    ) -> bool {
        let mut step = RolloutStep { current: rollout.previous.clone(), moves: Vec::new(), gap_us: 0, ends: false };
        if !folds_ends(&self.schema) && !self.schema.is_bytes() && self.measures.tally.ends > 0 {
            let last = rollout.previous.hashes.first().copied().unwrap_or(0);
            let end = self.models.ending.probability(rollout.length, last);
            prediction.end = Some(end);
            step.ends = end > 0.5;
        }
        // as in observing, each field is given what was expected of those before it
        let mut inputs = SideInputs::default();
        for (i, field) in self.models.fields.iter().enumerate() {
            field.fill_side_inputs(&step.current, Clocks::of(rollout.last_us), &mut inputs);
            let expected = match (&field.model, &rollout.probes[i]) {
                (Model::Number(column), _) => {
                    let Some(forecast) = numbers.and_then(|n| n.get(*column)) else { continue };
                    self.expect_number(&mut step, i, *column, forecast)
                }
                (Model::Category(model, vocabulary), Some(probe)) => {
                    expect_category(&mut step, prediction, i, (model, vocabulary), probe, &inputs, top)
                }
                (Model::Bytes(model), Some(probe)) => {
                    let likeliest = model.top(probe, &inputs, BYTE_SYMBOLS, top.max(1));
                    step.moves.extend(likeliest.first().map(|(byte, _)| (i, SideInputs::default(), *byte)));
                    symbols(likeliest, top, |byte| Some(Some((byte as u8).escape_ascii().to_string())))
                }
                (Model::Gap(model), Some(probe)) => {
                    let (expected, bin) = gaps(&likely_bins(model, probe, &inputs, effort));
                    step.current.hashes[i] = hash_of_symbol(bin);
                    step.gap_us = (gap::seconds(bin) * 1e6) as i64;
                    step.moves.push((i, inputs.clone(), bin));
                    expected
                }
                (Model::Category(..) | Model::Bytes(_) | Model::Gap(_), None) => continue,
            };
            prediction.fields.insert(self.schema.fields[i].name.clone(), expected);
        }
        let RolloutStep { current, moves, gap_us, ends } = step;
        // all fields were predicted from where the key was, so they move on only now
        for (i, inputs, symbol) in moves {
            if let (Some(model), Some(probe)) = (self.models.fields[i].symbols(), &mut rollout.probes[i]) {
                model.advance(probe, &inputs, symbol);
            }
        }
        rollout.last_us = rollout.last_us.map(|last_us| last_us.saturating_add(gap_us));
        rollout.previous = current;
        rollout.length += 1;
        ends
    }

    fn expect_number(&self, step: &mut RolloutStep, i: usize, column: usize, forecast: &Forecast) -> Expected {
        step.current.numbers[i] = forecast.mean;
        let bucket = |m: &surmise_number::NumberModel| hash_of_symbol(m.bucket(column, forecast.mean));
        step.current.hashes[i] = self.models.numbers.as_ref().map_or(0, bucket);
        let quantiles = QUANTILE_LEVELS.iter().map(f64::to_string).zip(forecast.quantiles.iter().copied()).collect();
        Expected::Number { mean: forecast.mean, median: forecast.quantiles[MEDIAN], quantiles, missing: None }
    }
}

fn expect_category(
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

/// The likeliest symbols by name; symbols for which `name` has none count among the others.
pub(crate) fn symbols(
    likeliest: Vec<(u32, f64)>,
    top: usize,
    name: impl Fn(u32) -> Option<Option<String>>,
) -> Expected {
    let top: Vec<(Option<String>, f64)> =
        likeliest.into_iter().filter_map(|(symbol, p)| Some((name(symbol)?, p))).take(top).collect();
    let other = (1.0 - top.iter().map(|t| t.1).sum::<f64>()).max(0.0);
    Expected::Symbols { top, other }
}

/// Probabilities of a gap's bins, `[256]`: the likeliest ones as far as `effort` goes, 0 for the others.
fn likely_bins(model: &SymbolModel, probe: &Probe, inputs: &SideInputs, effort: GapEffort) -> Vec<f64> {
    let mut probabilities = vec![0.0; BYTE_SYMBOLS as usize];
    let (mut sum, mut bins) = (0.0, 0);
    model.likeliest(probe, inputs, BYTE_SYMBOLS, |bin, p| {
        probabilities[bin as usize] = p;
        sum += p;
        bins += 1;
        sum < 1.0 - effort.left_out && bins < effort.bins_max
    });
    probabilities
}

/// A gap in seconds as a model expects it.
pub(crate) fn gap_expected(model: &SymbolModel, probe: &Probe, inputs: &SideInputs) -> Expected {
    gaps(&likely_bins(model, probe, inputs, FIRST_STEP)).0
}

/// A gap in seconds as its bins' probabilities (`[256]`) expect it, and the median's bin.
fn gaps(probabilities: &[f64]) -> (Expected, u32) {
    let bins = &probabilities[..gap::FIRST as usize];
    let total: f64 = bins.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let quantile_bin = |level: f64| {
        let mut sum = 0.0;
        bins.iter()
            .position(|p| {
                sum += p / total;
                sum >= level
            })
            .unwrap_or(bins.len() - 1) as u32
    };
    // bins that never came share a little mass and reach to centuries, so the mean is that of the inner 98 in 100
    let (low, high) = (quantile_bin(QUANTILE_LEVELS[0]), quantile_bin(QUANTILE_LEVELS[QUANTILE_LEVELS.len() - 1]));
    let seconds = |bin: usize| gap::seconds((bin as u32).clamp(low, high));
    let mean = bins.iter().enumerate().map(|(bin, p)| p * seconds(bin)).sum::<f64>() / total;
    let quantiles =
        QUANTILE_LEVELS.iter().map(|level| (level.to_string(), gap::seconds(quantile_bin(*level)))).collect();
    let median = quantile_bin(QUANTILE_LEVELS[MEDIAN]);
    (Expected::Number { mean, median: gap::seconds(median), quantiles, missing: None }, median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_expected_where_gaps_have_been() {
        // nearly always an hour; a little mass on every bin, up to thousands of years
        let hour = gap::bin(3_600_000_000);
        let mut p = vec![1e-5; 256];
        p[hour as usize] = 0.997;
        let (Expected::Number { mean, median, .. }, _) = gaps(&p) else { panic!("a gap is a number") };
        assert!((mean / 3600.0 - 1.0).abs() < 0.1 && (median / 3600.0 - 1.0).abs() < 0.1, "{mean} {median}");
    }
}
