//! What must hold whatever comes.

mod common;
use common::{Draw, Stream, plain, small};
use surmise_number::{EventContext, Given, NumberKey, NumberModel};
use surmise_state::Persist;

/// A stream of many moods: walks, constants, flags, jumps, bursts, holes.
fn moods(d: &mut Draw, t: usize, x: &mut f64) -> f64 {
    match t / 400 % 8 {
        0 => d.normal(),
        1 => {
            *x += d.normal();
            *x
        }
        2 => 5.0,
        3 => d.below(2) as f64,
        4 => 1e6 + d.normal(),
        5 => d.normal() * (4.0 * d.normal()).exp(),
        6 if d.uniform() < 0.3 => f64::NAN,
        6 => d.below(10) as f64 / 10.0,
        _ => (t % 7) as f64,
    }
}

#[test]
fn regret_stays_below_its_bound() {
    for seed in 0..4 {
        let (mut d, mut x) = (Draw(seed), 0.0);
        let mut s = Stream::new(2, if seed == 0 { small() } else { plain() });
        let names = s.model.experts().len();
        let (mut mixture, mut alone) = ([0.0; 2], vec![vec![0.0; names]; 2]);
        for t in 0..6400 {
            let a = moods(&mut d, t, &mut x);
            // the second column follows the first in half of the moods
            let b = if t / 400 % 2 == 0 { 2.0 * a + 0.1 * d.normal() } else { d.normal() };
            let nats = s.event(&[a, b]);
            for c in 0..2 {
                mixture[c] += nats[c];
                alone[c].iter_mut().zip(s.model.expert_nats(c)).for_each(|(a, e)| *a += e);
                let best = alone[c].iter().copied().fold(f64::INFINITY, f64::min);
                let bound = s.model.regret_bound(c);
                assert!(
                    mixture[c] <= best + bound + 1e-4,
                    "seed {seed} column {c} at {t}: {} {best} {bound}",
                    mixture[c]
                );
            }
        }
        assert!(s.model.regret_bound(0) < 60.0, "{}", s.model.regret_bound(0));
    }
}

#[test]
fn regret_holds_against_an_adversary() {
    // the adversary picks, of a few values, the one that the model finds least likely
    let mut s = Stream::new(1, plain());
    let (mut mixture, mut alone) = (0.0, vec![0.0; s.model.experts().len()]);
    for t in 0..3000 {
        let choices = [0.0, 1.0, 10.0, -5.0, t as f64];
        let worst = choices.map(|v| {
            let (mut m, mut k) = (s.model.clone(), s.key.clone());
            m.begin(&mut k, &EventContext::default());
            m.observe(&mut k, 0, v)
        });
        let i = (0..5).max_by(|a, b| worst[*a].total_cmp(&worst[*b])).unwrap();
        mixture += s.event(&[choices[i]])[0];
        alone.iter_mut().zip(s.model.expert_nats(0)).for_each(|(a, e)| *a += e);
        let best = alone.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(mixture <= best + s.model.regret_bound(0) + 1e-4, "at {t}");
    }
}

#[test]
fn masses_of_all_cells_sum_to_at_most_one() {
    for kind in 0..5 {
        let mut d = Draw(kind);
        let mut s = Stream::new(2, plain());
        for t in 0..240 {
            let v = match kind {
                0 => d.below(4) as f64,
                1 => d.below(2) as f64 * 3.0,
                2 => (3.0 * d.normal()).round(),
                3 => (t % 5) as f64,
                _ => 1.0 + (2.0 * d.normal()).exp().round(),
            };
            s.event(&[v, (v + d.below(2) as f64).round()]);
            if t > 30 && t % 60 != 59 {
                continue;
            }
            for second in [0, 1] {
                let mut sum = 0.0;
                for i in -400..400 {
                    let mut m = s.model.clone();
                    m.begin(&mut s.key, &EventContext::default());
                    if second == 1 {
                        m.observe(&mut s.key, 0, 1.0);
                    }
                    assert!(m.resolution(second) == 1.0);
                    sum += (-m.observe(&mut s.key, second, i as f64)).exp();
                }
                assert!(sum <= 1.0 + 1e-9 && (t < 10 || sum > 0.8), "kind {kind} at {t}: {sum}");
            }
        }
    }
}

