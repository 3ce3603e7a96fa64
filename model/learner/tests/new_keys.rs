//! Keys that were never seen: what is expected of their first event.
#![allow(missing_docs)]

use surmise_event::{Data, Datum, Expected, Limits, Record};
use surmise_fixtures::Random;
use surmise_learner::{Learner, Options};

/// A learner of readings of some keys, each about its own level from 20 on.
fn fleet(keys: u64, events: u64) -> Learner {
    let mut learner = Learner::new(Default::default(), Options { memory_mib: 1, ..Options::default() }).unwrap();
    let mut random = Random::new(5);
    for n in 0..events {
        let value = 20.0 + (n % keys) as f64 + random.normal();
        let data = Data::One(Datum::Number((100.0 * value).round() / 100.0));
        let record = Record { key: Some(format!("k{}", n % keys).into()), data, ..Record::default() };
        let event = learner.bind(&record, &Limits::default()).unwrap();
        learner.observe(&event);
    }
    learner
}

#[test]
fn a_new_key_is_expected_where_values_lie() {
    for (keys, events) in [(2, 200), (5, 4_000), (40, 4_000)] {
        let prediction = fleet(keys, events).predict(Some("never seen"), 3);
        let Some(Expected::Number { mean, quantiles, .. }) = prediction.fields.get("value") else {
            panic!("{prediction:?}")
        };
        let (low, high) = (quantiles["0.05"], quantiles["0.95"]);
        let (least, most) = (20.0, 20.0 + (keys - 1) as f64);
        let spread = 2.0 + keys as f64;
        assert!(*mean > least - 1.0 && *mean < most + 1.0, "{keys} keys: {mean}");
        assert!(low > least - 2.0 * spread && high < most + 2.0 * spread, "{keys} keys: {low} to {high}");
        let within = 1.0 + 0.1 * (most - least);
        assert!(low < least + within && high > most - within, "{keys} keys: {low} to {high}");
    }
}
