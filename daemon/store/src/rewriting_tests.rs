//! Databases that are rewritten while they are used, and rewritings that are killed.

use super::*;
use crate::damage_tests::{Contents, STREAMS, contents, copy as copy_dir, draft, record};
use crate::group::GroupBuilder;
use crate::{Store, StreamEntry, StreamPages};
use std::sync::Arc;
use surmise_learner::{Page, Pages};

const ALWAYS: Looseness = Looseness { percent: 1, bytes: 0 };

/// A store with a few groups, checkpoints and states of keys.
fn filled(dir: &Path) -> Arc<Store> {
    let store = Arc::new(Store::open(dir, 2).unwrap());
    let entries: Vec<StreamEntry> = (0..STREAMS).map(StreamEntry::sample).collect();
    store.commit(&entries, &[], &[], 0).unwrap();
    for at in 0..5 {
        let group = |stream| {
            let mut group = GroupBuilder::new(stream, at);
            group.push(&record(stream, at), None, None);
            group.finish(at + 1)
        };
        store.commit(&[], &(0..STREAMS).map(group).collect::<Vec<_>>(), &[], 0).unwrap();
        store.checkpoints.write(&(0..STREAMS).map(|stream| draft(stream, at + 1)).collect::<Vec<_>>()).unwrap();
    }
    let pages = StreamPages::new(Arc::downgrade(&store), store.id(1).unwrap());
    for page in 0..40 {
        pages.put(page, &[Page { key: &format!("key {}", page % 10), state: Some(&[page as u8; 500]) }]).unwrap();
    }
    store.pages.flush().unwrap();
    // also that surplus checkpoints are gone
    store.checkpoints.database.flush().unwrap();
    store
}

fn same(found: &Contents, wanted: &Contents) {
    assert_eq!(found.entries, wanted.entries);
    assert_eq!(found.groups, wanted.groups);
    assert!(found.checkpoints == wanted.checkpoints, "checkpoints differ");
}

fn states(store: &Arc<Store>) -> Vec<Option<Vec<u8>>> {
    let pages = StreamPages::new(Arc::downgrade(store), store.id(1).unwrap());
    (0..10).map(|key| pages.get(&format!("key {key}"), 40).unwrap()).collect()
}

#[test]
fn a_database_that_is_rewritten_while_it_is_used_holds_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    let (wanted, keys) = (contents(&store), states(&store));
    let mut reading = store.log.tail(1, 0);
    reading.next().unwrap().unwrap();
    for _ in 0..2 {
        store.rewrite_loose(ALWAYS);
        same(&contents(&store), &wanted);
        assert_eq!(states(&store), keys);
    }
    assert_eq!(reading.count(), 4, "what was being read is read to its end");
    assert!(store.findings.all().iter().filter(|found| found.what.contains("rewritten")).count() >= 6);
    // what is written then is written to the new files
    let mut group = GroupBuilder::new(1, 5);
    group.push(&record(1, 5), None, None);
    store.commit(&[], &[group.finish(6)], &[], 0).unwrap();
    let wanted = contents(&store);
    drop(store);
    let store = Arc::new(Store::open(dir.path(), 2).unwrap());
    same(&contents(&store), &wanted);
    assert_eq!(states(&store), keys);
    assert!(store.findings.all().is_empty(), "{:?}", store.findings.all());
}

#[test]
fn a_rewriting_that_is_killed_after_any_step_leaves_a_whole_database() {
    let steps = [Step::Copied, Step::Noted, Step::OldAside, Step::Swapped, Step::OldRemoved];
    for step in steps {
        for name in DATABASES {
            let dir = tempfile::tempdir().unwrap();
            let [used, left] = ["used", "left"].map(|name| dir.path().join(name));
            let store = filled(&used);
            let (wanted, keys) = (contents(&store), states(&store));
            let database = match name {
                "log" => &store.log.database,
                "checkpoints" => &store.checkpoints.database,
                _ => &store.pages.existing().unwrap().unwrap().database,
            };
            database
                .rewrite_if_loose(ALWAYS, &mut |at| {
                    // what a kill leaves is what is there
                    if at == step {
                        copy_dir(&used, &left);
                    }
                    Ok(())
                })
                .unwrap()
                .expect("it is rewritten");
            let examined = crate::Examination::of(&left).unwrap();
            assert!(examined.gravest() <= Some(Severity::Note), "{step:?} of {name}: {:?}", examined.findings);
            let is_told = examined.findings.iter().any(|finding| finding.what.contains("rewriting"));
            assert_eq!(is_told, step != Step::OldRemoved, "{step:?} of {name}: {:?}", examined.findings);
            for again in [false, true] {
                let store = Arc::new(Store::open(&left, 2).unwrap());
                same(&contents(&store), &wanted);
                assert_eq!(states(&store), keys, "{step:?} of {name}");
                let found = store.findings.all();
                let is_told = !again && step != Step::OldRemoved;
                assert_eq!(found.len(), usize::from(is_told), "{step:?} of {name}: {found:?}");
            }
        }
    }
}

#[test]
fn a_file_that_is_much_larger_than_what_it_holds_is_found() {
    assert_eq!(Looseness::AT_START.least_held(60 << 20), 0, "small files are left");
    assert_eq!(Looseness::AT_START.least_held(90 << 20), 26 << 20);
    assert_eq!(Looseness::AT_START.least_held(3 << 30), 1 << 30);
    assert!(is_left_over("log.new") && is_left_over("keys.old") && !is_left_over("log") && !is_left_over("a.new"));
}

/// What a log takes that is bounded, and written over and over. `SURMISE_ROUNDS=400` is the measure.
#[test]
fn a_log_that_was_written_over_and_over_is_small_after_a_start() {
    let rounds: u64 = std::env::var("SURMISE_ROUNDS").map_or(40, |rounds| rounds.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), 2).unwrap();
    store.commit(&[StreamEntry::sample(1)], &[], &[], 0).unwrap();
    let mut state = 1u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    let bound = rounds * (1 << 20) / 5;
    let (mut entry, mut held, mut most) = (StreamEntry::sample(1), 0, 0);
    for round in 0..rounds {
        let bytes: Vec<u8> = (0..30 << 10).map(|_| noise()).collect();
        for at in 0..34 {
            let group = crate::group::Group { stream: 1, first_offset: round * 34 + at, span: 1, bytes: bytes.clone() };
            held += group.bytes.len() as u64;
            store.commit(&[], &[group], &[], 0).unwrap();
        }
        if held > bound {
            held -= store.log.trim(&mut entry, round * 34, held - bound).unwrap();
        }
        most = most.max(store.log.disk_bytes());
    }
    let before = store.log.disk_bytes();
    drop(store);
    let store = Store::open(dir.path(), 2).unwrap();
    let opened = store.log.disk_bytes();
    store.rewrite_loose(Looseness { percent: 110, bytes: 1 << 20 });
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!(
        "{rounds} MiB written, {:.0} kept; MiB of files: {:.0} at most, {:.0} at the end, {:.0} started, {:.0} rewritten",
        mib(held),
        mib(most),
        mib(before),
        mib(opened),
        mib(store.log.disk_bytes())
    );
    // sled gives room back when its own threads come to it, which may be after the first rewriting
    let begun = std::time::Instant::now();
    while store.log.disk_bytes() > before {
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{} MiB stay", mib(store.log.disk_bytes()));
        std::thread::sleep(std::time::Duration::from_millis(50));
        store.rewrite_loose(Looseness { percent: 110, bytes: 1 << 20 });
    }
}
