//! Streams with more keys than memory has room for: whatever happens, each finds its state.

use super::*;
use crate::recovery::{LogEnd, recover};
use std::sync::Arc;
use surmise_event::{Data, Datum, Schema};
use surmise_learner::{NetworkSize, Options};
use surmise_store::Store;
use surmise_store::group::GroupBuilder;

const NO_LIMITS: Limits = Limits { fields: 100, symbol_bytes: 1000, text_bytes: 1000, name_bytes: 100 };

fn entry(keys: u32, keys_stored: u32) -> StreamEntry {
    let options = Options { keys, keys_stored, memory_mib: 1, network: NetworkSize::Small, ..Options::default() };
    StreamEntry::new(3, "s", "", Schema::default(), options, 1)
}

fn begin(store: &Arc<Store>, entry: StreamEntry) -> StreamState {
    StreamState::new(entry, ProducerBounds::FEW, &Services::of(Some(store))).unwrap()
}

/// Records of thirty keys, some of which end, that depend on their place and on which future it is.
fn records(from: u64, to: u64, future: u64) -> Vec<Record> {
    (from..to)
        .map(|i| {
            let r = (i + 1000 * future).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
            let end = r.is_multiple_of(11);
            let data = if end { Data::None } else { Data::One(Datum::Text(format!("s{}", r % 7).into())) };
            Record { key: Some(format!("k{}", r / 16 % 30).into()), data, end, ..Record::default() }
        })
        .collect()
}

fn learn(state: &mut StreamState, records: &[Record]) {
    for r in records {
        let Ok(Applied::Observed(_)) = state.apply(r, None, None, &NO_LIMITS, |_| {}) else { panic!("it is learnt") };
        assert!(state.learner.pages_fault().is_none());
    }
}

/// Learns and logs.
fn commit(store: &Store, state: &mut StreamState, records: &[Record]) {
    let mut group = GroupBuilder::new(3, state.learner.offset());
    for r in records {
        group.push(r, None, None);
    }
    learn(state, records);
    let group = group.finish(state.learner.offset());
    state.counters.logged_bytes += group.bytes.len() as u64;
    store.log.commit(std::slice::from_ref(&state.entry), &[group], &[], 0).unwrap();
}

fn checkpoint(store: &Store, state: &StreamState) {
    store.pages.flush().unwrap();
    store.checkpoints.write(&[state.to_checkpoint(7).encode()]).unwrap();
}

fn same(a: &mut StreamState, b: &mut StreamState) {
    assert_eq!(a.learner.offset(), b.learner.offset());
    assert_eq!(a.learner.state_hash(), b.learner.state_hash());
    for key in ["k0", "k7", "k29"] {
        assert_eq!(a.learner.predict(Some(key), 3), b.learner.predict(Some(key), 3));
    }
}

/// Crashes with a future that is lost, at every distance from a checkpoint, and going on from every generation.
#[test]
fn whatever_happens_each_key_finds_its_state() {
    // as many keys as there may be, and fewer, so that some are forgotten: in the store or, for the reference, in its
    // own
    for stored in [1000, 9] {
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut store = Arc::new(Store::open(dir.path(), 2).unwrap());
        let beside = Arc::new(Store::open(elsewhere.path(), 2).unwrap());
        let mut live = begin(&store, entry(4, stored));
        // never stopped; with room for all keys where none is forgotten
        let mut reference = begin(&beside, entry(if stored == 9 { 4 } else { 1000 }, stored));
        let mut at = 0;
        for round in 0..24u64 {
            let now = records(at, at + 20 + round, 0);
            at += 20 + round;
            commit(&store, &mut live, &now);
            learn(&mut reference, &now);
            same(&mut live, &mut reference);
            if round % 3 == 1 {
                checkpoint(&store, &live);
            }
            if round % 4 == 3 {
                learn(&mut live, &records(at, at + 50, round)); // it will not have been
                let damaged = round % 8 == 7;
                if damaged {
                    store.checkpoints.damage(store.checkpoints.of(3).last().unwrap()).unwrap();
                }
                if round % 5 == 0 {
                    drop((live, store));
                    store = Arc::new(Store::open(dir.path(), 2).unwrap());
                }
                let r = recover(
                    &*store,
                    entry(4, stored),
                    ProducerBounds::FEW,
                    &Services::of(Some(&store)),
                    &LogEnd::in_store(),
                )
                .unwrap();
                assert_eq!(r.passed_over, u64::from(damaged));
                live = r.state;
                same(&mut live, &mut reference);
            }
        }
        let l = &live.learner;
        assert!(l.keys_stored() > 5 && l.keys_resident() <= 4);
        assert_eq!(l.keys_forgotten() > 0, stored == 9);
        // pages: what counts, what keys in memory left, and what two generations may go back to
        assert!(store.pages.count(3).unwrap() <= 200, "{} pages", store.pages.count(3).unwrap());
    }
}

#[test]
fn a_copy_for_readers_sees_its_own_moment() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path(), 2).unwrap());
    let mut live = begin(&store, entry(3, 1000));
    commit(&store, &mut live, &records(0, 300, 0));
    let copy = live.learner.clone();
    let keys: Vec<String> = (0..31).map(|k| format!("k{k}")).collect();
    let then: Vec<_> = keys.iter().map(|k| copy.predict(Some(k), 3)).collect();
    for from in [300, 400, 500] {
        commit(&store, &mut live, &records(from, from + 100, 0));
        checkpoint(&store, &live);
        // until every checkpoint that is kept has passed it by: then it answers what it can, and never wrongly
        let now: Vec<_> = keys.iter().map(|k| copy.forecast(Some(k), 1, 3).pop()).collect();
        let answered = now.iter().zip(&then).filter(|(n, _)| n.is_some());
        assert!(answered.clone().all(|(n, t)| n.as_ref() == Some(t)), "at {from}");
        assert!(from > 300 || answered.count() == keys.len());
    }
    assert!(keys.iter().any(|k| live.learner.predict(Some(k), 3).fields != copy.predict(Some(k), 3).fields));
}

#[test]
fn pages_that_are_gone_are_missed() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = Arc::new(Store::open(dir.path(), 2).unwrap());
        let mut live = begin(&store, entry(3, 1000));
        commit(&store, &mut live, &records(0, 300, 0));
        checkpoint(&store, &live);
        let mut e = entry(3, 1000);
        let end = live.learner.offset();
        store.log.trim(&mut e, end, u64::MAX).unwrap();
        commit(&store, &mut live, &records(300, 310, 0));
    }
    std::fs::remove_dir_all(dir.path().join("keys")).unwrap();
    let store = Arc::new(Store::open(dir.path(), 2).unwrap());
    // the log does not reach back to make them anew: what is in memory goes on, and the others are forgotten, counted
    let mut recovered =
        recover(&*store, entry(3, 1000), ProducerBounds::FEW, &Services::of(Some(&store)), &LogEnd::in_store())
            .unwrap();
    assert_eq!((recovered.state.learner.offset(), recovered.replayed), (310, 10));
    assert!(recovered.state.learner.keys_forgotten() > 0);
    learn(&mut recovered.state, &records(310, 400, 0));
    // and once more from the same checkpoint
    let again = recover(&*store, entry(3, 1000), ProducerBounds::FEW, &Services::of(Some(&store)), &LogEnd::in_store())
        .unwrap();
    assert_eq!(again.state.learner.keys_forgotten(), recovered.state.learner.keys_forgotten());
}
