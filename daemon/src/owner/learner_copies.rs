//! Copies of a stream's learner, for checkpoints and for readers, made in slices so that the stream keeps learning.
//!
//! A copy has three stages: its memory is reserved; at its *begin* it takes what is small and from then on stands for
//! the learner at that offset; then the large arrays are copied. What a copy is for is decided at its begin.

use crate::budget::CopyRoom;
use crate::checkpoint::{CheckpointFailure, CheckpointReply};
use crate::directory::Snapshot;
use std::collections::VecDeque;
use std::sync::Arc;
use surmise_learner::{Learner, LearnerCopy};
use tokio::sync::oneshot;

/// Slices up to which a copy is cheap: its memory is not kept for the next one.
const CHEAP_COPY_SLICES_MAX: usize = 4;

/// The sender of the answer to a request for a snapshot.
pub(super) type SnapshotReply = oneshot::Sender<Option<Arc<Snapshot>>>;

/// Where the hash of a learner is sent, with the offset that it is of.
pub type HashReply = oneshot::Sender<Option<(u64, String)>>;

/// A request for a checkpoint.
pub(super) struct CheckpointRequest {
    /// Where the result is sent, if the checkpoint was asked for.
    pub reply: Option<CheckpointReply>,
    /// Whether the checkpoint's manifest is to hold the hash of the state.
    pub with_hash: bool,
}

/// What a copy is for.
pub(super) enum CopyPurpose {
    /// A checkpoint, begun at this time, with the encoded summary of the stream at the copy's offset.
    Checkpoint { request: CheckpointRequest, time_us: i64, summary: Vec<u8> },
    /// A snapshot for readers, and the replies to those that wait for it.
    Snapshot(Vec<SnapshotReply>),
    /// The hash of the state, for those that wait for it.
    Hash(Vec<HashReply>),
}

/// How far a slice brought a copy.
pub(super) enum CopyStep {
    /// No copy is wanted.
    Idle,
    /// There is more to copy.
    More,
    /// The memory is reserved: the copy can begin.
    Reserved,
    /// The copy is complete.
    Complete(Box<Learner>, CopyPurpose),
}

/// The copy that is being made, one at a time, and the copies that are wanted after it.
#[derive(Default)]
pub(super) struct LearnerCopies {
    checkpoints: VecDeque<CheckpointRequest>,
    snapshot: Option<Vec<SnapshotReply>>,
    hashes: Vec<HashReply>,
    current: Option<CurrentCopy>,
    /// A snapshot that was replaced and that no reader holds: its memory is used again.
    spare: Option<Learner>,
    /// Slices of the latest copy.
    slices: usize,
    /// The room of the copy that is being made.
    room: Option<CopyRoom>,
}

enum CurrentCopy {
    Reserving(LearnerCopy),
    Reserved(LearnerCopy),
    Copying(LearnerCopy, CopyPurpose),
}

impl LearnerCopies {
    /// Asks for a checkpoint.
    pub fn request_checkpoint(&mut self, request: CheckpointRequest) {
        self.checkpoints.push_back(request);
    }

    /// Asks for a snapshot that is not older than now.
    pub fn request_snapshot(&mut self, reply: Option<SnapshotReply>) {
        self.snapshot.get_or_insert_default().extend(reply);
    }

    /// Asks for a hash of a state that is not older than now.
    pub fn request_hash(&mut self, replies: Vec<HashReply>) {
        self.hashes.extend(replies);
    }

    /// Whether a copy is wanted or being made.
    pub fn is_busy(&self) -> bool {
        self.current.is_some() || self.snapshot.is_some() || !self.checkpoints.is_empty() || !self.hashes.is_empty()
    }

    /// Whether a copy is wanted that has no room yet.
    pub fn needs_room(&self) -> bool {
        self.room.is_none() && self.is_busy()
    }

    /// Gives the copy that is wanted its room.
    pub fn give_room(&mut self, room: CopyRoom) {
        self.room = Some(room);
    }

    /// Takes the room of a copy that is complete.
    pub fn take_room(&mut self) -> Option<CopyRoom> {
        self.room.take()
    }

