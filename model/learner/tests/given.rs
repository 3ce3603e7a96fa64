//! What is expected of the rest of an event is what the learner would have expected had the event been sent.

use std::collections::BTreeMap;
use surmise_event::{Data, Datum, Event, Expected, Field, FieldKind, Limits, Outcome, Record, RefusalCode, Schema};
use surmise_fixtures::Random;
use surmise_learner::{Learner, Options};

/// A symbol is asked for along another way of rounding than it is learnt. Of a field that came once, that its value is
/// there at all costs beside.
const CLOSE_BITS: f64 = 1e-5;

type Fields = Vec<(Box<str>, Datum)>;

fn record(key: Option<&str>, fields: &[(Box<str>, Datum)]) -> Record {
    Record { key: key.map(Into::into), data: Data::Fields(fields.to_vec()), ..Record::default() }
}

fn without(fields: &Fields, name: &str) -> Fields {
    fields.iter().filter(|(field, _)| **field != *name).cloned().collect()
}

fn learner(fields: Vec<Field>, target: Option<&str>) -> Learner {
    let options = Options { memory_mib: 4, target: target.map(Into::into), ..Options::default() };
    Learner::new(Schema::new(fields), options).expect("the target is a field")
}

fn expect(learner: &Learner, given: &Record) -> BTreeMap<String, Expected> {
    let answer = learner.predict_given(given, &Limits::default(), 100).expect("the question fits");
    answer.expect("the key is in memory").fields
}

fn bound(learner: &mut Learner, record: &Record) -> Event {
    learner.bind(record, &Limits::default()).expect("the record fits")
}

/// The surprise of a field, in bits.
fn surprise(outcome: &Outcome, field: &str) -> f64 {
    outcome.fields.iter().find(|f| *f.name == *field).expect("the field was predicted").surprise_bits
}

fn probability(expected: &Expected, text: &str) -> Option<f64> {
    let Expected::Symbols { top, .. } = expected else { panic!("{expected:?}") };
    top.iter().find(|(symbol, _)| symbol.as_deref() == Some(text)).map(|(_, p)| *p)
}

/// A class, a word and two numbers that say something of it, and a gap.
fn event(random: &mut Random) -> (Fields, String) {
    let class = random.below(3);
    let word = if random.below(4) == 0 { random.below(3) } else { class };
    let x = 10.0 * class as f64 + random.normal();
    let y = if random.below(9) == 0 { Datum::Null } else { Datum::Number(x * 2.0 + random.normal()) };
    let class = format!("c{class}");
    let fields = vec![
        ("class".into(), Datum::Text(class.as_str().into())),
        ("word".into(), Datum::Text(format!("w{word}").into())),
        ("x".into(), Datum::Number(x)),
        ("y".into(), y),
    ];
    (fields, class)
}

fn schema() -> Vec<Field> {
    let kinds = [("class", FieldKind::Category), ("word", FieldKind::Category), ("x", FieldKind::Number)];
    kinds.into_iter().chain([("y", FieldKind::Number)]).map(|(name, kind)| Field::new(name, kind)).collect()
}

#[test]
fn a_class_is_expected_as_it_would_have_cost() {
    let (mut l, mut random) = (learner(schema(), Some("class")), Random::new(3));
    let (mut compared, mut right) = (0, 0);
    for i in 0..600 {
        let (fields, class) = event(&mut random);
        let key = (i % 3 > 0).then(|| format!("k{}", i % 3));
        let (whole, given) = (record(key.as_deref(), &fields), record(key.as_deref(), &without(&fields, "class")));
        let hash = l.state_hash();
        let expected = expect(&l, &given);
        assert_eq!(expected.keys().collect::<Vec<_>>(), ["class"]);
        assert_eq!(l.state_hash(), hash, "a question teaches nothing");
        let event = bound(&mut l, &whole);
        let outcome = l.observe(&event);
        let Some(p) = probability(&expected["class"], &class) else { continue };
        let bits = surprise(&outcome, "class");
        assert!(i < 2 || (p.log2() + bits).abs() < CLOSE_BITS, "event {i}: {p} and {bits} bits");
        compared += 1;
        let Expected::Symbols { top, .. } = &expected["class"] else { continue };
        right += usize::from(top[0].0.as_deref() == Some(&*class));
    }
    assert!(compared > 590 && right > 560, "{compared} compared, {right} right");
}

