//! An owner's answers to requests about its streams.

use super::learner_copies::CheckpointRequest;
use super::request::{KnownProducer, OwnerRequest, PendingCheckpoint, Returned, StatusAnswer};
use super::state::Owner;
use crate::clock::Moment;
use crate::directory::StreamView;
use crate::stream::StreamState;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use surmise_event::format_time;
use surmise_learner::Learner;
use surmise_protocol::{AlarmAccount, BegunLike, CheckpointMark, EventCost, StageCost, StreamStatus};
use surmise_stopwatch::EventStage;
use tokio::sync::oneshot;

impl Owner {
    /// Answers a request, or begins what it asks for.
    pub(super) fn answer(&mut self, request: OwnerRequest, now: Moment) {
        match request {
            OwnerRequest::Status { stream, reply } => drop(reply.send(self.status(&stream, now))),
            OwnerRequest::Hash { stream: name, reply } => {
                if self.state_mut(&name, now).is_none() {
                    return drop(reply.send(None));
                }
                let Some(stream) = self.streams.get_mut(&name) else { return };
                stream.hashes.push(reply);
                if !self.watched.contains(&name) {
                    self.watched.push(name);
                }
            }
            OwnerRequest::Publish { stream: name, reply } => {
                if self.state_mut(&name, now).is_none() {
                    return drop(reply.send(None));
                }
                let Some(stream) = self.streams.get_mut(&name) else { return };
                stream.copies.request_snapshot(Some(reply));
                if !self.watched.contains(&name) {
                    self.watched.push(name.clone());
                }
                self.start_copy(&name, now);
            }
            OwnerRequest::Producer { stream, producer, reply } => {
                let _ = reply.send(self.known_producer(&stream, &producer));
            }
            OwnerRequest::ForgetProducer { stream, producer, reply } => {
                drop(reply.send(self.forget_producer(stream, &producer, now)));
            }
            OwnerRequest::Hold { stream, reply } => {
                let held = self.hold(&stream, now);
                if let Err(unwanted) = reply.send(held) {
                    let returned = unwanted.map_or(Returned::Nothing, Returned::AsItWas);
                    self.give_back(&stream, returned, now);
                }
            }
            OwnerRequest::GiveBack { stream, returned, reply } => {
                self.give_back(&stream, returned, now);
                let _ = reply.send(());
            }
            OwnerRequest::Checkpoint { stream, reply } => drop(reply.send(self.checkpoint_now(stream, now))),
            OwnerRequest::Stop => {}
        }
    }

    /// The state of a stream, which is brought into memory for this.
    fn state_mut(&mut self, name: &str, now: Moment) -> Option<&mut StreamState> {
        self.streams.get_mut(name)?.state_mut(now)
    }

    fn status(&mut self, name: &str, now: Moment) -> Option<StatusAnswer> {
        let view = self.streams.get(name)?.view.clone();
        let checkpoint = view.checkpoint.load_full().map(|meta| CheckpointMark {
            generation: meta.generation,
            offset: meta.offset,
            time: format_time(meta.time_us),
        });
        self.state_mut(name, now)?;
        let (budget, clock) = (&self.setup.budget, &*self.setup.services.clock);
        let stream = self.streams.get_mut(name)?;
        // a report that panics must not end the owner of other streams
        let described = catch_unwind(AssertUnwindSafe(|| {
            let state_bytes = stream.state_bytes(budget, clock, now);
            stream.lifecycle.state_mut().map(|state| state.learner.report_of_size(state_bytes))
        }));
        let report = described.ok()??;
        let state_bytes = report.state_bytes;
        let state = stream.lifecycle.state_mut()?;
        let status = StreamStatus {
            stream: name.to_owned(),
            offset: state.learner.offset(),
            model_version: state.learner.model_version(),
            keys: state.learner.keys_held() as u64,
            keys_stored: state.learner.keys_stored(),
            keys_forgotten: state.learner.keys_forgotten(),
            schema: state.learner.schema().clone(),
            undecided_events: state.learner.undecided_events(),
            begun_like: state.entry.like.clone().map(|like| BegunLike { stream: like.name, offset: like.offset }),
            options: serde_json::to_value(state.learner.options()).unwrap_or_default(),
            report: serde_json::to_value(report).unwrap_or_default(),
            state_bytes,
            cost: cost(&stream.view),
            state_hash: None,
            last_event_time: state.counters.times.latest_us.map(format_time),
            alarms: account(&state.learner, stream.view.past.incidents.overdue_alone()),
            checkpoint,
            refused: state.counters.refused.by_name().clone(),
            quarantined: state.quarantine.count,
            updates_rejected: updates_rejected(&state.learner),
        };
        let counts = state.producers.counts();
        Some(StatusAnswer {
            status,
            incarnation: view.incarnation,
            committed_offset: view.committed.load(Ordering::Acquire),
            records: state.counters.records,
            duplicates: state.counters.duplicates,
            producers: state.producers.len() as u64,
            producers_stored: counts.stored,
            producers_forgotten: counts.forgotten,
            logged_bytes: state.counters.logged_bytes,
        })
    }

