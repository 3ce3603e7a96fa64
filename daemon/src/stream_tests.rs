//! Tests that a stream recovers as what it was, from any checkpoint.

use super::*;
use crate::recovery::{LogEnd, recover};
use std::sync::Arc;
use surmise_event::{Data, Datum, Schema};
use surmise_learner::Options;
use surmise_store::Store;
use surmise_store::group::GroupBuilder;

const NO_LIMITS: Limits = Limits { fields: 100, symbol_bytes: 1000, text_bytes: 1000, name_bytes: 100 };

fn entry() -> StreamEntry {
    StreamEntry::new(3, "s", "", Schema::default(), Options::default(), 1)
}

fn record(i: u64) -> Record {
    let text = ["a", "b", "c", "b"][i as usize % 4];
    Record { data: Data::One(Datum::Text(text.into())), arrival_us: Some(i as i64), ..Record::default() }
}

fn origin(seq: u64) -> Origin {
    Origin { producer: "p".into(), epoch: 1, seq, safe: Some(seq) }
}

/// Some events have a number and an id, some only one of the two.
fn id(i: u64) -> Option<EventId> {
    (!i.is_multiple_of(4)).then(|| EventId(u128::from(i)))
}

fn numbered(i: u64) -> Option<Origin> {
    (i % 4 < 2).then(|| origin(i))
}

/// Learns events `from..to` in groups of three, and logs them.
fn learn(store: &Store, state: &mut StreamState, from: u64, to: u64) {
    let mut groups = Vec::new();
    let mut group = None;
    for i in from..to {
        let applied = state.apply(&record(i), numbered(i).as_ref(), id(i), &NO_LIMITS, |offset| {
            let g = group.get_or_insert_with(|| GroupBuilder::new(3, offset));
            g.push(&record(i), numbered(i).as_ref(), id(i));
        });
        assert!(matches!(applied, Ok(Applied::Observed(_))));
        if group.as_ref().is_some_and(|g: &GroupBuilder| g.records() == 3) || i + 1 == to {
            let g = group.take().unwrap().finish(state.learner.offset());
            state.counters.logged_bytes += g.bytes.len() as u64;
            groups.push(g);
        }
    }
    store.log.commit(std::slice::from_ref(&state.entry), &groups, &[], 0).unwrap();
}

fn checkpoint(store: &Store, state: &mut StreamState) {
    let draft = state.to_checkpoint(7).encode();
    store.checkpoints.write(&[draft]).unwrap();
}

fn same(a: &mut StreamState, b: &mut StreamState) {
    assert_eq!(a.learner.state_hash(), b.learner.state_hash());
    assert_eq!(a.producers, b.producers);
    assert_eq!(a.counters, b.counters);
}

#[test]
fn recovery_from_log_or_checkpoint_is_the_same_state() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path(), 3).unwrap());
    let mut live = StreamState::new(entry(), ProducerBounds::FEW, &Services::of(None)).unwrap();
    for (from, to, replayed) in [(0, 10, 10), (10, 20, 10), (20, 25, 5)] {
        learn(&store, &mut live, from, to);
        let mut r =
            recover(&*store, entry(), ProducerBounds::FEW, &Services::of(Some(&store)), &LogEnd::in_store()).unwrap();
        assert_eq!((r.replayed, r.passed_over), (replayed, 0));
        same(&mut live, &mut r.state);
        checkpoint(&store, &mut live);
        let mut r =
            recover(&*store, entry(), ProducerBounds::FEW, &Services::of(Some(&store)), &LogEnd::in_store()).unwrap();
        assert_eq!(r.replayed, 0, "a checkpoint needs no replay");
        same(&mut live, &mut r.state);
    }
    // sent again: by its number, by both, by its id; and one whose id has left the window of the latest nine
    for (i, is_known) in [(20, true), (21, true), (22, true), (23, true), (14, true), (11, false)] {
        let mut r =
            recover(&*store, entry(), ProducerBounds::FEW, &Services::of(Some(&store)), &LogEnd::in_store()).unwrap();
        let applied = r.state.apply(&record(i), numbered(i).as_ref(), id(i), &NO_LIMITS, |_| {});
        assert_eq!(matches!(applied, Ok(Applied::Duplicate)), is_known, "event {i}");
    }
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path(), 3).unwrap());
    let mut live = StreamState::new(entry(), ProducerBounds::FEW, &Services::of(None)).unwrap();
    for i in 0..3 {
        learn(&store, &mut live, i * 10, i * 10 + 10);
        checkpoint(&store, &mut live);
    }
    let metas = store.checkpoints.of(3);
    for (damaged, replayed) in [(2, 10), (1, 20), (0, 30)] {
        store.checkpoints.damage(&metas[damaged]).unwrap();
        let mut r =
            recover(&*store, entry(), ProducerBounds::FEW, &Services::of(Some(&store)), &LogEnd::in_store()).unwrap();
        assert_eq!((r.passed_over, r.replayed), (3 - damaged as u64, replayed));
        same(&mut live, &mut r.state);
    }
    // without any checkpoint, and with the beginning of the log gone, it says so and goes on with what there is
    let mut e = entry();
    store.log.trim(&mut e, 10, u64::MAX).unwrap();
    let r = recover(&*store, entry(), ProducerBounds::FEW, &Services::of(Some(&store)), &LogEnd::in_store()).unwrap();
    let first = store.log.tail(3, 0).next().unwrap().unwrap().0.first_offset;
    assert_eq!((r.state.learner.offset(), r.replayed), (30, 30 - first));
    assert_eq!(r.state.entry.lost, [(0, first)]);
    assert_eq!(r.state.producers, live.producers, "what was learnt is still recognised");
}

#[test]
fn a_stream_may_sleep_only_if_its_newest_checkpoint_covers_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(dir.path(), 3).unwrap());
    let mut live = StreamState::new(entry(), ProducerBounds::FEW, &Services::of(None)).unwrap();
    let summary = || StreamSummary::of_covered(&*store, &entry(), ProducerBounds::FEW);
    assert!(summary().unwrap().is_none(), "there is no checkpoint");
    learn(&store, &mut live, 0, 10);
    checkpoint(&store, &mut live);
    let (o, meta) = summary().unwrap().unwrap();
    assert_eq!((o.model_version, o.keys), (live.learner.model_version(), live.learner.keys_held() as u64));
    assert_eq!((&o.producers, &o.counters, &o.schema), (&live.producers, &live.counters, live.learner.schema()));
    assert_eq!((meta.offset, meta.generation), (10, 1));
    learn(&store, &mut live, 10, 11);
    assert!(summary().unwrap().is_none(), "the log goes on");
    checkpoint(&store, &mut live);
    let (o, meta) = summary().unwrap().unwrap();
    assert_eq!((o.counters.records, meta.offset), (11, 11));
}

#[test]
fn an_older_epoch_is_refused() {
    let mut s = StreamState::new(entry(), ProducerBounds::FEW, &Services::of(None)).unwrap();
    let newer = Origin { epoch: 2, ..origin(1) };
    assert!(s.apply(&record(0), Some(&newer), None, &NO_LIMITS, |_| {}).is_ok());
    let refusal = s.apply(&record(0), Some(&origin(9)), None, &NO_LIMITS, |_| panic!("not logged")).err().unwrap();
    assert_eq!(refusal.code, RefusalCode::Fenced);
}
