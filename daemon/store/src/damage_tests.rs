//! Damage to a data directory at rest: flipped bits, cut and missing files, and what a killed start leaves.
//!
//! A trial copies a directory, damages the copy, and opens it twice. The first start must open it without a hand, read
//! no record as another's, and lose at most what was hit; the second must find nothing more to mend. The whole measure
//! is `SURMISE_TRIALS=1000 cargo test --release -p surmise-store damage`.

use crate::group::GroupBuilder;
use crate::progress::Progress;
use crate::{CheckpointDraft, CheckpointMeta, Examination, Severity, Store, StreamEntry, StreamPages};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use surmise_event::{Data, Datum, Record};
use surmise_learner::{Page, Pages};

pub(super) const STREAMS: u32 = 3;
const GROUPS: u64 = 120;

/// Random numbers from a seed.
pub(super) struct Seeded(pub(super) u64);

impl Seeded {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n.max(1)
    }
}

pub(super) fn trials(default: u64) -> u64 {
    std::env::var("SURMISE_TRIALS").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// Every group's records by stream and first offset, and the checkpoints' states by stream and generation.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Contents {
    pub(super) entries: Vec<StreamEntry>,
    pub(super) groups: BTreeMap<(u32, u64), Vec<Record>>,
    pub(super) checkpoints: BTreeMap<(u32, u64), Vec<u8>>,
    damaged_groups: usize,
}

pub(super) fn contents(store: &Store) -> Contents {
    let mut all = Contents { entries: store.log.streams(), ..Contents::default() };
    for stream in 0..STREAMS {
        for group in store.log.tail(stream, 0) {
            match group {
                Ok((group, _)) => {
                    assert_eq!(group.stream, stream, "a group of another stream");
                    let records = group.records.into_iter().map(|logged| logged.record).collect();
                    all.groups.insert((stream, group.first_offset), records);
                }
                Err(_) => all.damaged_groups += 1,
            }
        }
        for meta in store.checkpoints.of(stream) {
            if let Ok((learner, _)) = store.checkpoints.load(&meta) {
                all.checkpoints.insert((stream, meta.generation), learner);
            }
        }
    }
    all
}

pub(super) fn record(stream: u32, i: u64) -> Record {
    let text = format!("stream {stream} event {i} {}", "x".repeat((i as usize * 37) % 900));
    Record { data: Data::One(Datum::Text(text.into())), ..Record::default() }
}

/// A directory with streams, groups, checkpoints and key pages, and what it holds.
fn directory(dir: &Path) -> Contents {
    let store = Arc::new(Store::open(dir, 2).unwrap());
    let entries: Vec<StreamEntry> = (0..STREAMS).map(StreamEntry::sample).collect();
    for i in 0..GROUPS {
        let groups: Vec<_> = (0..STREAMS)
            .map(|stream| {
                let mut group = GroupBuilder::new(stream, i);
                group.push(&record(stream, i), None, None);
                group.finish(i + 1)
            })
            .collect();
        store.commit(&entries, &groups, &[], 0).unwrap();
        if i % 40 == 39 {
            let drafts: Vec<CheckpointDraft> = (0..STREAMS).map(|stream| draft(stream, i)).collect();
            store.checkpoints.write(&drafts).unwrap();
        }
    }
    let pages = StreamPages::new(Arc::downgrade(&store), store.id(1).unwrap());
    for i in 0..200 {
        pages.put(i, &[Page { key: &format!("key {i}"), state: Some(&[i as u8; 500]) }]).unwrap();
    }
    store.pages.flush().unwrap();
    contents(&store)
}

pub(super) fn draft(stream: u32, offset: u64) -> CheckpointDraft {
    let mut seeded = Seeded(u64::from(stream) * 1000 + offset + 1);
    let learner = (0..60_000).map(|_| seeded.below(256) as u8).collect();
    CheckpointDraft { stream, offset, time_us: 1, learner, summary: b"rest".to_vec(), state_hash: None, pages: 0 }
}

pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(file.file_name());
        if file.path().is_dir() {
            copy(&file.path(), &to);
        } else {
            std::fs::copy(file.path(), to).unwrap();
        }
    }
}

/// The files of a directory, except the lock.
pub(super) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for file in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if file.path().is_dir() {
            all.extend(files(&file.path()));
        } else if file.file_name() != "surmised.lock" {
            all.push(file.path());
        }
    }
    all.sort();
    all
}

/// What happened to a directory.
#[derive(Debug)]
struct Outcome {
    missing_groups: usize,
    missing_checkpoints: usize,
    set_aside: bool,
    said: usize,
}

/// Opens a damaged copy twice and compares it with what it held.
fn open_twice(dir: &Path, whole: &Contents) -> Outcome {
    let (first, said, set_aside) = {
        let store = Arc::new(Store::open(dir, 2).expect("it opens without a hand"));
        // key pages are opened when they are asked for
        let pages = StreamPages::new(Arc::downgrade(&store), store.id(1).unwrap());
        for i in 0..200u64 {
            if let Ok(Some(state)) = pages.get(&format!("key {i}"), 200) {
                assert_eq!(state, [i as u8; 500], "the state of another key");
            }
        }
        let findings = store.findings.all();
        let set_aside = findings.iter().any(|finding| finding.what.contains("set aside"));
        let said = findings.iter().filter(|finding| finding.severity != Severity::Note).count();
        (contents(&store), said, set_aside)
    };
    assert_eq!(first.entries, whole.entries, "the streams are the same");
    for (place, records) in &first.groups {
        assert_eq!(whole.groups.get(place), Some(records), "a group that never was: {place:?}");
    }
    for (place, learner) in &first.checkpoints {
        assert_eq!(whole.checkpoints.get(place).map_or(&**learner, |known| known), learner, "another state: {place:?}");
    }
    let store = Store::open(dir, 2).expect("it opens again");
    let second = contents(&store);
    assert_eq!((first.groups.len(), &first.checkpoints), (second.groups.len(), &second.checkpoints));
    let newest = |meta: &CheckpointMeta| (meta.stream, meta.generation);
    assert!(store.checkpoints.all().iter().map(newest).is_sorted());
    Outcome {
        missing_groups: whole.groups.len() - first.groups.len(),
        missing_checkpoints: whole.checkpoints.keys().filter(|place| !first.checkpoints.contains_key(place)).count(),
        set_aside,
        said,
    }
}

