//! The loop of an owner: select an action, apply it.

use super::copying::CopyProgress;
use super::request::OwnerRequest;
use super::schedule::Load;
use super::silent_streams::SILENCE_POLL_INTERVAL;
use super::state::{Owner, Turn};
use crate::checkpoint_queue::CheckpointJob;
use crate::clock::Moment;
use crate::inbox::Delivered;
use crossbeam_channel::{Select, TryRecvError};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// While events wait, what was learnt is sent to the committer this often.
const COMMIT_SEND_INTERVAL: Duration = Duration::from_millis(2);
/// How often the owner looks whether regular checkpoints are due; also the longest time that it waits.
const CHECKPOINT_POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How long it waits at most while readers are served an old state.
const SNAPSHOT_POLL_INTERVAL: Duration = Duration::from_millis(5);
/// How long it waits at most while a queue has no room for what it has to send.
const QUEUE_POLL_INTERVAL: Duration = Duration::from_millis(1);

/// What an owner does next.
pub(super) enum Action {
    /// Answers a request.
    Answer(OwnerRequest),
    /// Learns a batch of events.
    Learn(Delivered),
    /// Learns a batch that waited while its stream rested.
    LearnWaiting(Delivered),
    /// Sends what was learnt to the committer.
    Commit,
    /// Begins the snapshots that are due.
    Publish(Load),
    /// Begins the regular checkpoints that are due.
    Checkpoint,
    /// Looks after the streams that are silent.
    LookAfterSilent,
    /// Continues with copies for a part of the time.
    Copy,
    /// Waits for a request or a batch, but no longer than this.
    Wait(Duration),
    /// Ends: learns what is in the inbox, commits it, and writes checkpoints of all that changed.
    Stop,
}

impl Owner {
    /// Works until it is asked to stop, or until nothing can send it events any more.
    pub fn run(mut self) {
        loop {
            let now = self.clock().now();
            match self.next_action(now) {
                Action::Stop => return self.stop(),
                Action::Wait(longest) => self.wait(longest),
                action => self.apply(action, now),
            }
        }
    }

    /// Selects the next action. The turns follow each other, and those with nothing to do are passed over: so one
    /// request at most is answered between two batches of events, however many ask.
    pub(super) fn next_action(&mut self, now: Moment) -> Action {
        loop {
            match self.turn {
                Turn::Answer => {
                    self.turn = Turn::Receive;
                    match self.setup.requests.try_recv() {
                        Ok(OwnerRequest::Stop) | Err(TryRecvError::Disconnected) => return Action::Stop,
                        Ok(request) => return Action::Answer(request),
                        Err(TryRecvError::Empty) => {}
                    }
                }
                Turn::Receive if self.must_not_learn() => self.turn = Turn::Commit(Load::Idle),
                Turn::Receive if self.waits_turn => {
                    self.waits_turn = false;
                    if let Some(delivered) = self.next_waiting() {
                        self.turn = Turn::Commit(Load::Busy);
                        return Action::LearnWaiting(delivered);
                    }
                }
                Turn::Receive => match self.setup.batches.try_recv() {
                    Ok(delivered) => {
                        (self.turn, self.waits_turn) = (Turn::Commit(Load::Busy), true);
                        return Action::Learn(delivered);
                    }
                    Err(TryRecvError::Empty) => match self.next_waiting() {
                        Some(delivered) => {
                            self.turn = Turn::Commit(Load::Busy);
                            return Action::LearnWaiting(delivered);
                        }
                        None => self.turn = Turn::Commit(Load::Idle),
                    },
                    Err(TryRecvError::Disconnected) => return Action::Stop,
                },
                Turn::Commit(load) => {
                    self.turn = Turn::Publish(load);
                    if load == Load::Idle || now.since(self.committed_at) >= COMMIT_SEND_INTERVAL {
                        return Action::Commit;
                    }
                }
                Turn::Publish(load) => {
                    self.turn = Turn::Checkpoint(load);
                    if !self.watched.is_empty() {
                        return Action::Publish(load);
                    }
                }
                Turn::Checkpoint(load) => {
                    self.turn = Turn::Silence(load);
                    if now.since(self.checkpoints_checked_at) >= CHECKPOINT_POLL_INTERVAL {
                        return Action::Checkpoint;
                    }
                }
                Turn::Silence(load) => {
                    self.turn = Turn::Copy(load);
                    if now.since(self.silence_checked_at) >= SILENCE_POLL_INTERVAL {
                        return Action::LookAfterSilent;
                    }
                }
                Turn::Copy(load) => {
                    self.turn = if load == Load::Idle { Turn::Wait } else { Turn::Answer };
                    if !self.copying.is_empty() || !self.unsent_checkpoints.is_empty() {
                        return Action::Copy;
                    }
                    self.copied_at = now.uptime;
                }
                Turn::Wait => {
                    self.turn = Turn::Answer;
                    return Action::Wait(self.longest_wait());
                }
            }
        }
    }

