//! Tests of checkpoints: generations, damage, and what they take on disk.

use super::*;
use crate::{Store, StreamEntry};
use std::path::Path;

fn draft(stream: u32, offset: u64, learner: &[u8]) -> CheckpointDraft {
    CheckpointDraft {
        stream,
        offset,
        time_us: 1,
        learner: learner.to_vec(),
        summary: b"rest".to_vec(),
        state_hash: None,
        pages: 0,
    }
}

/// A store with two streams.
fn open(dir: &Path) -> Store {
    let store = Store::open(dir, 3).unwrap();
    store.log.commit(&[StreamEntry::sample(1), StreamEntry::sample(2)], &[], &[], 0).unwrap();
    store
}

/// Bytes that do not repeat.
fn noise(n: usize, mut seed: u64) -> Vec<u8> {
    std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as u8
    })
    .take(n)
    .collect()
}

fn disk(dir: &Path) -> u64 {
    let size = |e: std::fs::DirEntry| if e.path().is_dir() { disk(&e.path()) } else { e.metadata().unwrap().len() };
    std::fs::read_dir(dir).unwrap().map(|e| size(e.unwrap())).sum()
}

#[test]
fn generations_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let states: Vec<Vec<u8>> = (0..6).map(|i| noise(i as usize * 40_000, i)).collect();
    {
        let store = open(dir.path());
        for (i, s) in states.iter().enumerate() {
            let metas = store.checkpoints.write(&[draft(1, i as u64, s), draft(2, i as u64, b"")]).unwrap();
            assert_eq!((metas[0].generation, metas[1].stream), (i as u64 + 1, 2));
        }
    }
    let store = open(dir.path());
    let of = store.checkpoints.of(1);
    assert_eq!(of.iter().map(|m| m.generation).collect::<Vec<_>>(), [4, 5, 6]);
    for m in &of {
        assert_eq!(store.checkpoints.load(m).unwrap(), (states[m.offset as usize].clone(), b"rest".to_vec()));
    }
    assert_eq!(store.checkpoints.all().len(), 6);
}

#[test]
fn damage_is_found_piece_by_piece() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let m = store.checkpoints.write(&[draft(1, 9, &noise(200_000, 5))]).unwrap().remove(0);
    let key = piece_key(&m, 2);
    let whole = store.checkpoints.pieces.get(&key).unwrap().unwrap();
    let mut torn = whole.to_vec();
    torn[100] ^= 1;
    for bad in [Some(torn), Some(whole[..1000].to_vec()), None] {
        match bad {
            Some(b) => drop(store.checkpoints.pieces.insert(&key, b).unwrap()),
            None => drop(store.checkpoints.pieces.remove(&key).unwrap()),
        }
        assert!(matches!(store.checkpoints.load(&m), Err(StoreError::Damaged(_))));
    }
    store.checkpoints.pieces.insert(&key, whole).unwrap();
    assert!(store.checkpoints.load(&m).is_ok());
}

#[test]
fn leftovers_of_a_torn_generation_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let torn = CheckpointMeta { stream: 1, generation: 1, ..CheckpointMeta::default() };
    for n in 0..9 {
        store.checkpoints.pieces.insert(piece_key(&torn, n), b"torn".to_vec()).unwrap();
    }
    let m = store.checkpoints.write(&[draft(1, 9, b"whole")]).unwrap().remove(0);
    assert_eq!(store.checkpoints.load(&m).unwrap().0, b"whole");
}

/// The whole measure is 200 × 20 MB: `SURMISE_GROWTH=200x20 cargo test --release -p surmised disk_is_bounded`.
#[test]
fn disk_is_bounded_under_churn() {
    let asked = std::env::var("SURMISE_GROWTH").unwrap_or("40x4".into());
    let (rounds, mb) =
        asked.split_once('x').map(|(r, m)| (r.parse::<u64>().unwrap(), m.parse::<usize>().unwrap())).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let start = std::time::Instant::now();
    let mut slowest = std::time::Duration::ZERO;
    let mut state = noise(mb * 1_000_000, 1);
    for i in 0..rounds {
        let n = state.len();
        state[(i as usize * 7919) % n] ^= 1;
        let t = std::time::Instant::now();
        store.checkpoints.write(&[draft(1, i, &state)]).unwrap();
        slowest = slowest.max(t.elapsed());
    }
    let live = 3 * state.len() as u64;
    let disk = disk(dir.path());
    println!(
        "{rounds} checkpoints of {mb} MB: {:.1} MB on disk, {:.2} x the live data; {:.0} ms each, slowest {} ms",
        disk as f64 / 1e6,
        disk as f64 / live as f64,
        start.elapsed().as_millis() as f64 / rounds as f64,
        slowest.as_millis()
    );
    // a small model's share of fixed costs (a few segments of 4 MiB in each database) is larger
    let fixed = 40_000_000;
    assert!(disk <= 5 * live + if mb < 10 { fixed } else { 0 }, "{disk} bytes on disk for {live} live ones");
}

#[test]
fn a_piece_of_another_stream_or_write_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let metas = store.checkpoints.write(&[draft(1, 9, &noise(50_000, 5)), draft(2, 9, &noise(50_000, 6))]).unwrap();
    let newer = store.checkpoints.write(&[draft(1, 10, &noise(50_000, 7))]).unwrap().remove(0);
    let own = store.checkpoints.pieces.get(piece_key(&metas[0], 1)).unwrap().unwrap();
    for other in [&metas[1], &newer] {
        let piece = store.checkpoints.pieces.get(piece_key(other, 1)).unwrap().unwrap();
        store.checkpoints.pieces.insert(piece_key(&metas[0], 1), piece).unwrap();
        assert!(store.checkpoints.load(&metas[0]).is_err());
    }
    store.checkpoints.pieces.insert(piece_key(&metas[0], 1), own).unwrap();
    assert!(store.checkpoints.load(&metas[0]).is_ok());
}
