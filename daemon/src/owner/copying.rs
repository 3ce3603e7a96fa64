//! An owner's turns at snapshots and checkpoints: both begin with a copy of a learner.

use super::learner_copies::{CheckpointRequest, CopyPurpose, CopyStep};
use super::owned_stream::OwnedStream;
use super::schedule::Load;
use super::state::Owner;
use crate::budget::MemoryBudget;
use crate::checkpoint_queue::CheckpointJob;
use crate::clock::Moment;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Bytes copied between two looks at the clock.
const COPY_SLICE_BYTES: usize = 128 << 10;
/// Between two batches, copying takes the time since the last copying divided by this.
const COPY_TIME_DIVISOR: u32 = 4;
/// The longest time for which copying keeps an owner from its events at once.
const COPY_TIME_MAX: Duration = Duration::from_millis(1);
/// The time without a reader after which a stream publishes no more snapshots.
const SNAPSHOT_IDLE_MS_MAX: u64 = 30_000;

/// What remains to be copied of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CopyProgress {
    More,
    Done,
    /// Nothing, as other copies take the room in memory that there is for them.
    NoRoom,
}

impl Owner {
    /// Asks for copies for the readers' snapshots that are due, and ends those that are not read any more.
    pub(super) fn request_snapshots(&mut self, load: Load, now: Moment) {
        let uptime_ms = now.uptime.as_millis() as u64;
        let (streams, copying) = (&mut self.streams, &mut self.copying);
        self.watched.retain(|name| {
            let Some(stream) = streams.get_mut(name) else { return false };
            if stream.is_hash_due(now, load) {
                let replies = std::mem::take(&mut stream.hashes);
                stream.copies.request_hash(replies);
                list_once(copying, name);
            }
            let asked_ms = stream.view.asked_ms.load(Ordering::Relaxed);
            // never asked, or not for long
            if asked_ms == 0 || uptime_ms.saturating_sub(asked_ms) > SNAPSHOT_IDLE_MS_MAX {
                stream.unpublish();
                return !stream.hashes.is_empty();
            }
            if stream.is_snapshot_due(now, load) {
                stream.copies.request_snapshot(None);
                list_once(copying, name);
            }
            true
        });
    }

    /// Whether a reader would be served an old state, or waits for a hash.
    pub(super) fn is_behind(&self) -> bool {
        let is_behind = |stream: &OwnedStream| stream.is_behind() || !stream.hashes.is_empty();
        self.watched.iter().any(|name| self.streams.get(name).is_some_and(is_behind))
    }

    /// Begins the regular checkpoints that are due, as long as the checkpointer can follow.
    pub(super) fn start_due_checkpoints(&mut self, now: Moment) {
        self.checkpoints_checked_at = now.uptime;
        self.shed_memory(now);
        let store = &self.setup.config.store;
        let (interval, events) = (store.checkpoint_interval.0, store.checkpoint_events);
        let is_due = |name: &&Arc<str>| {
            self.streams.get(*name).is_some_and(|stream| stream.is_checkpoint_due(now, interval, events))
        };
        let due: Vec<Arc<str>> = self.changed.iter().filter(is_due).cloned().collect();
        for name in due {
            if self.setup.checkpoints.is_busy() {
                return;
            }
            self.request_checkpoint(&name, CheckpointRequest { reply: None, with_hash: false }, now);
        }
    }

    /// Asks for a copy of a stream for a checkpoint, and begins with it.
    pub(super) fn request_checkpoint(&mut self, name: &Arc<str>, request: CheckpointRequest, now: Moment) {
        if let Some(stream) = self.streams.get_mut(name) {
            stream.copies.request_checkpoint(request);
            self.start_copy(name, now);
        }
    }

    /// Copies the first slice of what is wanted of a stream, which is all of it if the state is small.
    pub(super) fn start_copy(&mut self, name: &Arc<str>, now: Moment) {
        // a copy begun now would have to wait for the checkpointer's queue
        if !self.unsent_checkpoints.is_empty() || self.copy_slice(name, now) != CopyProgress::Done {
            list_once(&mut self.copying, name);
        }
    }

