//! The state that one checkpoint will hold, on its way from an owner to the checkpointer.

use std::sync::Arc;
use surmise_learner::Learner;
use surmise_store::{CheckpointDraft, CheckpointMeta, StoreError};
use tokio::sync::oneshot;

/// The sender of the answer to a request for a checkpoint.
pub type CheckpointReply = oneshot::Sender<Result<CheckpointMeta, CheckpointFailure>>;

/// The reason why a checkpoint was not written. It is cloned, as one failure of the store concerns all checkpoints that
/// were to be written together.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CheckpointFailure {
    /// The stream failed before its state could be copied.
    #[error("{0}")]
    StreamFailed(Arc<str>),
    /// Encoding panicked.
    #[error("encoding a checkpoint failed inside; this is a bug")]
    Encoding,
    /// The log will never be durable as far as the checkpoint reaches.
    #[error("the log cannot be written")]
    LogNotDurable,
    /// The store failed.
    #[error("{0}")]
    Store(Arc<StoreError>),
}

/// The state of a stream at one offset: all that its checkpoint will hold.
pub struct CheckpointState {
    stream: u32,
    time_us: i64,
    with_hash: bool,
    learner: Learner,
    summary: Vec<u8>,
}

impl CheckpointState {
    /// The state of stream number `stream`: its learner (or a copy of it) and the encoded summary of the same offset.
    /// `with_hash` asks for the learner's `state_hash` in the checkpoint's manifest, which costs a walk over the state.
    pub fn new(stream: u32, time_us: i64, with_hash: bool, learner: Learner, summary: Vec<u8>) -> CheckpointState {
        CheckpointState { stream, time_us, with_hash, learner, summary }
    }

    /// Encodes the state for the store.
    pub fn encode(mut self) -> CheckpointDraft {
        CheckpointDraft {
            stream: self.stream,
            offset: self.learner.offset(),
            time_us: self.time_us,
            learner: self.learner.save(),
            summary: self.summary,
            state_hash: self.with_hash.then(|| self.learner.state_hash()),
            pages: self.learner.pages_numbered(),
        }
    }
}
