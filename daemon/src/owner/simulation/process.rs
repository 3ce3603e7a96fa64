//! The part of a simulated world that ends in a crash: owners, committer, checkpointer and connections.

use super::super::action::Action;
use super::super::request::OwnerRequest;
use super::super::state::{Owner, OwnerSetup};
use crate::budget::MemoryBudget;
use crate::checkpoint_queue::checkpoint_queue;
use crate::checkpointer::{Checkpointer, CheckpointerStep};
use crate::clock::{Clock, Moment};
use crate::committer::{COMMIT_QUEUE_BATCHES_MAX, Committer, CommitterStep};
use crate::directory::Directory;
use crate::disk::DiskState;
use crate::fault::Fault;
use crate::fencing::Fencing;
use crate::hub::owner_of;
use crate::inbox::{Batch, Inbox};
use crate::services::Services;
use crate::simulated_storage::SimulatedStorage;
use crate::storage::Storage;
use crate::undo::{Retention, Unfinished, clear_dead};
use crossbeam_channel::Sender;
use futures::FutureExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use surmise_config::Config;
use surmise_store::{COMMIT_BYTES_MAX, live_streams};
use tokio::sync::oneshot;

/// A clock that moves by one microsecond when it is read, and further when the world says so.
#[derive(Default)]
pub struct SimulatedClock(AtomicU64);

impl SimulatedClock {
    pub fn advance(&self, time: Duration) {
        self.0.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }

    pub fn elapsed(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Moment {
        let micros = self.0.fetch_add(1, Ordering::Relaxed);
        Moment { uptime: Duration::from_micros(micros), wall_us: 1_700_000_000_000_000 + micros as i64 }
    }
}

/// How much an inbox holds.
#[derive(Clone, Copy, Debug)]
pub struct InboxSize {
    pub events: usize,
    pub bytes: usize,
}

impl InboxSize {
    /// Room for all that a world sends.
    pub const WIDE: InboxSize = InboxSize { events: 1000, bytes: 1 << 20 };
    /// Room for one or two batches, so that most wait.
    pub const NARROW: InboxSize = InboxSize { events: 8, bytes: 640 };
}

/// Bytes of outcomes that followers may leave unread.
pub const UNREAD_BYTES_MAX: usize = 1 << 14;

/// An owner, and the ways to it.
pub struct OwnerSeat {
    pub owner: Owner,
    pub inbox: Inbox,
    pub requests: Sender<OwnerRequest>,
}

/// A daemon without sockets, driven step by step.
pub struct Process {
    pub seats: Vec<OwnerSeat>,
    inbox_size: InboxSize,
    committer: Committer,
    checkpointer: Checkpointer,
    pub directory: Arc<Directory>,
    pub fencing: Arc<Fencing>,
    pub fault: Fault,
    pub disk: DiskState,
    /// What streams get from their surroundings in this life of the daemon.
    pub services: Arc<Services>,
}

impl Process {
    /// Starts a daemon on what the store holds, as `threads` does.
    pub fn start(
        config: &Arc<Config>,
        storage: &Arc<SimulatedStorage>,
        clock: &Arc<SimulatedClock>,
        services: &Arc<Services>,
        (owners, inbox_size): (usize, InboxSize),
        retention: Retention,
    ) -> Process {
        let dynamic: Arc<dyn Storage> = storage.clone();
        let _ = clear_dead(&*dynamic, Unfinished::Cleared, retention);
        let entries = storage.streams().unwrap();
        let next_number = entries.iter().map(|entry| entry.number + 1).max().unwrap_or(0);
        let entries = live_streams(entries);
        let directory = Arc::new(Directory::new(config.limits.streams, next_number));
        let fencing = Arc::new(Fencing::default());
        let fault = Fault::default();
        let (commits, batches) = crossbeam_channel::bounded(COMMIT_QUEUE_BATCHES_MAX);
        let interval = config.store.commit_interval.0;
        let disk = DiskState::default();
        let services = Arc::new(Services { disk: disk.clone(), ..(**services).clone() });
        let committer = Committer::new(dynamic.clone(), clock.clone(), fault.clone(), disk.clone(), interval, batches);
        let (checkpoints, jobs) = checkpoint_queue();
        let trimmed: BTreeMap<u32, u64> = entries.iter().map(|entry| (entry.number, entry.trimmed_bytes)).collect();
        let bytes_max = config.store.log_bytes_max.0;
        let checkpointer = Checkpointer::new(
            dynamic.clone(),
            directory.clone(),
            trimmed,
            bytes_max,
            fault.clone(),
            disk.clone(),
            jobs,
        );
        let seat = |number: usize| {
            let (inbox, batches) = Inbox::new(inbox_size.events, inbox_size.bytes);
            let (requests, received) = crossbeam_channel::bounded(16);
            let mut owner = Owner::new(OwnerSetup {
                config: config.clone(),
                budget: Arc::new(MemoryBudget::new(u64::MAX)),
                directory: directory.clone(),
                services: services.clone(),
                storage: dynamic.clone(),
                batches,
                requests: received,
                commits: commits.clone(),
                checkpoints: checkpoints.clone(),
            });
            owner.recover(entries.iter().filter(|entry| owner_of(&entry.name, owners) == number).cloned().collect());
            OwnerSeat { owner, inbox, requests }
        };
        let seats = (0..owners).map(seat).collect();
        Process { seats, inbox_size, committer, checkpointer, directory, fencing, fault, disk, services }
    }

