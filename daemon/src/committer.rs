//! The committer: it makes what all owners have learnt durable, many groups with one write and one fsync.
//!
//! [`Committer::step`] takes what has come and decides by the time that it is given; only [`Committer::run`], the loop
//! of its thread, waits.

use crate::clock::{Clock, Moment};
use crate::commit_batch::CommitBatch;
use crate::directory::StreamView;
use crate::disk::{DiskState, RoomSearch};
use crate::fault::Fault;
use crate::storage::Storage;
use crate::telemetry;
use crate::ticket::{Pending, marks};
use crossbeam_channel::{Receiver, TryRecvError};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use surmise_store::group::Group;
use surmise_store::{COMMIT_BYTES_MAX, StoreError};

/// Batches that may wait for the committer; an owner with more waits.
pub const COMMIT_QUEUE_BATCHES_MAX: usize = 64;

/// The time between two attempts while the disk has no room.
const ROOM_POLL_INTERVAL: Duration = Duration::from_millis(100);

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
    disk: DiskState,
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
        disk: DiskState,
        interval: Duration,
        batches: Receiver<CommitBatch>,
    ) -> Committer {
        let (gathered, committed_at) = (CommitBatch::default(), None);
        Committer { storage, clock, fault, disk, interval, batches, gathered, committed_at }
    }

    /// Commits until all owners are gone and everything is durable.
    pub fn run(mut self) {
        loop {
            let next = match self.step(self.clock.now()) {
                CommitterStep::Idle => self.batches.recv().ok(),
                CommitterStep::Gathering(wait) if self.gathered.bytes() >= COMMIT_BYTES_MAX => {
                    std::thread::sleep(wait);
                    None
                }
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
        // what there was no room for is tried again later, however much it is
        let (interval, enough) = match self.disk.search() {
            RoomSearch::None => (self.interval, COMMIT_BYTES_MAX),
            RoomSearch::Asked | RoomSearch::Done => (ROOM_POLL_INTERVAL, usize::MAX),
        };
        let due = self.committed_at.map_or(Duration::ZERO, |at| at + interval);
        if self.gathered.is_empty() {
            return if open { CommitterStep::Idle } else { CommitterStep::Closed };
        }
        if open && now.uptime < due && self.gathered.bytes() < enough {
            return CommitterStep::Gathering(due - now.uptime);
        }
        self.committed_at = Some(now.uptime);
        let mut gathered = std::mem::take(&mut self.gathered);
        // what is dropped here is never acknowledged
        if self.fault.is_set() {
            return CommitterStep::Finished;
        }
        // before the attempt: what the search gave back must have been there for it
        let search = self.disk.search();
        match self.commit(&mut gathered) {
            Ok(()) => {
                self.disk.set_room();
                gathered.pending.into_iter().for_each(Pending::done);
            }
            Err(e) if e.is_no_room() && open && !self.disk.is_given_up() => {
                match search {
                    RoomSearch::None | RoomSearch::Asked => self.disk.ask_for_room(),
                    RoomSearch::Done => self.disk.set_full(&e.to_string()),
                }
                self.gathered = gathered;
                return CommitterStep::Gathering(ROOM_POLL_INTERVAL);
            }
            Err(e) => self.fault.set(format!("the log cannot be written: {e}")),
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

    /// Makes a batch durable. One that there is no room for is as it was.
    fn commit(&self, batch: &mut CommitBatch) -> Result<(), StoreError> {
        let marks = marks(&batch.pending);
        if batch.groups.is_empty() && batch.entries.is_empty() && marks.is_empty() {
            return Ok(());
        }
        let start = self.clock.now();
        let (views, groups): (Vec<Arc<StreamView>>, Vec<Group>) = std::mem::take(&mut batch.groups).into_iter().unzip();
        if let Err(e) = self.storage.commit(&batch.entries, &groups, &marks, start.wall_us) {
            batch.groups = views.into_iter().zip(groups).collect();
            return Err(e);
        }
        for (view, group) in views.iter().zip(&groups) {
            view.committed.store(group.first_offset + group.span, Ordering::Release);
        }
        metrics::histogram!(telemetry::COMMIT).record(self.clock.now().since(start.uptime).as_secs_f64());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::simulated_storage::SimulatedStorage;
    use surmise_store::StreamEntry;

    #[test]
    fn the_disk_is_full_only_after_room_was_searched_for_in_vain() {
        let storage = Arc::new(SimulatedStorage::default());
        let (disk, clock) = (DiskState::default(), Arc::new(SystemClock::new(std::time::Instant::now())));
        let (commits, batches) = crossbeam_channel::bounded(4);
        let fault = Fault::default();
        let mut committer =
            Committer::new(storage.clone(), clock, fault.clone(), disk.clone(), Duration::from_millis(1), batches);
        let mut uptime = Duration::ZERO;
        let mut step = || {
            uptime += Duration::from_secs(1);
            committer.step(Moment { uptime, wall_us: 0 })
        };
        storage.set_full(true);
        let (schema, options) = (surmise_event::Schema::default(), surmise_learner::Options::default());
        let entry = StreamEntry::new(1, "s", "", schema, options, 1);
        commits.send(CommitBatch { entries: vec![entry], ..CommitBatch::default() }).unwrap();
        for _ in 0..3 {
            assert_eq!(step(), CommitterStep::Gathering(ROOM_POLL_INTERVAL));
            assert!(disk.search() == RoomSearch::Asked && !disk.is_full(), "it waits for the search");
        }
        disk.set_searched();
        assert_eq!(step(), CommitterStep::Gathering(ROOM_POLL_INTERVAL));
        assert!(disk.is_full());
        storage.set_full(false);
        assert_eq!(step(), CommitterStep::Finished);
        assert!(!disk.is_full() && disk.search() == RoomSearch::None && !fault.is_set());
        assert_eq!(storage.streams().unwrap().len(), 1);
    }
}
