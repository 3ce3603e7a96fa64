//! Forecasts of several steps, scored when the truth has arrived.

use std::collections::{BTreeMap, HashMap, VecDeque};
use surmise_event::{Event, Expected, Prediction, Schema, Value};
use surmise_learner::Learner;

/// Keys whose forecasts are held at once; beyond it the forecasts of further keys are not scored.
const FORECAST_KEYS_MAX: usize = 10_000;

/// Sums of the errors of one field's forecasts.
#[derive(Clone, Debug, Default)]
pub(crate) struct HorizonErrors {
    pub(crate) steps: u64,
    pub(crate) squares: f64,
    pub(crate) distances: f64,
    pub(crate) last_steps: u64,
    pub(crate) last_squares: f64,
    pub(crate) symbols: u64,
    pub(crate) hits: u64,
    /// By step: numbers that had an interval, and how much of them lay within it.
    pub(crate) covered: Vec<(u64, f64)>,
    /// By step: numbers, the sum of their squared errors and that of their absolute ones.
    pub(crate) by_step: Vec<(u64, f64, f64)>,
}

impl HorizonErrors {
    /// Adds how much of a number lay within its interval at a step, counted from 0.
    fn cover(&mut self, step: usize, part: f64) {
        self.covered.resize(self.covered.len().max(step + 1), (0, 0.0));
        let (count, sum) = &mut self.covered[step];
        (*count, *sum) = (*count + 1, *sum + part);
    }
}

/// How much of a number lies within the interval of nine in ten. Where one of its ends is predicted with a mass of its
/// own and comes, half of it counts; where the whole interval is one value, the nine in ten that it stands for.
fn covered(low: f64, high: f64, x: f64) -> f64 {
    let at_end = x == low || x == high;
    match (low <= x && x <= high, at_end, low == high) {
        (true, _, true) => 0.9,
        (true, true, false) => 0.5,
        (inside, ..) => f64::from(u8::from(inside)),
    }
}

/// Forecasts that wait for their truth, and the errors of those whose truth has come.
pub(crate) struct HorizonScores {
    steps: usize,
    made: HashMap<Option<Box<str>>, VecDeque<VecDeque<Prediction>>>,
    /// What was forecast of the event that was scored last, all steps before it.
    due: Option<Prediction>,
    pub(crate) fields: BTreeMap<String, HorizonErrors>,
}

impl HorizonScores {
    pub(crate) fn new(steps: usize) -> HorizonScores {
        HorizonScores { steps, made: HashMap::new(), due: None, fields: BTreeMap::new() }
    }

    /// Scores the forecasts that were made of this event.
    pub(crate) fn score(&mut self, event: &Event, schema: &Schema, count: bool) {
        self.due = None;
        if event.values.is_empty() {
            return;
        }
        let Some(made) = self.made.get_mut(&event.key) else { return };
        for steps in made.iter_mut() {
            let Some(p) = steps.pop_front() else { continue };
            let (step, last) = (self.steps - 1 - steps.len().min(self.steps - 1), steps.is_empty());
            for (f, v) in schema.fields.iter().zip(&event.values) {
                if count && let Some(e) = p.fields.get(&f.name) {
                    judge(self.fields.entry(f.name.clone()).or_default(), e, v, (step, last));
                }
            }
            if last {
                self.due = Some(p);
            }
        }
        made.retain(|steps| !steps.is_empty());
    }

    /// How many steps are forecast.
    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    /// What was forecast of the event that was scored last, all steps before it, if that was forecast.
    pub(crate) fn due(&self) -> Option<&Prediction> {
        self.due.as_ref()
    }

    /// Makes the forecasts that follow this event.
    pub(crate) fn forecast(&mut self, event: &Event, learner: &Learner) {
        if event.end {
            self.made.remove(&event.key);
            return;
        }
        if self.made.len() >= FORECAST_KEYS_MAX && !self.made.contains_key(&event.key) {
            return;
        }
        let steps = learner.forecast(event.key.as_deref(), self.steps, 1);
        self.made.entry(event.key.clone()).or_default().push_back(steps.into());
    }
}

fn judge(errors: &mut HorizonErrors, expected: &Expected, truth: &Value, (step, last): (usize, bool)) {
    match (expected, truth) {
        (Expected::Number { mean, median, quantiles, .. }, Value::Number(x)) => {
            if let (Some(low), Some(high)) = (quantiles.get("0.05"), quantiles.get("0.95")) {
                errors.cover(step, covered(*low, *high, *x));
            }
            let (squared, absolute) = ((x - mean).powi(2), (x - median).abs());
            errors.steps += 1;
            errors.squares += squared;
            errors.distances += absolute;
            errors.by_step.resize(errors.by_step.len().max(step + 1), (0, 0.0, 0.0));
            let (count, squares, distances) = errors.by_step[step];
            errors.by_step[step] = (count + 1, squares + squared, distances + absolute);
            if last {
                errors.last_steps += 1;
                errors.last_squares += squared;
            }
        }
        (Expected::Symbols { top, .. }, truth) => {
            let hit = match (top.first(), truth) {
                (Some((Some(s), _)), Value::Symbol(t)) => **s == **t,
                (Some((Some(s), _)), Value::Bytes(b)) => s.as_bytes() == &**b,
                (Some((None, _)), Value::Missing) => true,
                _ => false,
            };
            errors.symbols += 1;
            errors.hits += u64::from(hit);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_add_up() {
        let mut e = HorizonErrors::default();
        let n = |mean, median| Expected::Number { mean, median, quantiles: BTreeMap::new(), missing: None };
        judge(&mut e, &n(1.0, 2.0), &Value::Number(3.0), (0, false));
        judge(&mut e, &n(3.0, 3.0), &Value::Number(4.0), (1, true));
        judge(&mut e, &n(3.0, 3.0), &Value::Missing, (1, true));
        assert_eq!((e.steps, e.squares, e.distances, e.last_squares), (2, 5.0, 2.0, 1.0));
        let s = Expected::Symbols { top: vec![(Some("a".into()), 0.9)], other: 0.1 };
        judge(&mut e, &s, &Value::Symbol("a".into()), (0, false));
        judge(&mut e, &s, &Value::Symbol("b".into()), (0, false));
        let bounds = [("0.05", 1.0), ("0.95", 4.0)].map(|(level, y)| (level.to_owned(), y));
        let n = Expected::Number { mean: 2.0, median: 2.0, quantiles: bounds.into(), missing: None };
        [0.0, 1.0, 2.0, 4.0, 5.0].iter().for_each(|x| judge(&mut e, &n, &Value::Number(*x), (1, false)));
        assert_eq!(e.covered, [(0, 0.0), (5, 2.0)]);
        assert_eq!((e.symbols, e.hits), (2, 1));
    }
}
