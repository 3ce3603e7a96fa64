//! Learning a stream's log again under another schema, or without events that are to be forgotten, while the stream
//! goes on.

use crate::event_times::EventTimes;
use crate::field_fit::FieldFit;
use crate::first_learner::first_learner_at_hand;
use crate::forgetting::{Forgetting, Forgotten};
use crate::forgetting_scan::ForgettingScan;
use crate::log_range::present_parts;
use crate::refusals::RefusalCounts;
use crate::renumbering::Renumbering;
use crate::services::Services;
use crate::storage::Storage;
use crate::stream::NO_LIMITS;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use surmise_event::{Data, Feedback, Field, Limits, Outcome, Record, RefusalCode};
use surmise_learner::{Learner, LearnerError, PagesError};
use surmise_protocol::AlarmEvent;
use surmise_store::group::{Decoded, Logged};
use surmise_store::{LogPart, StoreError, StreamEntry};

/// Why a log is not learnt again.
#[derive(Debug, thiserror::Error)]
pub enum RelearnError {
    /// The log does not hold every event of the stream any more.
    #[error("the log is not whole, so the stream cannot be learnt again: {0}; surmise stream reset begins anew")]
    LogNotWhole(String),
    /// Offsets before this one do not say which events are meant.
    #[error(
        "events before offset {first} had other offsets before the schema was changed, so it is not certain which of \
         them are meant"
    )]
    EarlierNumbers {
        /// The first offset that is the same in both.
        first: u64,
    },
    /// It is not certain which offsets an event has.
    #[error("events from offset {0} on have offsets that their records do not tell, so nothing is forgotten")]
    UnclearNumbers(u64),
    /// An event that would be kept cannot be learnt without the others.
    #[error("the event at offset {offset} would be lost without those before it ({code:?}), so nothing is forgotten")]
    Dependent {
        /// Its offset.
        offset: u64,
        /// Why it would be refused.
        code: RefusalCode,
    },
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
/// own, so they differ from those of the log from the first refused event on; what people said of incidents is learnt
/// with the offsets that those have now.
///
/// Events that are to be forgotten are passed over, too, with what was said of them. What is left is written into a log
/// of its own, whose offsets are those of the learner, so that nothing leads back to the logs before.
pub struct Relearning {
    entry: StreamEntry,
    learner: Learner,
    limits: Limits,
    /// The parts of the log, the one that still grows last.
    parts: Vec<LogPart>,
    /// The part that is being learnt, and the offset in it that comes next.
    part: usize,
    next: u64,
    /// The first of the parts whose offsets are those that the stream has now.
    present: usize,
    /// Whether the learner becomes what the stream was, so that its offsets are those of these parts.
    is_same: bool,
    numbers: Renumbering,
    forgetting: Option<Forgetting>,
    /// Events learnt.
    pub learnt: u64,
    /// Events refused.
    pub refused: RefusalCounts,
    /// How the fields that get another kind fit it.
    pub fits: Vec<FieldFit>,
    /// The times of the events learnt.
    pub times: EventTimes,
}

impl Relearning {
    /// Begins to learn the log of stream `old` under the schema of `entry`.
    ///
    /// # Errors
    /// The log is known not to be whole, or the options do not fit the schema.
    pub fn begin(
        mut entry: StreamEntry,
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
        let mut learner = first_learner_at_hand(services.storage.as_deref(), &mut entry)?;
        services.connect(&mut learner, entry.id());
        let last = LogPart { number: old.number, from: old.first_offset, to: u64::MAX, bytes: 0 };
        let parts: Vec<LogPart> = old.past.iter().copied().chain([last]).collect();
        let next = parts[0].from;
        if next > 0 {
            return Err(RelearnError::LogNotWhole(format!("it begins at offset {next}")));
        }
        Ok(Relearning {
            entry,
            learner,
            limits,
            present: present_parts(&old.past, old.first_offset),
            parts,
            part: 0,
            next,
            is_same: false,
            numbers: Renumbering::default(),
            forgetting: None,
            learnt: 0,
            refused: RefusalCounts::default(),
            fits: Vec::new(),
            times: EventTimes::default(),
        })
    }

    /// Counts from here on how the values of fields fit their kinds.
    pub fn count_fits(&mut self, fields: &[Field]) {
        self.fits = fields.iter().filter(|field| field.kind.is_sent()).cloned().map(FieldFit::new).collect();
    }