    /// Continues with copies for a part of the time, one stream after the other.
    pub(super) fn continue_copies(&mut self, now: Moment) {
        let budget = (now.since(self.copied_at) / COPY_TIME_DIVISOR).min(COPY_TIME_MAX);
        self.send_checkpoints();
        let mut latest = now;
        // a copy that finds no room in the checkpointer's queue holds the others up, which bounds the memory
        let mut without_room = 0;
        while self.unsent_checkpoints.is_empty()
            && let Some(name) = self.copying.get(without_room).cloned()
        {
            match self.copy_slice(&name, latest) {
                CopyProgress::Done => self.copying.retain(|other| *other != name),
                CopyProgress::NoRoom => without_room += 1,
                CopyProgress::More => {}
            }
            latest = self.clock().now();
            if latest.since(now.uptime) >= budget {
                break;
            }
        }
        self.copies_wait = without_room > 0 && without_room == self.copying.len();
        self.copied_at = latest.uptime;
    }

    /// Whether the copy that is wanted of a stream may be made: it has room in memory, or gets it now.
    fn has_room_to_copy(&mut self, name: &Arc<str>) -> bool {
        let Some(stream) = self.streams.get_mut(name).filter(|stream| stream.copies.needs_room()) else { return true };
        match self.setup.budget.room_for_copy(MemoryBudget::copy_bytes(stream.counted.learner)) {
            Some(room) => stream.copies.give_room(room),
            None => return false,
        }
        true
    }

    /// Copies one slice of a stream.
    pub(super) fn copy_slice(&mut self, name: &Arc<str>, now: Moment) -> CopyProgress {
        if !self.has_room_to_copy(name) {
            return CopyProgress::NoRoom;
        }
        let mut step = self.timed_copy(name, now);
        if matches!(step, CopyStep::Reserved) {
            // a checkpoint lies between two groups, so the open one ends here
            self.send_commit_batch(now);
            let begin = self.clock().now();
            let Some(stream) = self.streams.get_mut(name) else { return CopyProgress::Done };
            if stream.begin_copy(begin) {
                self.changed.retain(|other| other != name);
            }
            let begun = self.clock().now();
            if let Some(stream) = self.streams.get_mut(name) {
                stream.add_copy_pause(begun.since(begin.uptime));
            }
            step = self.timed_copy(name, begun);
        }
        let (complete_at, beside) = (self.clock().now(), self.setup.services.beside);
        let Some(stream) = self.streams.get_mut(name) else { return CopyProgress::Done };
        if let CopyStep::Complete(learner, purpose) = step {
            let room = stream.copies.take_room();
            match purpose {
                CopyPurpose::Checkpoint { request, time_us, summary } => {
                    let state = stream.checkpoint_state(*learner, time_us, request.with_hash, summary);
                    let job = CheckpointJob { view: stream.view.clone(), state, reply: request.reply, room };
                    self.unsent_checkpoints.push_back(job);
                }
                CopyPurpose::Snapshot(waiting) => stream.publish(*learner, waiting, complete_at),
                CopyPurpose::Hash(replies) => stream.hash(*learner, replies, beside, complete_at),
            }
        }
        let progress = if stream.copies.is_busy() { CopyProgress::More } else { CopyProgress::Done };
        self.send_checkpoints();
        progress
    }

    /// Copies a slice and counts the time that the stream waited for it.
    fn timed_copy(&mut self, name: &Arc<str>, start: Moment) -> CopyStep {
        let Some(stream) = self.streams.get_mut(name) else { return CopyStep::Idle };
        let step = stream.copy(COPY_SLICE_BYTES);
        let end = self.setup.services.clock.now();
        stream.add_copy_pause(end.since(start.uptime));
        step
    }

    /// Sends complete copies to the checkpointer, as long as its queue has room.
    fn send_checkpoints(&mut self) {
        while let Some(job) = self.unsent_checkpoints.pop_front() {
            if let Err(job) = self.setup.checkpoints.try_send(job) {
                return self.unsent_checkpoints.push_front(job);
            }
        }
    }
}

/// Appends a name to a list that does not have it.
fn list_once(names: &mut Vec<Arc<str>>, name: &Arc<str>) {
    if !names.contains(name) {
        names.push(name.clone());
    }
}
