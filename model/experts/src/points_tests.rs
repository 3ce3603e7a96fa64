//! The bound of point forecasts, on sequences made to break it.

use super::*;
use proptest::prelude::*;
use surmise_fixtures::Random;

const N: usize = 16;

/// Holds every expert's regret to its bound, up to rounding of the sums.
fn assert_bounded(mixture: &PointMixture<N>, scale: f64, note: &str) {
    for i in 0..N {
        let (regret, bound) = (mixture.regret(i), mixture.bound(i));
        assert!(regret <= bound + 1e-9 * scale, "{note}: expert {i}: {regret} above {bound}");
    }
}

/// Plays a game: `play` gives forecasts, who is awake, and the truth, which may depend on the mixture's forecast.
fn game(rounds: usize, mut play: impl FnMut(usize, &mut [f64; N]) -> (ExpertSet, Box<dyn Fn(f64) -> f64>)) {
    for loss in PointLoss::ALL {
        let mut mixture = PointMixture::<N>::new(loss, [1.0; N]);
        let (mut inputs, mut x, mut scale) = (PointInputs::<N>::empty(), [0.0; N], 1.0f64);
        let (mut own, mut theirs) = (0.0, [0.0; N]);
        for t in 0..rounds {
            let (awake, truth) = play(t, &mut x);
            inputs.set(&x, awake);
            if inputs.is_empty() {
                continue;
            }
            let made = mixture.forecast(&inputs);
            let y = truth(made.value);
            // the plain way, beside the mixture's own sums
            own += loss.of(made.value - y);
            for i in 0..N {
                let said = if awake.has(i) { x[i] } else { made.mixtures[LOSSES] };
                theirs[i] += loss.of(said - y);
            }
            scale += loss.of(made.value - y) + x.iter().map(|x| loss.of(x - y)).sum::<f64>();
            mixture.learn(&inputs, &made, y);
            for (i, theirs) in theirs.iter().enumerate() {
                assert!((mixture.regret(i) - (own - theirs)).abs() <= 1e-9 * scale, "{loss:?} {t} {i}");
            }
            assert_bounded(&mixture, scale, &format!("{loss:?} round {t}"));
        }
    }
}

#[test]
fn an_adversary_does_not_break_the_bound() {
    for kind in 0..8u64 {
        let mut random = Random::new(kind + 1);
        game(2_000, |t, x| {
            let scale = match kind {
                // losses that explode, vanish, or jump
                0 => 1.01f64.powi(t as i32),
                1 => 0.99f64.powi(t as i32),
                2 if t % 400 == 399 => 1e6,
                _ => 1.0,
            };
            for (i, x) in x.iter_mut().enumerate() {
                *x = scale * (random.normal() + if kind == 3 { i as f64 } else { 0.0 });
            }
            let bits = random.bits();
            let awake = if kind % 2 == 1 { ExpertSet::of(&[0, (bits % 16) as usize]) } else { ExpertSet::first(N) };
            let (draw, first) = (scale * random.normal(), x[t / 300 % N]);
            let truth: Box<dyn Fn(f64) -> f64> = match kind {
                // away from the forecast, whatever it is
                4 | 5 => Box::new(move |f| if f > 0.0 { -2.0 } else { 2.0 }),
                // what one expert says, another one after a time
                6 | 7 => Box::new(move |_| first),
                _ => Box::new(move |_| draw),
            };
            (awake, truth)
        });
    }
}

#[test]
fn the_best_expert_is_found_and_a_change_is_followed() {
    for loss in PointLoss::ALL {
        let mut mixture = PointMixture::<N>::new(loss, [1.0; N]);
        let (mut inputs, mut random, mut sums) = (PointInputs::<N>::empty(), Random::new(5), [0.0; 2]);
        for t in 0..4_000 {
            let truth = random.normal();
            let good = if t < 2_000 { 3 } else { 11 };
            let x: [f64; N] = std::array::from_fn(|i| truth + if i == good { 0.1 } else { 1.0 } * random.normal());
            inputs.set(&x, ExpertSet::first(N));
            let made = mixture.forecast(&inputs);
            if t % 2_000 >= 200 {
                sums[0] += loss.of(made.value - truth);
                sums[1] += loss.of(x[good] - truth);
            }
            mixture.learn(&inputs, &made, truth);
        }
        assert!(sums[0] < 1.15 * sums[1], "{loss:?}: {sums:?}");
    }
}

#[test]
fn a_state_goes_on_where_it_was() {
    let mut random = Random::new(9);
    let (mut one, mut inputs) = (PointMixture::<N>::new(PointLoss::Squared, [1.0; N]), PointInputs::<N>::empty());
    let mut step = |mixture: &mut PointMixture<N>, inputs: &mut PointInputs<N>| {
        let x: [f64; N] = std::array::from_fn(|_| random.normal());
        let awake = ExpertSet::first(3 + random.below(13) as usize);
        inputs.set(&x, awake);
        let made = mixture.forecast(inputs);
        let y = random.normal();
        mixture.learn(inputs, &made, y);
        (made, y)
    };
    (0..300).for_each(|_| _ = step(&mut one, &mut inputs));
    let saved = one.encode();
    let mut two = PointMixture::<N>::new(PointLoss::Squared, [1.0; N]);
    two.decode(&saved).expect("what was saved is read");
    for _ in 0..50 {
        let (made, y) = step(&mut one, &mut inputs);
        let again = two.forecast(&inputs);
        assert_eq!(again.value.to_bits(), made.value.to_bits());
        two.learn(&inputs, &again, y);
    }
    assert_eq!(one.encode(), two.encode());
}

proptest! {
    #[test]
    fn regret_is_bounded(
        rows in proptest::collection::vec(
            (proptest::collection::vec(-1e3f64..1e3, N), any::<u16>(), -2e3f64..2e3, 0u8..4),
            1..200,
        ),
    ) {
        game(rows.len(), |t, x| {
            let (forecasts, awake, y, kind) = rows[t].clone();
            x.copy_from_slice(&forecasts);
            let awake = (0..N).fold(ExpertSet::EMPTY, |set, i| set.with(i, awake >> i & 1 == 1));
            let truth: Box<dyn Fn(f64) -> f64> = match kind {
                0 => Box::new(move |f| f + y.signum()),
                1 => Box::new(move |_| 1e3 * y),
                _ => Box::new(move |_| y),
            };
            (awake, truth)
        });
    }
}
