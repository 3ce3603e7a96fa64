//! One replay: the events of its range go through [`StreamState::apply`], as live events and those of a recovery do.

use super::course::ReplayMeasures;
use super::pace::ReplayPace;
use super::plan::ReplayPlan;
use crate::budget::{MemoryBudget, Pressure};
use crate::copy_pages::CopyPages;
use crate::counters::Counters;
use crate::earlier_learner::{EarlierLearner, EarlierLearnerError, earlier_learner};
use crate::log_range::{StreamLog, records_of};
use crate::producers::{ProducerBounds, Producers};
use crate::quarantine::Quarantine;
use crate::storage::Storage;
use crate::stream::{Applied, NO_LIMITS, StreamState};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};
use surmise_event::{Data, Datum, Record};
use surmise_learner::{Learner, LearnerError, Pages, PagesError};
use surmise_protocol::{Replay, ReplayBegin};
use surmise_store::group::Decoded;
use surmise_store::{CheckpointMeta, StoreError, StreamEntry};

/// The time between two reports of how far a replay has come.
const REPORT_INTERVAL: Duration = Duration::from_millis(200);
/// The time between two counts of what a learner takes, at least; and how many times as long as the count itself took.
const COUNT_INTERVAL: Duration = Duration::from_millis(500);
const COUNT_INTERVAL_FACTOR: u32 = 50;

/// Why a replay cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The learner cannot be made.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// There is nothing to begin with.
    #[error(transparent)]
    Earlier(#[from] EarlierLearnerError),
    /// The key pages failed.
    #[error("states of keys cannot be read: {0}")]
    Pages(#[from] PagesError),
    /// The states of keys that the stream had are gone.
    #[error("the states of keys that the stream had at its checkpoint were swept while it ran; begin later, or fresh")]
    KeysGone,
    /// The stream is not in the log any more.
    #[error("the stream is no longer in the log")]
    NoStream,
    /// Events are missing.
    #[error("the log no longer holds the events from offset {expected} on; it goes on at {found}")]
    Gone {
        /// The offset that comes next.
        expected: u64,
        /// The offset of what was found.
        found: u64,
    },
    /// The log ends early.
    #[error("the log ends at offset {0}: the stream was replaced or deleted, or its end cannot be read")]
    Ends(u64),
    /// The memory budget has no room.
    #[error("{0}")]
    NoRoom(String),
}

/// How a replay ended.
pub enum RunEnd {
    /// It learnt all of its range; the hash of its learner.
    Done(String),
    /// It was stopped.
    Stopped,
}

/// What a replay needs of its surroundings.
pub struct RunSetting<'a> {
    /// The log and the checkpoints.
    pub storage: &'a dyn Storage,
    /// The key pages of the stream, for reading.
    pub pages: Arc<dyn Pages>,
    /// The budget that its learner counts in.
    pub budget: &'a MemoryBudget,
    /// Whether it is to stop.
    pub is_stopped: &'a dyn Fn() -> bool,
    /// Whether events wait to be learnt by their streams.
    pub do_events_wait: &'a dyn Fn() -> bool,
    /// Where it tells how far it has come.
    pub report: &'a dyn Fn(&dyn Fn(&mut Replay)),
}

/// A replay in progress.
struct RunUnderWay<'a> {
    setting: &'a RunSetting<'a>,
    plan: &'a ReplayPlan,
    state: StreamState,
    /// The key pages that the learner wrote itself.
    pages: Option<Arc<CopyPages>>,
    /// The checkpoint that it began with.
    checkpoint: Option<CheckpointMeta>,
    memory: CountedLearner<'a>,
    /// What is measured, from the first event of the range on.
    measures: Option<ReplayMeasures>,
    reported: Instant,
    pace: ReplayPace,
}

/// What a learner takes, as the budget counts it, until it is dropped.
struct CountedLearner<'a> {
    budget: &'a MemoryBudget,
    bytes: u64,
    due: Instant,
}

impl Drop for CountedLearner<'_> {
    fn drop(&mut self) {
        self.budget.count(self.bytes, 0);
    }
}

