//! Starting the threads that learn and write: owners, committer, checkpointer, and the workers of networks.

use crate::budget::{MemoryBudget, SENSIBLE_BYTES_MIN};
use crate::checkpoint_queue::{CheckpointQueue, checkpoint_queue};
use crate::checkpointer::Checkpointer;
use crate::clock::{SystemClock, is_wrong, now_us};
use crate::committer::{COMMIT_QUEUE_BATCHES_MAX, Committer};
use crate::directory::Directory;
use crate::disk::DiskState;
use crate::fault::Fault;
use crate::fencing::Fencing;
use crate::following::FollowerRoom;
use crate::hub::{OwnerPort, owner_of};
use crate::inbox::Inbox;
use crate::machine_memory::half_of_the_machine;
use crate::owner::{Owner, OwnerSetup};
use crate::rare_queues::RareQueues;
use crate::services::{LearningProbe, OpenPages, Services, in_own_thread};
use crate::storage::Storage;
use crate::telemetry;
use crate::undo::{Retention, Unfinished, clear_dead};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;
use surmise_config::Config;
use surmise_event::format_time;
use surmise_learner::Pages;
use surmise_store::{Store, StoreError, StreamEntry, StreamPages, free_bytes, live_streams};
use surmise_workers::{DevicePolicy, WorkerPool};
use tokio::sync::oneshot;

/// Requests that may wait for one owner.
const OWNER_REQUESTS_MAX: usize = 256;

/// The threads of a daemon, and what others reach them by.
pub struct Threads {
    /// Owners, committer and checkpointer. They end in this order.
    pub handles: Vec<JoinHandle<()>>,
    /// The ways to the owners.
    pub ports: Vec<OwnerPort>,
    /// For each owner, where it sends the number of events that it learnt again, once its streams are recovered.
    pub recoveries: Vec<oneshot::Receiver<u64>>,
    /// The queue of the checkpointer, which ends when all holders of the queue have dropped it.
    pub checkpoints: CheckpointQueue,
    /// All streams.
    pub directory: Arc<Directory>,
    /// All producers.
    pub fencing: Arc<Fencing>,
    /// What streams get from their surroundings.
    pub services: Arc<Services>,
    /// The memory budget.
    pub budget: Arc<MemoryBudget>,
    /// The worker pool, if the update of any network is delayed.
    pub workers: Option<WorkerPool>,
}

impl Threads {
    /// Starts all threads. Owners begin with the recovery of their streams.
    ///
    /// # Errors
    /// The store cannot be read, or the system gives no thread.
    pub fn start(
        config: &Config,
        devices: &Arc<DevicePolicy>,
        store: &Arc<Store>,
        fault: &Fault,
        started: Instant,
        probe: Option<LearningProbe>,
    ) -> anyhow::Result<Threads> {
        let storage: Arc<dyn Storage> = store.clone();
        store.disk.set_limit(disk_limit(config, store));
        let clock = Arc::new(SystemClock::new(started));
        warn_of_wrong_clock(now_us());
        // what a crash has cut off is cleared away before anything is recovered
        let kept_us = config.store.undo_kept.0.as_micros() as i64;
        clear_dead(&*storage, Unfinished::Cleared, Retention { now_us: now_us(), kept_us })?;
        let entries = live_streams(storage.streams()?);
        let directory = Arc::new(Directory::new(config.limits.streams, store.next_number()));
        trim_marks(config, store)?;
        let fencing = Arc::new(Fencing::default());
        let workers = start_workers(config, &entries)?;
        let job_sink = workers.as_ref().and_then(|pool| devices.job_sink(Some(pool.job_sink())));

        let (commits, batches) = crossbeam_channel::bounded(COMMIT_QUEUE_BATCHES_MAX);
        let interval = config.store.commit_interval.0;
        let disk = DiskState::default();
        let committer = Committer::new(storage.clone(), clock.clone(), fault.clone(), disk.clone(), interval, batches);
        let committer = spawn("committer".into(), move || committer.run())?;

        let (checkpoints, jobs) = checkpoint_queue();
        let trimmed_bytes = entries.iter().map(|entry| (entry.number, entry.trimmed_bytes)).collect();
        let log_bytes_max = config.store.log_bytes_max.0;
        let checkpointer = Checkpointer::new(
            storage.clone(),
            directory.clone(),
            trimmed_bytes,
            log_bytes_max,
            fault.clone(),
            disk.clone(),
            jobs,
        );
        let checkpointer = spawn("checkpointer".into(), move || checkpointer.run())?;

        // weak, so that key pages keep the store open no longer than the daemon does
        let weak = Arc::downgrade(store);
        let open_pages = move |id| Arc::new(StreamPages::new(weak.clone(), id)) as Arc<dyn Pages>;
        let pages: OpenPages = Arc::new(open_pages);
        let (pages, storage_kept) = (Some(pages), Some(storage.clone()));
        let followers = FollowerRoom::new(config.limits.watch_bytes.0 as usize);
        let services = Services {
            clock,
            workers: job_sink,
            pages,
            storage: storage_kept,
            beside: in_own_thread,
            followers,
            rare: Arc::new(RareQueues::new(config.export.sinks())),
            disk: disk.clone(),
            probe,
        };
        let services = Arc::new(services);
        let budget = memory_budget(config);
        let config = Arc::new(Config { stream_mib_max: Some(budget.stream_mib_max()), ..config.clone() });
        let (mut handles, mut ports, mut recoveries) = (Vec::new(), Vec::new(), Vec::new());
        for (number, entries) in by_owner(entries, config.owners.count()).into_iter().enumerate() {
            let (inbox, batches) = Inbox::new(config.limits.inbox_events, config.limits.inbox_bytes.0 as usize);
            let (control, requests) = crossbeam_channel::bounded(OWNER_REQUESTS_MAX);
            let setup = OwnerSetup {
                config: config.clone(),
                directory: directory.clone(),
                budget: budget.clone(),
                services: services.clone(),
                storage: storage.clone(),
                batches,
                requests,
                commits: commits.clone(),
                checkpoints: checkpoints.clone(),
            };
            let (handle, recovery) = start_owner(number, setup, entries, fault.clone())?;
            handles.push(handle);
            recoveries.push(recovery);
            ports.push(OwnerPort { inbox, control });
        }
        handles.extend([committer, checkpointer]);
        Ok(Threads { handles, ports, recoveries, checkpoints, directory, fencing, budget, services, workers })
    }
}

