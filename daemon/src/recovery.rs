//! Recovery: a stream's state from its newest whole checkpoint and the log after it.

use crate::past::StreamPast;
use crate::producers::{ProducerBounds, Producers};
use crate::relearning::Relearning;
use crate::services::Services;
use crate::storage::Storage;
use crate::stream::{Applied, NO_LIMITS, StreamState};
use crate::summary::StreamSummary;
use std::sync::Arc;
use surmise_learner::{Learner, LearnerError, PagesError};
use surmise_protocol::AlarmEvent;
use surmise_store::group::{Decoded, Group, Logged, decode};
use surmise_store::{CheckpointMeta, StoreError, StreamEntry};

/// The reason why a stream could not be recovered, or why one of its checkpoints was passed over.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The learner cannot be made or loaded.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// The key pages failed.
    #[error(transparent)]
    Pages(#[from] PagesError),
    /// The learner in a checkpoint is not of the offset that its manifest says.
    #[error("it holds offset {found} instead of {expected}")]
    CheckpointOffset {
        /// The learner's offset.
        found: u64,
        /// The manifest's offset.
        expected: u64,
    },
    /// A checkpoint refers to key pages that are gone.
    #[error("states of its keys are not in the store")]
    PagesGone,
    /// The log ends elsewhere than the stream did.
    #[error("the log goes on at offset {found}, but offset {expected} comes next")]
    LogGap {
        /// The offset after the recovered state.
        found: u64,
        /// The offset after the state that the stream had.
        expected: u64,
    },
    /// A group took more offsets than when it was logged.
    #[error("the group at offset {first_offset} was learnt differently before")]
    LearntDifferently {
        /// The first offset of the group.
        first_offset: u64,
    },
}

/// A stream that was recovered.
pub struct Recovered {
    /// The state of the stream at the end of its log.
    pub state: StreamState,
    /// The checkpoint that recovery began with, if one was whole.
    pub checkpoint: Option<CheckpointMeta>,
    /// The number of newer checkpoints that were not whole.
    pub passed_over: u64,
    /// The number of events of the log that were learnt again.
    pub replayed: u64,
    /// What that checkpoint shows of the stream's past.
    pub past: StreamPast,
}

/// The end of a stream's log while the daemon runs, of which the store need not have all.
pub struct LogEnd<'a> {
    /// The offset before which the store has everything.
    pub committed: u64,
    /// The groups that may not be in the store yet, in order; none is missing from `committed` on.
    pub uncommitted: Vec<&'a Group>,
}

impl LogEnd<'_> {
    /// The end of a log that the store has all of, as at a start.
    pub fn in_store() -> LogEnd<'static> {
        LogEnd { committed: u64::MAX, uncommitted: Vec::new() }
    }
}

/// Whether key pages can be trusted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    Pages,
    /// They were found damaged, and the log has to make them anew.
    NoPages,
}

/// Recovers a stream: the newest whole checkpoint, then the log from there through [`StreamState::apply`].
///
/// Damage costs what it hit and nothing else. A checkpoint that cannot be read is passed over for the one before; a
/// part of the log that no checkpoint covers is named, and the stream goes on after it; states of keys that are damaged
/// are made anew from the log, and forgotten where it no longer reaches back.
///
/// # Errors
/// The store cannot be read, or the log was learnt differently by another version.
pub fn recover(
    storage: &dyn Storage,
    entry: StreamEntry,
    bounds: ProducerBounds,
    services: &Services,
    log_end: &LogEnd<'_>,
) -> Result<Recovered, RecoveryError> {
    match attempt(storage, entry.clone(), bounds, services, log_end, Trust::Pages) {
        Err(RecoveryError::Pages(e)) => {
            tracing::warn!(
                stream = entry.name,
                "states of its keys cannot be read, and are made anew from the log: {e}"
            );
            attempt(storage, entry, bounds, services, log_end, Trust::NoPages)
        }
        result => result,
    }
}