#[test]
fn a_number_is_expected_as_it_would_have_been() {
    let (mut l, mut random) = (learner(schema(), Some("y")), Random::new(4));
    l.set_intervals(true);
    for i in 0..300 {
        let (fields, _) = event(&mut random);
        let expected = expect(&l, &record(None, &without(&fields, "y")));
        let Expected::Number { mean, quantiles, .. } = &expected["y"] else { panic!("{expected:?}") };
        let event = bound(&mut l, &record(None, &fields));
        l.observe(&event);
        let Some(forecast) = l.latest_forecasts().first() else { continue };
        let got = (*mean, [quantiles["0.05"], quantiles["0.95"]]);
        assert_eq!(got, (forecast.mean, forecast.interval_90), "event {i}");
    }
}

#[test]
fn without_a_target_the_rest_is_expected_from_what_is_given() {
    let (mut l, mut random) = (learner(schema(), None), Random::new(5));
    let (mut compared, mut close) = (0, 0);
    for _ in 0..400 {
        let (fields, _) = event(&mut random);
        let expected = expect(&l, &record(None, &fields[..1]));
        assert_eq!(expected.keys().collect::<Vec<_>>(), ["word", "x", "y"]);
        let event = bound(&mut l, &record(None, &fields));
        let outcome = l.observe(&event);
        let Datum::Text(word) = &fields[1].1 else { panic!("a word") };
        let Some(p) = probability(&expected["word"], word) else { continue };
        let bits = surprise(&outcome, "word");
        compared += 1;
        close += u32::from((p.log2() + bits).abs() < CLOSE_BITS);
    }
    // what was learnt of the class, in the same event, moves the word's own model once in a while
    assert!(compared > 390 && close > compared - 5, "{close} of {compared}");
    // of an event of which nothing is known, everything is expected
    let nothing = expect(&l, &record(None, &[]));
    assert_eq!(nothing.keys().collect::<Vec<_>>(), ["class", "word", "x", "y"]);
}

/// A number that is known says what to expect of the numbers after it, target or not.
#[test]
fn a_known_number_moves_the_numbers_after_it() {
    let number = |name: &str| Field::new(name, FieldKind::Number);
    let (mut l, mut random) = (learner(vec![number("x"), number("y")], None), Random::new(7));
    let fields = |x: f64, y: f64| -> Fields { vec![("x".into(), Datum::Number(x)), ("y".into(), Datum::Number(y))] };
    for _ in 0..2000 {
        let x = 10.0 * random.normal();
        let event = bound(&mut l, &record(None, &fields(x, 100.0 - 3.0 * x + random.normal())));
        l.observe(&event);
    }
    for x in [-15.0, 0.0, 15.0] {
        let expected = expect(&l, &record(None, &fields(x, 0.0)[..1]));
        let Expected::Number { mean, median, .. } = &expected["y"] else { panic!("{expected:?}") };
        for told in [*mean, *median] {
            assert!((told - (100.0 - 3.0 * x)).abs() < 3.0, "y of {x} is expected at {told}");
        }
    }
}

#[test]
fn what_cannot_be_given_is_refused_by_name() {
    let (mut l, mut random) = (learner(schema(), Some("class")), Random::new(6));
    let (fields, _) = event(&mut random);
    let event = bound(&mut l, &record(None, &fields));
    l.observe(&event);
    let refused = |fields: &[(Box<str>, Datum)]| {
        let refusal = l.predict_given(&record(None, fields), &Limits::default(), 5).unwrap_err();
        (refusal.code, refusal.field)
    };
    assert_eq!(refused(&fields), (RefusalCode::WrongType, "class".into()));
    assert_eq!(refused(&[("z".into(), Datum::Number(1.0))]), (RefusalCode::UnknownField, "z".into()));
    assert_eq!(refused(&[("x".into(), Datum::Number(f64::NAN))]).0, RefusalCode::NotFinite);
    let unknown = expect(&l, &record(Some("new"), &[("word".into(), Datum::Text("never".into()))]));
    assert!(probability(&unknown["class"], "c0").is_some() || !unknown.is_empty());
}
