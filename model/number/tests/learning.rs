//! What the model must learn, and how fast.

mod common;
use common::{Draw, Stream, plain, small};
use surmise_experts::PointLoss;
use surmise_number::{EventContext, Given, NumberKey, NumberModel, NumberOptions};

#[test]
fn a_constant_costs_nothing_after_a_while() {
    for value in [0.0, 17.0, -3.25, 1e-12, 1e12, 0.1 + 0.2] {
        let mut s = Stream::new(1, plain());
        let late = s.mean_surprise(300, 300, |_| vec![value]);
        assert!(late < 0.01, "{value}: {late}");
    }
}

#[test]
fn a_flag_costs_its_entropy() {
    let mut d = Draw(1);
    let mut s = Stream::new(1, plain());
    let coin = s.mean_surprise(500, 3000, |_| vec![d.below(2) as f64]);
    assert!(coin > 0.68 && coin < 0.693 + 0.03, "{coin}");
    // a flag that stays: 5 % changes cost .1985 nats
    let (mut d, mut state) = (Draw(2), 0.0);
    let mut s = Stream::new(1, plain());
    let sticky = s.mean_surprise(500, 4000, |_| {
        if d.uniform() < 0.05 {
            state = 1.0 - state;
        }
        vec![state]
    });
    assert!(sticky < 0.1985 + 0.035, "{sticky}");
    // an alternation is known once seen
    let mut s = Stream::new(1, plain());
    let alternating = s.mean_surprise(200, 1000, |t| vec![if t % 2 == 0 { -1.0 } else { 4.0 }]);
    assert!(alternating < 0.02, "{alternating}");
}

#[test]
fn an_integer_random_walk_costs_its_steps() {
    let (mut d, mut x) = (Draw(3), 1000.0);
    let mut s = Stream::new(1, plain());
    let walk = s.mean_surprise(500, 4000, |_| {
        x += if d.below(2) == 0 { 1.0 } else { -1.0 };
        vec![x]
    });
    assert!(walk < 0.693 + 0.03, "{walk}");
    let mut s = Stream::new(1, plain());
    let counter = s.mean_surprise(200, 1000, |t| vec![1e9 + 60.0 * t as f64]);
    assert!(counter < 0.02, "{counter}");
}

#[test]
fn uniform_noise_never_beats_its_entropy() {
    let mut d = Draw(4);
    let mut s = Stream::new(1, small());
    let n = 100u64;
    let cost = s.mean_surprise(1, 5000, |_| vec![d.below(n) as f64]);
    let floor = (n as f64).ln();
    assert!(cost > floor - 0.02 && cost < floor + 0.5, "{cost} {floor}");
}

#[test]
fn a_line_in_the_same_event_is_learnt_to_its_noise() {
    for (a, b, noise) in [(3.0, 5.0, 0.01), (-0.2, 1e6, 0.001), (1e-3, 0.0, 1e-5)] {
        let mut d = Draw(5);
        let mut s = Stream::new(2, plain());
        let (mut se, mut floor, mut n) = (0.0, 0.0, 0.0);
        let mut inside = 0;
        for t in 0..1200 {
            let x = d.normal();
            let e = noise * d.normal();
            let y = a * x + b + e;
            s.model.begin(&mut s.key, &EventContext::default());
            s.model.observe(&mut s.key, 0, x);
            if t >= 200 {
                let p = s.model.conditional_mean(1);
                se += (p - y) * (p - y);
                floor += e * e;
                n += 1.0;
                let [lo, hi] = s.model.interval(1, Given::Within, 0.05, 0.95);
                inside += i32::from((lo..=hi).contains(&y));
            }
            s.model.observe(&mut s.key, 1, y);
            s.model.finish(&mut s.key);
        }
        let ratio = (se / floor).sqrt();
        assert!(ratio < 1.15, "{a} {b}: {ratio}");
        let covered = inside as f64 / n;
        assert!((covered - 0.9).abs() < 0.035, "{a} {b}: covers {covered}");
    }
}

