//! A stream's whole state, and the one function that changes it: live, in recovery and in replay alike.

use crate::producers::{Producers, SeqStatus};
use crate::summary::StreamSummary;
use std::collections::BTreeMap;
use std::sync::Arc;
use surmise_event::{Limits, Outcome, Record, Refusal, RefusalCode};
use surmise_learner::{JobSink, Learner, LearnerError};
use surmise_store::group::{Logged, Origin};
use surmise_store::{CheckpointDraft, CheckpointMeta, Store, StoreError, StreamEntry, StreamPages};

/// What is counted beside learning; kept in checkpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events learnt (records, not offsets).
    pub records: u64,
    /// Events recognised as sent before.
    pub duplicates: u64,
    /// Bytes of the log, from its very beginning.
    pub logged_bytes: u64,
    /// The time of the latest event.
    pub last_event_us: Option<i64>,
    /// Refusals by code.
    pub refused: BTreeMap<String, u64>,
}

/// What became of a record.
pub enum Applied {
    /// It was learnt.
    Observed(Outcome),
    /// It had been learnt before.
    Duplicate,
}

/// Everything about a stream that its owner holds.
pub struct StreamState {
    /// What it was made with.
    pub entry: StreamEntry,
    /// Its learner.
    pub learner: Learner,
    /// Its producers.
    pub producers: Producers,
    /// Its counters.
    pub counters: Counters,
}

/// A state at one moment: what a checkpoint will hold.
pub struct CheckpointState {
    stream: u32,
    time_us: i64,
    with_hash: bool,
    learner: Learner,
    summary: Vec<u8>,
}

impl CheckpointState {
    /// A copy of a stream's learner, with what [`StreamSummary::encode`] said of the stream at the same moment.
    pub fn new(stream: u32, time_us: i64, with_hash: bool, learner: Learner, summary: Vec<u8>) -> CheckpointState {
        CheckpointState { stream, time_us, with_hash, learner, summary }
    }

    /// Encodes it.
    pub fn encode(mut self) -> CheckpointDraft {
        CheckpointDraft {
            stream: self.stream,
            offset: self.learner.offset(),
            time_us: self.time_us,
            learner: self.learner.save(),
            summary: self.summary,
            state_hash: self.with_hash.then(|| self.learner.state_hash()),
            pages: self.learner.pages_numbered(),
        }
    }
}

/// A stream could not be brought back.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The learner failed.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// The log does not fit the state.
    #[error("{0}")]
    Log(String),
}

impl StreamState {
    /// A stream that has learnt nothing.
    pub fn new(entry: StreamEntry, producers_max: usize) -> Result<StreamState, LearnerError> {
        let learner = Learner::new(entry.schema.clone(), entry.options.clone())?;
        Ok(StreamState { entry, learner, producers: Producers::new(producers_max), counters: Counters::default() })
    }

    /// The one function: holds a record against what was learnt and against the schema, and learns from it. `append`
    /// is called in between, when it is certain that the record will be learnt: it writes the log.
    pub fn apply(
        &mut self,
        record: &Record,
        origin: Option<&Origin>,
        limits: &Limits,
        append: impl FnOnce(u64),
    ) -> Result<Applied, Refusal> {
        match origin.map(|o| (self.producers.seq_status(o), o)) {
            Some((SeqStatus::Duplicate, _)) => return Ok(Applied::Duplicate),
            Some((SeqStatus::Fenced(epoch), o)) => {
                let reason = format!("epoch {epoch} of the producer has taken over from epoch {}", o.epoch);
                return Err(Refusal::new(RefusalCode::Fenced, "epoch", reason));
            }
            Some((SeqStatus::New, _)) | None => {}
        }
        let event = self.learner.bind(record, limits)?;
        let offset = self.learner.offset();
        append(offset);
        #[cfg(test)]
        assert_ne!(record.key.as_deref(), Some(tests::POISON), "a bug inside");
        let outcome = self.learner.observe(&event);
        if let Some(o) = origin {
            self.producers.note(o, offset);
        }
        self.counters.records += 1;
        self.counters.last_event_us = record.time_us.or(record.arrival_us);
        Ok(Applied::Observed(outcome))
    }

    /// Counts a refusal.
    pub fn count_refusal(&mut self, code: RefusalCode) {
        let name = code.name();
        match self.counters.refused.get_mut(name) {
            Some(n) => *n += 1,
            None => drop(self.counters.refused.insert(name.to_owned(), 1)),
        }
    }

    /// A copy of the state as it is now.
    #[cfg(test)]
    pub fn begin_copy(&self, time_us: i64, with_hash: bool) -> CheckpointState {
        let (stream, summary) = (self.entry.number, StreamSummary::encode(self));
        CheckpointState { stream, time_us, with_hash, learner: self.learner.clone(), summary }
    }