fn attempt(
    storage: &dyn Storage,
    entry: StreamEntry,
    bounds: ProducerBounds,
    services: &Services,
    log_end: &LogEnd<'_>,
    trust: Trust,
) -> Result<Recovered, RecoveryError> {
    let checkpoints = own_checkpoints(storage, &entry);
    let mut loaded = None;
    let mut passed_over = 0;
    for meta in checkpoints.iter().rev() {
        match load(storage, meta, bounds, trust) {
            Ok(parts) => {
                loaded = Some((parts, meta.clone()));
                break;
            }
            Err(e) => {
                passed_over += 1;
                tracing::warn!(stream = entry.name, generation = meta.generation, "checkpoint is passed over: {e}");
            }
        }
    }
    let begins_at_zero =
        || Ok::<_, StoreError>(!storage.log_ends_at(entry.number, 0)? && log_begin(storage, &entry) == 0);
    if loaded.is_none() && !checkpoints.is_empty() && !begins_at_zero()? {
        loaded = load_without_keys(storage, &entry, &checkpoints, bounds)?;
    }
    let (mut state, checkpoint, past) = match loaded {
        Some(((learner, StreamSummary { producers, counters, quarantine, past, .. }), meta)) => {
            (StreamState { entry, learner, producers, counters, quarantine }, Some(meta), past)
        }
        None => {
            (learn_past(storage, StreamState::new(entry, bounds, services)?, services), None, StreamPast::default())
        }
    };
    // read while they are there: resuming from before them deletes them
    let recalled = checkpoint.is_none().then(|| recall_producers(storage, &checkpoints, bounds)).flatten();
    // the log may continue otherwise than it did before a crash, so pages of that other continuation go first
    storage.resume_from(state.entry.number, state.learner.pages_numbered())?;
    services.connect(&mut state.learner, state.entry.id());
    state.producers.connect(services.storage.clone(), &state.entry);
    state.producers.begin_replay(log_end.committed);
    let replayed = replay_log(&mut state, storage, log_end, &past)?;
    state.producers.follow_live(state.learner.offset().min(log_end.committed));
    if let Some(summary) = recalled {
        state.producers.merge(&summary.producers);
    }
    Ok(Recovered { state, checkpoint, passed_over, replayed, past })
}

/// Learns again what leads to the beginning of a stream that came in the place of another, as far as the logs before
/// are whole. What is not there is lost, and is named like what is lost of the log itself.
fn learn_past(storage: &dyn Storage, mut state: StreamState, services: &Services) -> StreamState {
    if state.entry.past.is_empty() {
        return state;
    }
    let learnt = Relearning::of_past(&state.entry, services).and_then(|mut past| past.follow(storage).map(|()| past));
    match learnt {
        Ok(past) if past.offset() == state.entry.first_offset => {
            state.counters.records = past.learnt;
            (state.learner, _) = past.into_learner();
        }
        Ok(_) => tracing::warn!(stream = state.entry.name, "the logs before are learnt differently now"),
        Err(e) => tracing::warn!(stream = state.entry.name, "what was before cannot be learnt again: {e}"),
    }
    state
}

/// The offset of the first group of a stream's log that can be read.
fn log_begin(storage: &dyn Storage, entry: &StreamEntry) -> u64 {
    storage.log_tail(entry.number, 0).find_map(Result::ok).map_or(0, |(group, _)| group.first_offset)
}

/// The newest whole checkpoint without the states of the keys in the store, which are damaged or gone.
fn load_without_keys(
    storage: &dyn Storage,
    entry: &StreamEntry,
    checkpoints: &[CheckpointMeta],
    bounds: ProducerBounds,
) -> Result<Option<((Learner, StreamSummary), CheckpointMeta)>, RecoveryError> {
    for meta in checkpoints.iter().rev().filter(|meta| meta.pages > 0) {
        let Ok((mut learner, summary)) = load_whole(storage, meta, bounds) else { continue };
        let forgotten = learner.forget_stored();
        storage.forget_pages(entry.number)?;
        let what = "the states of keys in the store are gone and the log does not reach back to make them anew";
        tracing::error!(stream = entry.name, forgotten, generation = meta.generation, "{what}");
        return Ok(Some(((learner, summary), meta.clone())));
    }
    Ok(None)
}

