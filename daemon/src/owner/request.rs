//! What an owner can be asked, and the answers that are more than one value.

use super::learner_copies::HashReply;
use super::owned_stream::OwnedStream;
use crate::checkpoint::CheckpointFailure;
use crate::directory::Snapshot;
use crate::storage::Storage;
use serde::Serialize;
use std::sync::Arc;
use surmise_protocol::StreamStatus;
use surmise_store::{CheckpointMeta, Producer, StreamEntry};
use tokio::sync::oneshot;

/// A request to an owner. Each is answered over its `reply`; `None` answers that there is no such stream, or that it
/// has failed.
pub enum OwnerRequest {
    /// Asks for the state of a stream.
    Status {
        /// The name of the stream.
        stream: Arc<str>,
        /// Where the answer is sent.
        reply: oneshot::Sender<Option<StatusAnswer>>,
    },
    /// Asks for the hash of a stream's learner, with the offset that it is of. It is worked out from a copy, away from
    /// the owner's thread.
    Hash {
        /// The name of the stream.
        stream: Arc<str>,
        /// Where the answer is sent.
        reply: HashReply,
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
    /// Takes a stream out, so that it can be replaced; from now on what comes under its name waits. `None` answers that
    /// there is no such stream, whose name is held all the same.
    Hold {
        /// The name of the stream.
        stream: Arc<str>,
        /// Where the stream is sent. If nobody takes it there, it goes on as before.
        reply: oneshot::Sender<Option<Box<OwnedStream>>>,
    },
    /// Puts a stream in the place of one that was held, and learns what waited.
    GiveBack {
        /// The name of the stream.
        stream: Arc<str>,
        /// What comes back.
        returned: Returned,
        /// Where it is noted that it is there.
        reply: oneshot::Sender<()>,
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

/// What comes back under a name that is held.
pub enum Returned {
    /// The stream as it was.
    AsItWas(Box<OwnedStream>),
    /// Another stream, out of the store.
    Stored(Box<StreamEntry>, Arc<dyn Storage>),
    /// No stream.
    Nothing,
}

/// A checkpoint under way: the name of its stream, and where its result arrives.
pub type PendingCheckpoint = (Arc<str>, oneshot::Receiver<Result<CheckpointMeta, CheckpointFailure>>);

/// What a stream knows of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownProducer {
    /// How far its events are learnt, if any is known.
    pub known: Option<Producer>,
    /// The offset of its latest event, if that may not be durable yet.
    pub learnt_at: Option<u64>,
    /// How many producers the stream has forgotten.
    pub forgotten: u64,
}

/// The status of a stream: what the protocol promises, and what only the daemon knows.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct StatusAnswer {
    /// What the protocol promises.
    #[serde(flatten)]
    pub status: StreamStatus,
    /// Which incarnation of the name it is.
    pub incarnation: u32,
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
