//! What must hold of a learner, whatever it is fed.

use proptest::prelude::*;
use surmise_event::{Data, Datum, Expected, Field, FieldKind, Limits, Record, Schema};
use surmise_fixtures::Random;
use surmise_learner::{Engine, Learner, NetworkSize, Options};

fn small() -> Options {
    Options { memory_mib: 1, ..Options::default() }
}

fn one(text: &str) -> Record {
    Record { data: Data::One(Datum::Text(text.into())), ..Record::default() }
}

fn see(l: &mut Learner, r: &Record) -> f64 {
    let e = l.bind(r, &Limits::default()).expect("the record fits");
    l.observe(&e).surprise_bits
}

/// A mixed stream: keys that end, missing values, numbers, texts, times, new fields on the way.
fn mixed(i: u64, r: &mut Random) -> Record {
    let key = format!("k{}", r.below(7));
    if r.below(12) == 0 {
        return Record { key: Some(key.into()), end: true, ..Record::default() };
    }
    let mut f = vec![
        ("page".into(), if r.below(9) == 0 { Datum::Null } else { Datum::Text(format!("/p{}", r.below(5)).into()) }),
        ("ms".into(), Datum::Number((r.uniform() * 50.0).round() / 10.0)),
        (
            "line".into(),
            if r.below(5) == 0 {
                Datum::Null
            } else {
                Datum::Bytes(format!("GET {}\nx", r.below(30)).into_bytes().into())
            },
        ),
    ];
    if i > 150 {
        f.push(("late".into(), Datum::Bool(r.below(2) == 0)));
        f.push(("v".into(), Datum::Numbers(vec![i as f64, r.uniform()])));
    }
    Record {
        key: Some(key.into()),
        time_us: Some((i * 1_000_000 + r.below(900_000)) as i64),
        data: Data::Fields(f),
        end: r.below(30) == 0,
        ..Record::default()
    }
}

#[test]
fn saved_and_read_back_it_goes_on_bit_for_bit() {
    for engine in [Engine::Fused, Engine::Dfdx] {
        let n = if engine == Engine::Dfdx { 120 } else { 900 };
        let mut r = Random::new(4);
        let mut l = Learner::new(Schema::default(), Options { engine, ..small() }).unwrap();
        for i in 0..n {
            see(&mut l, &mixed(i, &mut r));
        }
        let saved = l.save();
        let mut m = Learner::load(&saved).unwrap();
        assert_eq!(m.state_hash(), l.state_hash());
        assert_eq!((m.report(), m.schema(), m.offset()), (l.report(), l.schema(), l.offset()));
        for i in n..n + n / 2 {
            let rec = mixed(i, &mut r);
            assert_eq!(see(&mut l, &rec).to_bits(), see(&mut m, &rec).to_bits(), "event {i}");
        }
        assert_eq!(m.state_hash(), l.state_hash());
        assert_eq!(m.save(), l.save());
    }
}

#[test]
fn damaged_checkpoints_are_refused_and_never_panic() {
    let mut r = Random::new(4);
    let mut l = Learner::new(Schema::default(), small()).unwrap();
    for i in 0..200 {
        see(&mut l, &mixed(i, &mut r));
    }
    let saved = l.save();
    for _ in 0..60 {
        let mut bad = saved.clone();
        let at = r.below(bad.len() as u64) as usize;
        bad[at] ^= 1 << r.below(8);
        assert!(Learner::load(&bad).is_err(), "a flipped bit at {at}");
        bad.truncate(at);
        assert!(Learner::load(&bad).is_err(), "cut at {at}");
    }
}

