//! Learning a batch of events: the one place where live events change a stream.

use super::lifecycle::Lifecycle;
use super::owned_stream::OwnedStream;
use super::replies::ReplyWriter;
use super::surroundings::{PagesFailed, Surroundings};
use crate::clock::Moment;
use crate::inbox::{InboxEvent, ReplyOptions};
use crate::journey::JourneyEnd;
use crate::refusals::count_refused;
use crate::stream::Applied;
use crate::ticket::{ChunkCounts, Pending};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use surmise_event::{Data, Refusal, RefusalCode};
use surmise_stopwatch::{StageTimes, measure};

/// Of how many events one is measured.
const MEASURED_EVERY: u64 = 64;
/// Measured events after which the older ones count half.
const MEASURED_MAX: u64 = 1024;

impl OwnedStream {
    /// Learns events, in order: each is appended to the commit group and observed, then counted and replied to. Returns
    /// how many were learnt.
    pub(super) fn learn(
        &mut self,
        events: &[InboxEvent],
        options: ReplyOptions,
        pending: &mut Pending,
        around: &Surroundings<'_>,
    ) -> u64 {
        self.used_at = around.now.uptime;
        self.wake(around.now);
        self.retry(around);
        if let Some(state) = self.lifecycle.state_mut() {
            state.producers.follow_live(self.view.committed.load(Ordering::Acquire));
        }
        let mut counts = ChunkCounts::default();
        let mut past = self.view.past.batch(around.now.wall_us);
        let view = self.view.clone();
        let mut has_events = false;
        let mut replies = ReplyWriter::new(options, &view, pending.outbox().clone(), around.services);
        for (index, event) in events.iter().enumerate() {
            let applied = match pending.journey_of(index) {
                Some(journey) => journey.learn(|| self.apply_measured(event, around), journey_end),
                None if self.is_measured() => self.apply_measured(event, around).0,
                None => self.apply(event, around),
            };
            match applied {
                Ok(Applied::Observed(outcome)) => {
                    counts.accepted += 1;
                    has_events |= !matches!(event.record.data, Data::Feedback(_));
                    past.add(&event.record, &outcome);
                    counts.high = counts.high.max(event.seq);
                    self.metrics.record_outcome(&outcome, &view, counts.accepted);
                    replies.outcome(event, outcome, self.lifecycle.state().map(|state| &state.learner));
                }
                Ok(Applied::Duplicate) => {
                    counts.duplicates += 1;
                    counts.high = counts.high.max(event.seq);
                }
                Err(refusal) => {
                    counts.rejected += 1;
                    self.count_refusal(refusal.code);
                    replies.refusal(event, refusal);
                }
            }
        }
        replies.finish();
        pending.mark_learnt(counts);
        if counts.accepted > 0 {
            if has_events {
                self.end_silence(around.now);
            }
            self.view.past.add(around.now.wall_us, past, self.lifecycle.state().map(|state| &state.learner));
        }
        self.checkpoints.count(counts.accepted);
        self.update_view(counts.accepted);
        if let Some(state) = self.lifecycle.state() {
            self.metrics.record_batch(&counts, options.listener, &view, &state.learner);
        }
        counts.accepted
    }

    /// Notes that an event has come. What people say of incidents is none.
    fn end_silence(&mut self, now: Moment) {
        if self.silence.told {
            self.view.past.incidents.end_overdue();
        }
        self.silence.end(now);
    }

    /// Whether the next event is one of those whose time is measured.
    fn is_measured(&self) -> bool {
        self.lifecycle.state().is_some_and(|state| state.counters.records % MEASURED_EVERY == 0)
    }

    /// Applies one event, and measures how long each stage takes.
    fn apply_measured(
        &mut self,
        event: &InboxEvent,
        around: &Surroundings<'_>,
    ) -> (Result<Applied, Refusal>, StageTimes) {
        let (applied, times) = measure(|| self.apply(event, around));
        if matches!(applied, Ok(Applied::Observed(_))) {
            let mut cost = self.view.cost.lock().unwrap_or_else(PoisonError::into_inner);
            cost.add(&times);
            // what is long ago says little of what an event takes now
            if cost.events >= MEASURED_MAX {
                cost.halve();
            }
        }
        (applied, times)
    }

    /// Applies one event and appends it to the commit group.
    fn apply(&mut self, event: &InboxEvent, around: &Surroundings<'_>) -> Result<Applied, Refusal> {
        let (Lifecycle::New(state) | Lifecycle::Awake(state)) = &mut self.lifecycle else {
            let why = self.view.failed.load();
            let why = why.as_ref().map_or("", |why| why.as_str());
            let reason = format!("the stream does not learn now: {why}");
            return Err(Refusal::new(RefusalCode::Unavailable, "stream", reason));
        };
        if let Some(budget) = around.full
            && let Some(field) = event.record.unknown_field(state.learner.schema())
        {
            return Err(Refusal::new(RefusalCode::LimitReached, field, budget.reason()));
        }
        let gatherer = &mut self.gatherer;
        let offset_before = state.learner.offset();
        let mut mark = None;
        // a bug in a model costs this one stream the event and a recovery; the others of the owner live on
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            let origin = event.origin.as_ref();
            let applied = state.apply(&event.record, origin, event.id, around.limits, |offset| {
                mark = Some(gatherer.append(&event.record, origin, event.id, offset));
            });
            if let (Ok(Applied::Observed(_)), Some(probe)) = (&applied, &around.services.probe) {
                probe(&event.record);
            }
            // a learner that could not read or write a key page is not what its log says
            if let Some(fault) = state.learner.pages_fault() {
                resume_unwind(Box::new(PagesFailed(fault.to_string())));
            }
            applied
        }));
        match attempt {
            Ok(applied) => {
                let offset_after = state.learner.offset();
                if self.gatherer.is_full() {
                    self.close_group(offset_after);
                }
                applied
            }
            Err(panic) => {
                // what was learnt before counts; the event that did it is neither learnt nor logged
                if let Some(mark) = mark {
                    self.gatherer.undo(mark);
                }
                self.close_group(offset_before);
                Err(self.set_back(event, offset_before, panic.as_ref(), around))
            }
        }
    }

    fn count_refusal(&mut self, code: RefusalCode) {
        if let Some(state) = self.lifecycle.state_mut() {
            state.counters.refused.add(code);
        }
        count_refused(code, 1);
    }
}

/// What became of an event, as its journey tells it.
fn journey_end(applied: &Result<Applied, Refusal>) -> JourneyEnd {
    match applied {
        Ok(Applied::Observed(outcome)) => JourneyEnd::Learnt {
            offset: outcome.offset,
            surprise_bits: outcome.surprise_bits,
            rarity_events: outcome.rarity_events,
        },
        Ok(Applied::Duplicate) => JourneyEnd::Duplicate,
        Err(refusal) => JourneyEnd::Refused(refusal.clone()),
    }
}

#[cfg(test)]
#[path = "owned_stream_tests.rs"]
mod tests;
