//! Tests of what first events decide.

use super::*;
use crate::refusal::Limits;

/// The kinds that 256 values of a field decide, after the first value said what the field holds.
fn decided(name: &str, value: impl Fn(usize) -> Datum) -> Vec<(String, FieldKind)> {
    let mut schema = Schema::default();
    let bind = |i| {
        let data = Data::Fields(vec![("n".into(), Datum::Number(0.5)), (name.into(), value(i))]);
        schema.bind(&Record { data, ..Record::default() }, &Limits::default()).unwrap()
    };
    let events: Vec<Event> = (0..256).map(bind).collect();
    let schema = schema.decided(&events.iter().collect::<Vec<_>>()).unwrap_or(schema);
    schema.fields.into_iter().skip(1).map(|field| (field.name, field.kind)).collect()
}

fn text(text: &str) -> Datum {
    Datum::Text(text.into())
}

#[test]
fn counts_tell_names_from_readings() {
    let one = |name: &str, value: fn(usize) -> Datum| match decided(name, value).as_slice() {
        [(found, kind)] if found == name => *kind,
        several => panic!("{several:?}"),
    };
    assert_eq!(one("status", |i| Datum::Number([200.0, 404.0, 500.0][i * 7 % 11 % 3])), FieldKind::Category);
    assert_eq!(one("x", |i| Datum::Number([200.0, 404.0, 500.0][i * 7 % 11 % 3])), FieldKind::Category, "holes");
    assert_eq!(one("status", |_| Datum::Number(200.0)), FieldKind::Category, "its name tells");
    assert_eq!(one("errors", |i| Datum::Number((i / 200) as f64)), FieldKind::Number, "two values tell nothing");
    assert_eq!(one("queue", |i| Datum::Number((i / 32) as f64)), FieldKind::Number, "an order");
    assert_eq!(one("ms", |i| Datum::Number((i * i % 97) as f64)), FieldKind::Number);
    assert_eq!(one("zip", |i| text(&format!("{}", i * i))), FieldKind::Category, "digits sent as text are names");
    assert_eq!(one("host", |i| text(&format!("web-{}", i % 4))), FieldKind::Category);
    let message = |i| text(&format!("user {} logged in from {}", i * 31 % 1009, i * 17 % 911));
    assert_eq!(one("message", message), FieldKind::Line, "long, hardly the same twice, with numbers");
    let said = |i: usize| {
        let name = [i % 26, i / 26].map(|place| char::from(b'a' + place as u8));
        text(&format!("{} said that it was time to go", String::from_iter(name)))
    };
    assert_eq!(one("said", said), FieldKind::Text, "long, and hardly the same twice");
    let rare = |i: usize| if i.is_multiple_of(5) { Datum::Number((i % 3) as f64) } else { Datum::Null };
    assert_eq!(one("x", rare), FieldKind::Number, "too few values");
}

#[test]
fn a_field_is_what_most_of_its_values_are() {
    let first = |n: usize, a: fn(usize) -> Datum, b: fn(usize) -> Datum| {
        decided("x", move |i| if i < n { a(i) } else { b(i) }).into_iter().map(|(_, kind)| kind).collect::<Vec<_>>()
    };
    let number = |i: usize| Datum::Number(i as f64 + 0.5);
    let name = |i: usize| text(["up", "down"][i % 2]);
    // the first value alone was of another kind; companions go, or come again when they are needed
    assert_eq!(first(1, number, name), [FieldKind::Category]);
    assert_eq!(first(1, name, number), [FieldKind::Number]);
    // both, in numbers: the field is a number with a companion
    assert_eq!(first(128, number, name), [FieldKind::Number, FieldKind::Category]);
}

#[test]
fn lone_texts_are_lines_where_most_have_blanks() {
    let kind = |value: fn(usize) -> String| {
        let mut schema = Schema::default();
        let record = |i| Record { data: Data::One(Datum::Text(value(i).into())), ..Record::default() };
        let events: Vec<Event> = (0..80).map(|i| schema.bind(&record(i), &Limits::default()).unwrap()).collect();
        (schema.fields[0].kind, schema.decided(&events.iter().collect::<Vec<_>>()).map(|schema| schema.fields[0].kind))
    };
    let later = kind(|i| if i == 0 { "starting".into() } else { format!("request {i} took 3 ms") });
    assert_eq!(later, (FieldKind::Category, Some(FieldKind::Line)));
    let earlier = kind(|i| if i == 0 { "# two words".into() } else { ["up", "down"][i % 2].into() });
    assert_eq!(earlier, (FieldKind::Line, Some(FieldKind::Category)));
    assert_eq!(kind(|i| format!("request {i} took 3 ms")), (FieldKind::Line, None), "as the first one said");
}

#[test]
fn an_event_is_the_record_that_it_was() {
    let mut schema = Schema::default();
    let records = [
        vec![("a", Datum::Number(1.0)), ("b", text("x"))],
        vec![("a", text("slow")), ("b", Datum::Number(0.5))],
        vec![("b", Datum::Null)],
    ];
    for fields in records {
        let data = Data::Fields(fields.iter().map(|(name, datum)| ((*name).into(), datum.clone())).collect());
        let record = Record { key: Some("k".into()), time_us: Some(7), data, end: true, ..Record::default() };
        let event = schema.bind(&record, &Limits::default()).unwrap();
        let again = schema.clone().bind(&schema.unbind(&event), &Limits::default()).unwrap();
        assert_eq!(event, again);
    }
    let end = Event { end: true, ..Event::default() };
    assert_eq!(schema.unbind(&end).data, Data::None);
}