    /// Does what was selected, at the moment for which it was selected. It never waits.
    pub(super) fn apply(&mut self, action: Action, now: Moment) {
        match action {
            Action::Answer(request) => self.answer(request, now),
            Action::Learn(delivered) => {
                self.rest_on(&delivered.batch.stream, now);
                if let Some(delivered) = self.keep_waiting(delivered) {
                    self.learn(delivered.batch, now);
                }
            }
            Action::LearnWaiting(delivered) => self.learn(delivered.batch, now),
            Action::Commit => self.send_commit_batch(now),
            Action::Publish(load) => self.request_snapshots(load, now),
            Action::Checkpoint => self.start_due_checkpoints(now),
            Action::LookAfterSilent => self.look_after_silent(now),
            Action::Copy => self.continue_copies(now),
            Action::Wait(_) | Action::Stop => {}
        }
    }

    /// How long the owner may wait for a request or a batch before it has something else to do.
    fn longest_wait(&self) -> Duration {
        if !self.copying.is_empty() && self.unsent_checkpoints.is_empty() && !self.copies_wait {
            Duration::ZERO
        } else if self.has_uncommitted() || !self.unsent_checkpoints.is_empty() || self.copies_wait {
            QUEUE_POLL_INTERVAL
        } else if self.is_behind() {
            SNAPSHOT_POLL_INTERVAL
        } else {
            CHECKPOINT_POLL_INTERVAL
        }
    }

    /// Waits until a request or a batch may be there. The owner leaves batches where they are while it must not learn.
    fn wait(&self, longest: Duration) {
        let mut select = Select::new();
        select.recv(&self.setup.requests);
        if !self.must_not_learn() {
            select.recv(self.setup.batches.bell());
        }
        let _ = select.ready_timeout(longest);
    }

    /// Learns what is in the inbox, has it committed, completes copies that are wanted, and has a checkpoint written of
    /// each stream that changed. Here the owner waits for room in the queues.
    pub(super) fn stop(mut self) {
        // what waits for a stream that is being replaced, or for which there is no room, is not learnt: it is not
        // acknowledged, and will come again
        self.held.extend(self.resting.drain().map(|(name, _)| (name, VecDeque::new())));
        self.held.values_mut().for_each(VecDeque::clear);
        while let Ok(delivered) = self.setup.batches.try_recv() {
            let now = self.clock().now();
            if self.held.contains_key(&delivered.batch.stream) {
                continue;
            }
            self.learn(delivered.batch, now);
            if now.since(self.committed_at) >= COMMIT_SEND_INTERVAL {
                self.send_commit_batch(now);
            }
            if self.is_commit_batch_full() {
                self.send_last_commit_batch(now);
            }
        }
        let now = self.clock().now();
        self.send_last_commit_batch(now);
        let mut names: VecDeque<Arc<str>> = std::mem::take(&mut self.copying).into();
        while let Some(name) = names.pop_front() {
            match self.copy_slice(&name, now) {
                CopyProgress::Done => {}
                CopyProgress::More => names.push_front(name),
                CopyProgress::NoRoom => {
                    names.push_back(name);
                    std::thread::sleep(QUEUE_POLL_INTERVAL);
                }
            }
            for job in std::mem::take(&mut self.unsent_checkpoints) {
                self.setup.checkpoints.send(job);
            }
        }
        for name in std::mem::take(&mut self.changed) {
            let last = self.streams.remove(&name).and_then(|stream| stream.into_last_checkpoint(now));
            let Some((view, state)) = last else { continue };
            self.setup.checkpoints.send(CheckpointJob { view, state, reply: None, room: None });
        }
    }
}
