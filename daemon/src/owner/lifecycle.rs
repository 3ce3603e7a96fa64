//! The lifecycle of a stream in its owner's memory.

use crate::services::Services;
use crate::storage::Storage;
use crate::stream::StreamState;
use crate::summary::StreamSummary;
use std::sync::Arc;
use surmise_store::CheckpointMeta;

/// Where a stream is in its life. `New → Awake`, `Asleep ⇄ Awake`, and from each to `Failed`, which is the end.
pub(super) enum Lifecycle {
    /// It was made for its first events and has not learnt one. If they are all refused, the stream is dropped again.
    New(Box<StreamState>),
    /// Its state is not in memory, as nothing was asked of it since the start or memory was short. Its newest
    /// checkpoint and its log have all of it.
    Asleep(Box<Sleep>),
    /// Its state is in memory.
    Awake(Box<StreamState>),
    /// It does not learn any more. Its view says why.
    Failed,
}

/// What a stream that sleeps is known by, and recovered with.
pub(super) struct Sleep {
    pub storage: Arc<dyn Storage>,
    pub services: Arc<Services>,
    pub summary: StreamSummary,
    /// The newest checkpoint, if it covers the log.
    pub checkpoint: Option<CheckpointMeta>,
}

impl Lifecycle {
    /// The state in memory, if it is there.
    pub fn state(&self) -> Option<&StreamState> {
        match self {
            Lifecycle::New(state) | Lifecycle::Awake(state) => Some(state),
            Lifecycle::Asleep(_) | Lifecycle::Failed => None,
        }
    }

    /// The state in memory, if it is there, to be changed.
    pub fn state_mut(&mut self) -> Option<&mut StreamState> {
        match self {
            Lifecycle::New(state) | Lifecycle::Awake(state) => Some(state),
            Lifecycle::Asleep(_) | Lifecycle::Failed => None,
        }
    }

    /// Takes the sleep out of a stream that sleeps, which is `Failed` until its state is put in place.
    pub fn take_sleep(&mut self) -> Option<Box<Sleep>> {
        match std::mem::replace(self, Lifecycle::Failed) {
            Lifecycle::Asleep(sleep) => Some(sleep),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Makes a new stream one that stays.
    pub fn keep(&mut self) {
        match std::mem::replace(self, Lifecycle::Failed) {
            Lifecycle::New(state) => *self = Lifecycle::Awake(state),
            other => *self = other,
        }
    }
}
