//! What every stream of a world began with, so that its state can be worked out without any interruption.

use crate::producers::ProducerBounds;
use crate::services::Services;
use crate::simulated_storage::SimulatedStorage;
use crate::stream::{Applied, StreamState};
use std::collections::BTreeMap;
use surmise_event::Limits;
use surmise_store::StreamEntry;
use surmise_store::group::{Decoded, Logged, decode};

/// What a stream began with.
#[derive(Clone, Debug, PartialEq)]
enum Beginning {
    /// The state of another stream at an offset.
    StateOf(u32, u64),
    /// The log of another stream up to an offset, learnt again.
    LogOf(u32, u64),
}

/// The beginnings of streams by their numbers; what is not there began with nothing.
#[derive(Default)]
pub struct Lineage {
    beginnings: BTreeMap<u32, Beginning>,
    entries: BTreeMap<u32, StreamEntry>,
}

/// The log of a stream from its very beginning.
pub fn whole_log(storage: &SimulatedStorage, number: u32) -> Vec<Decoded> {
    storage.archive(number).iter().map(|bytes| decode(bytes).unwrap()).collect()
}

/// The offset after the last event of a stream's log.
pub fn log_end(storage: &SimulatedStorage, entry: &StreamEntry) -> u64 {
    whole_log(storage, entry.number).last().map_or(entry.first_offset, |group| group.first_offset + group.span)
}

impl Lineage {
    /// Notes what a stream was made with. What is left of it once it is cleared away does not say so.
    pub fn note_entry(&mut self, entry: &StreamEntry) {
        if !entry.cleared {
            self.entries.insert(entry.number, entry.clone());
        }
    }

    /// A stream begins with the state of another at an offset.
    pub fn begins_with_state(&mut self, number: u32, of: u32, at: u64) {
        self.beginnings.insert(number, Beginning::StateOf(of, at));
    }

    /// A stream begins with the log of another up to an offset, learnt again.
    pub fn begins_with_log(&mut self, number: u32, of: u32, until: u64) {
        self.beginnings.insert(number, Beginning::LogOf(of, until));
    }

    /// A stream was not made after all, and its number may be given again.
    pub fn forget(&mut self, number: u32) {
        self.beginnings.remove(&number);
    }

    /// Numbers of streams, all that were ever known.
    pub fn numbers(&self) -> Vec<u32> {
        self.entries.keys().copied().collect()
    }

    /// The events that led to the state of a stream at an offset.
    fn history(&self, storage: &SimulatedStorage, number: u32, until: u64) -> Vec<Logged> {
        let mut records = match self.beginnings.get(&number) {
            None => Vec::new(),
            Some(Beginning::StateOf(of, at) | Beginning::LogOf(of, at)) => self.history(storage, *of, *at),
        };
        let own = whole_log(storage, number).into_iter().filter(|group| group.first_offset < until);
        records.extend(own.flat_map(|group| group.records));
        records
    }

    /// The state with which a stream began.
    pub fn beginning(&self, storage: &SimulatedStorage, services: &Services, number: u32) -> StreamState {
        let entry = self.entries[&number].clone();
        let mut state = match self.beginnings.get(&number) {
            Some(Beginning::StateOf(of, at)) => {
                let mut state = self.beginning(storage, services, *of);
                learn_until(&mut state, storage, *of, *at, |_| {});
                state
            }
            Some(Beginning::LogOf(..)) | None => {
                StreamState::new(entry.clone(), ProducerBounds::FEW, services).unwrap()
            }
        };
        if let Some(Beginning::LogOf(of, at)) = self.beginnings.get(&number) {
            for logged in self.history(storage, *of, *at) {
                if let Ok(event) = state.learner.bind(&logged.record, &Limits::default()) {
                    state.learner.observe(&event);
                }
            }
        }
        state.producers.connect(None, &entry);
        state.entry = entry;
        state
    }
}

/// Learns the log of a stream, once it has begun, up to an offset. `look` is shown every state on the way.
pub fn learn_until(
    state: &mut StreamState,
    storage: &SimulatedStorage,
    number: u32,
    until: u64,
    mut look: impl FnMut(&mut StreamState),
) {
    for group in whole_log(storage, number).into_iter().filter(|group| group.first_offset < until) {
        let (expected, name) = (state.learner.offset(), state.entry.name.clone());
        assert_eq!(group.first_offset, expected, "the log of {name} ({number}) has a gap");
        for logged in group.records {
            look(state);
            let applied = state.apply(&logged.record, logged.origin.as_ref(), logged.id, &Limits::default(), |_| {});
            assert!(matches!(applied, Ok(Applied::Observed(_))), "{name}: an event is in the log twice");
        }
    }
    look(state);
}
