//! Keys that memory has no room for: where they lie decides nothing, and bounds hold.
#![allow(missing_docs)]

use std::sync::Arc;
use surmise_event::{Data, Datum, Limits, Record, Schema, SessionOver};
use surmise_fixtures::Random;
use surmise_learner::{Learner, MemoryPages, NetworkSize, Options};

/// Room for all keys in memory.
fn roomy() -> Options {
    Options { network: NetworkSize::Small, memory_mib: 1, ..Options::default() }
}

fn learner(options: Options) -> (Learner, Arc<MemoryPages>) {
    let mut l = Learner::new(Schema::default(), options).unwrap();
    let pages = Arc::new(MemoryPages::default());
    l.set_pages(pages.clone());
    (l, pages)
}

/// Records of many keys, some of which end; the schema grows on the way.
fn record(i: u64, r: &mut Random, keys: u64) -> Record {
    let key: Box<str> = format!("k{}", (i / 10 + r.below(keys / 2)) % keys).into();
    let end = r.below(40) == 0;
    let mut fields = vec![("page".into(), Datum::Text(format!("p{}", r.below(9)).into()))];
    if i > 300 {
        fields.push(("ms".into(), Datum::Number(r.below(1000) as f64 / 7.0)));
    }
    if i > 600 {
        fields.push(("text".into(), Datum::Text(format!("line {} of it, ok", r.below(3)).into())));
    }
    let data = if end && r.below(2) == 0 { Data::None } else { Data::Fields(fields) };
    Record { key: Some(key), time_us: Some(i as i64 * 1_000_000), end, data, ..Record::default() }
}

fn see(l: &mut Learner, r: &Record) -> u64 {
    let e = l.bind(r, &Limits::default()).unwrap();
    let bits = l.observe(&e).surprise_bits.to_bits();
    assert!(l.pages_fault().is_none());
    bits
}

#[test]
fn a_key_that_returns_finds_its_state_bit_for_bit() {
    returning(&roomy());
}

/// Updates that wait when a key leaves are in force when it is back.
#[test]
fn so_it_does_where_updates_come_later() {
    returning(&Options { delay_chunks: 2, ..roomy() });
}

fn returning(options: &Options) {
    let (mut free, none) = learner(options.clone());
    let (mut narrow, pages) = learner(Options { keys: 4, ..options.clone() });
    let (mut light, some) = learner(Options { keys_mib: 0, ..options.clone() });
    let mut r = Random::new(1);
    for i in 0..1500 {
        let rec = record(i, &mut r, 60);
        let bits = see(&mut free, &rec);
        assert_eq!((see(&mut narrow, &rec), see(&mut light, &rec)), (bits, bits), "event {i}");
        assert!(narrow.keys_resident() <= 4 && light.keys_resident() <= 1);
        if i % 100 == 0 {
            let hash = free.state_hash();
            assert_eq!((narrow.state_hash(), light.state_hash()), (hash.clone(), hash), "event {i}");
            for key in ["k1", "k20", "k59", "never"] {
                let next = free.predict(Some(key), 3);
                assert_eq!(narrow.predict(Some(key), 3), next, "key {key} at event {i}");
                assert_eq!(narrow.clone().forecast(Some(key), 3, 2), free.forecast(Some(key), 3, 2));
            }
        }
    }
    assert_eq!(narrow.keys_held(), free.keys_held());
    assert_eq!((none.len(), free.keys_stored()), (0, 0));
    assert!(narrow.keys_stored() > 40 && pages.len() >= narrow.keys_stored() as usize && !some.is_empty());
    assert_eq!(narrow.report().keys, free.report().keys);
}