    /// The owner of a stream.
    pub fn seat(&mut self, stream: &str) -> &mut OwnerSeat {
        let owners = self.seats.len();
        &mut self.seats[owner_of(stream, owners)]
    }

    /// Puts a batch into the inbox of its owner, where it may have to wait for room. Returns whether it does.
    pub fn deliver(&mut self, batch: Batch) -> bool {
        let entered = self.seat(&batch.stream.clone()).inbox.send(batch).now_or_never();
        entered.map(|entered| entered.expect("nothing closes an inbox")).is_none()
    }

    /// Lets an owner do what it selects; when it would wait, a part of that time passes instead.
    pub fn step_owner(&mut self, number: usize, clock: &SimulatedClock) {
        let owner = &mut self.seats[number].owner;
        let now = clock.now();
        match owner.next_action(now) {
            Action::Wait(longest) => clock.advance(longest.min(Duration::from_millis(5))),
            Action::Stop => panic!("nothing asks the owner to stop"),
            action => owner.apply(action, now),
        }
        self.check_bounds(number);
    }

    pub fn step_committer(&mut self, clock: &SimulatedClock) -> CommitterStep {
        self.committer.step(clock.now())
    }

    pub fn step_checkpointer(&mut self) -> CheckpointerStep {
        self.checkpointer.step()
    }

    /// What an owner holds is within its bounds, whatever happens.
    fn check_bounds(&self, number: usize) {
        let OwnerSeat { owner, inbox, .. } = &self.seats[number];
        let (events, bytes) = inbox.taken();
        let InboxSize { events: events_max, bytes: bytes_max } = self.inbox_size;
        assert!(events <= events_max && bytes <= bytes_max, "{events} events and {bytes} bytes in an inbox");
        assert!(self.services.followers.taken() <= UNREAD_BYTES_MAX, "outcomes that followers have not read");
        let streams = owner.streams.len();
        assert!(owner.commit_batch.bytes() < COMMIT_BYTES_MAX + (1 << 20), "the batch for the committer");
        assert!(owner.unsent_checkpoints.len() <= 2, "complete copies that wait");
        for (what, list) in [("changed", &owner.changed), ("copying", &owner.copying), ("watched", &owner.watched)] {
            assert!(list.len() <= streams, "{what} lists a stream twice: {list:?}");
        }
        for stream in owner.streams.values() {
            let committed = stream.view.committed.load(Ordering::Acquire);
            assert!(committed <= stream.view.offset.load(Ordering::Relaxed) || stream.view.failed.load().is_some());
        }
    }

    /// Asks a question and steps the owner until it is answered; `None` if there is no such stream.
    pub fn ask<T>(
        &mut self,
        stream: &str,
        clock: &SimulatedClock,
        question: impl FnOnce(oneshot::Sender<T>) -> OwnerRequest,
    ) -> T {
        let (reply, mut answer) = oneshot::channel();
        let number = owner_of(stream, self.seats.len());
        while self.seats[number].requests.is_full() {
            self.step_owner(number, clock);
        }
        self.seats[number].requests.send(question(reply)).unwrap();
        for _ in 0..100_000 {
            self.step_owner(number, clock);
            self.step_committer(clock);
            self.step_checkpointer();
            if let Ok(answer) = answer.try_recv() {
                return answer;
            }
        }
        panic!("a question about {stream} is not answered");
    }

    /// Makes sure that the registry knows of a producer what its home stream and the log know, as the hub does. Returns
    /// whether that is so: what the stream knows may not become durable.
    pub fn look_up(
        &mut self,
        producer: &Arc<str>,
        home: &Arc<str>,
        storage: &SimulatedStorage,
        clock: &SimulatedClock,
    ) -> bool {
        if self.fencing.has_asked(producer, home) {
            return true;
        }
        if let Some(mark) = storage.mark(producer) {
            self.fencing.record_durable(producer, mark.epoch, Some(mark.seq));
        }
        let question = |reply| OwnerRequest::Producer { stream: home.clone(), producer: producer.clone(), reply };
        let answer = self.ask(home, clock, question);
        if let Some(known) = answer.and_then(|answer| answer.known) {
            let view = self.directory.get(home).expect("a stream that knows a producer is listed");
            if view.committed.load(Ordering::Acquire) <= known.last_offset {
                return false;
            }
            self.fencing.record_durable(producer, known.epoch, known.safe);
        }
        self.fencing.record_asked(producer, home);
        true
    }

    /// Stops as an orderly shutdown does: owners learn and send what they have, then committer and checkpointer finish.
    pub fn stop(mut self, clock: &SimulatedClock) {
        for OwnerSeat { owner, inbox, requests } in std::mem::take(&mut self.seats) {
            inbox.close();
            // threads would wait for room in the queues; here the queues are emptied first
            while self.step_committer(clock) != CommitterStep::Idle {
                clock.advance(Duration::from_millis(1));
            }
            while self.step_checkpointer() == CheckpointerStep::Finished {}
            owner.stop();
            drop(requests);
            while !matches!(self.step_committer(clock), CommitterStep::Idle | CommitterStep::Closed) {
                clock.advance(Duration::from_millis(1));
            }
            while self.step_checkpointer() == CheckpointerStep::Finished {}
        }
    }
}
