//! ReplyOptions of an owner about its streams.

use super::copies::Wanted;
use super::{Owner, OwnerRequest, PendingCheckpoint, state};
use crate::stream::StreamState;
use serde::Serialize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use surmise_event::format_time;
use surmise_protocol::{CheckpointMark, StreamStatus};
use tokio::sync::oneshot;

/// The state of a stream, with what the daemon knows beside the learner.
#[derive(Clone, Debug, Serialize)]
pub struct StatusAnswer {
    /// What the protocol promises.
    #[serde(flatten)]
    pub status: StreamStatus,
    /// Everything before this offset is durable.
    pub committed_offset: u64,
    /// Records learnt.
    pub records: u64,
    /// Records recognised as sent before.
    pub duplicates: u64,
    /// Producers remembered.
    pub producers: u64,
    /// Bytes of the log so far.
    pub logged_bytes: u64,
}

impl Owner {
    /// ReplyOptions a question.
    pub(super) fn answer(&mut self, question: OwnerRequest) {
        match question {
            OwnerRequest::Status { stream, with_hash, reply } => drop(reply.send(self.status(&stream, with_hash))),
            OwnerRequest::Hash { stream, reply } => {
                let hash = |s: &mut StreamState| (s.learner.offset(), s.learner.state_hash());
                drop(reply.send(state(&mut self.streams, &stream).map(hash)));
            }
            OwnerRequest::Publish { stream, reply } => {
                let Some(live) = self.streams.get_mut(&stream) else { return drop(reply.send(None)) };
                if live.state_mut().is_none() {
                    return drop(reply.send(None));
                }
                live.copies.want_snapshot(Some(reply));
                if !self.watched.contains(&stream) {
                    self.watched.push(stream.clone());
                }
                self.copy_or_wait(&stream);
            }
            OwnerRequest::Checkpoint { stream, reply } => drop(reply.send(self.checkpoint_now(stream))),
            OwnerRequest::Stop => {}
        }
    }

    fn status(&mut self, stream: &str, with_hash: bool) -> Option<StatusAnswer> {
        let live = self.streams.get_mut(stream)?;
        let shared = live.shared().clone();
        let checkpoint = shared.checkpoint.load_full().map(|m| CheckpointMark {
            generation: m.generation,
            offset: m.offset,
            time: format_time(m.time_us),
        });
        let state = live.state_mut()?;
        let described = catch_unwind(AssertUnwindSafe(|| describe(state, with_hash)));
        let (report, state_bytes, state_hash) = described.ok()?;
        let status = StreamStatus {
            stream: stream.to_owned(),
            offset: state.learner.offset(),
            model_version: state.learner.model_version(),
            keys: state.learner.keys_held() as u64,
            keys_stored: state.learner.keys_stored(),
            keys_forgotten: state.learner.keys_forgotten(),
            schema: state.learner.schema().clone(),
            options: serde_json::to_value(state.learner.options()).unwrap_or_default(),
            report,
            state_bytes,
            state_hash,
            last_event_time: state.counters.last_event_us.map(format_time),
            checkpoint,
            refused: state.counters.refused.clone(),
        };
        Some(StatusAnswer {
            status,
            committed_offset: shared.committed.load(Ordering::Acquire),
            records: state.counters.records,
            duplicates: state.counters.duplicates,
            producers: state.producers.len() as u64,
            logged_bytes: state.counters.logged_bytes,
        })
    }

    fn checkpoint_now(&mut self, stream: Option<Arc<str>>) -> Vec<PendingCheckpoint> {
        let names: Vec<Arc<str>> = match stream {
            Some(name) => vec![name],
            None => self.streams.keys().cloned().collect(),
        };
        let mut written = Vec::new();
        for name in names {
            if let Some(meta) = self.streams.get(&name).and_then(|l| l.slept_on()) {
                let (sender, receiver) = oneshot::channel();
                let _ = sender.send(Ok(meta.clone()));
                written.push((name, receiver));
            } else if state(&mut self.streams, &name).is_some() {
                let (sender, receiver) = oneshot::channel();
                self.checkpoint(&name, Wanted { reply: Some(sender), hash: true });
                written.push((name, receiver));
            }
        }
        written
    }
}

fn describe(state: &mut StreamState, with_hash: bool) -> (serde_json::Value, u64, Option<String>) {
    let report = serde_json::to_value(state.learner.report()).unwrap_or_default();
    (report, state.learner.state_bytes(), with_hash.then(|| state.learner.state_hash()))
}
