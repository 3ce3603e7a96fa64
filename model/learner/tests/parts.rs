//! The parts of an event sum to its surprise and to its excess, and asking for them changes nothing.
#![allow(missing_docs)]

use surmise_event::{Data, Datum, Expected, Field, FieldKind, Limits, Part, Record, Schema};
use surmise_fixtures::Random;
use surmise_learner::{Learner, Options, PartDetail, Preset};

/// Observes records while parts are kept; returns the last event's parts and the learner's hash.
fn observe(schema: Schema, preset: Preset, detail: PartDetail, records: &[Record]) -> (Vec<Part>, String) {
    let options = Options { preset, memory_mib: 1, ..Options::default() };
    let mut learner = Learner::new(schema, options).unwrap();
    learner.set_parts(detail);
    for record in records {
        let event = learner.bind(record, &Limits::default()).unwrap();
        let outcome = learner.observe(&event);
        if detail == PartDetail::None {
            continue;
        }
        let parts = learner.latest_parts();
        let surprise: f64 = parts.iter().map(|part| part.surprise_bits).sum();
        let excess: f64 = parts.iter().map(|part| part.excess_bits).sum();
        assert!((surprise - outcome.surprise_bits).abs() < 1e-6, "{surprise} {} {parts:?}", outcome.surprise_bits);
        assert!((excess - outcome.excess_bits).abs() < 1e-6, "{excess} {} {parts:?}", outcome.excess_bits);
        for (field, outcome) in learner.schema().fields.iter().zip(&outcome.fields) {
            let of_field = || parts.iter().filter(|part| *part.name == *field.name);
            let surprise: f64 = of_field().map(|part| part.surprise_bits).sum();
            assert!((surprise - outcome.surprise_bits).abs() < 1e-6, "{}", field.name);
        }
    }
    (learner.latest_parts().to_vec(), learner.state_hash())
}

/// Records of mixed kinds with keys that end, times, missing values and texts of words and line feeds.
fn mixed(events: usize) -> Vec<Record> {
    let mut random = Random::new(3);
    let mut record = |i: usize| {
        let x = if random.happens(0.1) { Datum::Null } else { Datum::Number((random.normal() * 100.0).round()) };
        let page = ["home", "cart", "pay"][random.below(3) as usize];
        let note = ["ok", "[x] done\nat 7", ""][random.below(3) as usize];
        let fields = vec![
            ("x".into(), x),
            ("page".into(), Datum::Text(page.into())),
            ("note".into(), Datum::Bytes(note.as_bytes().into())),
        ];
        Record {
            key: Some(format!("k{}", i % 7).into()),
            time_us: Some(i as i64 * 1_000_000 + random.below(900_000) as i64),
            data: Data::Fields(fields),
            end: i.is_multiple_of(50),
            ..Record::default()
        }
    };
    (0..events).map(&mut record).collect()
}

fn mixed_schema() -> Schema {
    Schema::new([
        Field::new("x", FieldKind::Number),
        Field::new("page", FieldKind::Category),
        Field::new("note", FieldKind::Text),
    ])
}

#[test]
fn parts_sum_to_the_event_under_every_preset() {
    let mut random = Random::new(5);
    let symbols: Vec<Record> = (0..10_000)
        .map(|i| Record {
            key: Some(format!("k{}", i % 5).into()),
            data: Data::One(Datum::Text(["a", "b", "c", "d"][random.below(4) as usize].into())),
            end: i % 40 == 39,
            ..Record::default()
        })
        .collect();
    let numbers: Vec<Record> = (0..10_000)
        .map(|_| Record { data: Data::One(Datum::Number((random.normal() * 50.0).round())), ..Record::default() })
        .collect();
    let bytes: Vec<Record> = (0..1000)
        .map(|i| Record {
            data: Data::One(Datum::Bytes(format!("id={i} ok\n").as_bytes().into())),
            ..Record::default()
        })
        .collect();
    observe(Schema::default(), Preset::Symbols, PartDetail::Costs, &symbols);
    observe(Schema::default(), Preset::Numbers, PartDetail::Costs, &numbers);
    observe(Schema::bytes(), Preset::Bytes, PartDetail::Costs, &bytes);
    observe(mixed_schema(), Preset::Records, PartDetail::Costs, &mixed(10_000));
    observe(mixed_schema(), Preset::default(), PartDetail::Costs, &mixed(10_000));
}

#[test]
fn asking_for_parts_changes_nothing_that_is_learnt() {
    let records = mixed(400);
    let hash = |detail| observe(mixed_schema(), Preset::default(), detail, &records).1;
    let without = hash(PartDetail::None);
    assert_eq!(without, hash(PartDetail::Costs));
    assert_eq!(without, hash(PartDetail::Expectations));
}

#[test]
fn a_part_says_what_was_expected_instead() {
    let line = |i: usize| {
        let status = if i == 599 { "502" } else { "200" };
        let text = format!("GET /item/{} HTTP/1.1 {status} ok", i % 3);
        let ms = if i == 599 { 900.0 } else { 10.0 + (i % 4) as f64 };
        let fields = vec![
            ("line".into(), Datum::Bytes(text.as_bytes().into())),
            ("page".into(), Datum::Text(if i == 599 { "zz" } else { "home" }.into())),
            ("ms".into(), Datum::Number(ms)),
        ];
        Record { data: Data::Fields(fields), ..Record::default() }
    };
    let schema = Schema::new([
        Field::new("line", FieldKind::Text),
        Field::new("page", FieldKind::Category),
        Field::new("ms", FieldKind::Number),
    ]);
    let records: Vec<Record> = (0..600).map(line).collect();
    let (mut parts, _) = observe(schema, Preset::default(), PartDetail::Expectations, &records);
    parts.sort_by(|a, b| b.excess_bits.total_cmp(&a.excess_bits));
    let odd: Vec<&str> = parts.iter().take(3).filter_map(|part| part.value.as_deref()).collect();
    let part = |value: &str| parts.iter().find(|part| part.value.as_deref() == Some(value)).unwrap();
    assert!(odd.contains(&"502") && odd.contains(&"zz") && odd.contains(&"900"), "{odd:?}");
    for (value, expected) in [("502", "200"), ("zz", "home")] {
        let Some(Expected::Symbols { top, .. }) = &part(value).expected else { panic!("{value} has an expectation") };
        assert!(top[0].0.as_deref() == Some(expected) && top[0].1 > 0.9, "{value}: {top:?}");
        assert!(part(value).by.is_some());
    }
    let Some(Expected::Number { median, quantiles, .. }) = &part("900").expected else { panic!("900 has one") };
    assert!((9.0..15.0).contains(median) && quantiles["0.95"] < 20.0, "{median} {quantiles:?}");
    assert!(parts.iter().all(|part| part.name.as_ref() != "line" || part.place.is_some()));
}
