//! Why a stream is not changed.

use crate::hub::AskError;
use crate::recovery::RecoveryError;
use crate::relearning::RelearnError;
use surmise_learner::LearnerError;
use surmise_store::StoreError;

/// Why a change was not made. Unless it says otherwise, everything is as it was.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// There is no such stream.
    #[error("no stream is called {0:?}")]
    NoStream(String),
    /// The name is in use.
    #[error("a stream is called {0:?} already; delete it first, or take another name")]
    NameTaken(String),
    /// The stream has no such checkpoint.
    #[error("{stream:?} has no checkpoint {generation}; surmise checkpoint ls lists them")]
    NoCheckpoint {
        /// The name of the stream.
        stream: String,
        /// The generation that was asked for.
        generation: u64,
    },
    /// A closed schema without fields would refuse everything.
    #[error("nothing is known of the fields of {0:?} yet, and a closed schema without fields would refuse every event")]
    ClosedWithoutFields(String),
    /// The schema would have a field that no event had.
    #[error(
        "no event of {stream:?} has a field {field:?} yet; {hint}. A field that is to come is declared with \
         \"new_fields\": true (--new-fields)"
    )]
    UnknownField {
        /// The name of the stream.
        stream: String,
        /// The field.
        field: String,
        /// The field that may be meant, or those that there are.
        hint: String,
    },
    /// None of the values of a field can be what it is to hold.
    #[error("none of the {events} events of {stream:?} that have the field {field:?} has a {kind} there")]
    NothingFits {
        /// The name of the stream.
        stream: String,
        /// The field.
        field: String,
        /// What it was to hold.
        kind: &'static str,
        /// How many events have a value there.
        events: u64,
    },
    /// No event of the stream is what is to be forgotten.
    #[error("{0:?} has no such events, so nothing is forgotten")]
    NothingToForget(String),
    /// The disk has no room for the log without what is to be forgotten; the one with it stays until it is done, and
    /// as long as it can be brought back.
    #[error(
        "the log of {stream:?} without these events takes {needed_bytes} bytes, and {free_bytes} are free for it \
         (store.disk); nothing is forgotten"
    )]
    NoRoom {
        /// The name of the stream.
        stream: String,
        /// What it would take.
        needed_bytes: u64,
        /// What is free.
        free_bytes: u64,
    },
    /// Nothing is kept that could be brought back.
    #[error("nothing of {stream:?} is kept that could be brought back{}", KeptIncarnations(known))]
    NothingKept {
        /// The name of the stream.
        stream: String,
        /// The incarnations that are kept.
        known: Vec<u32>,
    },
    /// States of keys are gone.
    #[error("the states of keys that {0:?} had then were deleted, as their time was over or the disk short of room")]
    KeysGone(String),
    /// Parts of what was kept are gone.
    #[error("of {stream:?} only {found} of {end} events can be learnt again: its log was deleted for want of room")]
    NotWhole {
        /// The name of the stream.
        stream: String,
        /// The offset up to which it can be learnt.
        found: u64,
        /// The offset where it ended.
        end: u64,
    },
    /// The stream has failed, so its state cannot be taken along.
    #[error("the stream does not learn any more, so its state cannot be kept; reset it, or restore a checkpoint")]
    Failed,
    /// The log cannot be learnt again.
    #[error(transparent)]
    Relearn(#[from] RelearnError),
    /// The learner cannot be made.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// A starting state cannot be made.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The owner of the stream does not answer.
    #[error(transparent)]
    Owner(#[from] AskError),
    /// What was learnt does not become durable.
    #[error("the log does not become durable; try again when the disk has room")]
    NotDurable,
    /// It failed inside.
    #[error("it failed inside; this is a bug")]
    Inside,
    /// It is not known whether the change is durable.
    #[error("the store failed while the change was made: {0}; the daemon stops, and its next start knows")]
    Uncertain(StoreError),
}

/// The incarnations that are kept, in words.
struct KeptIncarnations<'a>(&'a [u32]);

impl std::fmt::Display for KeptIncarnations<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            [] => Ok(()),
            known => write!(f, " as that incarnation; these are: {known:?}"),
        }
    }
}
