//! The committer: it makes what all owners have learnt durable, many groups with one write and one fsync.
//!
//! [`Committer::step`] takes what has come and decides by the time that it is given; only [`Committer::run`], the loop
//! of its thread, waits.

use crate::clock::{Clock, Moment};
use crate::commit_batch::{COMMIT_BYTES_MAX, CommitBatch};
use crate::directory::StreamView;
use crate::fault::Fault;
use crate::storage::Storage;
use crate::telemetry;
use crate::ticket::{Pending, marks};
use crossbeam_channel::{Receiver, TryRecvError};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use surmise_store::StoreError;
use surmise_store::group::Group;

/// Batches that may wait for the committer; an owner with more waits.
pub const COMMIT_QUEUE_BATCHES_MAX: usize = 64;

/// What a step of the committer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitterStep {
    /// Nothing has come.
    Idle,
    /// What has come waits for more until this much time has passed.
    Gathering(Duration),
    /// What had come is committed, or given up because the daemon has a fault.
    Finished,
    /// No owner is left, and everything is committed.
    Closed,
}

/// The committer of a daemon.
pub struct Committer {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    fault: Fault,
    /// The shortest time between two commits.
    interval: Duration,
    batches: Receiver<CommitBatch>,
    gathered: CommitBatch,
    /// The uptime of the latest commit.
    committed_at: Option<Duration>,
}

impl Committer {
    /// A committer of the batches that come over a channel, at most one commit every `interval`.
    pub fn new(
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        fault: Fault,
        interval: Duration,
        batches: Receiver<CommitBatch>,
    ) -> Committer {
        Committer { storage, clock, fault, interval, batches, gathered: CommitBatch::default(), committed_at: None }
    }

    /// Commits until all owners are gone and everything is durable.
    pub fn run(mut self) {
        loop {
            let next = match self.step(self.clock.now()) {
                CommitterStep::Idle => self.batches.recv().ok(),
                CommitterStep::Gathering(wait) => self.batches.recv_timeout(wait).ok(),
                CommitterStep::Finished => None,
                CommitterStep::Closed => return,
            };
            if let Some(batch) = next {
                self.gathered.append(batch);
            }
        }
    }

    /// Takes what has come, and commits it if it is enough or has waited for long enough.
    pub fn step(&mut self, now: Moment) -> CommitterStep {
        let open = self.gather();
        let due = self.committed_at.map_or(Duration::ZERO, |at| at + self.interval);
        if self.gathered.is_empty() {
            return if open { CommitterStep::Idle } else { CommitterStep::Closed };
        }
        if open && now.uptime < due && self.gathered.bytes() < COMMIT_BYTES_MAX {
            return CommitterStep::Gathering(due - now.uptime);
        }
        self.committed_at = Some(now.uptime);
        let gathered = std::mem::take(&mut self.gathered);
        // what is dropped here is never acknowledged
        if !self.fault.is_set()
            && let Err(e) = self.commit(gathered)
        {
            self.fault.set(format!("the log cannot be written: {e}"));
        }
        CommitterStep::Finished
    }

    /// Takes batches until they are enough for one commit. Returns whether more may come.
    fn gather(&mut self) -> bool {
        let mut bytes = self.gathered.bytes();
        while bytes < COMMIT_BYTES_MAX {
            match self.batches.try_recv() {
                Ok(batch) => {
                    bytes += batch.bytes();
                    self.gathered.append(batch);
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    fn commit(&self, batch: CommitBatch) -> Result<(), StoreError> {
        let CommitBatch { entries, groups, pending } = batch;
        let marks = marks(&pending);
        if !groups.is_empty() || !entries.is_empty() || !marks.is_empty() {
            let start = self.clock.now();
            let (views, groups): (Vec<Arc<StreamView>>, Vec<Group>) = groups.into_iter().unzip();
            self.storage.commit(&entries, &groups, &marks, start.wall_us)?;
            for (view, group) in views.iter().zip(&groups) {
                view.committed.store(group.first_offset + group.span, Ordering::Release);
            }
            metrics::histogram!(telemetry::COMMIT).record(self.clock.now().since(start.uptime).as_secs_f64());
        }
        pending.into_iter().for_each(Pending::done);
        Ok(())
    }
}
