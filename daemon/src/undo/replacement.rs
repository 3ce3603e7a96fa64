//! Writing what comes in the place of a stream: a checkpoint under a number of its own.

use super::error::UndoError;
use crate::checkpoint::CheckpointState;
use crate::counters::Counters;
use crate::owner::OwnedStream;
use crate::past::StreamPast;
use crate::producers::{ProducerBounds, Producers};
use crate::recovery::{RecoveryError, load_learner, producers_of};
use crate::relearning::Relearning;
use crate::storage::Storage;
use crate::summary::StreamSummary;
use std::collections::BTreeMap;
use std::sync::Arc;
use surmise_learner::Learner;
use surmise_store::{CheckpointMeta, StoreError, StreamEntry};

/// With what a stream begins that comes in the place of another.
pub enum Starting {
    /// Nothing was learnt.
    Empty,
    /// A checkpoint of the stream before.
    Checkpoint(CheckpointMeta),
    /// The state of the stream before.
    AsItIs,
    /// The log of the stream before, learnt again.
    Relearnt(Box<Relearning>),
}

/// What was written: the entry, the offset that the next event has, and the events that were refused, by code.
pub type Written = (StreamEntry, u64, BTreeMap<String, u64>);

/// Writes the first checkpoint of the stream that comes in the place of one that is held. Returns the held one, too,
/// as it was.
pub fn write_replacement(
    mut held: Option<Box<OwnedStream>>,
    mut entry: StreamEntry,
    starting: Starting,
    storage: &Arc<dyn Storage>,
    time_us: i64,
) -> (Option<Box<OwnedStream>>, Result<Written, UndoError>) {
    let written = write(held.as_deref_mut(), &mut entry, starting, storage, time_us);
    (held, written.map(|(offset, refused)| (entry, offset, refused)))
}

fn write(
    held: Option<&mut OwnedStream>,
    entry: &mut StreamEntry,
    starting: Starting,
    storage: &Arc<dyn Storage>,
    time_us: i64,
) -> Result<(u64, BTreeMap<String, u64>), UndoError> {
    let held = held.ok_or(UndoError::Inside)?;
    let mut refused = BTreeMap::new();
    let keeps_past = matches!(starting, Starting::AsItIs | Starting::Relearnt(_) | Starting::Checkpoint(_));
    let (learner, counters) = match starting {
        Starting::Empty => (Learner::new(entry.schema.clone(), entry.options.clone())?, Counters::default()),
        Starting::Checkpoint(meta) => state_of(&**storage, entry, &meta, held.bounds())?,
        Starting::AsItIs => as_it_is(&**storage, entry, held)?,
        Starting::Relearnt(mut relearning) => {
            // what came while it was learnt, up to where the stream is held
            relearning.follow(&**storage)?;
            if let Some(part) = entry.past.last_mut() {
                part.to = relearning.position();
            }
            refused = relearning.refused.by_name().clone();
            let counters = Counters {
                records: relearning.learnt,
                refused: relearning.refused.clone(),
                last_event_us: relearning.last_event_us,
                ..Counters::default()
            };
            (relearning.into_learner(), counters)
        }
    };
    let offset = learner.offset();
    (entry.first_offset, entry.trimmed_before) = (offset, offset);
    // the producers go on from where they are, whatever the stream goes back to
    let mut producers: Producers = match held.producers() {
        Some(producers) => producers.clone(),
        None => producers_of(&**storage, held.entry(), held.bounds())?,
    };
    producers.rebase(offset);
    let counters = Counters { logged_bytes: 0, ..counters };
    let quarantine = held.quarantine();
    // what people were shown happened, whatever is learnt again
    let nothing = StreamPast::default();
    let past = if keeps_past { &held.view().past } else { &nothing };
    let summary = StreamSummary::encode(&producers, &counters, &quarantine, past, &learner);
    let state = CheckpointState::new(entry.number, time_us, true, learner, summary);
    let pending = StreamEntry { pending: true, ..entry.clone() };
    storage.commit(&[pending], &[], &[], time_us)?;
    storage.flush_pages()?;
    storage.write_checkpoints(&[state.encode()])?;
    Ok((offset, refused))
}

/// The learner and the counters of a checkpoint, with its key pages under the number of the new entry.
fn state_of(
    storage: &dyn Storage,
    entry: &StreamEntry,
    meta: &CheckpointMeta,
    bounds: ProducerBounds,
) -> Result<(Learner, Counters), UndoError> {
    let (learner, summary) = load_learner(storage, meta)?;
    let counters = StreamSummary::decode(&summary, bounds).map_err(StoreError::from)?.counters;
    storage.copy_pages(meta.stream, entry, meta.pages)?;
    Ok((learner, counters))
}

/// The learner and the counters of the stream that is held.
fn as_it_is(
    storage: &dyn Storage,
    entry: &StreamEntry,
    held: &mut OwnedStream,
) -> Result<(Learner, Counters), UndoError> {
    if let Some(meta) = held.covering_checkpoint() {
        return state_of(storage, entry, &meta, held.bounds());
    }
    let number = held.entry().number;
    let Some(state) = held.state() else { return Err(UndoError::Failed) };
    storage.copy_pages(number, entry, state.learner.pages_numbered())?;
    // through its bytes, so that it is the very state that a restart would have
    let learner = Learner::load(&state.learner.save()).map_err(RecoveryError::from)?;
    Ok((learner, state.counters.clone()))
}