    /// The same without a copy, of a stream that goes on no more.
    pub fn into_checkpoint(self, time_us: i64, with_hash: bool) -> CheckpointState {
        let (stream, summary) = (self.entry.number, StreamSummary::encode(&self));
        CheckpointState { stream, time_us, with_hash, learner: self.learner, summary }
    }

    /// Brings a stream back: the newest whole checkpoint, then the log from there through [`StreamState::apply`].
    ///
    /// # Errors
    /// No checkpoint is whole and the log does not go back to the beginning, or the log is damaged.
    pub fn recover(
        store: &Arc<Store>,
        entry: StreamEntry,
        producers_max: usize,
        job_sink: Option<JobSink>,
    ) -> Result<Recovered, RecoveryError> {
        let mut checkpoint = None;
        let mut passed_over = 0;
        for meta in store.checkpoints.of(entry.number).into_iter().rev() {
            match Self::from_checkpoint(store, &entry, &meta, producers_max) {
                Ok(state) => {
                    checkpoint = Some((state, meta));
                    break;
                }
                Err(e) => {
                    passed_over += 1;
                    tracing::warn!(stream = entry.name, generation = meta.generation, "checkpoint is passed over: {e}");
                }
            }
        }
        let (mut state, meta) = match checkpoint {
            Some((state, meta)) => (state, Some(meta)),
            None => (Self::new(entry, producers_max)?, None),
        };
        state.learner.set_job_sink(job_sink);
        let (number, pages) = (state.entry.number, state.learner.pages_numbered());
        store.checkpoints.drop_beyond(number, pages)?;
        store.pages.truncate(number, pages)?;
        state.learner.set_pages(Arc::new(StreamPages::new(Arc::downgrade(store), number)));
        let replayed = state.replay_tail(store)?;
        Ok(Recovered { state, checkpoint: meta, passed_over, replayed })
    }

    fn from_checkpoint(
        store: &Store,
        entry: &StreamEntry,
        meta: &CheckpointMeta,
        producers_max: usize,
    ) -> Result<StreamState, RecoveryError> {
        let (learner, rest) = store.checkpoints.load(meta)?;
        let learner = Learner::load(&learner)?;
        if learner.offset() != meta.offset {
            return Err(RecoveryError::Log(format!("it holds offset {} instead of {}", learner.offset(), meta.offset)));
        }
        if learner.pages_numbered() != meta.pages || !store.pages.can_resume_from(entry.number, meta.pages)? {
            return Err(RecoveryError::Log("states of its keys are not in the store".into()));
        }
        let StreamSummary { producers, counters, .. } =
            StreamSummary::decode(&rest, producers_max).map_err(StoreError::from)?;
        Ok(StreamState { entry: entry.clone(), learner, producers, counters })
    }

    fn replay_tail(&mut self, store: &Store) -> Result<u64, RecoveryError> {
        // what the log holds was held against the limits when it came in
        const NONE: Limits =
            Limits { fields: usize::MAX, symbol_bytes: usize::MAX, text_bytes: usize::MAX, name_bytes: usize::MAX };
        let mut replayed = 0;
        for group in store.log.tail(self.entry.number, self.learner.offset()) {
            let (group, bytes) = group?;
            if group.first_offset != self.learner.offset() {
                let (want, got) = (self.learner.offset(), group.first_offset);
                return Err(RecoveryError::Log(format!(
                    "the log goes on at offset {got}, but offset {want} comes next"
                )));
            }
            for Logged { record, origin } in &group.records {
                match self.apply(record, origin.as_ref(), &NONE, |_| {}) {
                    Ok(Applied::Observed(_)) => replayed += 1,
                    Ok(Applied::Duplicate) => return Err(RecoveryError::Log("the log holds an event twice".into())),
                    Err(e) => return Err(RecoveryError::Log(format!("the log holds an event that is refused: {e}"))),
                }
                if let Some(fault) = self.learner.pages_fault() {
                    return Err(RecoveryError::Log(fault.to_string()));
                }
            }
            if self.learner.offset() != group.first_offset + group.span {
                return Err(RecoveryError::Log(format!(
                    "the group at offset {} was learnt differently before",
                    group.first_offset
                )));
            }
            self.counters.logged_bytes += bytes as u64;
        }
        Ok(replayed)
    }
}

/// A stream that was brought back.
pub struct Recovered {
    /// Its state.
    pub state: StreamState,
    /// The checkpoint that it began with.
    pub checkpoint: Option<CheckpointMeta>,
    /// Newer checkpoints that were not whole.
    pub passed_over: u64,
    /// Records of the log that were learnt again.
    pub replayed: u64,
}

#[cfg(test)]
#[path = "stream_tests.rs"]
pub(crate) mod tests;

#[cfg(test)]
#[path = "keys_tests.rs"]
mod keys_tests;