    /// Copies at most `bytes` bytes more.
    pub fn step(&mut self, learner: &mut Learner, bytes: usize) -> CopyStep {
        let current = match self.current.take() {
            Some(current) => current,
            None if self.is_busy() => {
                self.slices = 0;
                // the spare memory is for readers, who will ask again soon; a checkpoint comes seldom
                let spare = if self.checkpoints.is_empty() { self.spare.take() } else { None };
                CurrentCopy::Reserving(LearnerCopy::new(learner, spare))
            }
            None => return CopyStep::Idle,
        };
        self.slices += 1;
        let (current, step) = match current {
            CurrentCopy::Reserving(mut copy) => match copy.reserve(learner, bytes) {
                true => (CurrentCopy::Reserved(copy), CopyStep::Reserved),
                false => (CurrentCopy::Reserving(copy), CopyStep::More),
            },
            CurrentCopy::Reserved(copy) => (CurrentCopy::Reserved(copy), CopyStep::Reserved),
            CurrentCopy::Copying(copy, purpose) => match copy.copy_some(learner, bytes) {
                Ok(copy) => return CopyStep::Complete(Box::new(copy), purpose),
                Err(copy) => (CurrentCopy::Copying(copy, purpose), CopyStep::More),
            },
        };
        self.current = Some(current);
        step
    }

    /// Whether the next copy to begin is for a checkpoint. Checkpoints come before snapshots.
    pub fn next_is_checkpoint(&self) -> bool {
        !self.checkpoints.is_empty()
    }

    /// Whether the next copy to begin is a snapshot.
    pub fn next_is_snapshot(&self) -> bool {
        self.checkpoints.is_empty() && self.snapshot.is_some()
    }

    /// Begins the copy whose memory is reserved. `summary` is that of the stream, if the copy is for a checkpoint.
    pub fn begin(&mut self, learner: &mut Learner, time_us: i64, summary: Vec<u8>) {
        let Some(CurrentCopy::Reserved(mut copy)) = self.current.take() else { return };
        copy.begin_copy(learner);
        let purpose = match self.checkpoints.pop_front() {
            Some(request) => CopyPurpose::Checkpoint { request, time_us, summary },
            None => match self.snapshot.take() {
                Some(replies) => CopyPurpose::Snapshot(replies),
                None => CopyPurpose::Hash(std::mem::take(&mut self.hashes)),
            },
        };
        self.current = Some(CurrentCopy::Copying(copy, purpose));
    }

    /// Takes a snapshot that was replaced, so that its memory is used again if copying takes long.
    pub fn retire(&mut self, old: Option<Arc<Snapshot>>) {
        let spare = old.filter(|_| self.slices > CHEAP_COPY_SLICES_MAX).and_then(Arc::into_inner);
        self.spare = spare.map(|snapshot| snapshot.learner);
    }

    /// Frees memory that only snapshots use.
    pub fn free_spare(&mut self) {
        self.spare = None;
    }

    /// Ends all copies, because the stream has failed.
    pub fn cancel(&mut self, error: &CheckpointFailure) {
        let mut checkpoints = std::mem::take(&mut self.checkpoints);
        let mut snapshots = self.snapshot.take().unwrap_or_default();
        match self.current.take() {
            Some(CurrentCopy::Copying(_, CopyPurpose::Checkpoint { request, .. })) => checkpoints.push_front(request),
            Some(CurrentCopy::Copying(_, CopyPurpose::Snapshot(replies))) => snapshots.extend(replies),
            Some(CurrentCopy::Copying(_, CopyPurpose::Hash(replies))) => self.hashes.extend(replies),
            _ => {}
        }
        for reply in checkpoints.into_iter().filter_map(|request| request.reply) {
            let _ = reply.send(Err(error.clone()));
        }
        for reply in self.hashes.drain(..) {
            let _ = reply.send(None);
        }
        for reply in snapshots {
            let _ = reply.send(None);
        }
        self.spare = None;
        self.room = None;
    }
}