/// Where no checkpoint could be loaded and the beginning of the log is gone, some checkpoint may still say how far its
/// producers were.
fn recall_producers(
    storage: &dyn Storage,
    checkpoints: &[CheckpointMeta],
    bounds: ProducerBounds,
) -> Option<StreamSummary> {
    let mut summaries = checkpoints.iter().rev().filter_map(|meta| storage.load_summary(meta).ok());
    summaries.find_map(|bytes| StreamSummary::decode(&bytes, bounds).ok())
}

/// Reads a checkpoint and makes sure that the stream can resume from it.
fn load(
    storage: &dyn Storage,
    meta: &CheckpointMeta,
    bounds: ProducerBounds,
    trust: Trust,
) -> Result<(Learner, StreamSummary), RecoveryError> {
    let distrusted = trust == Trust::NoPages && meta.pages > 0;
    if distrusted || !storage.can_resume_from(meta)? {
        return Err(RecoveryError::PagesGone);
    }
    load_whole(storage, meta, bounds)
}

/// Reads the learner of a checkpoint, whatever its key pages are, and the encoded summary of its stream.
///
/// # Errors
/// The checkpoint is damaged, or is not what its manifest says.
pub fn load_learner(storage: &dyn Storage, meta: &CheckpointMeta) -> Result<(Learner, Vec<u8>), RecoveryError> {
    let (learner, summary) = storage.load_checkpoint(meta)?;
    let learner = Learner::load(&learner)?;
    if learner.offset() != meta.offset {
        return Err(RecoveryError::CheckpointOffset { found: learner.offset(), expected: meta.offset });
    }
    if learner.pages_numbered() != meta.pages {
        return Err(RecoveryError::PagesGone);
    }
    Ok((learner, summary))
}

/// The checkpoints of a stream from which its own log leads on: not those that were carried along from the stream
/// before, whose log does.
fn own_checkpoints(storage: &dyn Storage, entry: &StreamEntry) -> Vec<CheckpointMeta> {
    let mut checkpoints = storage.checkpoints(entry.number);
    checkpoints.retain(|meta| meta.offset >= entry.first_offset);
    checkpoints
}

/// What a stream knows of its producers, from its newest readable checkpoint and the log after it, without a learner.
///
/// # Errors
/// A checkpoint or the log cannot be read, and is not known to be damaged.
pub fn producers_of(
    storage: &dyn Storage,
    entry: &StreamEntry,
    bounds: ProducerBounds,
) -> Result<Producers, RecoveryError> {
    let mut table = Producers::new(bounds);
    let mut from = 0;
    for meta in own_checkpoints(storage, entry).into_iter().rev() {
        let read = match storage.load_summary(&meta) {
            Ok(bytes) => StreamSummary::decode(&bytes, bounds).ok(),
            Err(e) if e.is_damage() => None,
            Err(e) => return Err(e.into()),
        };
        if let Some(summary) = read {
            (table, from) = (summary.producers, meta.offset);
            break;
        }
    }
    table.connect(None, entry);
    table.begin_replay(u64::MAX);
    for group in storage.log_tail(entry.number, from) {
        let group = match group {
            Ok((group, _)) => group,
            // what is damaged is not known; what cannot be read now would be learnt twice if it were forgotten
            Err(e) if e.is_damage() => continue,
            Err(e) => return Err(e.into()),
        };
        for Logged { origin, id, .. } in &group.records {
            table.note(origin.as_ref(), *id, group.first_offset);
        }
    }
    Ok(table)
}

/// Reads a checkpoint, whatever its key pages are.
fn load_whole(
    storage: &dyn Storage,
    meta: &CheckpointMeta,
    bounds: ProducerBounds,
) -> Result<(Learner, StreamSummary), RecoveryError> {
    let (learner, summary) = load_learner(storage, meta)?;
    let summary = StreamSummary::decode(&summary, bounds).map_err(StoreError::from)?;
    Ok((learner, summary))
}

