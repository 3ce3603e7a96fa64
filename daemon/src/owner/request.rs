//! What an owner can be asked, and the answers that are more than one value.

use crate::checkpoint::CheckpointFailure;
use crate::directory::Snapshot;
use serde::Serialize;
use std::sync::Arc;
use surmise_protocol::StreamStatus;
use surmise_store::{CheckpointMeta, Producer};
use tokio::sync::oneshot;

/// A request to an owner. Each is answered over its `reply`; `None` answers that there is no such stream, or that it
/// has failed.
pub enum OwnerRequest {
    /// Asks for the state of a stream.
    Status {
        /// The name of the stream.
        stream: Arc<str>,
        /// Whether the answer has the learner's `state_hash`, which costs a walk over the state.
        with_hash: bool,
        /// Where the answer is sent.
        reply: oneshot::Sender<Option<StatusAnswer>>,
    },
    /// Asks for the hash of a stream's learner, with the offset that it is of.
    Hash {
        /// The name of the stream.
        stream: Arc<str>,
        /// Where the answer is sent.
        reply: oneshot::Sender<Option<(u64, String)>>,
    },
    /// Asks for a snapshot of a stream now, and for newer ones from time to time from now on.
    Publish {
        /// The name of the stream.
        stream: Arc<str>,
        /// Where the snapshot is sent.
        reply: oneshot::Sender<Option<Arc<Snapshot>>>,
    },
    /// Asks what a stream knows of a producer. `None` answers also that it knows nothing.
    Producer {
        /// The name of the stream.
        stream: Arc<str>,
        /// The name of the producer.
        producer: Arc<str>,
        /// Where the answer is sent.
        reply: oneshot::Sender<Option<KnownProducer>>,
    },
    /// Has streams forget a producer, so that it may begin anew.
    ForgetProducer {
        /// The name of one stream; `None` for all of the owner's streams.
        stream: Option<Arc<str>>,
        /// The name of the producer.
        producer: Arc<str>,
        /// Where the checkpoints under way are sent, which make it last: one of each stream that knew the producer.
        reply: oneshot::Sender<Vec<PendingCheckpoint>>,
    },
    /// Asks for checkpoints now.
    Checkpoint {
        /// The name of one stream; `None` for all of the owner's streams.
        stream: Option<Arc<str>>,
        /// Where the checkpoints under way are sent.
        reply: oneshot::Sender<Vec<PendingCheckpoint>>,
    },
    /// Asks the owner to learn what is in its inbox, to write checkpoints of all that changed, and to end.
    Stop,
}

/// A checkpoint under way: the name of its stream, and where its result arrives.
pub type PendingCheckpoint = (Arc<str>, oneshot::Receiver<Result<CheckpointMeta, CheckpointFailure>>);

/// What a stream knows of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownProducer {
    /// How far its events are learnt, if any is known.
    pub known: Option<Producer>,
    /// How many producers the stream has forgotten.
    pub forgotten: u64,
}

/// The status of a stream: what the protocol promises, and what only the daemon knows.
#[derive(Clone, Debug, Serialize)]
pub struct StatusAnswer {
    /// What the protocol promises.
    #[serde(flatten)]
    pub status: StreamStatus,
    /// The offset up to which everything is durable.
    pub committed_offset: u64,
    /// Events learnt.
    pub records: u64,
    /// Events recognised as sent before.
    pub duplicates: u64,
    /// Producers in memory.
    pub producers: u64,
    /// Producers in the store, some of which are in memory as well.
    pub producers_stored: u64,
    /// Producers that were forgotten, for want of room in the store.
    pub producers_forgotten: u64,
    /// Bytes of the log so far.
    pub logged_bytes: u64,
}