/// Trials of one kind of damage to the files that a name selects; prints the counts.
fn campaign(what: &str, name: &str, damage: impl Fn(&Path, &mut Seeded), groups_max: usize) {
    let base = tempfile::tempdir().unwrap();
    let whole = directory(base.path());
    let count = trials(12);
    let (mut aside, mut said, mut missing, mut checkpoints) = (0, 0, 0, 0);
    for trial in 0..count {
        let dir = tempfile::tempdir().unwrap();
        copy(base.path(), dir.path());
        let mut seeded = Seeded((trial + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        // the first numbers of neighbouring seeds are alike
        std::iter::repeat_with(|| seeded.below(9)).take(9).for_each(|_| {});
        let of: Vec<PathBuf> =
            files(dir.path()).into_iter().filter(|path| path.to_string_lossy().contains(name)).collect();
        let file = &of[seeded.below(of.len() as u64) as usize];
        damage(file, &mut seeded);
        let outcome = open_twice(dir.path(), &whole);
        assert!(outcome.missing_groups <= groups_max, "trial {trial} of {what} {name}: {outcome:?} {}", file.display());
        aside += usize::from(outcome.set_aside);
        said += usize::from(outcome.said > 0);
        missing += outcome.missing_groups;
        checkpoints += outcome.missing_checkpoints;
    }
    println!(
        "{what} in {name}: {count} trials, all opened; {said} told, {aside} set aside; {missing} groups and {checkpoints} checkpoints missing"
    );
}

fn flip(file: &Path, seeded: &mut Seeded) {
    let mut bytes = std::fs::read(file).unwrap();
    if bytes.is_empty() {
        return;
    }
    // the used part of a file more often than its empty end
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
    let at = seeded.below(used as u64) as usize;
    bytes[at] ^= 1 << seeded.below(8);
    std::fs::write(file, bytes).unwrap();
}

fn cut(file: &Path, seeded: &mut Seeded) {
    let bytes = std::fs::metadata(file).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(seeded.below(bytes.max(1))).unwrap();
}

#[test]
fn damage_by_a_flipped_bit_in_the_log_hits_one_group() {
    campaign("flipped bits", "/log/", flip, 1);
}

#[test]
fn damage_by_a_flipped_bit_in_the_checkpoints_hits_no_group() {
    campaign("flipped bits", "/checkpoints/", flip, 0);
}

#[test]
fn damage_by_a_flipped_bit_in_the_states_of_keys_hits_no_group() {
    campaign("flipped bits", "/keys/", flip, 0);
}

#[test]
fn damage_by_a_flipped_bit_in_small_files_hits_no_group() {
    campaign("flipped bits", "/streams", flip, 0);
    campaign("flipped bits", "/progress", flip, 0);
    campaign("flipped bits", "/format", flip, 0);
}

#[test]
fn damage_by_cutting_any_file() {
    campaign("cuts", "", cut, usize::MAX);
}

#[test]
fn damage_by_deleting_any_file() {
    campaign("deletions", "", |file, _| std::fs::remove_file(file).unwrap(), usize::MAX);
}

#[test]
fn damage_by_an_unfinished_snapshot_of_sled_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let whole = directory(dir.path());
    for database in ["log", "checkpoints", "keys"] {
        std::fs::write(dir.path().join(database).join("snap.0000000000000001.generating"), b"").unwrap();
        std::fs::write(dir.path().join(database).join("snap.FFFFFFFFFFFFFFFF.generating"), b"half").unwrap();
    }
    std::fs::write(dir.path().join("notes.txt"), b"of somebody").unwrap();
    let outcome = open_twice(dir.path(), &whole);
    assert_eq!((outcome.missing_groups, outcome.set_aside, outcome.said), (0, false, 0));
    assert!(dir.path().join("notes.txt").exists(), "what is unknown is left");
}

#[test]
fn damage_is_explained_without_touching_it() {
    let dir = tempfile::tempdir().unwrap();
    drop(directory(dir.path()));
    let whole = Examination::of(dir.path()).unwrap();
    assert_eq!((whole.gravest(), whole.streams.len()), (None, STREAMS as usize), "{whole:?}");
    for stream in &whole.streams {
        assert_eq!((&*stream.log, stream.acknowledged, stream.checkpoints.len()), (&[(0, GROUPS)][..], GROUPS, 3));
        assert!(stream.checkpoints.iter().rev().take(2).all(|checkpoint| checkpoint.is_whole));
    }
    // a group of the end that no checkpoint covers, wherever it lies in the file
    damage_event(dir.path(), 119);
    let before: Vec<Vec<u8>> = files(dir.path()).iter().map(|file| std::fs::read(file).unwrap()).collect();
    let damaged = Examination::of(dir.path()).unwrap();
    assert_eq!(damaged.gravest(), Some(Severity::Lost), "{damaged:?}");
    let told = damaged.findings.iter().find(|finding| finding.severity == Severity::Lost).unwrap();
    assert!(told.stream.as_deref() == Some("s1") && told.what.contains("119 to 119"), "{told:?}");
    let after: Vec<Vec<u8>> = files(dir.path()).iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert_eq!(before, after, "nothing was changed");
}

/// Appends groups to stream 1 in one commit.
fn commit(store: &Store, offsets: std::ops::Range<u64>) {
    let groups = offsets.map(|at| {
        let mut group = GroupBuilder::new(1, at);
        group.push(&record(1, at), None, None);
        group.finish(at + 1)
    });
    store.commit(&store.log.streams(), &groups.collect::<Vec<_>>(), &[], 0).unwrap();
}

/// Flips a bit of an event of stream 1 wherever its text lies in the file of the log.
fn damage_event(dir: &Path, offset: u64) {
    let path = dir.join("log/db");
    let mut bytes = std::fs::read(&path).unwrap();
    let text = format!("stream 1 event {offset} ");
    let places: Vec<usize> =
        (0..bytes.len() - text.len()).filter(|at| bytes[*at..].starts_with(text.as_bytes())).collect();
    places.iter().for_each(|at| bytes[*at] ^= 1);
    std::fs::write(&path, &bytes).unwrap();
}

#[test]
fn damage_within_a_commit_that_was_never_acknowledged_leaves_nothing_of_it() {
    for is_acknowledged in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        drop(directory(dir.path()));
        let epoch = {
            let store = Store::open(dir.path(), 2).unwrap();
            // two, so that others lie in messages behind the one that is damaged
            commit(&store, GROUPS..GROUPS + 3);
            commit(&store, GROUPS + 3..GROUPS + 6);
            store.id(1).unwrap().epoch
        };
        if !is_acknowledged {
            // it was killed between the commit and its acknowledgement
            Progress::open(dir.path()).unwrap().note([(1, epoch, GROUPS)].into_iter()).unwrap();
        }
        damage_event(dir.path(), GROUPS);
        let is_told = |findings: &[crate::Finding]| findings.iter().any(|found| found.what.contains("a commit failed"));
        assert_eq!(is_told(&Examination::of(dir.path()).unwrap().findings), !is_acknowledged);
        let store = Store::open(dir.path(), 2).unwrap();
        assert_eq!(is_told(&store.findings.all()), !is_acknowledged, "{:?}", store.findings.all());
        let found = contents(&store).groups;
        assert!(found.contains_key(&(1, GROUPS - 1)) && !found.contains_key(&(1, GROUPS)));
        assert_eq!(found.range((1, GROUPS + 1)..(2, 0)).next().is_some(), is_acknowledged);
    }
}

