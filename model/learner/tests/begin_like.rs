//! A stream that begins like another one knows what that one learnt, and nothing of what was its own.

use surmise_event::{Data, Datum, Expected, Field, FieldKind, Limits, Record, Schema};
use surmise_fixtures::Random;
use surmise_learner::{Learner, Options, UnlikeStream};

fn options() -> Options {
    Options { memory_mib: 4, ..Options::default() }
}

/// Requests of users, one page after another, with how long they took: `seed` decides who comes when.
fn record(i: u64, r: &mut Random) -> Record {
    let (user, step) = (r.below(6), i % 5);
    let page = ["home", "list", "item", "cart", "pay"][step as usize];
    Record {
        key: Some(format!("user {user}").into()),
        time_us: Some(i as i64 * 1_500_000),
        data: Data::Fields(vec![
            ("page".into(), Datum::Text(page.into())),
            ("ms".into(), Datum::Number(20.0 + 30.0 * step as f64 + r.below(9) as f64)),
        ]),
        ..Record::default()
    }
}

/// Learns `events` events; returns the mean of their surprise.
fn learn(learner: &mut Learner, events: u64, seed: u64) -> f64 {
    let mut r = Random::new(seed);
    let mut bits = 0.0;
    for i in 0..events {
        let event = learner.bind(&record(i, &mut r), &Limits::default()).unwrap();
        bits += learner.observe(&event).surprise_bits;
    }
    bits / events as f64
}

fn begun() -> Learner {
    let mut other = Learner::new(Schema::default(), options()).unwrap();
    learn(&mut other, 3_000, 1);
    other.begin_like(&Schema::default(), &options()).unwrap()
}

#[test]
fn it_begins_with_what_was_learnt_and_with_no_past_of_its_own() {
    let (mut like, mut fresh) = (begun(), Learner::new(Schema::default(), options()).unwrap());
    assert_eq!((like.offset(), like.model_version()), (0, 3_000));
    assert_eq!((like.keys_held(), like.report().events, like.late_events()), (0, 0, 0));
    let next = like.predict(None, 5);
    let Expected::Symbols { top, .. } = &next.fields["page"] else { panic!("{next:?}") };
    assert_eq!(top.len(), 5, "the vocabulary is known: {top:?}");
    let (of_like, of_fresh) = (learn(&mut like, 500, 2), learn(&mut fresh, 500, 2));
    assert!(of_like < 0.75 * of_fresh, "{of_like} bits an event against {of_fresh}");
    let report = like.report();
    assert_eq!((report.events, like.offset()), (500, 500));
    assert!((report.loss_bits_per_event - of_like).abs() < 1e-9, "measures are of its own events alone");
}

#[test]
fn it_goes_on_bit_for_bit_from_a_checkpoint_like_any_other() {
    let (mut a, mut b) = (begun(), begun());
    assert_eq!(a.state_hash(), b.state_hash(), "equal learners begin equal ones");
    learn(&mut a, 700, 3);
    learn(&mut b, 300, 3);
    let mut b = Learner::load(&b.save()).unwrap();
    let mut r = Random::new(3);
    for i in 0..700 {
        let record = record(i, &mut r);
        if i >= 300 {
            let event = b.bind(&record, &Limits::default()).unwrap();
            b.observe(&event);
        }
    }
    assert_eq!(a.state_hash(), b.state_hash());
}

#[test]
fn streams_that_are_not_alike_are_told_by_what_differs() {
    let other = || {
        let mut other = Learner::new(Schema::default(), options()).unwrap();
        learn(&mut other, 600, 1);
        other
    };
    let seeded = Options { seed: 9, ..options() };
    assert_eq!(other().begin_like(&Schema::default(), &seeded).err(), Some(UnlikeStream::Options));
    let budget = Options { alarm_budget: "1/1000".parse().unwrap(), ..options() };
    assert_eq!(other().begin_like(&Schema::default(), &budget).unwrap().options(), &budget);
    let schema = |kind, closed| Schema { fields: vec![Field::new("page", kind)], closed };
    let number = schema(FieldKind::Number, false);
    assert_eq!(other().begin_like(&number, &options()).err(), Some(UnlikeStream::Field("page".into())));
    let closed = schema(FieldKind::Category, true);
    assert_eq!(other().begin_like(&closed, &options()).err(), Some(UnlikeStream::Closed));
    assert!(other().begin_like(&schema(FieldKind::Category, false), &options()).is_ok());
    let mut short = Learner::new(Schema::default(), options()).unwrap();
    learn(&mut short, 3, 1);
    assert_eq!(short.begin_like(&Schema::default(), &options()).err(), Some(UnlikeStream::Undecided));
}

/// A line a second of a worker, and every ten seconds its heartbeat.
fn lines(from_s: u64, count: u64, heartbeat: bool) -> Vec<Record> {
    let line = |i: u64| match i % 10 {
        0 if heartbeat => "heartbeat of the watcher".to_owned(),
        _ => format!("took job {} in {} ms", i * 7919 % 1000, 20 + i % 9),
    };
    let stamp =
        |i: u64| format!("2026-11-{:02}T{:02}:{:02}:{:02}Z", 1 + i / 86_400, i / 3600 % 24, i / 60 % 60, i % 60);
    let record = |i: u64| Record {
        data: Data::One(Datum::Text(format!("{} {}", stamp(from_s + i), line(i)).into())),
        ..Record::default()
    };
    (0..count).map(record).collect()
}

#[test]
fn lines_of_the_new_stream_are_earlier_and_nothing_of_the_other_is_missed() {
    let schema = Schema { fields: vec![Field::new("value", FieldKind::Line)], closed: false };
    let mut other = Learner::new(schema.clone(), options()).unwrap();
    let observe = |l: &mut Learner, record: &Record| {
        let event = l.bind(record, &Limits::default()).unwrap();
        l.observe(&event)
    };
    lines(2_000_000, 3000, true).iter().for_each(|record| drop(observe(&mut other, record)));
    let mut like = other.begin_like(&schema, &options()).unwrap();
    let mut fresh = Learner::new(schema, options()).unwrap();
    let (mut of_like, mut of_fresh) = (0.0, 0.0);
    // twenty days before, and without the heartbeat, which the other stream alone has
    for record in lines(300_000, 600, false) {
        let outcome = observe(&mut like, &record);
        assert!(outcome.alarm.is_none(), "{:?}", outcome.alarm);
        of_like += outcome.surprise_bits;
        of_fresh += observe(&mut fresh, &record).surprise_bits;
    }
    assert!(of_like < of_fresh, "{of_like} bits against {of_fresh}");
}

#[test]
fn a_field_that_is_new_leaves_the_target_what_it_knows() {
    let options = Options { target: Some("page".into()), ..options() };
    let mut other = Learner::new(Schema::default(), options.clone()).unwrap();
    learn(&mut other, 3_000, 1);
    let mut like = other.begin_like(&Schema::default(), &options).unwrap();
    let mut r = Random::new(5);
    let mut bits = 0.0;
    for i in 0..100 {
        let mut record = record(i, &mut r);
        if let Data::Fields(fields) = &mut record.data {
            fields.push(("zone".into(), Datum::Text("north".into())));
        }
        let event = like.bind(&record, &Limits::default()).unwrap();
        bits += like.observe(&event).surprise_bits;
    }
    assert!(bits < 100.0, "{bits} bits for 100 pages that are known: its model was made anew");
}
