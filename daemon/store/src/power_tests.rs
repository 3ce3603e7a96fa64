//! Loss of power: of what was written since the latest sync, any part may be gone.
//!
//! A trial copies the directory right after something was made durable, and again when the next was, and mixes the two:
//! every block that differs is the old one, the new one or, where the file has grown, empty. What was durable before
//! must be there when that is opened, and nothing else than what was being written; states of keys, which the log makes
//! anew, may be missing if that is told. Which files there are is taken from one of the copies, since a file system
//! with a journal keeps the order of renames and deletions. The whole measure is
//! `SURMISE_TRIALS=1000 cargo test --release -p surmise-store power -- --nocapture`.

use crate::damage_tests::{Contents, STREAMS, Seeded, contents, copy, draft, files, record, trials};
use crate::group::GroupBuilder;
use crate::{Severity, Store, StreamEntry, StreamPages};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use surmise_learner::{Page, Pages};

/// Learners of checkpoints, by stream and generation.
type Checkpoints = BTreeMap<(u32, u64), Vec<u8>>;

/// Bytes that a disk writes whole.
const BLOCK_BYTES: usize = 512;
/// Trials on one directory, which grows meanwhile.
const TRIALS_OF_A_DIRECTORY: u64 = 40;

/// What a loss of power leaves of what was written from `old` to `new`.
fn lose_power(old: &Path, new: &Path, left: &Path, seeded: &mut Seeded) {
    let written_percent = [10, 50, 90][seeded.below(3) as usize];
    let names = [old, new][seeded.below(2) as usize];
    for file in files(names) {
        let name = file.strip_prefix(names).unwrap();
        let (before, after) = (std::fs::read(old.join(name)).ok(), std::fs::read(new.join(name)).ok());
        let bytes = match (before, after) {
            (Some(before), None) => before,
            (before, after) => mix(before.unwrap_or_default(), &after.unwrap_or_default(), written_percent, seeded),
        };
        std::fs::create_dir_all(left.join(name).parent().unwrap()).unwrap();
        std::fs::write(left.join(name), bytes).unwrap();
    }
}

fn mix(mut bytes: Vec<u8>, after: &[u8], written_percent: u64, seeded: &mut Seeded) -> Vec<u8> {
    if seeded.below(100) < written_percent {
        bytes.resize(after.len(), 0);
    }
    for (at, block) in bytes.chunks_mut(BLOCK_BYTES).enumerate().map(|(i, block)| (i * BLOCK_BYTES, block)) {
        let end = after.len().min(at + block.len());
        if let Some(new) = after.get(at..end)
            && seeded.below(100) < written_percent
        {
            block[..new.len()].copy_from_slice(new);
        }
    }
    bytes
}

/// A store that makes one thing after the other durable.
struct Written {
    store: Arc<Store>,
    pages: StreamPages,
    groups: u64,
    page: u64,
}

impl Written {
    fn begin(dir: &Path) -> Written {
        let store = Arc::new(Store::open(dir, 2).unwrap());
        let entries: Vec<StreamEntry> = (0..STREAMS).map(StreamEntry::sample).collect();
        store.commit(&entries, &[], &[], 0).unwrap();
        let pages = StreamPages::new(Arc::downgrade(&store), store.id(1).unwrap());
        pages.put(0, &[Page { key: "key 0", state: Some(&[0; 500]) }]).unwrap();
        store.pages.flush().unwrap();
        Written { store, pages, groups: 0, page: 1 }
    }

    /// Makes a group of each stream, checkpoints or states of keys durable.
    fn write(&mut self, seeded: &mut Seeded) {
        match seeded.below(6) {
            0 if self.groups > 0 => {
                let drafts: Vec<_> = (0..STREAMS).map(|stream| draft(stream, self.groups)).collect();
                self.store.checkpoints.write(&drafts).unwrap();
            }
            1 => {
                for _ in 0..=seeded.below(20) {
                    let (key, state) = (format!("key {}", self.page), [self.page as u8; 500]);
                    self.pages.put(self.page, &[Page { key: &key, state: Some(&state) }]).unwrap();
                    self.page += 1;
                }
                self.store.pages.flush().unwrap();
            }
            _ => {
                let group = |stream| {
                    let mut group = GroupBuilder::new(stream, self.groups);
                    group.push(&record(stream, self.groups), None, None);
                    group.finish(self.groups + 1)
                };
                let groups: Vec<_> = (0..STREAMS).map(group).collect();
                self.store.commit(&[], &groups, &[], 0).unwrap();
                self.groups += 1;
            }
        }
    }
}