impl CountedLearner<'_> {
    /// Counts a learner and its pages anew, where it is time to.
    fn count(&mut self, learner: &mut Learner, pages: Option<&CopyPages>) {
        let began = Instant::now();
        if began < self.due {
            return;
        }
        // what is encoded lies in memory in arrays that have room to grow
        let bytes = learner.state_bytes() * 5 / 4 + pages.map_or(0, CopyPages::own_bytes);
        self.budget.count(self.bytes, bytes);
        self.bytes = bytes;
        self.due = began + COUNT_INTERVAL.max(began.elapsed() * COUNT_INTERVAL_FACTOR);
    }
}

/// Learns the range of a plan again. It looks whether it is to stop before every event, and whether the budget has room
/// after every group.
///
/// # Errors
/// The range or what leads to it is no longer kept, the store fails, or there is no room for the learner.
pub fn run(setting: &RunSetting<'_>, plan: &ReplayPlan) -> Result<RunEnd, RunError> {
    check_room(setting.budget)?;
    let entry = setting.storage.stream(plan.number)?.ok_or(RunError::NoStream)?;
    let log = StreamLog::of(setting.storage, &entry);
    let entry = StreamEntry { schema: plan.schema.clone(), options: plan.options.clone(), ..entry };
    let earlier = match plan.begin {
        ReplayBegin::Fresh => EarlierLearner::fresh(&entry)?,
        ReplayBegin::Live => earlier_learner(setting.storage, &entry, plan.from, Some(setting.pages.clone()))?,
    };
    let EarlierLearner { mut learner, pages, checkpoint } = earlier;
    let start = match plan.begin {
        ReplayBegin::Live => learner.offset(),
        ReplayBegin::Fresh => {
            learner.skip_to(plan.from);
            let begin = log.begin()?.ok_or(RunError::NoStream)?;
            log.reading_start(begin, plan.from)?
        }
    };
    // producers are known by the log, and no event of it is a duplicate
    let producers = Producers::new(ProducerBounds { memory: 1, store: 0, ids: 0 });
    let (counters, quarantine) = (Counters::default(), Quarantine::default());
    let now = Instant::now();
    let run = RunUnderWay {
        setting,
        plan,
        state: StreamState { entry, learner, producers, counters, quarantine },
        pages,
        checkpoint,
        memory: CountedLearner { budget: setting.budget, bytes: 0, due: now },
        measures: None,
        reported: now,
        pace: ReplayPace::new(),
    };
    run.learn_from(&log, start)
}

/// Makes sure that there is room for something new.
fn check_room(budget: &MemoryBudget) -> Result<(), RunError> {
    match budget.pressure() {
        Pressure::Refuse => Err(RunError::NoRoom(budget.reason())),
        Pressure::Shed | Pressure::None => Ok(()),
    }
}