#[test]
fn nothing_breaks_it() {
    let poison = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e308,
        -1e308,
        1e-308,
        -1e-300,
        f64::MAX,
        f64::MIN_POSITIVE,
        0.0,
        1e150,
    ];
    for options in [plain(), small()] {
        let mut d = Draw(9);
        let mut s = Stream::new(3, options);
        for t in 0..6000 {
            let shift = if t / 1000 % 2 == 1 { 1e9 } else { 0.0 };
            let mut row = [d.normal() + shift, d.normal() * 1e-12, d.normal() * 1e12];
            if d.uniform() < 0.02 {
                row[d.below(3) as usize] = poison[d.below(poison.len() as u64) as usize];
            }
            s.model.begin(&mut s.key, &EventContext::default());
            for (c, v) in row.iter().enumerate() {
                assert!(s.model.mean(c).is_finite(), "mean at {t}");
                if t % 50 == 0 {
                    let (lo, hi) = (s.model.quantile(c, 0.05), s.model.quantile(c, 0.95));
                    assert!(lo.is_finite() && hi.is_finite() && lo <= hi, "{lo:e} {hi:e} at {t}");
                }
                let nats = s.model.observe(&mut s.key, c, *v);
                assert!(nats.is_finite() && (-1e-6..400.0).contains(&nats), "{nats} for {v} at {t}");
                if v.is_finite() {
                    let (low, high) = s.model.levels(c, Given::ALL[t % 2]).unwrap();
                    assert!(0.0 <= low && low <= high && high <= 1.0 + 1e-9, "{low} {high} at {t}");
                    assert!(s.model.crps(c, Given::ALL[t % 2]).unwrap() >= 0.0, "at {t}");
                }
                assert!(s.model.bucket(c, *v) < 16);
            }
            s.model.finish(&mut s.key);
        }
        // and soon afterwards it predicts nearly as if nothing had been, a billion from where it was
        let mut e = 0.0;
        for t in 0..500 {
            let y = d.normal();
            s.model.begin(&mut s.key, &EventContext::default());
            if t >= 50 {
                e += (s.model.mean(0) - y).powi(2) / 450.0;
            }
            s.model.observe(&mut s.key, 0, y);
            s.model.finish(&mut s.key);
        }
        assert!(e < 1.6, "{e}");
    }
}

#[test]
fn a_poisoned_start_is_forgotten() {
    for first in [1e308, -1e150, 1e-300] {
        let mut d = Draw(11);
        let mut s = Stream::new(1, plain());
        s.event(&[first]);
        let late = s.mean_surprise(600, 400, |_| vec![(100.0 * d.normal()).round() / 100.0]);
        // a normal at a resolution of a hundredth has 6.02 nats
        assert!(late < 6.6, "{first:e}: {late}");
    }
}

#[test]
fn missing_values_are_predicted() {
    let mut s = Stream::new(1, plain());
    let always = s.mean_surprise(300, 500, |_| vec![f64::NAN]);
    assert!(always < 0.05, "{always}");
    let mut d = Draw(12);
    let mut s = Stream::new(1, plain());
    let half = s.mean_surprise(500, 3000, |_| vec![if d.below(2) == 0 { f64::NAN } else { 3.0 }]);
    assert!(half < 0.693 + 0.05, "{half}");
}