/// What was durable is there, and what is there was written: `ever` are all checkpoints that there were, as one that
/// was deleted may come back with the block that held it.
fn compare(found: &Contents, before: &Contents, after: &Contents, ever: &Checkpoints, what: &str) {
    assert_eq!(found.entries, before.entries, "{what}: the streams");
    for place in before.groups.keys() {
        assert!(found.groups.contains_key(place), "{what}: the durable group {place:?} is missing");
    }
    for (place, records) in &found.groups {
        assert_eq!(after.groups.get(place), Some(records), "{what}: a group that never was: {place:?}");
    }
    for (place, learner) in &found.checkpoints {
        assert!(ever.get(place) == Some(learner), "{what}: another state: {place:?}");
    }
    for stream in 0..STREAMS {
        let newest = |of: &Contents| of.checkpoints.range((stream, 0)..=(stream, u64::MAX)).last().map(|(p, _)| *p);
        assert!(newest(found) >= newest(before), "{what}: the newest checkpoint of stream {stream} is gone");
    }
}

#[test]
fn power_that_is_lost_costs_nothing_that_was_durable() {
    let count = trials(20);
    let (mut findings, mut aside, mut under_way, mut states_missing) = (0, 0, 0, 0);
    let mut seeded = Seeded(0x9E37_79B9_7F4A_7C15);
    for first in (0..count).step_by(TRIALS_OF_A_DIRECTORY as usize) {
        let base = tempfile::tempdir().unwrap();
        let mut written = Written::begin(base.path());
        let mut ever = Checkpoints::new();
        for trial in first..count.min(first + TRIALS_OF_A_DIRECTORY) {
            let what = format!("trial {trial}");
            let dir = tempfile::tempdir().unwrap();
            let [old, new, left] = ["old", "new", "left"].map(|name| dir.path().join(name));
            copy(base.path(), &old);
            let (before, pages) = (contents(&written.store), written.page);
            written.write(&mut seeded);
            copy(base.path(), &new);
            let after = contents(&written.store);
            ever.extend(before.checkpoints.iter().chain(&after.checkpoints).map(|(place, c)| (*place, c.clone())));
            lose_power(&old, &new, &left, &mut seeded);
            let first = {
                let store = Arc::new(Store::open(&left, 2).expect("it opens without a hand"));
                let found = contents(&store);
                compare(&found, &before, &after, &ever, &what);
                let states = StreamPages::new(Arc::downgrade(&store), store.id(1).unwrap());
                let mut missing = 0;
                for page in 0..pages {
                    match states.get(&format!("key {page}"), written.page) {
                        Ok(Some(state)) => assert_eq!(state, [page as u8; 500], "{what}: the state of another key"),
                        Ok(None) | Err(_) => missing += 1,
                    }
                }
                let said = store.findings.all();
                let is_told = said.iter().any(|finding| finding.severity != Severity::Note);
                assert!(missing == 0 || is_told, "{what}: {missing} states of keys are missing and nothing is told");
                findings += usize::from(is_told);
                states_missing += missing;
                aside += usize::from(said.iter().any(|finding| finding.what.contains("set aside")));
                under_way += usize::from(found.groups.len() > before.groups.len());
                found
            };
            let second = contents(&Store::open(&left, 2).expect("it opens again"));
            assert_eq!(first.groups.len(), second.groups.len(), "{what}: it stays as it was opened");
        }
    }
    println!(
        "{count} losses of power: all opened, no durable group or checkpoint missing; {states_missing} states of keys missing and told; {findings} told, {aside} set a database aside, {under_way} kept what was being written"
    );
}

#[test]
#[should_panic(expected = "is missing")]
fn power_that_is_lost_to_a_disk_that_lies_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let [base, old] = ["base", "old"].map(|name| dir.path().join(name));
    let mut written = Written::begin(&base);
    copy(&base, &old);
    let mut seeded = Seeded(7);
    while written.groups == 0 {
        written.write(&mut seeded);
    }
    // synced as the store thinks, and gone all the same
    let after = contents(&written.store);
    compare(&contents(&Store::open(&old, 2).unwrap()), &after, &after, &after.checkpoints, "a lie");
}
