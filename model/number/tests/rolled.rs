//! Forecasts of several events that were not learnt for their leads: numbers that repeat in an order.
#![allow(missing_docs)]

use surmise_fixtures::Random;
use surmise_number::{EventContext, Forecast, NumberKey, NumberModel, NumberOptions};

const LEVELS: [f64; 3] = [0.05, 0.5, 0.95];
const STEPS: usize = 12;

/// How forecasts did at each step.
#[derive(Clone, Copy, Debug, Default)]
struct StepScore {
    count: f64,
    within: f64,
    distance: f64,
    /// The sum of the widths of intervals.
    width: f64,
}

/// Learns values, and scores the roll-outs of the second half at each step.
fn scores(values: &[f64]) -> [StepScore; STEPS] {
    let mut model = NumberModel::new(1, NumberOptions::default(), 1);
    let mut key = NumberKey::new(&model);
    let context = EventContext { time_us: None, symbols: &[] };
    let mut scores = [StepScore::default(); STEPS];
    for (at, value) in values.iter().enumerate() {
        model.begin(&mut key, &context);
        model.observe(&mut key, 0, *value);
        model.finish(&mut key);
        if at < values.len() / 2 || at % 7 != 0 || at + STEPS >= values.len() {
            continue;
        }
        for (step, forecast) in model.forecast(&key, &context, STEPS, &LEVELS).into_iter().enumerate() {
            let (truth, Forecast { median, quantiles, .. }) = (values[at + 1 + step], &forecast[0]);
            assert!(quantiles.is_sorted(), "step {step}: {quantiles:?}");
            scores[step].width += quantiles[2] - quantiles[0];
            let score = &mut scores[step];
            score.count += 1.0;
            score.distance += (median - truth).abs();
            let (low, high) = (quantiles[0] - 1e-6, quantiles[2] + 1e-6);
            score.within += f64::from(u8::from((low..=high).contains(&truth)));
        }
    }
    scores
}

#[test]
fn what_repeats_in_an_order_is_forecast_as_it_comes() {
    let cycle: Vec<f64> = (1..3000).map(|i| [10.0, 20.0, 30.0][i % 3]).collect();
    let ramp: Vec<f64> = (0..3000).map(|i| 5.0 * f64::from(i)).collect();
    let large: Vec<f64> = cycle.iter().map(|value| 1.7e12 + value).collect();
    for (name, values) in [("cycle", cycle), ("ramp", ramp), ("large", large)] {
        for (step, score) in scores(&values).into_iter().enumerate() {
            let (within, error) = (score.within / score.count, score.distance / score.count);
            assert!(within > 0.99 && error < 0.1, "{name}, step {step}: {within} within, {error} off");
        }
    }
}

/// A counter that rises by 1, 2 or 3 at random: neighbours that lie close for their size are values of their own.
#[test]
fn a_large_counter_is_forecast_around_what_comes() {
    let (mut random, mut count) = (Random::new(5), 3e9);
    let mut next = || {
        count += 1.0 + random.below(3) as f64;
        count
    };
    let values: Vec<f64> = (0..4000).map(|_| next()).collect();
    let scores = scores(&values);
    let error = scores[STEPS - 1].distance / scores[STEPS - 1].count;
    assert!(error < 4.0, "{error} off after {STEPS} steps: one deviation is 2.8");
}

/// Five levels in turn, of which one in twenty is another one: intervals have to hold what comes.
#[test]
fn intervals_hold_what_leaves_its_order_now_and_then() {
    let mut random = Random::new(9);
    let levels = [3.0, 8.0, 1.0, 6.0, 9.0];
    let value = |i: usize, random: &mut Random| {
        let strays = random.below(20) == 0;
        levels[if strays { random.below(5) as usize } else { i % 5 }]
    };
    let values: Vec<f64> = (0..8000).map(|i| value(i, &mut random)).collect();
    for (step, score) in scores(&values).into_iter().enumerate() {
        let (within, width) = (score.within / score.count, score.width / score.count);
        assert!(within > 0.85 && width < 8.1, "step {step}: {within} within, {width} wide");
    }
}
