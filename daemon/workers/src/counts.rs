//! Counts of gradient jobs by what computed them.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of the jobs that a pool was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobCounts {
    /// Jobs in the queue now.
    pub waiting: u64,
    /// Jobs that a worker computed.
    pub by_workers: u64,
    /// Jobs that found the queue full, and that their streams' owners compute.
    pub queue_full: u64,
    /// Jobs that a worker came to after their streams' owners had computed them, as their updates were due.
    pub by_owners_first: u64,
}

/// The counts that the threads of a pool share. They are metrics: nothing is decided by them, so no order between them
/// is needed.
#[derive(Debug, Default)]
pub(crate) struct SharedJobCounts {
    by_workers: AtomicU64,
    queue_full: AtomicU64,
    by_owners_first: AtomicU64,
}

impl SharedJobCounts {
    /// Counts a job that a worker took from the queue.
    pub fn count_taken(&self, computed_by_worker: bool) {
        let count = if computed_by_worker { &self.by_workers } else { &self.by_owners_first };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a job that found the queue full.
    pub fn count_refused(&self) {
        self.queue_full.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts so far, and the number of waiting jobs.
    pub fn with_waiting(&self, waiting: usize) -> JobCounts {
        let SharedJobCounts { by_workers, queue_full, by_owners_first } = self;
        let [by_workers, queue_full, by_owners_first] =
            [by_workers, queue_full, by_owners_first].map(|count| count.load(Ordering::Relaxed));
        JobCounts { waiting: waiting as u64, by_workers, queue_full, by_owners_first }
    }
}
