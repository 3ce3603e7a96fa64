//! A stream's whole state, and the one function that changes it: for live events and in recovery alike.

use crate::checkpoint::CheckpointState;
use crate::counters::Counters;
use crate::first_learner::first_learner_at_hand;
use crate::past::StreamPast;
use crate::producers::{ProducerBounds, Producers, SeqStatus};
use crate::quarantine::Quarantine;
use crate::services::Services;
use crate::summary::StreamSummary;
use surmise_event::{Data, Limits, Outcome, Record, Refusal, RefusalCode};
use surmise_learner::{Learner, LearnerError};
use surmise_stopwatch::{EventStage, lap};
use surmise_store::StreamEntry;
use surmise_store::group::{EventId, Origin};

/// What the log holds was checked against the limits when it came in; limits that changed since must not refuse it.
pub(crate) const NO_LIMITS: Limits =
    Limits { fields: usize::MAX, symbol_bytes: usize::MAX, text_bytes: usize::MAX, name_bytes: usize::MAX };

/// What an accepted record did to its stream.
// it lives for one event on the stack, where a box would be an allocation for each
#[allow(clippy::large_enum_variant)]
pub enum Applied {
    /// The learner has observed it, with this outcome.
    Observed(Outcome),
    /// Nothing: the stream had learnt it before.
    Duplicate,
}

/// Everything about a stream that its owner holds while the stream is awake.
pub struct StreamState {
    /// What the stream was made with.
    pub entry: StreamEntry,
    /// The stream's learner.
    pub learner: Learner,
    /// How far each producer's events are learnt.
    pub producers: Producers,
    /// The stream's counters.
    pub counters: Counters,
    /// Events whose learning failed inside.
    pub quarantine: Quarantine,
}

impl StreamState {
    /// A stream of which no event has come. What it was to begin with is left out of its entry where that cannot be
    /// had any more.
    ///
    /// # Errors
    /// The options do not fit the schema.
    pub fn new(
        mut entry: StreamEntry,
        bounds: ProducerBounds,
        services: &Services,
    ) -> Result<StreamState, LearnerError> {
        let learner = first_learner_at_hand(services.storage.as_deref(), &mut entry)?;
        Ok(StreamState::begin(entry, learner, bounds, services))
    }

    /// A stream of which no event has come, with the learner that it begins with.
    pub fn begin(entry: StreamEntry, mut learner: Learner, bounds: ProducerBounds, services: &Services) -> StreamState {
        services.connect(&mut learner, entry.id());
        let mut producers = Producers::new(bounds);
        producers.connect(services.storage.clone(), &entry);
        StreamState { entry, learner, producers, counters: Counters::default(), quarantine: Quarantine::default() }
    }

    /// Checks a record against what was learnt and against the schema, and lets the learner observe it. This is the one
    /// function that changes a stream. `append` is called with the record's offset as soon as it is certain that the
    /// record will be observed, and before it is: it writes the log.
    ///
    /// # Errors
    /// The record is refused: its producer is fenced, or it does not fit the schema or the limits.
    pub fn apply(
        &mut self,
        record: &Record,
        origin: Option<&Origin>,
        id: Option<EventId>,
        limits: &Limits,
        append: impl FnOnce(u64),
    ) -> Result<Applied, Refusal> {
        match self.producers.status(origin, id) {
            Ok(SeqStatus::Duplicate) => return Ok(Applied::Duplicate),
            Ok(SeqStatus::Fenced(fault)) => return Err(fault.refusal("epoch")),
            Ok(SeqStatus::New) => {}
            Err(e) => {
                let reason = format!("whether the event was learnt before cannot be looked up: {e}");
                return Err(Refusal::new(RefusalCode::Unavailable, "producer", reason));
            }
        }
        self.check_incarnation(record)?;
        let event = self.learner.bind(record, limits)?;
        lap(EventStage::Reading);
        let offset = self.learner.offset();
        append(offset);
        let outcome = self.learner.observe(&event);
        self.producers.note(origin, id, offset);
        self.counters.records += 1;
        self.counters.times.note(record);
        Ok(Applied::Observed(outcome))
    }

    /// Makes sure that what is said of an incident is of this incarnation of the stream, if it says of which it is.
    fn check_incarnation(&self, record: &Record) -> Result<(), Refusal> {
        let Data::Feedback(said) = &record.data else { return Ok(()) };
        let now = self.entry.epoch;
        let Some(asked) = said.incarnation.filter(|asked| *asked != now) else { return Ok(()) };
        let reason =
            format!("the stream is incarnation {now} by now, not {asked}, so the offset may be another event's");
        Err(Refusal::new(RefusalCode::OtherIncarnation, "incarnation", reason))
    }

    /// The encoded summary of the stream as it is now, for a checkpoint.
    pub fn encode_summary(&self, past: &StreamPast) -> Vec<u8> {
        StreamSummary::encode(&self.producers, &self.counters, &self.quarantine, past, &self.learner)
    }

    /// The state of the next checkpoint, as a clone.
    #[cfg(test)]
    pub fn to_checkpoint(&self, time_us: i64) -> CheckpointState {
        CheckpointState::new(
            self.entry.number,
            time_us,
            true,
            self.learner.clone(),
            self.encode_summary(&StreamPast::default()),
        )
    }

    /// The state of the last checkpoint, without a copy, of a stream that learns no more.
    pub fn into_checkpoint(self, time_us: i64, past: &StreamPast) -> CheckpointState {
        let summary = self.encode_summary(past);
        CheckpointState::new(self.entry.number, time_us, true, self.learner, summary)
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
pub(crate) mod tests;

#[cfg(test)]
#[path = "keys_tests.rs"]
mod keys_tests;
