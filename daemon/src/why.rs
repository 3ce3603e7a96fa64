//! Why an event was as surprising as it was: worked out in a copy, and only when somebody asks.
//!
//! From the newest kept checkpoint at or below the event, the log is learnt again by a copy of the learner that nobody
//! else sees, and the event's parts are kept as it is observed. So the answer is what the stream's own learner found,
//! to the bit, and nothing is kept or computed while nobody asks. The copy reads key pages of the store and writes its
//! own into memory.

use crate::earlier_learner::{EarlierLearnerError, earlier_learner};
use crate::log_range::{StreamLog, records_of};
use crate::storage::Storage;
use crate::stream::NO_LIMITS;
use std::sync::Arc;
use std::time::Instant;
use surmise_event::{LastSeen, Part, Refusal};
use surmise_learner::{Inquiry, Learner, LearnerError, Pages, PagesError};
use surmise_protocol::WhyAnswer;
use surmise_store::StoreError;
use surmise_store::group::Decoded;

/// The reason why it cannot be said why an event was as surprising as it was.
#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The learner cannot be made or loaded.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// The key pages failed.
    #[error(transparent)]
    Pages(#[from] PagesError),
    /// The log holds an event that does not fit the schema.
    #[error("the log holds an event that is refused: {0}")]
    Refused(Refusal),
    /// The stream is not in the log yet.
    #[error("the stream is not durable yet; ask again in a moment")]
    NotDurable,
    /// The event is not in the log yet.
    #[error("the log ends at offset {end}; event {offset} is not durable yet, or has not come")]
    NotYet {
        /// The event that was asked about.
        offset: u64,
        /// The offset after the last event of the log.
        end: u64,
    },
    /// The log no longer holds what leads to the event.
    #[error(
        "the log no longer holds what led to event {offset}: the oldest checkpoint is of offset {oldest}, and the log \
         was trimmed (store.log_bytes_max, store.generations keep more)"
    )]
    Gone {
        /// The event that was asked about.
        offset: u64,
        /// The first offset that can be asked about.
        oldest: u64,
    },
    /// Learning the log again takes too long.
    #[error("learning again from offset {from} to event {offset} takes longer than {seconds} s; it came to {reached}")]
    TooLong {
        /// The offset of the checkpoint.
        from: u64,
        /// The event that was asked about.
        offset: u64,
        /// How far it came.
        reached: u64,
        /// How long it may take.
        seconds: u64,
    },
}

impl WhyError {
    /// The error of a question about an event before which there is no learner.
    fn of_earlier(error: EarlierLearnerError, offset: u64) -> WhyError {
        match error {
            EarlierLearnerError::Store(e) => WhyError::Store(e),
            EarlierLearnerError::Learner(e) => WhyError::Learner(e),
            EarlierLearnerError::Gone { oldest } => WhyError::Gone { offset, oldest },
        }
    }
}

/// The stream and the event that a question is about, and until when it has to be answered.
pub struct WhyQuestion {
    /// The name of the stream.
    pub stream: Arc<str>,
    /// The number of the stream in the log.
    pub number: u32,
    /// The offset of the event.
    pub offset: u64,
    /// How long the answer may take, in seconds.
    pub seconds_max: u64,
}

/// Answers why an event was as surprising as it was. `pages` opens the key pages of the stream for reading. It takes as
/// long as learning the log from the checkpoint to the event, so it belongs into a thread of its own.
///
/// # Errors
/// The event is not in the log, or what led to it no longer is; the log or the checkpoint cannot be read.
pub fn why(
    storage: &dyn Storage,
    question: &WhyQuestion,
    pages: Option<Arc<dyn Pages>>,
) -> Result<WhyAnswer, WhyError> {
    let began = Instant::now();
    let entry = storage.stream(question.number)?.ok_or(WhyError::NotDurable)?;
    let log = StreamLog::of(storage, &entry);
    let earlier = earlier_learner(storage, &entry, question.offset, pages);
    let mut learner = earlier.map_err(|e| WhyError::of_earlier(e, question.offset))?.learner;
    let from = learner.offset();
    let mut inquiry = Inquiry::new(question.offset);
    for group in log.tail(from) {
        let (group, _) = group?;
        if group.first_offset != learner.offset() {
            return Err(WhyError::Gone { offset: question.offset, oldest: group.first_offset });
        }
        if began.elapsed().as_secs() >= question.seconds_max {
            let (reached, seconds) = (learner.offset(), question.seconds_max);
            return Err(WhyError::TooLong { from, offset: question.offset, reached, seconds });
        }
        if let Some(mut answer) = learn_group(&mut learner, group, question, &mut inquiry)? {
            answer.parts = last_seen(&log, question, &learner, answer.parts, began)?;
            return Ok(answer);
        }
    }
    Err(WhyError::NotYet { offset: question.offset, end: learner.offset() })
}

/// Learns a group; returns the answer if the event is in it.
fn learn_group(
    learner: &mut Learner,
    group: Decoded,
    question: &WhyQuestion,
    inquiry: &mut Inquiry,
) -> Result<Option<WhyAnswer>, WhyError> {
    for logged in group.records {
        let event = learner.bind(&logged.record, &NO_LIMITS).map_err(WhyError::Refused)?;
        if let Some(found) = inquiry.learn(learner, &event)? {
            let stream = question.stream.clone();
            return Ok(Some(WhyAnswer::new(stream, &logged.record, found.outcome, found.parts, found.learnt)));
        }
    }
    Ok(None)
}

/// Finds when the like of each part was last seen, as far back as the log goes and as time is left.
fn last_seen(
    log: &StreamLog<'_>,
    question: &WhyQuestion,
    learner: &Learner,
    parts: Vec<Part>,
    began: Instant,
) -> Result<Vec<Part>, WhyError> {
    let mut seen = LastSeen::new(parts, learner.schema());
    for group in log.tail(0) {
        let (group, _) = group?;
        for (offset, offsets, logged) in records_of(&group) {
            if offset + offsets > question.offset {
                return Ok(seen.finish());
            }
            seen.look(offset, &logged.record);
        }
        if began.elapsed().as_secs() >= question.seconds_max {
            break;
        }
    }
    Ok(seen.finish())
}
