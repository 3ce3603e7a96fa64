//! Tests of key pages against a simple model of what every checkpoint has to see.

use super::*;
use crate::page_format::page_key;
use crate::{CheckpointDraft, Store, StreamEntry, StreamPages};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const STREAM: u32 = 3;
const KEYS: u8 = 12;

/// Where a key's state is.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    Memory,
    /// Under a number.
    Store(u64, Vec<u8>),
}

/// What a learner would know, in the plainest way.
#[derive(Clone, Debug, Default)]
struct Plain {
    keys: BTreeMap<u8, Place>,
    numbered: u64,
}

#[derive(Clone, Debug)]
enum Deed {
    /// Keys that are in memory or new go to the store, those that are there end.
    Put(Vec<u8>, u8),
    Take(u8),
    Checkpoint,
    /// A crash, and going on from the newest checkpoint or one before it; with the database closed in between, or not.
    Recover(usize, bool),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => (prop::collection::btree_set(0..KEYS, 1..4), any::<u8>()).prop_map(|(k, s)| Deed::Put(k.into_iter().collect(), s)),
        6 => (0..KEYS).prop_map(Deed::Take),
        2 => Just(Deed::Checkpoint),
        1 => (0usize..3, any::<bool>()).prop_map(|(back, close)| Deed::Recover(back, close)),
    ]
}

fn name(key: u8) -> String {
    "k".repeat(1 + usize::from(key) % 3) + &key.to_string()
}

fn open(dir: &Path) -> (Arc<Store>, StreamPages) {
    let store = Arc::new(Store::open(dir, 2).unwrap());
    store.log.commit(&[StreamEntry::sample(STREAM)], &[], &[], 0).unwrap();
    let pages = StreamPages::new(Arc::downgrade(&store), store.registry.id(STREAM).unwrap());
    (store, pages)
}

/// The manifest of a checkpoint that numbered so many pages.
fn resumed(pages: u64) -> CheckpointMeta {
    CheckpointMeta { stream: STREAM, pages, write: u64::MAX, ..CheckpointMeta::default() }
}

fn checkpoint(store: &Store, pages: u64) {
    store.pages.flush().unwrap();
    let d = CheckpointDraft {
        stream: STREAM,
        offset: pages,
        time_us: 1,
        learner: vec![],
        summary: vec![],
        state_hash: None,
        pages,
    };
    store.checkpoints.write(&[d]).unwrap();
}

/// What is in the store is what should be there; of keys that are in memory nothing is asked.
fn agrees(pages: &StreamPages, plain: &Plain) {
    let mut first: Option<(u64, Box<str>, Vec<u8>)> = None;
    for key in 0..KEYS {
        let want = match plain.keys.get(&key) {
            Some(Place::Memory) => continue,
            Some(Place::Store(n, s)) => Some((*n, s.clone())),
            None => None,
        };
        assert_eq!(pages.get(&name(key), plain.numbered).unwrap(), want.as_ref().map(|w| w.1.clone()), "key {key}");
        if let Some((n, s)) = want.filter(|(n, _)| first.as_ref().is_none_or(|f| *n < f.0)) {
            first = Some((n, name(key).into(), s));
        }
    }
    if plain.keys.values().all(|p| *p != Place::Memory) {
        assert_eq!(pages.oldest(0).unwrap(), first);
    }
}