impl RunUnderWay<'_> {
    fn learn_from(mut self, log: &StreamLog<'_>, start: u64) -> Result<RunEnd, RunError> {
        for group in log.tail(start) {
            let group = match group {
                Ok((group, _)) => group,
                // what is missing then is found by the next one
                Err(e) if e.is_damage() => continue,
                Err(e) => return Err(e.into()),
            };
            if group.first_offset >= self.plan.to {
                break;
            }
            if !self.learn_group(&group)? {
                return Ok(RunEnd::Stopped);
            }
            self.memory.count(&mut self.state.learner, self.pages.as_deref());
            check_room(self.setting.budget)?;
            if self.reported.elapsed() >= REPORT_INTERVAL {
                self.check_keys()?;
                self.report();
            }
            if self.state.learner.offset() >= self.plan.to {
                break;
            }
        }
        self.finish()
    }

    /// Learns the events of a group that are of the range, or lead to it. Returns whether it was not stopped.
    fn learn_group(&mut self, group: &Decoded) -> Result<bool, RunError> {
        let next = self.state.learner.offset();
        if group.first_offset > next {
            self.skip_lost(next, group.first_offset)?;
        }
        for (offset, offsets, logged) in records_of(group) {
            if (self.setting.is_stopped)() {
                return Ok(false);
            }
            self.pace.rest(self.setting.do_events_wait, self.setting.is_stopped);
            let first = if self.plan.begin == ReplayBegin::Fresh { self.plan.from } else { 0 };
            if let Some((offset, record)) = part_of(&logged.record, offset, offsets, first, self.plan.to) {
                self.learn(offset, &record)?;
            }
        }
        let end = (group.first_offset + group.span).min(self.plan.to);
        // what is refused takes its offsets all the same
        self.state.learner.skip_to(end);
        Ok(true)
    }

    /// Goes on after events that were lost before the stream learnt them again, as the stream itself did.
    fn skip_lost(&mut self, expected: u64, found: u64) -> Result<(), RunError> {
        let mut next = expected;
        for (from, to) in &self.state.entry.lost {
            if *from <= next && next < *to {
                next = *to;
            }
        }
        if next < found {
            return Err(RunError::Gone { expected, found });
        }
        self.state.learner.skip_to(found);
        Ok(())
    }

    fn learn(&mut self, offset: u64, record: &Record) -> Result<(), RunError> {
        self.state.learner.skip_to(offset);
        let is_measured = offset >= self.plan.from;
        if is_measured {
            let (plan, learner) = (self.plan, &self.state.learner);
            let measures = self.measures.get_or_insert_with(|| ReplayMeasures::new(plan.from, plan.to, learner));
            measures.reach(offset, learner);
        }
        let applied = self.state.apply(record, None, None, &NO_LIMITS, |_| {});
        if let Some(fault) = self.state.learner.pages_fault() {
            return Err(fault.clone().into());
        }
        if let Some(measures) = self.measures.as_mut().filter(|_| is_measured) {
            match applied {
                Ok(Applied::Observed(outcome)) => measures.add(&outcome),
                Ok(Applied::Duplicate) | Err(_) => measures.refused += 1,
            }
        }
        Ok(())
    }

    /// Makes sure that the states of keys that the checkpoint counts on are there still: none that was asked for so far
    /// was missing then.
    fn check_keys(&self) -> Result<(), RunError> {
        match &self.checkpoint {
            Some(meta) if meta.pages > 0 && !self.setting.storage.can_resume_from(meta)? => Err(RunError::KeysGone),
            Some(_) | None => Ok(()),
        }
    }

    fn report(&mut self) {
        self.reported = Instant::now();
        let learner = &self.state.learner;
        (self.setting.report)(&|replay| match &self.measures {
            Some(measures) => measures.write(learner.offset(), learner, replay),
            None => replay.offset = learner.offset(),
        });
    }

    fn finish(mut self) -> Result<RunEnd, RunError> {
        let end = self.state.learner.offset();
        if end < self.plan.to {
            self.report();
            return Err(RunError::Ends(end));
        }
        self.check_keys()?;
        if let Some(measures) = &mut self.measures {
            measures.reach(self.plan.to, &self.state.learner);
        }
        self.report();
        Ok(RunEnd::Done(self.state.learner.state_hash()))
    }
}

/// What a record has from one offset up to, not including, another, and its first offset there; the record takes
/// `offsets` offsets from `offset` on. Only a run of bytes, or values with the end of their key, can be divided.
fn part_of(record: &Record, offset: u64, offsets: u64, from: u64, to: u64) -> Option<(u64, Cow<'_, Record>)> {
    let (first, end) = (offset.max(from), (offset + offsets).min(to));
    if first >= end {
        return None;
    }
    if (first, end) == (offset, offset + offsets) {
        return Some((offset, Cow::Borrowed(record)));
    }
    let values = offsets - u64::from(record.end);
    let (low, high) = ((first - offset) as usize, (end - offset).min(values) as usize);
    let data = match &record.data {
        _ if low >= high => Data::None,
        Data::One(Datum::Bytes(run)) if values > 1 => Data::One(Datum::Bytes(run[low..high].into())),
        Data::One(Datum::Text(run)) if values > 1 => Data::One(Datum::Bytes(run.as_bytes()[low..high].into())),
        data => data.clone(),
    };
    let has_end = record.end && end == offset + offsets;
    Some((first, Cow::Owned(Record { data, end: has_end, ..record.clone() })))
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