#[test]
fn damage_in_the_last_message_costs_one_event() {
    // sled would take it for what a crash has torn, and drop all of it; which groups share a message, chance decides
    for _ in 0..6 {
        let dir = tempfile::tempdir().unwrap();
        drop(directory(dir.path()));
        commit(&Store::open(dir.path(), 2).unwrap(), GROUPS..GROUPS + 6);
        damage_event(dir.path(), GROUPS);
        assert_eq!(Examination::of(dir.path()).unwrap().gravest(), Some(Severity::Lost));
        let found = contents(&Store::open(dir.path(), 2).unwrap()).groups;
        let found: Vec<u64> = found.range((1, GROUPS - 1)..(2, 0)).map(|((_, at), _)| *at).collect();
        assert_eq!(found, [&[GROUPS - 1][..], &Vec::from_iter(GROUPS + 1..GROUPS + 6)].concat());
    }
}

#[test]
fn damage_is_not_suspected_where_there_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let whole = directory(dir.path());
    for _ in 0..3 {
        let outcome = open_twice(dir.path(), &whole);
        assert_eq!((outcome.missing_groups, outcome.set_aside, outcome.said), (0, false, 0));
    }
}

#[test]
fn damage_is_not_what_a_newer_format_is_called() {
    let dir = tempfile::tempdir().unwrap();
    drop(directory(dir.path()));
    std::fs::write(dir.path().join("format"), "surmise data 5").unwrap();
    let before: Vec<Vec<u8>> = files(dir.path()).iter().map(|file| std::fs::read(file).unwrap()).collect();
    let refused = Store::open(dir.path(), 2).err().unwrap().to_string();
    assert!(refused.contains("surmise data 5") && refused.contains("surmise data 4"), "{refused}");
    let after: Vec<Vec<u8>> = files(dir.path()).iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert_eq!(before, after, "nothing was changed");
}
