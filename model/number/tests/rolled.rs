//! Forecasts of several events that were not learnt for their leads: what repeats in an order, and what has a range, a
//! season or a level that it returns to.
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

/// Learns values, and scores the forecasts of the second half at each step.
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

/// Intervals 1, 4 and 12 steps ahead hold about nine in ten, and are no wider than they have to be.
fn hold(name: &str, values: &[f64], widest: f64) {
    let scores = scores(values);
    for step in [0, 3, STEPS - 1] {
        let StepScore { count, within, width, distance } = scores[step];
        let (within, width, distance) = (within / count, width / count, distance / count);
        println!("{name}, {} ahead: {within:.3} within, {width:.2} wide, {distance:.2} off", step + 1);
        assert!((0.8..=0.97).contains(&within), "{name}, {} ahead: {within} within", step + 1);
        assert!(width < widest, "{name}, {} ahead: {width} wide", step + 1);
    }
}

#[test]
fn intervals_of_what_returns_do_not_widen_like_those_of_a_walk() {
    let mut random = Random::new(3);
    let mut y = 0.0;
    let around: Vec<f64> = (0..3000)
        .map(|_| {
            y = 0.6 * y + random.normal();
            100.0 + y
        })
        .collect();
    hold("around a level", &around, 4.6);
    let season: Vec<f64> = (0..6000).map(|i| 20.0 * libm::sin(f64::from(i) / 30.0) + 2.0 * random.normal()).collect();
    hold("a season", &season, 10.0);
}

#[test]
fn values_that_have_a_range_stay_within_it() {
    let mut random = Random::new(3);
    let wave = |i: u32, random: &mut Random| 50.0 + 80.0 * libm::sin(f64::from(i) / 20.0) + 5.0 * random.normal();
    let cut: Vec<f64> =
        (0..4000).map(|i| (wave(i, &mut random) * 100.0).round().clamp(0.0, 10_000.0) / 100.0).collect();
    let mut model = NumberModel::new(1, NumberOptions::default(), 1);
    let mut key = NumberKey::new(&model);
    let context = EventContext { time_us: None, symbols: &[] };
    let (mut asked, mut off) = (0.0, 0.0);
    for (at, value) in cut.iter().enumerate() {
        model.begin(&mut key, &context);
        model.observe(&mut key, 0, *value);
        model.finish(&mut key);
        if at < 2000 || at % 37 != 0 || at + 60 >= cut.len() {
            continue;
        }
        for (step, forecast) in model.forecast(&key, &context, 60, &LEVELS).iter().enumerate() {
            let Forecast { mean, median, quantiles } = &forecast[0];
            // the next value is not drawn
            let inside = |y: f64| step == 0 || (0.0..=100.0).contains(&y);
            assert!(inside(*mean) && quantiles.iter().all(|y| inside(*y)), "{at}+{step}: {forecast:?}");
            assert!(step == 0 || quantiles[0] <= *median && *median <= quantiles[2], "{at}+{step}: {forecast:?}");
            let truth = cut[at + 1 + step];
            (asked, off) =
                (asked + 1.0, off + f64::from(u8::from(truth < quantiles[0] - 1e-6 || truth > quantiles[2] + 1e-6)));
        }
    }
    println!("cut: {:.3} outside", off / asked);
    assert!(off / asked < 0.13, "{}", off / asked);
}

#[test]
fn a_counter_that_starts_again_is_forecast_to_rise() {
    let mut random = Random::new(3);
    let mut count = 0.0;
    let values: Vec<f64> = (0..4000)
        .map(|i| {
            count = if i % 500 == 499 { 0.0 } else { count + random.below(101) as f64 };
            count
        })
        .collect();
    hold("a counter", &values, 1000.0);
}

#[test]
fn counts_stay_whole_and_are_never_negative() {
    let mut random = Random::new(7);
    let values: Vec<f64> = (0..3000).map(|_| (0..12).map(|_| random.below(4) / 3).sum::<u64>() as f64).collect();
    let mut model = NumberModel::new(1, NumberOptions::default(), 1);
    let mut key = NumberKey::new(&model);
    let context = EventContext { time_us: None, symbols: &[] };
    for value in &values {
        model.begin(&mut key, &context);
        model.observe(&mut key, 0, *value);
        model.finish(&mut key);
    }
    for (step, forecast) in model.forecast(&key, &context, STEPS, &LEVELS).iter().enumerate() {
        let whole = forecast[0].quantiles.iter().all(|y| *y >= 0.0 && y.fract() == 0.0);
        assert!(whole, "step {step}: {forecast:?}");
    }
    hold("counts", &values, 6.0);
}