#[test]
fn symbols_shift_and_scale_what_is_expected() {
    let mut d = Draw(6);
    let mut model = NumberModel::new(1, plain(), 1);
    let mut key = NumberKey::new(&model);
    let (mut with, mut without) = (0.0, 0.0);
    for t in 0..4000 {
        let kind = d.below(3) as u32;
        let y = 10.0 * kind as f64 + d.normal();
        model.begin(&mut key, &EventContext { time_us: None, symbols: &[100 + kind] });
        if t >= 500 {
            with += (model.conditional_mean(0) - y).powi(2);
            without += (model.mean(0) - y).powi(2);
        }
        model.observe(&mut key, 0, y);
        model.finish(&mut key);
    }
    assert!(with < 0.05 * without, "{with} {without}");
}

#[test]
fn intervals_cover_what_they_say() {
    for kind in 0..4 {
        let (mut d, mut level) = (Draw(10 + kind), 0.0);
        let mut s = Stream::new(1, plain());
        let (mut inside, mut low, mut n) = (0, 0, 0);
        let (mut distance, mut distance_of_half) = (0.0, 0.0);
        for t in 0..12_000 {
            let y = match kind {
                // independent, autoregressive, with bursts, heavy-tailed and skewed
                0 => d.normal(),
                1 => {
                    level = 0.9 * level + d.normal();
                    level
                }
                2 => d.normal() * if t / 500 % 2 == 0 { 1.0 } else { 6.0 },
                _ => (1.5 * d.normal()).exp(),
            };
            s.model.begin(&mut s.key, &EventContext::default());
            if t >= 1000 {
                n += 1;
                inside += i32::from((s.model.quantile(0, 0.05)..=s.model.quantile(0, 0.95)).contains(&y));
                low += i32::from(y <= s.model.quantile(0, 0.5));
                distance += (y - s.model.median(0)).abs();
                distance_of_half += (y - s.model.quantile(0, 0.5)).abs();
            }
            s.model.observe(&mut s.key, 0, y);
            s.model.finish(&mut s.key);
        }
        let (covered, half) = (inside as f64 / n as f64, low as f64 / n as f64);
        assert!((0.88..=0.92).contains(&covered), "kind {kind}: {covered}");
        assert!((0.47..=0.53).contains(&half), "kind {kind}: median {half}");
        assert!(distance < 1.03 * distance_of_half, "kind {kind}: {distance} {distance_of_half}");
    }
}

#[test]
fn days_are_found_and_used() {
    let mut d = Draw(20);
    let mut model = NumberModel::new(1, plain(), 1);
    let mut key = NumberKey::new(&model);
    let (mut se, mut last, mut before) = (0.0, 0.0, 0.0);
    let shape: Vec<f64> = (0..24).map(|_| 10.0 * d.normal()).collect();
    for t in 0..24 * 40 {
        let y = shape[t % 24] + 0.3 * d.normal();
        model.begin(&mut key, &EventContext { time_us: Some(t as i64 * 3_600_000_000), symbols: &[] });
        if t >= 24 * 20 {
            se += (model.mean(0) - y).powi(2);
            last += (before - y).powi(2);
        }
        before = y;
        model.observe(&mut key, 0, y);
        model.finish(&mut key);
    }
    assert_eq!(model.interval_us(), Some(3_600_000_000));
    assert!(se < 0.01 * last, "{se} {last}");
    let f = model.forecast(&key, &EventContext::default(), 48, &[0.1, 0.9]);
    let error: f64 = f.iter().enumerate().map(|(h, c)| (c[0].mean - shape[h % 24]).abs()).sum::<f64>() / 48.0;
    assert!(error < 2.0, "{error}");
    assert!(f.iter().all(|c| c[0].quantiles[0] <= c[0].mean && c[0].mean <= c[0].quantiles[1]));
}

#[test]
fn the_first_step_of_a_forecast_is_what_stands() {
    let (mut d, mut x) = (Draw(21), 0.0);
    let mut s = Stream::new(2, small());
    for _ in 0..300 {
        x = 0.95 * x + d.normal();
        s.event(&[x, d.normal()]);
    }
    let f = s.model.forecast(&s.key, &EventContext::default(), 20, &[0.1, 0.5, 0.9]);
    s.model.begin(&mut s.key, &EventContext::default());
    for c in 0..2 {
        assert_eq!(f[0][c].mean, s.model.mean(c));
        assert_eq!(f[0][c].median, s.model.median(c));
        for (q, p) in f[0][c].quantiles.iter().zip([0.1, 0.5, 0.9]) {
            assert!((q - s.model.quantile(c, p)).abs() < 1e-9);
        }
    }
    let width = |h: usize| f[h][0].quantiles[2] - f[h][0].quantiles[0];
    assert!(width(10) > 1.5 * width(0) && width(19) < 10.0 * width(0));
}