/// Learns the log after the state again, and goes on after what is missing in it. Returns how many events that were.
fn replay_log(
    state: &mut StreamState,
    storage: &dyn Storage,
    end: &LogEnd<'_>,
    past: &StreamPast,
) -> Result<u64, RecoveryError> {
    let number = state.entry.number;
    let mut replayed = 0;
    let mut why = None;
    for group in storage.log_tail(number, state.learner.offset()) {
        let (group, bytes) = match group {
            Ok(group) => group,
            Err(e @ StoreError::Group { .. }) => {
                tracing::warn!(stream = state.entry.name, "{e}");
                why.get_or_insert_with(|| e.to_string());
                continue;
            }
            Err(e) => return Err(e.into()),
        };
        // while the committer writes, a reader of the store may see a later group before an earlier one
        if group.first_offset >= end.committed {
            break;
        }
        replayed += replay_next(state, storage, &group, bytes, &mut why, past)?;
    }
    for group in &end.uncommitted {
        if group.first_offset >= state.learner.offset() {
            let decoded = decode(&group.bytes).map_err(StoreError::from)?;
            replayed += replay_next(state, storage, &decoded, group.bytes.len(), &mut why, past)?;
        }
    }
    let acknowledged = storage.acknowledged(number);
    if acknowledged > state.learner.offset() {
        skip(state, storage, acknowledged, &why.unwrap_or_else(|| "the end of the log is gone".into()))?;
    }
    Ok(replayed)
}

/// Learns the group that comes next in the log, after what may be missing before it. `why` is what was wrong there.
fn replay_next(
    state: &mut StreamState,
    storage: &dyn Storage,
    group: &Decoded,
    bytes: usize,
    why: &mut Option<String>,
    past: &StreamPast,
) -> Result<u64, RecoveryError> {
    let next = state.learner.offset();
    if group.first_offset < next {
        tracing::warn!(stream = state.entry.name, group.first_offset, "a group of the log was learnt before");
        return Ok(0);
    }
    if group.first_offset > next {
        let missing = || format!("the log goes on at offset {}", group.first_offset);
        skip(state, storage, group.first_offset, &why.take().unwrap_or_else(missing))?;
    }
    let replayed = replay_group(state, group, past)?;
    state.counters.logged_bytes += bytes as u64;
    Ok(replayed)
}

/// Goes on after events that are lost.
fn skip(state: &mut StreamState, storage: &dyn Storage, to: u64, why: &str) -> Result<(), RecoveryError> {
    let from = state.learner.offset();
    storage.note_lost(state.entry.number, from, to, why)?;
    state.entry.note_lost(from, to);
    state.learner.skip_to(to);
    metrics::counter!(crate::telemetry::EVENTS_LOST).increment(to - from);
    Ok(())
}

/// Learns one group again; the state ends where the group did when it was logged. What is shown of it is noted at the
/// time at which its events arrived.
fn replay_group(state: &mut StreamState, group: &Decoded, past: &StreamPast) -> Result<u64, RecoveryError> {
    let first_offset = group.first_offset;
    let mut passed_over = 0u64;
    let arrival_us = group.records.iter().filter_map(|logged| logged.record.arrival_us).max().unwrap_or_default();
    let (mut batch, stream) = (past.batch(arrival_us), Arc::from(state.entry.name.as_str()));
    for Logged { record, origin, id } in &group.records {
        match state.apply(record, origin.as_ref(), *id, &NO_LIMITS, |_| {}) {
            Ok(Applied::Observed(outcome)) => {
                batch.add(record, &outcome);
                if let Some(alarm) = AlarmEvent::of(&stream, record, &outcome) {
                    past.incidents.note(&AlarmEvent { incarnation: state.entry.epoch, ..alarm });
                }
            }
            // an earlier version may have accepted what this one does not
            Ok(Applied::Duplicate) | Err(_) => passed_over += 1,
        }
        if let Some(fault) = state.learner.pages_fault() {
            return Err(fault.clone().into());
        }
    }
    let (found, end) = (state.learner.offset(), first_offset + group.span);
    if found > end {
        return Err(RecoveryError::LearntDifferently { first_offset });
    }
    if passed_over > 0 || found < end {
        let what = "events of the log do not fit the stream any more, and are passed over";
        tracing::warn!(stream = state.entry.name, first_offset, passed_over, "{what}");
        state.learner.skip_to(end);
    }
    past.add(arrival_us, batch, Some(&state.learner));
    Ok(group.records.len() as u64 - passed_over)
}
