//! The bound of both mixtures together, and what the one after surprises is for.

use super::*;
use crate::ExpertSet;
use surmise_fixtures::Random;

const N: usize = 8;
/// The expert that says that values stay, and one that says that they come back.
const STAYS: usize = 0;
const BACK: usize = 1;
/// How often each expert is absent.
const ABSENT: [f64; N] = [0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5];

fn new(loss: PointLoss) -> SituatedMixture<N> {
    SituatedMixture::new(loss, [1.0; N], STAYS)
}

#[test]
fn regrets_of_both_stay_within_the_bound() {
    for (loss, seed) in PointLoss::ALL.into_iter().flat_map(|loss| (0..6).map(move |seed| (loss, seed))) {
        let (mut mixture, mut random, mut inputs) = (new(loss), Random::new(seed), PointInputs::empty());
        let (mut own, mut theirs, mut scale, mut other) = (0.0, [0.0; N], 1.0, new(loss));
        for t in 0..1_500 {
            let size = if t % 300 == 299 { 1e4 } else { 1.0 };
            let x: [f64; N] = std::array::from_fn(|_| size * random.normal());
            // in half of the runs two are absent at times, one of which would advise
            let absent = if seed < 3 { [false; N] } else { std::array::from_fn(|i| random.happens(ABSENT[i])) };
            inputs.set(&x, (0..N).fold(ExpertSet::EMPTY, |set, i| set.with(i, !absent[i])));
            let is_startled = random.happens(0.2);
            if t % 100 == 99 {
                // another record of other values, and back
                mixture.exchange(&mut other);
            }
            let made = mixture.forecast(&inputs, is_startled);
            // what hurts the forecast, what an expert says, or anything
            let y = match seed % 3 {
                0 => -2.0 * size * made.value.signum(),
                1 => x[t / 200 % N],
                _ => size * random.normal(),
            };
            own += loss.of(made.value - y);
            for (sum, x) in theirs.iter_mut().zip(x) {
                *sum += loss.of(x - y);
                scale += loss.of(x - y);
            }
            match t % 7 {
                0 => mixture.of(is_startled).learn_known(&inputs, &made, y),
                _ => mixture.of(is_startled).learn(&inputs, &made, y),
            }
            for (i, theirs) in theirs.iter().enumerate() {
                // what an absent one loses is what a mixture within says
                let is_told = seed < 3 || ABSENT[i] == 0.0;
                assert!(
                    !is_told || (mixture.regret(i) - (own - theirs)).abs() <= 1e-9 * scale,
                    "{loss:?} {seed} {t} {i}"
                );
                assert!(mixture.regret(i) <= mixture.bound(i) + 1e-9 * scale, "{loss:?} {seed} {t} {i}");
            }
        }
        assert_eq!(mixture.count(), 1_500);
    }
}

/// Plays values around a level that leave it at every hundredth: for good, or as freaks. Returns the squared errors
/// right after they have left it, of the surprises from the second on.
fn after_surprises(mixture: &mut SituatedMixture<N>, for_good: bool) -> Vec<f64> {
    let (mut random, mut inputs, mut level, mut errors) = (Random::new(3), PointInputs::empty(), 0.0, Vec::new());
    let mut last = 0.0;
    for t in 1..1_000 {
        let is_startled = t > 1 && t % 100 == 1;
        let x: [f64; N] = std::array::from_fn(|i| if i == STAYS { last } else { level });
        inputs.set(&x, ExpertSet::first(N));
        let made = mixture.forecast(&inputs, is_startled);
        let before = level;
        if t % 100 == 0 {
            level += 50.0;
        }
        let y = level + random.normal();
        if is_startled {
            errors.push((made.value - y).powi(2));
        }
        mixture.of(is_startled).learn(&inputs, &made, y);
        last = y;
        if !for_good && t % 100 == 0 {
            level = before;
        }
    }
    errors.split_off(1)
}

