//! What an owner sends to the committer: new streams, commit groups, and the parts of chunks that wait for them.

use crate::directory::StreamView;
use crate::ticket::Pending;
use std::sync::Arc;
use surmise_store::group::Group;
use surmise_store::{COMMIT_BYTES_MAX, StreamEntry};

/// Parts of chunks that may wait in one batch before its owner waits for the committer.
const COMMIT_PARTS_MAX: usize = 4096;

/// What is made durable together.
#[derive(Default)]
pub struct CommitBatch {
    /// Streams that are new.
    pub entries: Vec<StreamEntry>,
    /// Groups of events that were learnt, each with the view of its stream, in the order of learning.
    pub groups: Vec<(Arc<StreamView>, Group)>,
    /// Parts of chunks whose events are all in these groups or in earlier ones.
    pub pending: Vec<Pending>,
}

impl CommitBatch {
    /// Bytes of the groups.
    pub fn bytes(&self) -> usize {
        self.groups.iter().map(|(_, group)| group.bytes.len()).sum()
    }

    /// Whether there is nothing to be made durable, and no chunk that waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.groups.is_empty() && self.pending.is_empty()
    }

    /// Whether the batch is so large that its owner should wait for the committer instead of adding to it.
    pub fn is_full(&self) -> bool {
        self.pending.len() >= COMMIT_PARTS_MAX || self.bytes() >= COMMIT_BYTES_MAX
    }

    /// Appends what was learnt after this batch.
    pub fn append(&mut self, later: CommitBatch) {
        self.entries.extend(later.entries);
        self.groups.extend(later.groups);
        self.pending.extend(later.pending);
    }
}
