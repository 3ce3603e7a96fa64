//! Learning a stream's log again under another schema, while the stream goes on.

use crate::refusals::RefusalCounts;
use crate::services::Services;
use crate::storage::Storage;
use crate::stream::NO_LIMITS;
use std::panic::{AssertUnwindSafe, catch_unwind};
use surmise_event::Limits;
use surmise_learner::{Learner, LearnerError, PagesError};
use surmise_store::group::Logged;
use surmise_store::{LogPart, StoreError, StreamEntry};

/// Why a log is not learnt again.
#[derive(Debug, thiserror::Error)]
pub enum RelearnError {
    /// The log does not hold every event of the stream any more.
    #[error("the log is not whole, so the stream cannot be learnt again: {0}; surmise stream reset begins anew")]
    LogNotWhole(String),
    /// The schema cannot be.
    #[error("the schema cannot be: {0}")]
    Schema(#[from] LearnerError),
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key pages failed.
    #[error(transparent)]
    Pages(PagesError),
    /// Learning failed inside.
    #[error("learning the log again failed inside; this is a bug")]
    Inside,
}

/// A learner that follows the log of a stream under the schema of another entry.
///
/// Events that the new schema refuses are counted and passed over; they stay in the log. The learner's offsets are its
/// own, so they differ from those of the log from the first refused event on.
pub struct Relearning {
    entry: StreamEntry,
    learner: Learner,
    limits: Limits,
    /// The parts of the log, the one that still grows last.
    parts: Vec<LogPart>,
    /// The part that is being learnt, and the offset in it that comes next.
    part: usize,
    next: u64,
    /// Events learnt.
    pub learnt: u64,
    /// Events refused.
    pub refused: RefusalCounts,
    /// The time of the latest event, in microseconds since 1970.
    pub last_event_us: Option<i64>,
}

impl Relearning {
    /// Begins to learn the log of stream `old` under the schema of `entry`.
    ///
    /// # Errors
    /// The log is known not to be whole, or the options do not fit the schema.
    pub fn begin(
        entry: StreamEntry,
        old: &StreamEntry,
        services: &Services,
        limits: Limits,
    ) -> Result<Relearning, RelearnError> {
        if old.trimmed_bytes > 0 || old.past_is_lost || !old.lost.is_empty() {
            let what = match old.lost.first() {
                Some((from, _)) => format!("events from offset {from} on were damaged"),
                None => "its beginning was deleted, as it was longer than store.log_bytes_max allows".to_owned(),
            };
            return Err(RelearnError::LogNotWhole(what));
        }
        let mut learner = Learner::new(entry.schema.clone(), entry.options.clone())?;
        services.connect(&mut learner, entry.id());
        let last = LogPart { number: old.number, from: old.first_offset, to: u64::MAX, bytes: 0 };
        let parts: Vec<LogPart> = old.past.iter().copied().chain([last]).collect();
        let next = parts[0].from;
        if next > 0 {
            return Err(RelearnError::LogNotWhole(format!("it begins at offset {next}")));
        }
        let refused = RefusalCounts::default();
        Ok(Relearning { entry, learner, limits, parts, part: 0, next, learnt: 0, refused, last_event_us: None })
    }

    /// Begins to learn the past of a stream again that none of its checkpoints leads to.
    ///
    /// # Errors
    /// As of [`Relearning::begin`].
    pub fn of_past(entry: &StreamEntry, services: &Services) -> Result<Relearning, RelearnError> {
        let Some((last, past)) = entry.past.split_last() else {
            return Err(RelearnError::LogNotWhole("nothing is known of what was before".into()));
        };
        let old = StreamEntry {
            number: last.number,
            first_offset: last.from,
            past: past.to_vec(),
            trimmed_bytes: 0,
            lost: Vec::new(),
            ..entry.clone()
        };
        let mut relearning = Relearning::begin(entry.clone(), &old, services, NO_LIMITS)?;
        if let Some(part) = relearning.parts.last_mut() {
            part.to = last.to;
        }
        Ok(relearning)
    }

    /// The entry of the stream that is being made.
    pub fn entry(&self) -> &StreamEntry {
        &self.entry
    }

    /// The offset in the log of the old stream up to which it was learnt.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// The offset that the next event has for the learner.
    pub fn offset(&self) -> u64 {
        self.learner.offset()
    }

    /// Learns the log up to its present end.
    ///
    /// # Errors
    /// A part of the log is missing or damaged, or learning fails inside.
    pub fn follow(&mut self, storage: &dyn Storage) -> Result<(), RelearnError> {
        catch_unwind(AssertUnwindSafe(|| self.follow_parts(storage))).unwrap_or(Err(RelearnError::Inside))
    }

    fn follow_parts(&mut self, storage: &dyn Storage) -> Result<(), RelearnError> {
        loop {
            let LogPart { number, to, .. } = self.parts[self.part];
            for group in storage.log_tail(number, self.next) {
                let (group, _) = group?;
                if group.first_offset >= to {
                    break;
                }
                if group.first_offset != self.next {
                    let (found, expected) = (group.first_offset, self.next);
                    let what = format!("it goes on at offset {found}, but offset {expected} comes next");
                    return Err(RelearnError::LogNotWhole(what));
                }
                group.records.iter().try_for_each(|record| self.learn(record))?;
                self.next += group.span;
            }
            let is_last = self.part + 1 == self.parts.len();
            if self.next < to && (!is_last || to != u64::MAX) {
                let what = format!("it ends at offset {}, where offset {to} was learnt", self.next);
                return Err(RelearnError::LogNotWhole(what));
            }
            if is_last {
                return Ok(());
            }
            self.part += 1;
            self.next = self.parts[self.part].from;
        }
    }

    fn learn(&mut self, Logged { record, .. }: &Logged) -> Result<(), RelearnError> {
        let event = match self.learner.bind(record, &self.limits) {
            Ok(event) => event,
            Err(refusal) => {
                self.refused.add(refusal.code);
                return Ok(());
            }
        };
        let _outcome = self.learner.observe(&event);
        self.learnt += 1;
        self.last_event_us = record.time_us.or(record.arrival_us);
        match self.learner.pages_fault() {
            Some(fault) => Err(RelearnError::Pages(fault.clone())),
            None => Ok(()),
        }
    }

    /// The learner.
    pub fn into_learner(self) -> Learner {
        self.learner
    }
}