fn warn_of_wrong_clock(wall_us: i64) {
    if is_wrong(wall_us) {
        let shown = format_time(wall_us);
        tracing::warn!("the clock shows {shown}, which is wrong; until it is set, no time is refused as ahead of it");
    }
}

/// The memory budget: what the configuration says, or half of the machine's memory.
fn memory_budget(config: &Config) -> Arc<MemoryBudget> {
    let limit_bytes = match config.limits.memory.0 {
        0 => half_of_the_machine(),
        bytes => bytes,
    };
    let budget = Arc::new(MemoryBudget::new(limit_bytes));
    budget.look(0);
    let (limit_mib, sensible_mib, most) = (limit_bytes >> 20, SENSIBLE_BYTES_MIN >> 20, budget.stream_mib_max());
    if limit_bytes < SENSIBLE_BYTES_MIN {
        tracing::warn!("limits.memory is {limit_mib} MiB; below {sensible_mib} MiB there is little room for streams");
    }
    if config.model.memory_mib.max(config.model.keys_mib) > most {
        tracing::info!(
            "memory_mib and keys_mib of new streams are {most} at most, a sixteenth of limits.memory ({limit_mib} MiB)"
        );
    }
    budget
}

/// What the store may take on the disk: what the configuration says, or half of what it takes and what is free.
pub fn disk_limit(config: &Config, store: &Store) -> u64 {
    match config.store.disk.0 {
        0 => free_bytes(&config.store.dir).map_or(u64::MAX, |free| half_of_disk(store.disk_bytes(), free)),
        bytes => bytes,
    }
}

/// Half of what the store takes and what is free, together, so that a store that grows has the same bound at each
/// start. One that is beyond it, as others took the rest, gets a little room to go on in.
fn half_of_disk(taken: u64, free: u64) -> u64 {
    let half = taken / 2 + free / 2;
    half.max(taken.saturating_add(free.min(ROOM_BYTES) / 2))
}

/// Room that a store gets which takes more than its half of the disk, twice over.
const ROOM_BYTES: u64 = 512 << 20;

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    Builder::new().name(name).spawn(work)
}

/// Forgets the marks of producers beyond the bound, by name of the bound.
fn trim_marks(config: &Config, store: &Store) -> Result<(), StoreError> {
    let forgotten = store.log.trim_marks(config.limits.producers_stored)?;
    if forgotten > 0 {
        metrics::counter!(telemetry::PRODUCERS_FORGOTTEN).increment(forgotten as u64);
        tracing::warn!("the marks of {forgotten} producers of several streams are forgotten (limits.producers_stored)");
    }
    Ok(())
}

/// A pool of workers, if the configuration or a stream of the log delays the updates of networks.
fn start_workers(config: &Config, entries: &[StreamEntry]) -> std::io::Result<Option<WorkerPool>> {
    let is_delayed = config.any_delay() || entries.iter().any(|entry| entry.options.delay_chunks > 0);
    is_delayed.then(|| WorkerPool::start(config.learning.count())).transpose()
}

/// The streams of each of `owners` owners.
fn by_owner(entries: Vec<StreamEntry>, owners: usize) -> Vec<Vec<StreamEntry>> {
    let mut by_owner: Vec<Vec<StreamEntry>> = (0..owners).map(|_| Vec::new()).collect();
    for entry in entries {
        by_owner[owner_of(&entry.name, owners)].push(entry);
    }
    by_owner
}

fn start_owner(
    number: usize,
    setup: OwnerSetup,
    entries: Vec<StreamEntry>,
    fault: Fault,
) -> std::io::Result<(JoinHandle<()>, oneshot::Receiver<u64>)> {
    let (sender, replayed) = oneshot::channel();
    let work = move || {
        let mut owner = Owner::new(setup);
        let replayed = owner.recover(entries);
        let _ = sender.send(replayed);
        owner.run();
    };
    // streams fail alone; a panic that reaches this is a bug of the owner, and the daemon must not go on without it
    let guarded = move || {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            fault.set(format!("owner {number} of streams failed inside; this is a bug"));
        }
    };
    Ok((spawn(format!("owner-{number}"), guarded)?, replayed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_grows_has_the_same_part_of_the_disk_at_each_start() {
        let gib = 1u64 << 30;
        assert_eq!(half_of_disk(0, 100 * gib), 50 * gib);
        assert_eq!(half_of_disk(30 * gib, 70 * gib), 50 * gib);
        assert_eq!(half_of_disk(50 * gib, 50 * gib), 50 * gib + ROOM_BYTES / 2);
        assert_eq!(half_of_disk(80 * gib, 0), 80 * gib);
    }
}