fn put(pages: &StreamPages, plain: &mut Plain, keys: &[u8], state: u8) {
    let (mut states, mut first) = (Vec::new(), plain.numbered);
    for key in keys {
        let there = matches!(plain.keys.get(key), Some(Place::Store(..)));
        states
            .push((name(*key), (!there).then(|| vec![state; usize::from(state) * if state > 250 { 200 } else { 3 }])));
    }
    let these: Vec<Page<'_>> = states.iter().map(|(key, s)| Page { key, state: s.as_deref() }).collect();
    pages.put(first, &these).unwrap();
    for (key, (_, state)) in keys.iter().zip(states) {
        match state {
            Some(s) => drop(plain.keys.insert(*key, Place::Store(first, s))),
            None => drop(plain.keys.remove(key)),
        }
        first += 1;
    }
    plain.numbered = first;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever happens, the live state and every checkpoint that is kept find each key as it was for them.
    #[test]
    fn every_moment_that_is_kept_finds_its_states(deeds in prop::collection::vec(deed(), 1..70)) {
        let dir = tempfile::tempdir().unwrap();
        let (mut store, mut pages) = open(dir.path());
        let mut plain = Plain::default();
        let mut kept: Vec<Plain> = Vec::new();
        for deed in deeds {
            match deed {
                Deed::Put(keys, state) => put(&pages, &mut plain, &keys, state),
                Deed::Take(key) => {
                    if let Some(Place::Store(_, state)) = plain.keys.get(&key).cloned() {
                        assert_eq!(pages.get(&name(key), plain.numbered).unwrap(), Some(state));
                        plain.keys.insert(key, Place::Memory);
                    }
                }
                Deed::Checkpoint => {
                    checkpoint(&store, plain.numbered);
                    kept.push(plain.clone());
                    kept.drain(..kept.len().saturating_sub(2));
                }
                Deed::Recover(back, close) => {
                    kept.truncate(kept.len().saturating_sub(back));
                    plain = kept.last().cloned().unwrap_or_default();
                    if close {
                        drop((pages, store));
                        (store, pages) = open(dir.path());
                    }
                    prop_assert!(store.pages.can_resume_from(&resumed(plain.numbered)).unwrap());
                    store.checkpoints.drop_beyond(STREAM, plain.numbered).unwrap();
                    store.pages.truncate(STREAM, plain.numbered).unwrap();
                    // checkpoints of the same number of pages are all the same to the pages
                    kept.retain(|k| k.numbered <= plain.numbered);
                }
            }
            agrees(&pages, &plain);
            for k in &kept {
                for (key, place) in &k.keys {
                    if let Place::Store(_, state) = place {
                        assert_eq!(pages.get(&name(*key), k.numbered).unwrap().as_ref(), Some(state));
                    }
                }
            }
        }
    }
}

#[test]
fn what_no_checkpoint_needs_goes() {
    let dir = tempfile::tempdir().unwrap();
    let (store, pages) = open(dir.path());
    let mut plain = Plain::default();
    let all: Vec<u8> = (0..KEYS).collect();
    for round in 1..40 {
        put(&pages, &mut plain, &all, round);
        plain.keys.values_mut().for_each(|p| *p = Place::Memory);
        checkpoint(&store, plain.numbered);
        // of three rounds at most: the latest, and the two that checkpoints hold
        assert!(store.pages.count(STREAM).unwrap() <= 3 * all.len(), "{} pages", store.pages.count(STREAM).unwrap());
    }
    put(&pages, &mut plain, &all, 1);
    put(&pages, &mut plain, &all, 1); // they end
    assert!(plain.keys.is_empty());
    for _ in 0..4 {
        checkpoint(&store, plain.numbered);
        put(&pages, &mut plain, &[0], 1);
    }
    for _ in 0..2 * KEYS {
        put(&pages, &mut plain, &[0], 1);
    }
    assert!(
        store.pages.count(STREAM).unwrap() <= 6 * usize::from(KEYS),
        "{} pages",
        store.pages.count(STREAM).unwrap()
    );
    store.pages.truncate(STREAM, 0).unwrap();
    assert_eq!(store.pages.count(STREAM).unwrap(), 0);
}

#[test]
fn a_checkpoint_below_the_floor_is_not_resumed_from() {
    let dir = tempfile::tempdir().unwrap();
    let (store, pages) = open(dir.path());
    let mut plain = Plain::default();
    for state in 1..5 {
        put(&pages, &mut plain, &[1, 2], state);
        checkpoint(&store, plain.numbered);
    }
    put(&pages, &mut plain, &[1, 2], 9);
    assert!(!store.pages.can_resume_from(&resumed(2)).unwrap(), "what it saw may be gone");
    assert!(store.pages.can_resume_from(&resumed(6)).unwrap() && store.pages.can_resume_from(&resumed(0)).unwrap());
    assert!(
        !KeyPages::new(&dir.path().join("elsewhere"), Arc::default(), Arc::default(), None)
            .can_resume_from(&resumed(6))
            .unwrap(),
        "all of it is gone"
    );
}

