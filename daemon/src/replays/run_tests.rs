//! Tests of one replay: what it does with a log that is not whole, when it is stopped, and where there is no room.

use super::*;
use std::cell::{Cell, RefCell};
use surmise_event::Schema;
use surmise_learner::{MemoryPages, Options};
use surmise_store::Store;
use surmise_store::group::GroupBuilder;

const NUMBER: u32 = 3;

/// A store with the events 0 to 600 of a stream in groups of ten, without those of some groups.
fn store_without(missing: &[u64], lost: &[(u64, u64)]) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), 3).unwrap();
    let mut entry = StreamEntry::new(NUMBER, "s", "", Schema::default(), Options::default(), 1);
    entry.lost = lost.to_vec();
    let groups = (0..60u64).map(|i| i * 10).filter(|first| !missing.contains(first)).map(|first| {
        let mut group = GroupBuilder::new(NUMBER, first);
        for i in first..first + 10 {
            let text = ["a", "b", "c", "b"][i as usize % 4];
            group.push(&Record { data: Data::One(Datum::Text(text.into())), ..Record::default() }, None, None);
        }
        group.finish(first + 10)
    });
    store.log.commit(&[entry], &groups.collect::<Vec<_>>(), &[], 0).unwrap();
    (dir, store)
}

fn plan(from: u64, to: u64) -> ReplayPlan {
    ReplayPlan { number: NUMBER, from, to, ..ReplayPlan::default() }
}

/// Runs a replay that is stopped after so many events; returns how it ended and how far it came.
fn run_until(
    store: &Store,
    plan: &ReplayPlan,
    budget: &MemoryBudget,
    events: u64,
) -> (Result<RunEnd, RunError>, Replay) {
    let (seen, replay) = (Cell::new(0), RefCell::new(Replay::default()));
    let is_stopped = || {
        seen.set(seen.get() + 1);
        seen.get() > events
    };
    let setting = RunSetting {
        storage: store,
        pages: Arc::new(MemoryPages::default()),
        budget,
        is_stopped: &is_stopped,
        do_events_wait: &|| false,
        report: &|change| change(&mut replay.borrow_mut()),
    };
    let ended = run(&setting, plan);
    (ended, replay.into_inner())
}

#[test]
fn a_whole_range_is_learnt_and_leaves_the_budget_as_it_was() {
    let (_dir, store) = store_without(&[], &[]);
    let budget = MemoryBudget::new(1 << 40);
    let (ended, replay) = run_until(&store, &plan(7, 593), &budget, u64::MAX);
    assert!(matches!(ended, Ok(RunEnd::Done(_))));
    assert_eq!((replay.offset, replay.course.iter().map(|point| point.events).sum::<u64>()), (593, 586));
    assert_eq!((replay.course[0].offset, replay.course.last().unwrap().offset), (10, 593));
    assert_eq!(budget.counted_bytes(), 0);
}

#[test]
fn what_is_known_to_be_lost_is_passed_over_and_what_is_not_ends_it() {
    let budget = MemoryBudget::new(1 << 40);
    let (_dir, store) = store_without(&[200, 210], &[(200, 220)]);
    let (ended, replay) = run_until(&store, &plan(0, 600), &budget, u64::MAX);
    assert!(matches!(ended, Ok(RunEnd::Done(_))));
    assert_eq!(replay.course.iter().map(|point| point.events).sum::<u64>(), 580);
    let (_dir, store) = store_without(&[200, 210], &[(200, 210)]);
    let (ended, _) = run_until(&store, &plan(0, 600), &budget, u64::MAX);
    assert!(matches!(ended, Err(RunError::Gone { expected: 200, found: 220 })));
    let (ended, replay) = run_until(&store, &plan(220, 700), &budget, u64::MAX);
    assert!(matches!(ended, Err(RunError::Ends(600))));
    assert_eq!(replay.offset, 600, "it tells how far it came");
    let missing = ReplayPlan { number: NUMBER + 1, ..plan(0, 600) };
    assert!(matches!(run_until(&store, &missing, &budget, u64::MAX).0, Err(RunError::NoStream)));
}

#[test]
fn it_stops_between_two_events_and_where_there_is_no_room() {
    let (_dir, store) = store_without(&[], &[]);
    let budget = MemoryBudget::new(1 << 40);
    let stopped = run_until(&store, &plan(0, 600), &budget, 33).0;
    assert!(matches!(stopped, Ok(RunEnd::Stopped)) && budget.counted_bytes() == 0);
    // less than what the learner takes, which shows when it has learnt a first group
    let small = MemoryBudget::new(1 << 10);
    let refused = run_until(&store, &plan(0, 600), &small, 11).0;
    assert!(matches!(&refused, Err(RunError::NoRoom(why)) if why.contains("limits.memory")));
    assert_eq!(small.counted_bytes(), 0, "it leaves at once");
    small.count(0, 1 << 10);
    assert!(matches!(run_until(&store, &plan(0, 600), &small, 0).0, Err(RunError::NoRoom(_))));
}

#[test]
fn a_record_is_cut_where_the_range_begins_or_ends() {
    let run = Record { data: Data::One(Datum::Bytes(b"abcdef"[..].into())), end: true, ..Record::default() };
    let cut = |from, to| {
        part_of(&run, 10, 7, from, to).map(|(offset, record)| match &record.data {
            Data::One(Datum::Bytes(bytes)) => (offset, String::from_utf8_lossy(bytes).into_owned(), record.end),
            Data::None => (offset, String::new(), record.end),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(cut(0, 100), Some((10, "abcdef".into(), true)));
    assert_eq!(cut(12, 14), Some((12, "cd".into(), false)));
    assert_eq!(cut(12, 17), Some((12, "cdef".into(), true)));
    assert_eq!(cut(16, 17), Some((16, String::new(), true)));
    assert_eq!((cut(0, 10), cut(17, 20)), (None, None));
    let values = Record { data: Data::One(Datum::Text("abc".into())), end: true, ..Record::default() };
    let cut = |from, to| part_of(&values, 3, 2, from, to).map(|(offset, r)| (offset, r.data.clone(), r.end));
    assert_eq!(cut(0, 4), Some((3, values.data.clone(), false)));
    assert_eq!(cut(4, 9), Some((4, Data::None, true)));
}
