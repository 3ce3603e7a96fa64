//! A stream without declared fields decides from its first events what they hold.

use std::sync::Arc;
use surmise_event::{Data, Datum, Field, FieldKind, Limits, Outcome, Record, Schema};
use surmise_learner::{Learner, LearnerCopy, MemoryPages, NetworkSize, Options};

/// A request: a status of few numbers, and how long it took.
fn request(i: u64) -> Record {
    let status = [200.0, 200.0, 404.0, 500.0][(i * i / 3 % 4) as usize];
    let data = Data::Fields(vec![
        ("status".into(), Datum::Number(status)),
        ("ms".into(), if i == 0 { Datum::Text("cold".into()) } else { Datum::Number((i * 37 % 101) as f64 + 0.5) }),
    ]);
    Record { key: Some(format!("c{}", i % 5).into()), time_us: Some(i as i64 * 1_000_000), data, ..Record::default() }
}

fn learn(learner: &mut Learner, i: u64) -> Outcome {
    let event = learner.bind(&request(i), &Limits::default()).unwrap();
    learner.observe(&event)
}

fn small() -> Options {
    Options { network: NetworkSize::Off, ..Options::default() }
}

fn kinds(learner: &Learner) -> Vec<(&str, FieldKind)> {
    learner.schema().fields.iter().map(|field| (field.name.as_str(), field.kind)).collect()
}

#[test]
fn kinds_come_from_the_first_events_and_not_from_the_first_one() {
    let mut learner = Learner::new(Schema::default(), small()).unwrap();
    (0..255).for_each(|i| _ = learn(&mut learner, i));
    let first = [
        ("gap", FieldKind::Gap),
        ("status", FieldKind::Number),
        ("ms", FieldKind::Category),
        ("ms.number", FieldKind::Number),
    ];
    assert_eq!(kinds(&learner), first);
    assert_eq!(learner.undecided_events(), Some(1));
    let outcome = learn(&mut learner, 255);
    assert_eq!(outcome.offset, 255);
    let decided = [
        ("gap", FieldKind::Gap),
        ("status", FieldKind::Category),
        ("ms", FieldKind::Number),
        ("ms.text", FieldKind::Category),
    ];
    assert_eq!(kinds(&learner), decided);
    assert_eq!((learner.undecided_events(), learner.offset(), learner.model_version()), (None, 256, 256));
    // what was learnt so far was learnt under the decided kinds, as a declared stream would have
    let fields = decided[..3].iter().map(|(name, kind)| Field::new(*name, *kind));
    let mut declared = Learner::new(Schema::new(fields), small()).unwrap();
    (0..256).for_each(|i| _ = learn(&mut declared, i));
    assert_eq!(learner.report().events, 256);
    for i in 256..400 {
        let (a, b) = (learn(&mut learner, i), learn(&mut declared, i));
        assert_eq!((a.offset, a.surprise_bits.to_bits()), (b.offset, b.surprise_bits.to_bits()), "{i}");
    }
    assert_eq!(learner.report(), declared.report());
}

#[test]
fn where_a_learner_was_saved_changes_nothing() {
    let mut unbroken = Learner::new(Schema::default(), small()).unwrap();
    let mut broken = unbroken.clone();
    for i in 0..300 {
        let (a, b) = (learn(&mut unbroken, i), learn(&mut broken, i));
        assert_eq!(a, b, "{i}");
        if [3, 200, 255, 256].contains(&i) {
            broken = Learner::load(&broken.save()).unwrap();
            assert_eq!(broken.state_hash(), unbroken.state_hash(), "{i}");
        }
    }
}

#[test]
fn keys_in_the_store_are_those_of_the_learner_that_began_anew() {
    let all = |pages: bool| {
        // two keys in memory, of five
        let mut learner = Learner::new(Schema::default(), Options { keys: 2, ..small() }).unwrap();
        if pages {
            learner.set_pages(Arc::new(MemoryPages::default()));
        }
        (0..300).for_each(|i| _ = learn(&mut learner, i));
        learner
    };
    let mut roomy = Learner::new(Schema::default(), small()).unwrap();
    (0..300).for_each(|i| _ = learn(&mut roomy, i));
    let mut paged = all(true);
    assert!(paged.pages_fault().is_none() && paged.keys_stored() > 0);
    let next = request(300);
    let bits = |learner: &mut Learner| {
        let event = learner.bind(&next, &Limits::default()).unwrap();
        learner.observe(&event).surprise_bits.to_bits()
    };
    assert_eq!(paged.keys_held(), roomy.keys_held());
    assert_eq!(bits(&mut paged), bits(&mut roomy));
}

#[test]
fn a_copy_that_was_begun_before_is_of_the_moment_before() {
    let mut learner = Learner::new(Schema::default(), small()).unwrap();
    (0..250).for_each(|i| _ = learn(&mut learner, i));
    let mut at_250 = learner.clone();
    let mut copy = LearnerCopy::new(&learner, None);
    copy.begin_copy(&mut learner);
    (250..260).for_each(|i| _ = learn(&mut learner, i));
    let mut copied = loop {
        match copy.copy_some(&mut learner, 1 << 20) {
            Ok(copied) => break copied,
            Err(more) => copy = more,
        }
    };
    assert_eq!(copied.state_hash(), at_250.state_hash());
    (250..260).for_each(|i| _ = learn(&mut copied, i));
    (250..260).for_each(|i| _ = learn(&mut at_250, i));
    assert_eq!(copied.state_hash(), learner.state_hash());
    assert_eq!(at_250.state_hash(), learner.state_hash());
}

#[test]
fn what_is_declared_stays_as_it_is() {
    let fields = [Field::new("status", FieldKind::Number), Field::new("ms", FieldKind::Category)];
    let mut learner = Learner::new(Schema::new(fields), small()).unwrap();
    assert_eq!(learner.undecided_events(), None);
    (0..300).for_each(|i| _ = learn(&mut learner, i));
    assert_eq!(kinds(&learner)[0], ("status", FieldKind::Number));
    assert_eq!(kinds(&learner)[1], ("ms", FieldKind::Category));
}
