//! What must hold of a simulated world when it ends, and of everything that was seen on the way.

use super::lineage::{Lineage, learn_until, whole_log};
use super::producer::SimulatedProducer;
use crate::services::Services;
use crate::simulated_storage::SimulatedStorage;
use crate::storage::Storage;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use surmise_event::RefusalCode;
use surmise_store::StreamEntry;

/// Who shows a reader a state: an owner shows the present one, a snapshot may be older, and neither goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShownBy {
    Owner,
    Snapshot,
}

/// States that readers saw, by the number of the stream and offset: the hash at that offset.
#[derive(Default)]
pub struct SeenStates {
    hashes: BTreeMap<(u32, u64), String>,
    /// By stream, the latest offset that a reader was shown in this life of the daemon.
    latest: BTreeMap<(u32, ShownBy), u64>,
    pub count: u64,
}

impl SeenStates {
    /// A reader was shown a state.
    pub fn see(&mut self, stream: u32, by: ShownBy, offset: u64, hash: String) {
        let latest = self.latest.entry((stream, by)).or_default();
        assert!(offset >= *latest, "a reader of {stream} saw offset {latest}, and then {offset} ({by:?})");
        *latest = offset;
        self.count += 1;
        let known = self.hashes.entry((stream, offset)).or_insert_with(|| hash.clone());
        assert_eq!(*known, hash, "two states of {stream} at offset {offset}");
    }

    /// The daemon crashed: what was not durable may come otherwise.
    pub fn crash(&mut self, log_end: impl Fn(u32) -> u64) {
        self.latest.clear();
        self.hashes.retain(|(stream, offset), _| *offset <= log_end(*stream));
    }
}

/// Learns a stream without any interruption, from what it began with. Every state that a reader saw must come by;
/// returns offset and hash.
pub fn learn_again(
    number: u32,
    lineage: &Lineage,
    storage: &SimulatedStorage,
    services: &Services,
    seen: &SeenStates,
) -> (u64, String) {
    let mut state = lineage.beginning(storage, services, number);
    let name = state.entry.name.clone();
    let mut expected = seen.hashes.range((number, 0)..=(number, u64::MAX)).peekable();
    learn_until(&mut state, storage, number, u64::MAX, |state| {
        while let Some(((_, offset), hash)) = expected.next_if(|((_, at), _)| *at == state.learner.offset()) {
            assert_eq!(**hash, state.learner.state_hash(), "{name} ({number}) at offset {offset}: a torn state");
        }
    });
    let (offset, hash) = (state.learner.offset(), state.learner.state_hash());
    assert_eq!(expected.next(), None, "{name} ({number}) ended at {offset}: a torn state beyond");
    (offset, hash)
}

/// The stream at the beginning of the line of a stream.
fn root(entries: &BTreeMap<u32, StreamEntry>, mut number: u32) -> u32 {
    while let Some(before) = entries.get(&number).and_then(|entry| entry.replaces) {
        number = before;
    }
    number
}

/// Every acknowledged event is in the log of its stream exactly once, or its producer was told why not; no event is
/// there twice. `failed` are streams that could not be brought back for a while and refused events meanwhile.
pub fn check_events(storage: &SimulatedStorage, producers: &[SimulatedProducer], failed: &BTreeSet<Arc<str>>) {
    let entries = storage.streams().unwrap();
    let entries: BTreeMap<u32, StreamEntry> = entries.into_iter().map(|entry| (entry.number, entry)).collect();
    let mut logged: BTreeMap<(Arc<str>, u64, u64), (Arc<str>, BTreeSet<u32>)> = BTreeMap::new();
    for entry in entries.values() {
        let (name, line): (Arc<str>, u32) = (entry.name.as_str().into(), root(&entries, entry.number));
        for record in whole_log(storage, entry.number).into_iter().flat_map(|group| group.records) {
            assert!(!format!("{:?}", record.record.data).contains(super::POISON), "what panicked is in the log");
            let origin = record.origin.expect("every producer has a name");
            let (producer, epoch, seq) = (origin.producer, origin.epoch, origin.seq);
            // a stream that begins under a name which is free again knows nothing of the one before
            let (_, lines) = logged.entry((producer.clone(), epoch, seq)).or_insert((name.clone(), BTreeSet::new()));
            assert!(lines.insert(line), "{producer} {epoch} {seq} was learnt twice");
        }
    }
    for producer in producers {
        for (epoch, acknowledged) in &producer.acknowledged {
            for seq in 1..=*acknowledged {
                let content = producer.content(*epoch, seq);
                let place = logged.get(&(producer.name.clone(), *epoch, seq));
                let is_told = producer.refused.get(&(*epoch, seq)) == Some(&RefusalCode::Unavailable);
                let is_excused = content.text == super::POISON || is_told || failed.contains(&content.stream);
                let is_right = place.map_or(is_excused, |(stream, _)| *stream == content.stream);
                assert!(is_right, "{} {epoch} {seq} was acknowledged and is not in the log", producer.name);
            }
        }
    }
}