#[test]
fn a_new_stream_finds_nothing_of_one_that_was_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (store, pages) = open(dir.path());
    let mut lost = Plain::default();
    put(&pages, &mut lost, &[1, 2, 3], 7);
    let mut plain = Plain::default();
    put(&pages, &mut plain, &[4], 8);
    assert_eq!((pages.get(&name(1), 9).unwrap(), store.pages.count(STREAM).unwrap()), (None, 1));
    agrees(&pages, &plain);
}

#[test]
fn damage_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (store, pages) = open(dir.path());
    put(&pages, &mut Plain::default(), &[1], 7);
    let trees = store.pages.open().unwrap();
    let whole = trees.pages.get(page_key(STREAM, 0)).unwrap().unwrap();
    let mut torn = whole.to_vec();
    torn[5] ^= 1;
    trees.pages.insert(page_key(STREAM, 0), torn).unwrap();
    assert!(pages.get(&name(1), 1).is_err());
    trees.pages.remove(page_key(STREAM, 0)).unwrap();
    assert!(pages.get(&name(1), 1).is_err());
    trees.pages.insert(page_key(STREAM, 0), whole).unwrap();
    assert!(pages.get(&name(1), 1).unwrap().is_some());
}

fn disk(dir: &Path) -> u64 {
    let size = |e: std::fs::DirEntry| if e.path().is_dir() { disk(&e.path()) } else { e.metadata().unwrap().len() };
    std::fs::read_dir(dir).unwrap().map(|e| size(e.unwrap())).sum()
}

/// The whole measure: `SURMISE_PAGES=200000x400 cargo test --release -p surmised pages_take -- --nocapture`.
#[test]
fn pages_take_a_bounded_part_of_the_disk_under_churn() {
    let asked = std::env::var("SURMISE_PAGES").unwrap_or("3000x60".into());
    let (keys, rounds) = asked.split_once('x').map(|(k, r)| (k.parse::<u64>().unwrap(), r.parse().unwrap())).unwrap();
    const TOGETHER: u64 = 64;
    let dir = tempfile::tempdir().unwrap();
    let (store, pages) = open(dir.path());
    let (mut number, mut seed) = (0, 1u64);
    let mut state = vec![0u8; 700];
    let mut write = |of: &mut dyn FnMut(u64) -> u64, number: &mut u64| {
        let mut names: Vec<String> = (0..TOGETHER).map(|i| format!("user-{}", of(i))).collect();
        names.sort_unstable();
        names.dedup();
        for b in &mut state {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            *b = (seed >> 56) as u8;
        }
        let these: Vec<Page<'_>> = names.iter().map(|key| Page { key, state: Some(&state) }).collect();
        pages.put(*number, &these).unwrap();
        *number += these.len() as u64;
    };
    for from in (0..keys).step_by(TOGETHER as usize) {
        write(&mut |i| (from + i) % keys, &mut number);
    }
    let start = std::time::Instant::now();
    let mut r = 7u64;
    let first = number;
    for round in 0..rounds {
        for _ in 0..1 + keys / 40 / TOGETHER {
            let any = &mut |_| {
                r = r.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (r >> 33) % keys
            };
            write(any, &mut number);
        }
        if round % 4 == 0 {
            checkpoint(&store, number);
        }
    }
    let (live, disk) = (keys * 730, disk(&dir.path().join("keys")));
    println!(
        "{keys} keys, {} pages more: {:.1} MB on disk, {:.0} bytes a key, {:.2} x the live data; {:.1} µs a page; {} pages",
        number - first,
        disk as f64 / 1e6,
        disk as f64 / keys as f64,
        disk as f64 / live as f64,
        start.elapsed().as_micros() as f64 / (number - first) as f64,
        store.pages.count(STREAM).unwrap(),
    );
    // many pages written at random are the worst that can be; keys that come and go in turn leave half of that
    // of each key the page that counts, and what is replaced between two generations and on the way to be swept
    assert!(store.pages.count(STREAM).unwrap() as u64 <= keys + 12 * (keys / 40 + 64));
    assert!(disk <= 12 * live + 20_000_000, "{disk} bytes on disk for {live} live ones");
}
