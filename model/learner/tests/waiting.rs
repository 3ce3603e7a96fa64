//! Fields that wait for their second value go on to the same bits from any moment, and what they miss is charged.
#![allow(missing_docs)]

use surmise_event::{Data, Datum, Limits, Record, Schema};
use surmise_fixtures::Random;
use surmise_learner::{Learner, Options};

type Kind = (&'static str, fn(usize, u64) -> Datum);

const KINDS: [Kind; 3] = [
    ("category", |i, n| Datum::Text(format!("v{i}-{}", n % 3).into())),
    ("text", |i, n| Datum::Text(format!("a text with blanks, {i} times {}", n % 5).into())),
    ("number", |i, n| Datum::Number(i as f64 * 1.5 + n as f64)),
];

fn record(fields: usize, make: fn(usize, u64) -> Datum, n: u64) -> Record {
    let fields = (0..fields).map(|i| (format!("f{i}").into(), make(i, n))).collect();
    let time_us = Some(1_700_000_000_000_000 + n as i64 * 1_000_000);
    Record { time_us, data: Data::Fields(fields), ..Record::default() }
}

fn observe(learner: &mut Learner, record: &Record) -> f64 {
    let event = learner.bind(record, &Limits::default()).unwrap();
    learner.observe(&event).surprise_bits
}

/// A checkpoint at any moment of the first events goes on to the same bits, whoever waits at that moment.
#[test]
fn a_checkpoint_of_who_waits_goes_on_to_the_same_bits() {
    let mut random = Random::new(3);
    let mut whole = Learner::new(Schema::default(), Options::default()).unwrap();
    let records: Vec<Record> = (0..12u64)
        .map(|n| {
            // some fields are new, some miss, some come again; two keys take turns
            let mut fields = Vec::new();
            for i in 0..6 {
                let (_, make) = KINDS[i % 3];
                if random.below(2) == 0 {
                    fields.push((format!("f{i}").into(), make(i, n)));
                }
            }
            let key = Some(format!("k{}", random.below(2)).into());
            Record { key, data: Data::Fields(fields), ..Record::default() }
        })
        .collect();
    let mut saved = Vec::new();
    for record in &records {
        saved.push(whole.save());
        observe(&mut whole, record);
    }
    for (begun, bytes) in saved.iter().enumerate() {
        let mut restored = Learner::load(bytes).unwrap();
        for record in &records[begun..] {
            observe(&mut restored, record);
        }
        assert_eq!(restored.state_hash(), whole.state_hash(), "from event {begun}");
    }
}

/// A field that misses is charged, and all that may come at an event costs no less than a whole.
#[test]
fn missing_values_of_who_waits_are_charged() {
    let mut learner = Learner::new(Schema::default(), Options::default()).unwrap();
    let (_, make) = KINDS[0];
    observe(&mut learner, &record(2, make, 0));
    let mut last = f64::INFINITY;
    for n in 1..20 {
        let cost = observe(&mut learner, &record(1, make, n));
        if n > 2 {
            assert!(cost > 0.0 && cost < last + 8.0, "{n}: {cost}");
        }
        last = cost;
    }
    let there = observe(&mut learner, &record(2, make, 20));
    assert!(there > 2.0, "a value after many that were missing costs {there}");
}