#[test]
fn a_key_that_goes_silent_has_its_verdict_wherever_its_state_lies() {
    let (mut free, none) = learner(roomy());
    let (mut narrow, some) = learner(Options { keys: 3, ..roomy() });
    let mut r = Random::new(4);
    let mut silent = 0;
    for i in 0..3000u64 {
        let page = Datum::Text(format!("p{}", r.below(5)).into());
        let key = format!("k{}", i / 10 + r.below(12)).into();
        let time_us = Some(i as i64 * 1_000_000);
        let rec = Record { key: Some(key), time_us, data: Data::One(page), ..Record::default() };
        let event = free.bind(&rec, &Limits::default()).unwrap();
        let outcome = free.observe(&event);
        narrow.bind(&rec, &Limits::default()).unwrap();
        assert_eq!(narrow.observe(&event), outcome, "event {i}");
        silent += outcome.sessions.iter().filter(|session| session.over == SessionOver::Silent).count();
        if i == 2000 {
            assert_eq!(narrow.state_hash(), free.state_hash());
            let mut loaded = Learner::load(&narrow.save()).unwrap();
            loaded.set_pages(some.clone());
            narrow = loaded;
        }
    }
    assert_eq!(narrow.state_hash(), free.state_hash());
    assert!(silent > 50 && none.is_empty() && some.len() > 200, "{silent} verdicts, {} pages", some.len());
}

#[test]
fn a_checkpoint_goes_on_with_its_pages() {
    let (mut a, pages) = learner(Options { keys: 6, ..roomy() });
    let mut r = Random::new(2);
    for i in 0..700 {
        see(&mut a, &record(i, &mut r, 50));
    }
    let mut b = Learner::load(&a.save()).unwrap();
    assert_eq!(b.state_hash(), a.state_hash());
    assert_eq!((b.pages_numbered(), b.keys_bytes()), (a.pages_numbered(), a.keys_bytes()));
    // each goes on with a place of its own that holds the same
    let copy = MemoryPages::default();
    let mut from = 0;
    while let Some((n, key, state)) = surmise_learner::Pages::oldest(&*pages, from).unwrap() {
        surmise_learner::Pages::put(&copy, n, &[surmise_learner::Page { key: &key, state: Some(&state) }]).unwrap();
        from = n + 1;
    }
    b.set_pages(Arc::new(copy));
    for i in 700..1100 {
        let rec = record(i, &mut r, 50);
        assert_eq!(see(&mut a, &rec), see(&mut b, &rec), "event {i}");
    }
    assert_eq!(a.state_hash(), b.state_hash());
    assert_eq!(a.pages_numbered(), b.pages_numbered(), "the very same pages under the very same numbers");
}

#[test]
fn the_one_unused_for_longest_is_forgotten_and_counted() {
    let (mut l, _) = learner(Options { keys: 5, keys_stored: 20, ..roomy() });
    let one = |k: u64| Record {
        key: Some(format!("k{k}").into()),
        data: Data::One(Datum::Text("x".into())),
        ..Record::default()
    };
    for k in 0..100 {
        see(&mut l, &one(k));
        see(&mut l, &one(0)); // it is used all the time
        see(&mut l, &one(k.saturating_sub(9))); // it comes back from the store
        assert!(l.keys_resident() <= 5 && l.keys_stored() <= 20);
    }
    assert_eq!((l.keys_held() as u64 + l.keys_forgotten(), l.report().keys), (100, 100));
    assert!(l.keys_forgotten() >= 75);
    // what is left: those used last, in memory or in the store
    let forgotten = l.keys_forgotten();
    let before = l.report().keys;
    see(&mut l, &one(0));
    see(&mut l, &one(99));
    see(&mut l, &one(91));
    assert_eq!(l.report().keys, before, "they are known");
    assert_eq!(l.keys_forgotten(), forgotten);
    see(&mut l, &one(10));
    assert_eq!(l.report().keys, before + 1, "it begins anew");
}

#[test]
fn a_store_left_behind_is_forgotten() {
    let (mut l, _) = learner(Options { keys: 5, ..roomy() });
    let mut r = Random::new(3);
    for i in 0..300 {
        see(&mut l, &record(i, &mut r, 50));
    }
    let (held, stored) = (l.keys_held(), l.keys_stored());
    assert_eq!(l.forget_stored(), stored);
    assert_eq!((l.keys_held() as u64 + stored, l.keys_stored()), (held as u64, 0));
    see(&mut l, &record(301, &mut r, 50));
}
