//! Copies of a stream's learner, for checkpoints and for readers, made in slices so that the stream goes on.

use crate::directory::Snapshot;
use std::collections::VecDeque;
use std::sync::Arc;
use surmise_learner::{Learner, LearnerCopy};
use surmise_store::CheckpointMeta;
use tokio::sync::oneshot;

/// A state whose copy takes no more slices than this is small: its memory is not kept.
const FEW_SLICES: usize = 4;

/// Who is told of a checkpoint.
pub(super) type TellWritten = oneshot::Sender<Result<CheckpointMeta, String>>;
/// Who waits for a snapshot.
pub(super) type TellSnapshot = oneshot::Sender<Option<Arc<Snapshot>>>;

/// A checkpoint that is wanted.
pub(super) struct Wanted {
    /// Whom to tell.
    pub reply: Option<TellWritten>,
    /// Whether it is to hold the hash of the state.
    pub hash: bool,
}

/// What a copy is for; decided at its moment.
pub(super) enum Purpose {
    /// A checkpoint, made at this time, with what it holds beside the learner.
    Checkpoint { wanted: Wanted, time_us: i64, summary: Vec<u8> },
    /// A snapshot for readers, and those who wait for it.
    Snapshot(Vec<TellSnapshot>),
}

/// How far a slice brought a copy.
pub(super) enum Step {
    /// Nothing is wanted.
    Idle,
    /// There is more to do.
    More,
    /// It is prepared: its moment can come.
    Prepared,
    /// It is complete.
    Complete(Box<Learner>, Purpose),
}

/// The copy that is in the making, one at a time, and the copies that are wanted after it.
#[derive(Default)]
pub(super) struct Copies {
    checkpoints: VecDeque<Wanted>,
    snapshot: Option<Vec<TellSnapshot>>,
    making: Option<Making>,
    /// A snapshot that was replaced and that nobody reads: its memory is used again.
    spare: Option<Learner>,
    /// Slices of the latest copy.
    slices: usize,
}

enum Making {
    Preparing(LearnerCopy),
    Prepared(LearnerCopy),
    Carrying(LearnerCopy, Purpose),
}

impl Copies {
    /// Asks for a checkpoint.
    pub fn want_checkpoint(&mut self, wanted: Wanted) {
        self.checkpoints.push_back(wanted);
    }

    /// Asks for a snapshot that is not older than now.
    pub fn want_snapshot(&mut self, reply: Option<TellSnapshot>) {
        self.snapshot.get_or_insert_default().extend(reply);
    }

    /// Whether a copy is wanted or in the making.
    pub fn is_busy(&self) -> bool {
        self.making.is_some() || self.snapshot.is_some() || !self.checkpoints.is_empty()
    }

    /// Copies at most so many bytes more.
    pub fn step(&mut self, learner: &mut Learner, bytes: usize) -> Step {
        let making = match self.making.take() {
            Some(making) => making,
            None if self.is_busy() => {
                self.slices = 0;
                // room that is kept is for readers, who ask again soon
                let spare = if self.checkpoints.is_empty() { self.spare.take() } else { None };
                Making::Preparing(LearnerCopy::new(learner, spare))
            }
            None => return Step::Idle,
        };
        self.slices += 1;
        let (making, step) = match making {
            Making::Preparing(mut copy) => match copy.reserve(learner, bytes) {
                true => (Making::Prepared(copy), Step::Prepared),
                false => (Making::Preparing(copy), Step::More),
            },
            Making::Prepared(copy) => (Making::Prepared(copy), Step::Prepared),
            Making::Carrying(copy, purpose) => match copy.copy_some(learner, bytes) {
                Ok(copy) => return Step::Complete(Box::new(copy), purpose),
                Err(copy) => (Making::Carrying(copy, purpose), Step::More),
            },
        };
        self.making = Some(making);
        step
    }

    /// Whether a checkpoint is wanted whose moment has not come. It comes before snapshots.
    pub fn wants_checkpoint(&self) -> bool {
        !self.checkpoints.is_empty()
    }

    /// The moment of a copy that is prepared. `summary` is what a checkpoint, if one is wanted, holds beside the learner.
    pub fn moment(&mut self, learner: &mut Learner, time_us: i64, summary: Vec<u8>) {
        let Some(Making::Prepared(mut copy)) = self.making.take() else { return };
        copy.begin_copy(learner);
        let purpose = match self.checkpoints.pop_front() {
            Some(wanted) => Purpose::Checkpoint { wanted, time_us, summary },
            None => Purpose::Snapshot(self.snapshot.take().unwrap_or_default()),
        };
        self.making = Some(Making::Carrying(copy, purpose));
    }

    /// Takes a snapshot that was replaced, so that its memory is used again if it is much.
    pub fn retire(&mut self, old: Option<Arc<Snapshot>>) {
        let spare = old.filter(|_| self.slices > FEW_SLICES).and_then(Arc::into_inner);
        self.spare = spare.map(|s| s.learner);
    }

    /// Lets go of memory that only snapshots use.
    pub fn forget(&mut self) {
        self.spare = None;
    }

    /// Ends all copies: there is nothing to copy any more.
    pub fn give_up(&mut self, why: &str) {
        let (mut wanted, mut waiting) =
            (std::mem::take(&mut self.checkpoints), self.snapshot.take().unwrap_or_default());
        match self.making.take() {
            Some(Making::Carrying(_, Purpose::Checkpoint { wanted: w, .. })) => wanted.push_front(w),
            Some(Making::Carrying(_, Purpose::Snapshot(w))) => waiting.extend(w),
            _ => {}
        }
        for reply in wanted.into_iter().filter_map(|w| w.reply) {
            let _ = reply.send(Err(why.to_owned()));
        }
        for reply in waiting {
            let _ = reply.send(None);
        }
        self.spare = None;
    }
}
