//! Writing what comes in the place of a stream: a checkpoint under a number of its own.

use super::error::UndoError;
use crate::checkpoint::CheckpointState;
use crate::counters::Counters;
use crate::forgetting::Forgetting;
use crate::owner::OwnedStream;
use crate::past::StreamPast;
use crate::producers::{ProducerBounds, Producers};
use crate::recovery::{RecoveryError, load_learner, producers_of};
use crate::relearning::Relearning;
use crate::storage::Storage;
use crate::stream::StreamState;
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
    /// The state of an earlier stream.
    BroughtBack(Box<StreamState>),
}

/// What was written.
pub struct WrittenReplacement {
    /// The offset that the next event has.
    pub offset: u64,
    /// Events that were refused, by code.
    pub refused: BTreeMap<String, u64>,
    /// Events that were forgotten.
    pub forgotten: u64,
}

/// Writes the first checkpoint of the stream that comes in the place of one that is held, or that was deleted.
///
/// # Errors
/// See [`UndoError`].
pub fn write_replacement(
    mut held: Option<&mut OwnedStream>,
    entry: &mut StreamEntry,
    starting: Starting,
    storage: &Arc<dyn Storage>,
    time_us: i64,
) -> Result<WrittenReplacement, UndoError> {
    let (mut refused, mut without) = (BTreeMap::new(), None);
    let keeps_past = !matches!(starting, Starting::Empty);
    let (mut known, mut quarantine) = (None, None);
    let goes_on_from = match &starting {
        Starting::Checkpoint(meta) => Some(meta.stream),
        Starting::AsItIs => held.as_ref().map(|held| held.entry().number),
        Starting::BroughtBack(state) => Some(state.entry.number),
        Starting::Empty | Starting::Relearnt(_) => None,
    };
    let (learner, counters) = match starting {
        Starting::Empty => (Learner::new(entry.schema.clone(), entry.options.clone())?, Counters::default()),
        Starting::Checkpoint(meta) => {
            let bounds = held.as_ref().ok_or(UndoError::Inside)?.bounds();
            state_of(&**storage, entry, &meta, bounds)?
        }
        Starting::AsItIs => as_it_is(&**storage, entry, held.as_deref_mut().ok_or(UndoError::Inside)?)?,
        Starting::BroughtBack(mut state) => {
            copy_keys(&**storage, state.entry.number, entry, &state.learner)?;
            let learner = own_copy(&mut state.learner)?;
            (known, quarantine) = (Some(state.producers), Some(Arc::new(state.quarantine)));
            (learner, state.counters)
        }
        Starting::Relearnt(relearning) => {
            let (learner, counters, forgetting) = learnt_again(*relearning, &**storage, entry)?;
            (refused, without) = (counters.refused.by_name().clone(), forgetting);
            (learner, counters)
        }
    };
    let offset = learner.offset();
    // the log of what forgets is all its own, from the first event on
    let begins = if without.is_some() { 0 } else { offset };
    (entry.first_offset, entry.trimmed_before) = (begins, begins);
    // the producers go on from where they are, whatever the stream goes back to
    let mut producers = producers_going_on(&**storage, held.as_deref(), known)?;
    producers.rebase(offset);
    let logged_bytes = without.as_ref().map_or(0, |without| without.log.bytes());
    let counters = Counters { logged_bytes, ..counters };
    let mut quarantine = held.as_ref().map(|held| held.quarantine()).or(quarantine).unwrap_or_default();
    // what people were shown happened, whatever is learnt again
    let nothing = StreamPast::default();
    let mut past = held.as_ref().filter(|_| keeps_past).map_or(&nothing, |held| &held.view().past);
    let forgotten = without.as_ref().map_or(0, |without| without.forgotten);
    let clean;
    // but for what is to be forgotten
    if let Some(without) = without {
        quarantine = Arc::new(quarantine.emptied());
        clean = past.with_events(without.incidents, without.rare);
        past = &clean;
    }
    let summary = StreamSummary::encode(&producers, &counters, &quarantine, past, &learner);
    let state = CheckpointState::new(entry.number, time_us, true, learner, summary);
    let pending = StreamEntry { pending: true, ..entry.clone() };
    storage.commit(&[pending], &[], &[], time_us)?;
    storage.flush_pages()?;
    // what people marked stays marked, as far as it leads to where the stream is now
    match goes_on_from.map_or(Ok(()), |from| storage.carry_marked(from, entry.number, offset)) {
        Err(e) if e.is_no_room() => tracing::warn!(stream = entry.name, "marked checkpoints are left behind: {e}"),
        carried => carried?,
    }
    storage.write_checkpoints(&[state.encode()])?;
    Ok(WrittenReplacement { offset, refused, forgotten })
}

/// The learner and the counters of a log that was learnt again up to where the stream is held, and what was made
/// without what is to be forgotten.
fn learnt_again(
    mut relearning: Relearning,
    storage: &dyn Storage,
    entry: &mut StreamEntry,
) -> Result<(Learner, Counters, Option<Forgetting>), UndoError> {
    // what came while it was learnt
    relearning.follow(storage)?;
    if let Some(part) = entry.past.last_mut() {
        part.to = relearning.position();
    }
    let counters = Counters {
        records: relearning.learnt,
        refused: relearning.refused.clone(),
        times: relearning.times.clone(),
        ..Counters::default()
    };
    let (learner, forgetting) = relearning.into_learner();
    Ok((learner, counters, forgetting))
}

/// What is known of producers: by the stream that is held, or by the one that was deleted.
fn producers_going_on(
    storage: &dyn Storage,
    held: Option<&OwnedStream>,
    known: Option<Producers>,
) -> Result<Producers, UndoError> {
    // of a stream that sleeps or has failed, the store knows more than memory
    match held.map(|held| (held, held.whole_producers())) {
        Some((_, Some(producers))) => Ok(producers.clone()),
        Some((held, None)) => Ok(producers_of(storage, held.entry(), held.bounds())?),
        None => known.ok_or(UndoError::Inside),
    }
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
    copy_keys(storage, meta.stream, entry, &learner)?;
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
    copy_keys(storage, number, entry, &state.learner)?;
    Ok((own_copy(&mut state.learner)?, state.counters.clone()))
}

/// Copies the states of a learner's keys in the store to the new entry. They may be gone: what is kept of streams that
/// were replaced is cleared away when its time is over, or for want of room, also while it is being brought back.
fn copy_keys(storage: &dyn Storage, from: u32, entry: &StreamEntry, learner: &Learner) -> Result<(), UndoError> {
    let are_there = storage.copy_pages(from, entry, learner.pages_numbered())?;
    if are_there || learner.keys_stored() == 0 { Ok(()) } else { Err(UndoError::KeysGone(entry.name.clone())) }
}

/// A copy of a learner through its bytes, so that it is the very state that a restart would have.
fn own_copy(learner: &mut Learner) -> Result<Learner, UndoError> {
    Ok(Learner::load(&learner.save()).map_err(RecoveryError::from)?)
}