#[test]
fn the_parts_of_a_surprise_sum_to_it() {
    let mut r = Random::new(8);
    let mut l = Learner::new(Schema::default(), small()).unwrap();
    let mut total = 0.0;
    for i in 0..600 {
        let rec = mixed(i, &mut r);
        let e = l.bind(&rec, &Limits::default()).unwrap();
        let o = l.observe(&e);
        let parts: f64 = o.fields.iter().map(|f| f.surprise_bits).sum();
        // the chance that the key goes on is part of every event and of no field
        assert!(o.surprise_bits - parts > -1e-9 && (o.surprise_bits - parts) < 12.0, "{o:?}");
        assert!((0.0..=1.0).contains(&o.anomaly_score));
        total += o.surprise_bits;
    }
    let report = l.report();
    assert!((report.loss_bits_per_event * report.events as f64 - total).abs() < 1e-6 * total);
    assert!(report.regret_bits <= report.regret_bound_bits, "{report:?}");
}

#[test]
fn predictions_change_nothing_and_sum_to_one() {
    let mut r = Random::new(2);
    let mut l = Learner::new(Schema::default(), small()).unwrap();
    for i in 0..500 {
        see(&mut l, &mixed(i, &mut r));
    }
    let before = l.state_hash();
    for key in [Some("k1"), Some("never seen"), None] {
        let p = l.predict(key, 5);
        assert_eq!(p.fields.len(), l.schema().fields.len());
        assert!(p.end.is_some_and(|e| (0.0..1.0).contains(&e)));
        for (name, e) in &p.fields {
            match e {
                Expected::Symbols { top, other } => {
                    let sum = top.iter().map(|t| t.1).sum::<f64>() + other;
                    assert!((sum - 1.0).abs() < 1e-4, "{name} {sum}");
                    assert!(top.windows(2).all(|w| w[0].1 >= w[1].1));
                }
                Expected::Number { quantiles, .. } => {
                    let q: Vec<f64> =
                        ["0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99"].iter().map(|l| quantiles[*l]).collect();
                    assert!(q.windows(2).all(|w| w[0] <= w[1]), "{name} {q:?}");
                }
            }
        }
        assert!(l.forecast(key, 6, 3).len() <= 6);
    }
    assert_eq!(l.state_hash(), before);
}

#[test]
fn a_loop_is_learnt_and_its_forecast_goes_round() {
    let mut l = Learner::new(Schema::default(), small()).unwrap();
    let names = ["login", "list", "view", "cart", "pay"];
    for i in 0..400 {
        see(&mut l, &one(names[i % 5]));
    }
    let steps = l.forecast(None, 7, 1);
    for (h, p) in steps.iter().enumerate() {
        let Expected::Symbols { top, .. } = &p.fields["value"] else { panic!("symbols were expected") };
        assert_eq!(top[0].0.as_deref(), Some(names[(400 + h) % 5]), "step {h}");
        assert!(top[0].1 > 0.9);
    }
    assert!(see(&mut l, &one("pay")) > 4.0, "what breaks the loop is surprising");
}

#[test]
fn ends_are_predicted_where_keys_end() {
    let mut l = Learner::new(Schema::default(), small()).unwrap();
    let session = |l: &mut Learner, n: usize| {
        let key = format!("s{n}");
        for t in ["a", "b", "c"] {
            see(l, &Record { key: Some(key.as_str().into()), ..one(t) });
        }
        see(l, &Record { key: Some(key.into()), end: true, ..Record::default() })
    };
    let first = session(&mut l, 0);
    for n in 1..200 {
        session(&mut l, n);
    }
    assert!(first > 1.0 && session(&mut l, 200) < 0.1);
    let r = l.report();
    assert_eq!((r.events, r.keys), (201 * 4, 201));
    assert_eq!(l.keys_held(), 0, "an ended key is not held");
}

#[test]
fn a_bound_on_keys_forgets_the_one_unused_for_longest() {
    let mut l = Learner::new(Schema::default(), Options { keys: 10, ..small() }).unwrap();
    for i in 0..500u32 {
        see(&mut l, &Record { key: Some(format!("k{i}").into()), ..one("x") });
        see(&mut l, &Record { key: Some("always".into()), ..one("x") });
        assert!(l.keys_held() <= 10);
    }
    assert_eq!(l.report().keys, 501);
}