    /// What a stream knows of a producer. A stream that sleeps is not woken for it.
    fn known_producer(&self, stream: &str, producer: &Arc<str>) -> Option<KnownProducer> {
        let producers = self.streams.get(stream)?.producers()?;
        // what cannot be read is as good as unknown here; an event of the producer is refused then
        let known = producers.known(producer).ok().flatten();
        let learnt_at = producers.offset_in_memory(producer);
        Some(KnownProducer { known, learnt_at, forgotten: producers.counts().forgotten })
    }

    /// Has one stream or all forget a producer. The log still holds the producer's events, so a checkpoint of each
    /// stream that knew it makes it last.
    fn forget_producer(
        &mut self,
        stream: Option<Arc<str>>,
        producer: &Arc<str>,
        now: Moment,
    ) -> Vec<PendingCheckpoint> {
        let mut names: Vec<Arc<str>> = match stream {
            Some(name) => vec![name],
            None => self.streams.keys().cloned().collect(),
        };
        names.retain(|name| self.known_producer(name, producer).is_some_and(|answer| answer.known.is_some()));
        let mut pending = Vec::new();
        for name in names {
            let Some(state) = self.state_mut(&name, now) else { continue };
            match state.producers.forget(producer) {
                Ok(true) => {
                    let (sender, receiver) = oneshot::channel();
                    let request = CheckpointRequest { reply: Some(sender), with_hash: false };
                    self.request_checkpoint(&name, request, now);
                    pending.push((name, receiver));
                }
                Ok(false) => {}
                Err(e) => tracing::error!(stream = &*name, "a producer cannot be forgotten: {e}"),
            }
        }
        pending
    }

    /// Begins checkpoints of one stream or of all. A stream that sleeps on one with a hash needs no other.
    fn checkpoint_now(&mut self, stream: Option<Arc<str>>, now: Moment) -> Vec<PendingCheckpoint> {
        let names: Vec<Arc<str>> = match stream {
            Some(name) => vec![name],
            None => self.streams.keys().cloned().collect(),
        };
        let mut pending = Vec::new();
        for name in names {
            let (sender, receiver) = oneshot::channel();
            if let Some(meta) = self.streams.get(&name).and_then(|stream| stream.sleeping_checkpoint()) {
                let _ = sender.send(Ok(meta.clone()));
            } else if self.state_mut(&name, now).is_some() {
                self.request_checkpoint(&name, CheckpointRequest { reply: Some(sender), with_hash: true }, now);
            } else {
                continue;
            }
            pending.push((name, receiver));
        }
        pending
    }
}

/// What the stream's budget of alarms promised, and what came: incidents that events began, and what is overdue.
fn account(learner: &Learner, overdue: u64) -> AlarmAccount {
    let account = learner.budget_account();
    let budget = learner.options().alarm_budget.to_string();
    AlarmAccount { budget, promised: account.promised, begun: account.begun + overdue }
}

/// The updates of the learner's networks that were refused, by reason; reasons that never occurred are left out.
fn updates_rejected(learner: &Learner) -> BTreeMap<String, u64> {
    let counts = learner.rejected_updates().by_reason().into_iter();
    counts.filter(|(_, count)| *count > 0).map(|(reason, count)| (reason.to_owned(), count)).collect()
}

/// How long one event of a stream takes.
fn cost(view: &StreamView) -> EventCost {
    let times = *view.cost.lock().unwrap_or_else(PoisonError::into_inner);
    let mean = |spent: Duration| spent.as_secs_f64() * 1e6 / times.events.max(1) as f64;
    let stage = |(stage, spent): (EventStage, Duration)| StageCost {
        name: stage.name().into(),
        about: stage.about().into(),
        microseconds: mean(spent),
    };
    EventCost { measured: times.events, microseconds: mean(times.total()), stages: times.each().map(stage).collect() }
}