#[test]
fn a_checkpoint_goes_on_bit_for_bit() {
    for (n, options) in [(3, small()), (3, plain()), (1, small()), (45, plain())] {
        let (mut d, mut x) = (Draw(13), 0.0);
        let mut s = Stream::new(n, options.clone());
        let mut row = |d: &mut Draw, t: usize| -> Vec<f64> { (0..n).map(|c| moods(d, t + 400 * c, &mut x)).collect() };
        let event = |m: &mut NumberModel, k: &mut NumberKey, t: usize, row: &[f64]| -> Vec<u64> {
            m.begin(k, &EventContext { time_us: Some(t as i64 * 3_600_000_000), symbols: &[t as u32 % 3] });
            let mut out = Vec::new();
            for (c, v) in row.iter().enumerate() {
                out.push(m.mean(c).to_bits());
                out.push(m.observe(k, c, *v).to_bits());
            }
            m.finish(k);
            out
        };
        for t in 0..611 {
            let r = row(&mut d, t);
            event(&mut s.model, &mut s.key, t, &r);
        }
        let (bytes, key_bytes) = (s.model.encode(), s.key.encode());
        assert_eq!(bytes.len() as u64, s.model.measure());
        let mut model = NumberModel::new(n, options.clone(), 7);
        let mut key = NumberKey::new(&model);
        model.decode(&bytes).unwrap();
        key.decode(&key_bytes).unwrap();
        assert_eq!(model.hash_state(), s.model.hash_state());
        for t in 611..1400 {
            let r = row(&mut d, t);
            let (a, b) = (event(&mut s.model, &mut s.key, t, &r), event(&mut model, &mut key, t, &r));
            assert_eq!(a, b, "{n} columns at {t}");
        }
        assert_eq!(model.hash_state(), s.model.hash_state());
        assert_eq!(key.hash_state(), s.key.hash_state());
        for cut in [0, 5, bytes.len() / 2, bytes.len() - 1] {
            assert!(NumberModel::new(n, options.clone(), 7).decode(&bytes[..cut]).is_err());
        }
    }
}

#[test]
fn asking_changes_nothing() {
    let mut d = Draw(14);
    let mut s = Stream::new(2, small());
    for t in 0..300 {
        let row = [d.normal(), d.normal()];
        s.model.begin(&mut s.key, &EventContext::default());
        let (m, k) = (s.model.hash_state(), s.key.hash_state());
        for _ in 0..3 {
            s.model.begin(&mut s.key, &EventContext { time_us: Some(t), symbols: &[1, 2] });
            s.model.quantile(0, 0.3);
            s.model.crps(1, Given::Before);
            s.model.forecast(&s.key, &EventContext::default(), 3, &[0.5]);
            s.model.observe(&mut s.key, 1, 7.0);
            s.model.levels(1, Given::Within);
            s.model.crps(1, Given::Within);
        }
        assert_eq!((m, k), (s.model.hash_state(), s.key.hash_state()));
        s.event(&row);
    }
}

#[test]
fn columns_can_be_added() {
    let mut d = Draw(15);
    let mut s = Stream::new(1, small());
    let mut row = vec![0.0];
    for i in 0..70 {
        for _ in 0..if i < 6 { 150 } else { 3 } {
            row.iter_mut().for_each(|v| *v = d.normal());
            let nats = s.event(&row);
            assert!(nats.iter().all(|n| n.is_finite()));
        }
        s.model.add_column();
        row.push(0.0);
    }
    let bytes = s.model.encode();
    // how many there are is known before bytes are read, which could say any number
    assert!(NumberModel::new(1, small(), 7).decode(&bytes).is_err());
    let mut back = NumberModel::new(71, small(), 7);
    back.decode(&bytes).unwrap();
    assert_eq!(back.hash_state(), s.model.hash_state());
}

#[test]
fn a_new_key_is_small() {
    let mut s = Stream::new(4, small());
    for t in 0..5 {
        s.event(&[t as f64; 4]);
    }
    assert!(s.key.measure() < 1500, "{}", s.key.measure());
}
