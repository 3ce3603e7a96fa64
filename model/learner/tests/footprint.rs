//! What a learner takes of memory that has learnt next to nothing.
#![allow(missing_docs)]

use surmise_event::{Data, Datum, Limits, Record, Schema};
use surmise_fixtures::CountingAllocator;
use surmise_learner::{Learner, Options};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

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

/// Bytes that a learner takes after so many events of so many fields.
fn bytes(fields: usize, make: fn(usize, u64) -> Datum, events: u64) -> i64 {
    let before = CountingAllocator::heap_bytes();
    let mut learner = Learner::new(Schema::default(), Options::default()).unwrap();
    for n in 0..events {
        observe(&mut learner, &record(fields, make, n));
    }
    let bytes = CountingAllocator::heap_bytes() - before;
    println!("{fields} fields, {events} events: {bytes} bytes");
    bytes
}

// one test, as what other threads allocate would be counted
#[test]
fn what_came_once_is_small() {
    for (kind, make) in KINDS {
        let one = bytes(4, make, 1);
        assert!(one <= 50_000, "a stream of one event of four fields of kind {kind} takes {one} bytes");
        let empty = bytes(1, make, 1);
        let each = (bytes(301, make, 1) - empty) / 300;
        assert!(each <= 2_048, "a field of kind {kind} that came once takes {each} bytes");
        let learnt = bytes(4, make, 2) / 4;
        assert!(learnt <= 500_000, "a field of kind {kind} that came twice takes {learnt} bytes");
    }
}