    /// Begins to learn the log of stream `old` without some of its events, into a log of stream `entry`, which the
    /// store knows already.
    ///
    /// # Errors
    /// As of [`Relearning::begin`]; or offsets of what is to be forgotten do not say which events are meant.
    pub fn without(
        what: Forgotten,
        entry: StreamEntry,
        old: &StreamEntry,
        services: &Services,
    ) -> Result<Relearning, RelearnError> {
        let number = entry.number;
        let begun = Relearning::begin(entry, old, services, NO_LIMITS)?;
        let first = begun.parts[begun.present].from;
        if begun.present > 0 && what.is_by_offset() && what.from.is_none_or(|from| from < first) {
            return Err(RelearnError::EarlierNumbers { first });
        }
        Ok(Relearning { forgetting: Some(Forgetting::new(what, number)), ..begun })
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
        relearning.present = present_parts(&entry.past, entry.first_offset);
        relearning.is_same = true;
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

    /// What is made without the events that are to be forgotten, if some are.
    pub fn forgetting(&self) -> Option<&Forgetting> {
        self.forgetting.as_ref()
    }

    /// What forgetting comes to, by reading the log alone; none if nothing is to be forgotten.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn scan(&self, storage: &dyn Storage) -> Result<Option<ForgettingScan>, RelearnError> {
        let scan = |forgetting: &Forgetting| ForgettingScan::read(&forgetting.what, &self.parts, self.present, storage);
        Ok(self.forgetting.as_ref().map(scan).transpose()?)
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
                self.learn_group(&group, storage)?;
                self.next += group.span;
            }
            let is_last = self.part + 1 == self.parts.len();
            if self.next < to && (!is_last || to != u64::MAX) {
                let what = format!("it ends at offset {}, where offset {to} was learnt", self.next);
                return Err(RelearnError::LogNotWhole(what));
            }
            if is_last {
                break;
            }
            self.part += 1;
            if to != self.parts[self.part].from {
                self.numbers.begin();
            }
            self.next = self.parts[self.part].from;
        }
        match &mut self.forgetting {
            Some(forgetting) => Ok(forgetting.log.write(storage, self.learner.offset())?),
            None => Ok(()),
        }
    }

    fn learn_group(&mut self, group: &Decoded, storage: &dyn Storage) -> Result<(), RelearnError> {
        // a part is of a stream of bytes, or it is not, whatever the others are
        let taken = |every_byte: bool| group.records.iter().map(move |logged| logged.record.offsets(every_byte));
        let every_byte = taken(false).sum::<u64>() != group.span;
        let mut offset = group.first_offset;
        if self.forgetting.is_some() && taken(every_byte).sum::<u64>() != group.span {
            return Err(RelearnError::UnclearNumbers(offset));
        }
        for (logged, offsets) in group.records.iter().zip(taken(every_byte)) {
            let number = self.learner.offset();
            let is_learnt = self.learn(offset, offsets, logged)?;
            self.numbers.note(offset, offsets, is_learnt.then_some(number), self.learner.offset() - number);
            offset += offsets;
            if let Some(forgetting) = self.forgetting.as_mut().filter(|forgetting| forgetting.log.is_due()) {
                forgetting.log.write(storage, self.learner.offset())?;
            }
        }
        Ok(())
    }

    /// Learns an event, unless it is to be passed over. Returns whether it was learnt.
    fn learn(&mut self, offset: u64, offsets: u64, logged: &Logged) -> Result<bool, RelearnError> {
        let record = &logged.record;
        if let Some(forgetting) = &mut self.forgetting {
            let is_meant = self.part >= self.present || !forgetting.what.is_by_offset();
            if is_meant && forgetting.what.holds(offset, offsets, record) {
                forgetting.forgotten += 1;
                return Ok(false);
            }
        }
        let Some(record) = self.renumbered(record)? else {
            match &mut self.forgetting {
                Some(forgetting) => forgetting.forgotten += 1,
                None => self.refused.add(RefusalCode::UnknownIncident),
            }
            return Ok(false);
        };
        let bound = self.learner.bind(&record, &self.limits);
        for fit in &mut self.fits {
            fit.count(&record, self.learner.schema(), bound.as_ref().ok());
        }
        let event = match bound {
            Ok(event) => event,
            // nobody asked to forget it
            Err(refusal) if self.forgetting.is_some() && !matches!(record.data, Data::Feedback(_)) => {
                return Err(RelearnError::Dependent { offset, code: refusal.code });
            }
            Err(refusal) => {
                self.refused.add(refusal.code);
                return Ok(false);
            }
        };
        if let Some(forgetting) = &mut self.forgetting {
            forgetting.log.push(&record, logged.origin.as_ref(), logged.id);
        }
        let outcome = self.learner.observe(&event);
        self.note_past(&record, &outcome);
        self.learnt += 1;
        self.times.note(&record);
        match self.learner.pages_fault() {
            Some(fault) => Err(RelearnError::Pages(fault.clone())),
            None => Ok(true),
        }
    }

    /// A record as it is to be learnt: what is said of an incident is said of the offset that it has now. None if it
    /// has none.
    fn renumbered<'a>(&self, record: &'a Record) -> Result<Option<Cow<'a, Record>>, RelearnError> {
        let Data::Feedback(said) = &record.data else { return Ok(Some(Cow::Borrowed(record))) };
        let is_present = self.part >= self.present;
        let about = match self.numbers.of(said.offset) {
            _ if self.is_same && is_present => Some(said.offset),
            None if self.forgetting.is_some() && is_present && self.present > 0 => {
                let first = self.parts[self.present].from;
                if said.offset < first {
                    return Err(RelearnError::EarlierNumbers { first });
                }
                None
            }
            about => about,
        };
        let renumbered = |offset| {
            let said = Feedback { offset, incarnation: None, ..(**said).clone() };
            Cow::Owned(Record { data: Data::Feedback(Box::new(said)), ..record.clone() })
        };
        Ok(about.map(renumbered))
    }

    /// Keeps a rare event and an incident for those who ask for the latest ones of the stream.
    fn note_past(&mut self, record: &Record, outcome: &Outcome) {
        let Some(forgetting) = &mut self.forgetting else { return };
        let arrival_us = record.arrival_us.unwrap_or_default();
        let mut rare = forgetting.rare.batch(arrival_us);
        rare.add(record, outcome);
        forgetting.rare.add(arrival_us, rare);
        if outcome.alarm.is_some()
            && let Some(event) = AlarmEvent::of(&Arc::from(&*self.entry.name), record, outcome)
        {
            forgetting.incidents.note(&AlarmEvent { incarnation: self.entry.epoch, ..event });
        }
    }

    /// The learner, and what was made without what is to be forgotten.
    pub fn into_learner(self) -> (Learner, Option<Forgetting>) {
        (self.learner, self.forgetting)
    }
}