#[test]
fn bytes_are_events_each_and_runs_do_not_matter() {
    let text = b"the quick brown fox jumps over the lazy dog. ".repeat(20);
    let run = |sizes: &[usize]| {
        let mut l = Learner::new(Schema::bytes(), small()).unwrap();
        let (mut at, mut i) = (0, 0);
        while at < text.len() {
            let n = sizes[i % sizes.len()].min(text.len() - at);
            see(&mut l, &Record { data: Data::One(Datum::Bytes(text[at..at + n].into())), ..Record::default() });
            (at, i) = (at + n, i + 1);
        }
        l
    };
    let (mut a, mut b) = (run(&[1]), run(&[7, 64, 3]));
    assert_eq!((a.offset(), b.offset()), (900, 900));
    assert_eq!(a.report().loss_bits_per_event.to_bits(), b.report().loss_bits_per_event.to_bits());
    assert_eq!(a.report().events, b.report().events);
}

#[test]
fn a_target_is_given_all_other_fields() {
    let schema = Schema::new([
        Field::new("class", FieldKind::Category),
        Field::new("x", FieldKind::Number),
        Field::new("colour", FieldKind::Category),
    ]);
    let mut l = Learner::new(schema, Options { target: Some("class".into()), ..small() }).unwrap();
    let mut r = Random::new(1);
    for _ in 0..1500 {
        let colour = ["red", "green", "blue"][r.below(3) as usize];
        let rec = Record {
            data: Data::Fields(vec![
                ("class".into(), Datum::Text(format!("is-{colour}").into())),
                ("x".into(), Datum::Number(r.uniform())),
                ("colour".into(), Datum::Text(colour.into())),
            ]),
            ..Record::default()
        };
        see(&mut l, &rec);
    }
    let report = l.report();
    assert_eq!(report.fields.keys().collect::<Vec<_>>(), ["class"]);
    assert!(report.loss_bits_per_event < 0.1, "{report:?}");
}

#[test]
fn poison_stops_nothing() {
    let mut l = Learner::new(Schema::default(), small()).unwrap();
    let mut r = Random::new(3);
    for i in 0..400u64 {
        let x = match i % 10 {
            3 => 1e308,
            5 => -1e308,
            7 => 5e-324,
            9 => 1e15,
            _ => r.uniform(),
        };
        let bits = see(&mut l, &Record { data: Data::One(Datum::Number(x)), ..Record::default() });
        assert!(bits.is_finite(), "event {i} ({x}): {bits}");
    }
    for _ in 0..400 {
        see(&mut l, &Record { data: Data::One(Datum::Number(r.uniform())), ..Record::default() });
    }
    let Expected::Number { mean, .. } = l.predict(None, 1).fields["value"].clone() else {
        panic!("a number was expected")
    };
    assert!(mean.is_finite());
}

#[test]
fn without_a_network_it_learns_too() {
    let mut l = Learner::new(Schema::default(), Options { network: NetworkSize::Off, ..small() }).unwrap();
    let mut r = Random::new(6);
    for i in 0..300 {
        see(&mut l, &mixed(i, &mut r));
    }
    let report = l.report();
    assert_eq!(report.parameters, 0);
    assert!(report.experts.iter().all(|e| !e.name.ends_with("network")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Equal events in equal order give equal states, and no sequence of events stops a learner.
    #[test]
    fn any_events_are_learnt_and_twice_the_same(seed in any::<u64>(), n in 1u64..250) {
        let run = || {
            let mut l = Learner::new(Schema::default(), small()).unwrap();
            let mut r = Random::new(seed);
            for i in 0..n {
                let bits = see(&mut l, &mixed(i, &mut r));
                assert!(bits.is_finite());
            }
            l.state_hash()
        };
        prop_assert_eq!(run(), run());
    }
}
