//! A copy that is made in slices, while the learner goes on, is a clone of its moment.

use surmise_event::{Data, Datum, Limits, Record, Schema};
use surmise_fixtures::Random;
use surmise_learner::{Learner, LearnerCopy, Options};

/// A stream whose vocabulary, keys and fields grow.
fn record(i: u64, r: &mut Random) -> Record {
    let symbols = 3 + i / 2;
    let mut fields = vec![("page".into(), Datum::Text(format!("/p{}", r.below(symbols)).into()))];
    if i > 100 {
        fields.push(("ms".into(), Datum::Number(r.below(1000) as f64)));
    }
    if i > 200 {
        fields.push(("line".into(), Datum::Bytes(format!("GET {}\nx", r.below(30)).into_bytes().into())));
    }
    let key = Some(format!("k{}", r.below(2 + i / 20)).into());
    Record {
        key,
        time_us: Some(i as i64 * 1_000_000),
        data: Data::Fields(fields),
        end: r.below(40) == 0,
        ..Record::default()
    }
}

fn learn(l: &mut Learner, i: u64, r: &mut Random) {
    let event = l.bind(&record(i, r), &Limits::default()).unwrap();
    l.observe(&event);
}

#[test]
fn a_copy_holds_the_state_at_its_offset_bit_for_bit() {
    let options = Options { memory_mib: 2, ..Options::default() };
    let (mut l, mut alone) =
        (Learner::new(Schema::default(), options.clone()).unwrap(), Learner::new(Schema::default(), options).unwrap());
    let (mut r, mut s) = (Random::new(5), Random::new(5));
    let mut slices = Random::new(6);
    let (mut i, mut spare) = (0, None);
    let mut longest = 0;
    while i < 700 {
        let mut copy = LearnerCopy::new(&l, spare.take());
        while slices.below(9) > 0 && !copy.reserve(&l, slices.below(60_000) as usize) {
            learn(&mut l, i, &mut r);
            i += 1;
        }
        copy.begin_copy(&mut l);
        let (mut then, began) = (l.clone(), i);
        let mut made = loop {
            learn(&mut l, i, &mut r);
            i += 1;
            match copy.copy_some(&mut l, slices.below(60_000) as usize) {
                Ok(made) => break made,
                Err(more) => copy = more,
            }
        };
        longest = longest.max(i - began);
        assert!(made.save() == then.save(), "the copy at event {began}, complete at {i}");
        spare = Some(made).filter(|_| slices.below(3) > 0);
    }
    assert!(longest > 10, "copies take several events: {longest}");
    (0..i).for_each(|i| learn(&mut alone, i, &mut s));
    assert_eq!(l.state_hash(), alone.state_hash(), "copies change nothing");
}
