//! What must hold of a simulated world when it ends, and of everything that was seen on the way.

use super::producer::SimulatedProducer;
use crate::producers::ProducerBounds;
use crate::services::Services;
use crate::simulated_storage::SimulatedStorage;
use crate::stream::{Applied, StreamState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use surmise_event::{Limits, RefusalCode};
use surmise_store::StreamEntry;
use surmise_store::group::{Decoded, decode};

/// Who shows a reader a state: an owner shows the present one, a snapshot may be older, and neither goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShownBy {
    Owner,
    Snapshot,
}

/// States that readers saw, by stream and offset: the hash at that offset.
#[derive(Default)]
pub struct SeenStates {
    hashes: BTreeMap<(Arc<str>, u64), String>,
    /// By stream, the latest offset that a reader was shown in this life of the daemon.
    latest: BTreeMap<(Arc<str>, ShownBy), u64>,
    pub count: u64,
}

impl SeenStates {
    /// A reader was shown a state.
    pub fn see(&mut self, stream: &Arc<str>, by: ShownBy, offset: u64, hash: String) {
        let latest = self.latest.entry((stream.clone(), by)).or_default();
        assert!(offset >= *latest, "a reader of {stream} saw offset {latest}, and then {offset} ({by:?})");
        *latest = offset;
        self.count += 1;
        let known = self.hashes.entry((stream.clone(), offset)).or_insert_with(|| hash.clone());
        assert_eq!(*known, hash, "two states of {stream} at offset {offset}");
    }

    /// The daemon crashed: what was not durable may come otherwise.
    pub fn crash(&mut self, log_end: impl Fn(&str) -> u64) {
        self.latest.clear();
        self.hashes.retain(|(stream, offset), _| *offset <= log_end(stream));
    }
}

/// The log of a stream from its very beginning.
pub fn whole_log(storage: &SimulatedStorage, number: u32) -> Vec<Decoded> {
    storage.archive(number).iter().map(|bytes| decode(bytes).unwrap()).collect()
}

/// The offset after the last event of a stream's log.
pub fn log_end(storage: &SimulatedStorage, number: u32) -> u64 {
    whole_log(storage, number).last().map_or(0, |group| group.first_offset + group.span)
}

/// Learns the log without any interruption. Every state that a reader saw must come by; returns offset and hash.
pub fn learn_again(
    entry: &StreamEntry,
    storage: &SimulatedStorage,
    services: &Services,
    seen: &SeenStates,
) -> (u64, String) {
    let name: Arc<str> = entry.name.as_str().into();
    let mut state = StreamState::new(entry.clone(), ProducerBounds::FEW, services).unwrap();
    let mut expected = seen.hashes.range((name.clone(), 0)..=(name, u64::MAX)).peekable();
    for group in whole_log(storage, entry.number) {
        assert_eq!(group.first_offset, state.learner.offset(), "the log of {} has a gap", entry.name);
        for logged in group.records {
            while let Some(((_, offset), hash)) = expected.next_if(|((_, at), _)| *at == state.learner.offset()) {
                assert_eq!(**hash, state.learner.state_hash(), "{} at offset {offset}: a torn state", entry.name);
            }
            let applied = state.apply(&logged.record, logged.origin.as_ref(), &Limits::default(), |_| {});
            assert!(matches!(applied, Ok(Applied::Observed(_))), "{}: an event is in the log twice", entry.name);
        }
    }
    let hash = state.learner.state_hash();
    for ((_, offset), seen) in expected {
        assert_eq!((*offset, &**seen), (state.learner.offset(), &*hash), "{}: a torn state at the end", entry.name);
    }
    (state.learner.offset(), hash)
}

/// Every acknowledged event is in the log of its stream exactly once, or its producer was told why not; no event is
/// there twice. `failed` are streams that could not be brought back for a while and refused events meanwhile.
pub fn check_events(storage: &SimulatedStorage, producers: &[SimulatedProducer], failed: &BTreeSet<Arc<str>>) {
    let mut logged: BTreeMap<(Arc<str>, u64, u64), Arc<str>> = BTreeMap::new();
    for entry in crate::storage::Storage::streams(storage).unwrap() {
        let name: Arc<str> = entry.name.as_str().into();
        for record in whole_log(storage, entry.number).into_iter().flat_map(|group| group.records) {
            assert!(!format!("{:?}", record.record.data).contains(super::POISON), "what panicked is in the log");
            let origin = record.origin.expect("every producer has a name");
            let before = logged.insert((origin.producer.clone(), origin.epoch, origin.seq), name.clone());
            assert!(before.is_none(), "{} {} {} was learnt twice", origin.producer, origin.epoch, origin.seq);
        }
    }
    for producer in producers {
        for (epoch, acknowledged) in &producer.acknowledged {
            for seq in 1..=*acknowledged {
                let content = producer.content(*epoch, seq);
                let place = logged.get(&(producer.name.clone(), *epoch, seq));
                let is_told = producer.refused.get(&(*epoch, seq)) == Some(&RefusalCode::Unavailable);
                let is_excused = content.text == super::POISON || is_told || failed.contains(&content.stream);
                let is_right = place.map_or(is_excused, |stream| *stream == content.stream);
                assert!(is_right, "{} {epoch} {seq} was acknowledged and is not in the log", producer.name);
            }
        }
    }
}