#[test]
fn one_surprise_teaches_whether_values_stay_or_come_back() {
    for for_good in [true, false] {
        let errors = after_surprises(&mut new(PointLoss::Squared), for_good);
        assert!(errors.len() == 8 && errors.iter().all(|error| *error < 30.0), "{for_good}: {errors:?}");
    }
}

#[test]
fn surprises_that_say_nothing_are_forecast_as_usual() {
    for loss in PointLoss::ALL {
        let (mut mixture, mut random, mut inputs) = (new(loss), Random::new(5), PointInputs::empty());
        let (mut own, mut usual) = (0.0, 0.0);
        for t in 0..4_000 {
            // what was best changes, which few surprises would find out by themselves
            let (y, good) = (random.normal(), 2 + t / 500 % 6);
            let x: [f64; N] = std::array::from_fn(|i| y + if i == good { 0.1 } else { 1.0 } * random.normal());
            inputs.set(&x, ExpertSet::first(N));
            let is_startled = random.happens(0.05);
            let made = mixture.forecast(&inputs, is_startled);
            if is_startled && t >= 400 {
                own += loss.of(made.value - y);
                usual += loss.of(mixture.forecast(&inputs, false).value - y);
            }
            mixture.of(is_startled).learn(&inputs, &made, y);
        }
        assert!(own < 1.5 * usual, "{loss:?}: {own} {usual}");
    }
}

#[test]
fn a_truth_that_came_as_forecast_does_not_make_the_next_surprise_a_usual_one() {
    let mut inputs = PointInputs::empty();
    inputs.set(&std::array::from_fn(|i| i as f64), ExpertSet::first(N));
    let asked = |mixture: &SituatedMixture<N>| mixture.forecast(&inputs, true).value;
    let mut mixture = new(PointLoss::Absolute);
    let before = asked(&mixture);
    mixture.of(true).pass();
    assert_eq!((asked(&mixture), mixture.count()), (before, 1));
}

#[test]
fn nothing_tells_before_the_first_surprise() {
    let (mut mixture, mut inputs) = (new(PointLoss::Squared), PointInputs::empty());
    for _ in 0..50 {
        inputs.set(&[10.0, 0.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0], ExpertSet::first(N));
        let made = mixture.forecast(&inputs, false);
        mixture.of(false).learn(&inputs, &made, 0.0);
    }
    assert!(mixture.forecast(&inputs, false).value.abs() < 0.1, "who says that values come back was right");
    assert!((mixture.forecast(&inputs, true).value - 5.0).abs() < 0.1);
    assert_eq!(mixture.best(), Some(BACK));
}

#[test]
fn a_state_goes_on_where_it_was_and_an_exchange_comes_back() {
    let mut mixture = new(PointLoss::Absolute);
    let plain = mixture.encode();
    after_surprises(&mut mixture, true);
    let (saved, mut again) = (mixture.encode(), new(PointLoss::Absolute));
    again.decode(&saved).unwrap();
    assert_eq!(after_surprises(&mut again, false), after_surprises(&mut mixture, false));
    assert_eq!(again.encode(), mixture.encode());
    again.decode(&plain).unwrap();
    assert_eq!(again.encode(), plain, "the record after surprises is gone with the rest");
    let mut inputs = PointInputs::empty();
    inputs.set(&std::array::from_fn(|i| i as f64), ExpertSet::first(N));
    for is_startled in [false, true] {
        let asked = |mixture: &SituatedMixture<N>| mixture.forecast(&inputs, is_startled).value.to_bits();
        assert_eq!(asked(&again), asked(&new(PointLoss::Absolute)), "and so is what it weighs");
    }
    // what another record had learnt is taken up, and the own one kept there
    let before = mixture.forecast(&inputs, true).value;
    mixture.exchange(&mut again);
    mixture.exchange(&mut again);
    assert_eq!(mixture.forecast(&inputs, true).value.to_bits(), before.to_bits());
}
