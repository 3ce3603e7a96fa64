//! The bounded queue of checkpoints between the owners and the checkpointer.

use crate::budget::CopyRoom;
use crate::checkpoint::{CheckpointReply, CheckpointState};
use crate::directory::StreamView;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Checkpoints that may wait; an owner with more waits.
const CHECKPOINT_QUEUE_JOBS_MAX: usize = 8;
/// The assumed size of a stream's first checkpoint.
const FIRST_CHECKPOINT_BYTES: usize = 4 << 20;
/// Bytes of checkpoints under way beyond which owners put off regular checkpoints.
const BUSY_BYTES_MIN: usize = 64 << 20;

/// A checkpoint to write.
pub struct CheckpointJob {
    /// The view of the stream.
    pub view: Arc<StreamView>,
    /// The state that the checkpoint will hold.
    pub state: CheckpointState,
    /// Where the result is sent, if it was asked for.
    pub reply: Option<CheckpointReply>,
    /// The room that the copy takes until it is written; none for a state that is no copy.
    pub room: Option<CopyRoom>,
}

impl CheckpointJob {
    /// An estimate of the size: that of the checkpoint before.
    fn estimated_bytes(&self) -> usize {
        self.view.checkpoint.load().as_ref().map_or(FIRST_CHECKPOINT_BYTES, |meta| meta.bytes as usize)
    }
}

/// A job in the queue, with its estimated size.
pub struct QueuedCheckpoint {
    /// The job.
    pub job: CheckpointJob,
    /// The bytes that the queue counts for it.
    pub estimated_bytes: usize,
}

/// The owners' end of the queue.
#[derive(Clone)]
pub struct CheckpointQueue {
    sender: Sender<QueuedCheckpoint>,
    bytes_under_way: Arc<AtomicUsize>,
}

/// The checkpointer's end of the queue.
pub struct CheckpointReceiver {
    /// The jobs, in the order in which they were sent.
    pub jobs: Receiver<QueuedCheckpoint>,
    bytes_under_way: Arc<AtomicUsize>,
}

impl CheckpointReceiver {
    /// Takes jobs of so many estimated bytes out of the count of those under way.
    pub fn finished(&self, estimated_bytes: usize) {
        self.bytes_under_way.fetch_sub(estimated_bytes, Ordering::Relaxed);
    }
}

/// Both ends of a new queue.
pub fn checkpoint_queue() -> (CheckpointQueue, CheckpointReceiver) {
    let (sender, jobs) = crossbeam_channel::bounded(CHECKPOINT_QUEUE_JOBS_MAX);
    let bytes_under_way = Arc::new(AtomicUsize::new(0));
    (CheckpointQueue { sender, bytes_under_way: bytes_under_way.clone() }, CheckpointReceiver { jobs, bytes_under_way })
}

impl CheckpointQueue {
    /// Appends a job; waits while the queue is full.
    pub fn send(&self, job: CheckpointJob) {
        let queued = self.count(job);
        if let Err(e) = self.sender.send(queued) {
            report_lost(&e.0.job);
        }
    }

    /// Appends a job if the queue is not full.
    ///
    /// # Errors
    /// The job, if the queue is full.
    #[allow(clippy::result_large_err)]
    pub fn try_send(&self, job: CheckpointJob) -> Result<(), CheckpointJob> {
        match self.sender.try_send(self.count(job)) {
            Ok(()) => {}
            Err(TrySendError::Disconnected(queued)) => report_lost(&queued.job),
            Err(TrySendError::Full(QueuedCheckpoint { job, estimated_bytes })) => {
                self.bytes_under_way.fetch_sub(estimated_bytes, Ordering::Relaxed);
                job.view.checkpoints_pending.fetch_sub(1, Ordering::Relaxed);
                return Err(job);
            }
        }
        Ok(())
    }

    /// Counts a job as under way.
    fn count(&self, job: CheckpointJob) -> QueuedCheckpoint {
        let estimated_bytes = job.estimated_bytes();
        self.bytes_under_way.fetch_add(estimated_bytes, Ordering::Relaxed);
        job.view.checkpoints_pending.fetch_add(1, Ordering::Relaxed);
        QueuedCheckpoint { job, estimated_bytes }
    }

    /// Whether regular checkpoints had better be put off.
    pub fn is_busy(&self) -> bool {
        self.sender.is_full() || self.bytes_under_way.load(Ordering::Relaxed) > BUSY_BYTES_MIN
    }
}

fn report_lost(job: &CheckpointJob) {
    tracing::error!(stream = &*job.view.name, "a checkpoint is not written: the checkpointer is gone");
}
