//! Parts that are left out: what a learner has changes it, what it does not have changes nothing.

use surmise_event::{Data, Datum, Limits, Record};
use surmise_fixtures::Random;
use surmise_learner::{Component, Learner, NetworkSize, Options};

const HOUR_US: i64 = 3_600_000_000;

fn options() -> Options {
    Options { memory_mib: 1, ..Options::default() }
}

fn learnt(options: Options, records: &[Record]) -> (Learner, f64) {
    let mut l = Learner::new(Default::default(), options).unwrap();
    let mut bits = 0.0;
    for r in records {
        let e = l.bind(r, &Limits::default()).unwrap();
        bits += l.observe(&e).surprise_bits;
    }
    assert!(bits.is_finite());
    (l, bits)
}

/// Texts, sessions of symbols, numbers by the hour, and records of all sorts.
fn streams() -> [(&'static str, Vec<Record>); 4] {
    let mut r = Random::new(11);
    let texts = (0..40)
        .map(|i| {
            let line = format!(
                "{} worker {} took {} ms, {}\n",
                i,
                r.below(4),
                r.below(900),
                ["ok", "late"][r.below(2) as usize]
            );
            Record {
                data: Data::Fields(vec![("line".into(), Datum::Bytes(line.into_bytes().into()))]),
                ..Record::default()
            }
        })
        .collect();
    let sessions = (0..500)
        .map(|i| {
            let data = Data::One(Datum::Text(format!("s{}", (i + r.below(3)) % 7).into()));
            Record { key: Some(format!("k{}", i / 9).into()), data, end: i % 9 == 8, ..Record::default() }
        })
        .collect();
    let meters = (0..1000)
        .map(|i| {
            let day = (i % 24) as f64 * 0.3 + r.below(10) as f64 / 10.0;
            let fields =
                vec![("a".into(), Datum::Number(day)), ("b".into(), Datum::Number(day * 2.0 + r.below(3) as f64))];
            Record { time_us: Some(i * HOUR_US), data: Data::Fields(fields), ..Record::default() }
        })
        .collect();
    let records = (0..400)
        .map(|i| {
            let page = r.below(5);
            let fields = vec![
                ("page".into(), Datum::Text(format!("/p{page}").into())),
                ("ms".into(), Datum::Number((page * 7 + r.below(4)) as f64)),
                ("code".into(), Datum::Text(["ok", "error"][usize::from(page == 3)].into())),
            ];
            let key = Some(format!("k{}", r.below(5)).into());
            Record { key, time_us: Some(i * HOUR_US / 3), data: Data::Fields(fields), ..Record::default() }
        })
        .collect();
    [("texts", texts), ("sessions", sessions), ("meters", meters), ("records", records)]
}

#[test]
fn what_is_left_out_is_missed_where_it_was() {
    let mut seen = std::collections::BTreeSet::new();
    for (name, records) in streams() {
        let (mut whole, bits) = learnt(options(), &records);
        let (has, hash) = (Component::of(whole.schema(), whole.options()), whole.state_hash());
        for part in Component::ALL {
            let (mut less, other) = learnt(Options { ablate: [part].into(), ..options() }, &records);
            if (name, part) == ("records", Component::Season) {
                // its keys come at odd times, where no day is found
                assert_eq!(bits, other);
            } else if has.contains(&part) {
                assert_ne!(bits, other, "{name} without {part}");
            } else {
                assert_eq!((&hash, bits), (&less.state_hash(), other), "{name} has no {part}");
            }
            let mut again = Learner::load(&less.save()).unwrap();
            assert_eq!((again.state_hash(), again.options().ablate.len()), (less.state_hash(), 1), "{name}, {part}");
        }
        seen.extend(has);
    }
    assert_eq!(seen.len(), Component::ALL.len(), "no stream has the others: {seen:?}");
}

#[test]
fn nothing_is_left_out_unless_it_is_said() {
    let mut said = serde_json::to_value(options()).unwrap();
    assert_eq!(said.as_object_mut().unwrap().remove("ablate"), Some(serde_json::json!([])));
    let old: Options = serde_json::from_value(said.clone()).unwrap();
    assert_eq!(old, options());
    let (_, records) = &streams()[3];
    assert_eq!(learnt(old, records).0.state_hash(), learnt(options(), records).0.state_hash());
    said["ablate"] = serde_json::json!(["maps", "wrods"]);
    let refused = serde_json::from_value::<Options>(said).unwrap_err().to_string();
    assert!(refused.contains("wrods") && Component::ALL.iter().all(|p| refused.contains(p.name())), "{refused}");
}

#[test]
fn all_of_it_can_be_left_out_at_once() {
    for (_, records) in streams() {
        learnt(Options { ablate: Component::ALL.into(), ..options() }, &records);
    }
}

/// What an expert that never had something to say paid is what the mixture paid, and no merit of it.
#[test]
fn experts_that_never_spoke_are_not_among_the_losses() {
    let numbers = |timed: bool| -> Vec<Record> {
        let mut r = Random::new(3);
        let record = |i: i64| Record {
            data: Data::One(Datum::Number((i % 24) as f64 + r.uniform())),
            time_us: timed.then_some(i * HOUR_US),
            ..Record::default()
        };
        (0..600).map(record).collect()
    };
    let heard = |timed: bool| {
        let (mut l, _) = learnt(Options { network: NetworkSize::Off, ..options() }, &numbers(timed));
        l.report().experts.into_iter().map(|expert| expert.name).collect::<Vec<_>>()
    };
    let (untimed, timed) = (heard(false), heard(true));
    for name in ["network", "given-errors", "given-values", "given-symbols"] {
        assert!(!untimed.iter().any(|heard| heard == name), "{name} of {untimed:?}");
    }
    assert!(untimed.len() >= 12 && timed.iter().any(|name| name == "value/day"), "{untimed:?}, {timed:?}");
}
