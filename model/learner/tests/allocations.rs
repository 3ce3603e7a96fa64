//! Observing an event allocates nothing once its key, its symbols and its tables are there.
#![allow(missing_docs)]

use surmise_event::{Data, Datum, Event, Limits, Outcome, Record, Schema};
use surmise_fixtures::CountingAllocator;
use surmise_learner::{Learner, Options};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Learns a period of records over and over, and counts the allocations of the last `measured` periods; with updates
/// that take effect at once and with such that wait.
fn allocations(schema: Schema, period: &[Record], warm: usize, measured: usize) -> u64 {
    [0, 2].map(|delay| allocations_delayed(schema.clone(), period, warm, measured, delay)).into_iter().sum()
}

fn allocations_delayed(schema: Schema, period: &[Record], warm: usize, measured: usize, delay_chunks: u32) -> u64 {
    let mut l = Learner::new(schema, Options { memory_mib: 1, delay_chunks, ..Options::default() }).unwrap();
    let events: Vec<Event> = period.iter().map(|r| l.bind(r, &Limits::default()).unwrap()).collect();
    let mut out = Outcome::default();
    for _ in 0..warm {
        events.iter().for_each(|e| l.observe_into(e, &mut out));
    }
    let before = CountingAllocator::calls();
    for _ in 0..measured {
        events.iter().for_each(|e| l.observe_into(e, &mut out));
    }
    CountingAllocator::calls() - before
}

#[test]
fn bytes() {
    let text = b"the quick brown fox jumps over the lazy dog, and the dog sleeps on\n";
    let run = Record { data: Data::One(Datum::Bytes(text[..].into())), ..Record::default() };
    assert_eq!(allocations(Schema::bytes(), &[run], 600, 60), 0);
}

#[test]
fn keys() {
    let period: Vec<Record> = (0..60)
        .map(|i| Record {
            key: Some(format!("k{}", i % 5).into()),
            data: Data::One(Datum::Text(format!("s{}", i * i % 7).into())),
            ..Record::default()
        })
        .collect();
    assert_eq!(allocations(Schema::default(), &period, 400, 40), 0);
}

fn fields(i: u32) -> Vec<(Box<str>, Datum)> {
    vec![("page".into(), Datum::Text(format!("/p{}", i % 5).into())), ("user".into(), Datum::Bool(i.is_multiple_of(3)))]
}

#[test]
fn records() {
    let period: Vec<Record> = (0..24u32)
        .map(|i| Record {
            key: Some(format!("k{}", i % 3).into()),
            time_us: Some(i64::from(i * i % 5) * 1_000_000),
            data: Data::Fields(fields(i)),
            ..Record::default()
        })
        .collect();
    assert_eq!(allocations(Schema::default(), &period, 400, 40), 0);
}

#[test]
fn numbers() {
    let number = |i: u32| Datum::Number(f64::from(i * 7 % 11));
    let period: Vec<Record> = (0..24u32)
        .map(|i| Record {
            key: Some(format!("k{}", i % 3).into()),
            data: Data::Fields([fields(i), vec![("ms".into(), number(i)), ("size".into(), number(i + 3))]].concat()),
            ..Record::default()
        })
        .collect();
    assert_eq!(allocations(Schema::default(), &period, 400, 40), 0);
}