#[test]
fn keys_share_what_is_learnt() {
    let mut d = Draw(22);
    let mut model = NumberModel::new(1, plain(), 1);
    let mut keys: Vec<NumberKey> = (0..50).map(|_| NumberKey::new(&model)).collect();
    let mut level: Vec<f64> = (0..50).map(|i| 100.0 * i as f64).collect();
    let (mut early, mut late) = (0.0, 0.0);
    for t in 0..4000 {
        let k = d.below(50) as usize;
        level[k] += d.normal();
        model.begin(&mut keys[k], &EventContext::default());
        let s = model.observe(&mut keys[k], 0, (level[k] * 10.0).round() / 10.0);
        model.finish(&mut keys[k]);
        if (200..600).contains(&t) {
            early += s / 400.0;
        }
        if t >= 3000 {
            late += s / 1000.0;
        }
    }
    // a normal step at a resolution of a tenth has 3.72 nats
    assert!(late < 4.1 && late <= early + 0.1, "{early} {late}");
    let mut key = NumberKey::new(&model);
    model.begin(&mut key, &EventContext::default());
    let fresh = model.observe(&mut key, 0, 2500.0);
    assert!(fresh < 15.0, "{fresh}");
}

/// Values that come in an order, that stay, and that are lost: the distribution knows them soon, and point forecasts
/// have to keep their bound nevertheless, counted from outside.
#[test]
fn point_forecasts_keep_their_bound_where_the_distribution_knows_what_comes() {
    let cycle = |i: usize| [10.0, 20.0, 30.0][(i + 1) % 3];
    let stays = |i: usize| if i < 700 { cycle(i) } else { 25.0 };
    let falls = |i: usize| [7.0, 7.0, 7.0, 90.0][i % 4] + if i > 1500 { 1000.0 } else { 0.0 };
    let large = |i: usize| 1.7e12 + cycle(i);
    let made: [(&str, &dyn Fn(usize) -> f64); 4] =
        [("cycle", &cycle), ("stays", &stays), ("falls", &falls), ("large", &large)];
    for (name, value) in made {
        let mut model = NumberModel::new(1, NumberOptions::default(), 1);
        let mut key = NumberKey::new(&model);
        let mut whole = [0.0; 2];
        let mut experts = [[0.0; 2]; 64];
        for i in 0..4000 {
            let y = value(i);
            model.begin(&mut key, &EventContext { time_us: None, symbols: &[] });
            if i > 0 {
                let losses = |x: f64| [(x - y).powi(2), (x - y).abs()];
                let add = |sums: &mut [f64; 2], more: [f64; 2]| sums.iter_mut().zip(more).for_each(|(s, x)| *s += x);
                add(&mut whole, [losses(model.mean(0))[0], losses(model.median(0))[1]]);
                for (sums, (_, said)) in experts.iter_mut().zip(model.point_experts(0)) {
                    // one that is absent says what the whole says, for want of the first layer's word
                    add(sums, said.map_or([losses(model.mean(0))[0], losses(model.median(0))[1]], losses));
                }
            }
            model.observe(&mut key, 0, y);
            model.finish(&mut key);
        }
        for (place, loss) in PointLoss::ALL.into_iter().enumerate() {
            let regret = model.point_regret(0, loss).unwrap();
            let least = experts.iter().take(model.point_experts(0).len()).map(|sums| sums[place]);
            let least = least.fold(f64::INFINITY, f64::min);
            assert_eq!(regret.count, 3999, "{name}, {loss:?}");
            assert!(regret.regret <= regret.bound, "{name}: {regret:?}");
            let above = whole[place] - least;
            assert!(above <= regret.bound, "{name}, {loss:?}: {above} above the best, at most {}", regret.bound);
        }
    }
}
