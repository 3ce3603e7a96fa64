//! Recovery: a stream's state from its newest whole checkpoint and the log after it.

use crate::producers::ProducerBounds;
use crate::services::Services;
use crate::storage::Storage;
use crate::stream::{Applied, StreamState};
use crate::summary::StreamSummary;
use surmise_event::{Limits, Refusal};
use surmise_learner::{Learner, LearnerError, PagesError};
use surmise_store::group::{Decoded, Group, Logged, decode};
use surmise_store::{CheckpointMeta, StoreError, StreamEntry};

/// What the log holds was checked against the limits when it came in; limits that changed since must not refuse it.
pub(crate) const NO_LIMITS: Limits =
    Limits { fields: usize::MAX, symbol_bytes: usize::MAX, text_bytes: usize::MAX, name_bytes: usize::MAX };

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
    /// A part of the log is missing.
    #[error("the log goes on at offset {found}, but offset {expected} comes next")]
    LogGap {
        /// The first offset of the next group.
        found: u64,
        /// The offset after the state.
        expected: u64,
    },
    /// The log holds an event that the state has learnt already.
    #[error("the log holds an event twice")]
    LoggedTwice,
    /// The log holds an event that does not fit the schema.
    #[error("the log holds an event that is refused: {0}")]
    LoggedRefused(Refusal),
    /// A group took another number of offsets than when it was logged.
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

/// Recovers a stream: the newest whole checkpoint, then the log from there through [`StreamState::apply`].
///
/// # Errors
/// No checkpoint is whole and the log does not begin at offset 0, or the log is damaged.
pub fn recover(
    storage: &dyn Storage,
    entry: StreamEntry,
    bounds: ProducerBounds,
    services: &Services,
    log_end: &LogEnd<'_>,
) -> Result<Recovered, RecoveryError> {
    let mut loaded = None;
    let mut passed_over = 0;
    for meta in storage.checkpoints(entry.number).into_iter().rev() {
        match load(storage, &entry, &meta, bounds) {
            Ok(parts) => {
                loaded = Some((parts, meta));
                break;
            }
            Err(e) => {
                passed_over += 1;
                tracing::warn!(stream = entry.name, generation = meta.generation, "checkpoint is passed over: {e}");
            }
        }
    }
    let (mut state, checkpoint) = match loaded {
        Some(((learner, StreamSummary { producers, counters, quarantine, .. }), meta)) => {
            (StreamState { entry, learner, producers, counters, quarantine }, Some(meta))
        }
        None => (StreamState::new(entry, bounds, services)?, None),
    };
    // the log may continue otherwise than it did before a crash, so pages of that other continuation go first
    storage.resume_from(state.entry.number, state.learner.pages_numbered())?;
    services.connect(&mut state.learner, state.entry.number);
    state.producers.connect(services.storage.clone(), state.entry.number);
    state.producers.begin_replay(log_end.committed);
    let replayed = replay_log(&mut state, storage, log_end)?;
    state.producers.follow_live(state.learner.offset().min(log_end.committed));
    Ok(Recovered { state, checkpoint, passed_over, replayed })
}

/// Reads a checkpoint and makes sure that the stream can resume from it.
fn load(
    storage: &dyn Storage,
    entry: &StreamEntry,
    meta: &CheckpointMeta,
    bounds: ProducerBounds,
) -> Result<(Learner, StreamSummary), RecoveryError> {
    let (learner, summary) = storage.load_checkpoint(meta)?;
    let learner = Learner::load(&learner)?;
    if learner.offset() != meta.offset {
        return Err(RecoveryError::CheckpointOffset { found: learner.offset(), expected: meta.offset });
    }
    if learner.pages_numbered() != meta.pages || !storage.can_resume_from(entry.number, meta.pages)? {
        return Err(RecoveryError::PagesGone);
    }
    let summary = StreamSummary::decode(&summary, bounds).map_err(StoreError::from)?;
    Ok((learner, summary))
}

/// Learns the log after the state again. Returns how many events that were.
fn replay_log(state: &mut StreamState, storage: &dyn Storage, end: &LogEnd<'_>) -> Result<u64, RecoveryError> {
    let mut replayed = 0;
    for group in storage.log_tail(state.entry.number, state.learner.offset()) {
        let (group, bytes) = group?;
        // while the committer writes, a reader of the store may see a later group before an earlier one
        if group.first_offset >= end.committed {
            break;
        }
        replayed += replay_group(state, &group)?;
        state.counters.logged_bytes += bytes as u64;
    }
    for group in &end.uncommitted {
        if group.first_offset >= state.learner.offset() {
            replayed += replay_group(state, &decode(&group.bytes).map_err(StoreError::from)?)?;
            state.counters.logged_bytes += group.bytes.len() as u64;
        }
    }
    Ok(replayed)
}

/// Learns one group again; the state must end where the group did when it was logged.
fn replay_group(state: &mut StreamState, group: &Decoded) -> Result<u64, RecoveryError> {
    let first_offset = group.first_offset;
    if first_offset != state.learner.offset() {
        return Err(RecoveryError::LogGap { found: first_offset, expected: state.learner.offset() });
    }
    for Logged { record, origin } in &group.records {
        match state.apply(record, origin.as_ref(), &NO_LIMITS, |_| {}) {
            Ok(Applied::Observed(_)) => {}
            Ok(Applied::Duplicate) => return Err(RecoveryError::LoggedTwice),
            Err(refusal) => return Err(RecoveryError::LoggedRefused(refusal)),
        }
        if let Some(fault) = state.learner.pages_fault() {
            return Err(fault.clone().into());
        }
    }
    if state.learner.offset() != first_offset + group.span {
        return Err(RecoveryError::LearntDifferently { first_offset });
    }
    Ok(group.records.len() as u64)
}
