//! What keys take in memory is what the learner says, and stays within its bound however many there are.
#![allow(missing_docs)]

use std::sync::Arc;
use surmise_event::{Data, Datum, Field, FieldKind, Limits, Record, Schema};
use surmise_fixtures::CountingAllocator;
use surmise_learner::{Learner, Options, Page, Pages, PagesError};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Takes everything and remembers nothing.
#[derive(Debug)]
struct Nowhere;

impl Pages for Nowhere {
    fn put(&self, _: u64, _: &[Page<'_>]) -> Result<(), PagesError> {
        Ok(())
    }
    fn get(&self, _: &str, _: u64) -> Result<Option<Vec<u8>>, PagesError> {
        Ok(None)
    }
    fn oldest(&self, _: u64) -> Result<Option<(u64, Box<str>, Vec<u8>)>, PagesError> {
        Ok(None)
    }
}

fn symbols(i: u64) -> Data {
    Data::One(Datum::Text(format!("s{}", i * i % 7).into()))
}

fn texts(i: u64) -> Data {
    Data::Fields(vec![("text".into(), Datum::Text(format!("a line of text, number {}\nof some", i % 50).into()))])
}

fn mixed(i: u64) -> Data {
    Data::Fields(vec![
        ("page".into(), Datum::Text(format!("/p{}", i % 5).into())),
        ("ms".into(), Datum::Number((i * 7 % 11) as f64)),
        ("size".into(), Datum::Number((i * i % 101) as f64)),
    ])
}

fn feed(l: &mut Learner, keys: std::ops::Range<u64>, events: u64, data: fn(u64) -> Data) {
    for key in keys {
        for i in 0..events {
            let key = Some(format!("key-{key}").into());
            let time_us = Some((key_time(i)) as i64);
            let e = l.bind(&Record { key, data: data(i), time_us, ..Record::default() }, &Limits::default());
            l.observe(&e.unwrap());
        }
    }
}

fn key_time(i: u64) -> u64 {
    i * 60_000_000
}

/// A learner that was fed so many keys, with room for some of them, and the bytes that it takes.
fn fed(schema: &Schema, options: Options, keys: u64, events: u64, data: fn(u64) -> Data) -> (Learner, i64) {
    let before = CountingAllocator::heap_bytes();
    let mut l = Learner::new(schema.clone(), Options { memory_mib: 16, ..options }).unwrap();
    l.set_pages(Arc::new(Nowhere));
    feed(&mut l, 0..keys, events, data);
    (l, CountingAllocator::heap_bytes() - before)
}

#[test]
fn what_keys_take_is_what_is_said_and_stays_within_its_bound() {
    let text = Schema::new([Field::new("text", FieldKind::Text)]);
    for (name, data, schema) in [
        ("symbols", symbols as fn(u64) -> Data, Schema::default()),
        ("texts", texts, text),
        ("mixed", mixed, Schema::default()),
    ] {
        for events in [1, 3, 40] {
            // the same model, as keys that are gone do not come back; all keys against none
            let (all, with) = fed(&schema, Options::default(), 100, events, data);
            let (none, without) = fed(&schema, Options { keys: 1, ..Options::default() }, 100, events, data);
            let (took, says) = ((with - without) as f64, (all.keys_bytes() - none.keys_bytes()) as f64);
            println!("{name}, {events} events a key: {:.0} bytes, said {:.0}", took / 99.0, says / 99.0);
            assert!(took <= 1.25 * says && says <= 1.25 * took, "{name}, {events} events: {took} bytes, said {says}");
        }
    }
    let (schema, data) = (Schema::default(), symbols);
    let bounded = Options { keys_mib: 1, ..Options::default() };
    let (l, bytes) = fed(&schema, bounded.clone(), 4000, 3, data);
    let (none, without) = fed(&schema, Options { keys: 1, ..bounded }, 4000, 3, data);
    assert!(l.keys_bytes() <= 1 << 20 && l.keys_resident() > 80, "{} bytes", l.keys_bytes());
    assert!(l.keys_stored() > 2000 && none.keys_stored() == 3999);
    assert!(bytes - without < 3 << 19, "{} bytes of keys", bytes - without);
}
