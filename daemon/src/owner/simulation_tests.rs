//! A whole life of owner, committer and checkpointer on one thread, under a clock and a store of the test's own, with
//! crashes and failing writes at moments that a seed decides. What the seed gives is the same on every run.

use super::action::Action;
use super::request::OwnerRequest;
use super::state::{Owner, OwnerSetup};
use crate::budget::MemoryBudget;
use crate::checkpoint_queue::checkpoint_queue;
use crate::checkpointer::Checkpointer;
use crate::clock::{Clock, Moment};
use crate::committer::{COMMIT_QUEUE_BATCHES_MAX, Committer};
use crate::directory::Directory;
use crate::fault::Fault;
use crate::inbox::{Batch, Inbox, InboxEvent, ReplyOptions};
use crate::producers::ProducerBounds;
use crate::services::Services;
use crate::simulated_storage::{NextWrite, SimulatedStorage};
use crate::storage::Storage;
use crate::stream::StreamState;
use crate::ticket::{ChunkCounts, Outbox};
use crossbeam_channel::Sender;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use surmise_config::Config;
use surmise_event::{Data, Datum, Limits, Record};
use surmise_fixtures::Random;
use surmise_store::StreamEntry;
use surmise_store::group::Origin;
use tokio::sync::oneshot;

/// Streams of the simulated daemon, one producer each.
const STREAMS: usize = 3;
/// Events that each producer sends.
const EVENTS: u64 = 400;
/// Events that a producer sends ahead of the acknowledgements.
const UNACKNOWLEDGED_MAX: u64 = 24;

const CONFIG: &str = "[model]\nmemory_mib = 1\nnetwork = \"small\"\n[store]\ncheckpoint_events = 40\n";

/// A clock that moves by one microsecond when it is read, and further when the test says so.
#[derive(Default)]
struct SimulatedClock(AtomicU64);

impl SimulatedClock {
    fn advance(&self, time: Duration) {
        self.0.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Moment {
        let micros = self.0.fetch_add(1, Ordering::Relaxed);
        Moment { uptime: Duration::from_micros(micros), wall_us: 1_700_000_000_000_000 + micros as i64 }
    }
}

/// What ends in a crash.
struct Process {
    owner: Owner,
    committer: Committer,
    checkpointer: Checkpointer,
    inbox: Inbox,
    requests: Sender<OwnerRequest>,
    fault: Fault,
}

/// What a producer knows: it outlives crashes of the daemon.
struct SimulatedProducer {
    name: Arc<str>,
    outbox: Arc<Outbox>,
    acknowledged: u64,
    sent: u64,
}

/// What outlives a crash.
struct World {
    config: Arc<Config>,
    clock: Arc<SimulatedClock>,
    storage: Arc<SimulatedStorage>,
    producers: Vec<SimulatedProducer>,
    crashes: u64,
}

fn record(stream: usize, seq: u64) -> Record {
    let text = ["a", "b", "c", "bc"][(seq * seq + stream as u64) as usize % 4];
    Record { data: Data::One(Datum::Text(text.into())), ..Record::default() }
}

fn stream_name(stream: usize) -> Arc<str> {
    format!("s{stream}").into()
}

impl World {
    fn new() -> World {
        let producer = |stream| SimulatedProducer {
            name: format!("p{stream}").into(),
            outbox: Arc::default(),
            acknowledged: 0,
            sent: 0,
        };
        World {
            config: Arc::new(Config::from_toml(CONFIG).unwrap()),
            clock: Arc::default(),
            storage: Arc::default(),
            producers: (0..STREAMS).map(producer).collect(),
            crashes: 0,
        }
    }

    fn services(&self) -> Arc<Services> {
        Arc::new(Services { clock: self.clock.clone(), ..(*Services::of(None)).clone() })
    }

    /// Starts the daemon on what the store holds.
    fn start(&self) -> Process {
        let storage: Arc<dyn Storage> = self.storage.clone();
        let entries = storage.streams().unwrap();
        let next_number = entries.iter().map(|entry| entry.number + 1).max().unwrap_or(0);
        let directory = Arc::new(Directory::new(STREAMS, next_number));
        let fault = Fault::default();
        let (commits, batches) = crossbeam_channel::bounded(COMMIT_QUEUE_BATCHES_MAX);
        let interval = Duration::from_millis(1);
        let committer = Committer::new(storage.clone(), self.clock.clone(), fault.clone(), interval, batches);
        let (checkpoints, jobs) = checkpoint_queue();
        let trimmed = BTreeMap::new();
        let checkpointer =
            Checkpointer::new(storage.clone(), directory.clone(), trimmed, u64::MAX, fault.clone(), jobs);
        let (inbox, batches) = Inbox::new(1000, 1 << 20);
        let (requests, received) = crossbeam_channel::bounded(16);
        let mut owner = Owner::new(OwnerSetup {
            config: self.config.clone(),
            directory,
            budget: Arc::new(MemoryBudget::new(u64::MAX)),
            services: self.services(),
            storage: storage.clone(),
            batches,
            requests: received,
            commits,
            checkpoints,
        });
        owner.recover(entries);
        Process { owner, committer, checkpointer, inbox, requests, fault }
    }

    /// Ends the daemon without any notice and starts it again. Producers send again what was not acknowledged.
    fn crash(&mut self, process: Process) -> Process {
        drop(process);
        self.storage.set_next_write(NextWrite::Succeeds);
        self.crashes += 1;
        for producer in &mut self.producers {
            producer.outbox = Arc::default();
            producer.sent = producer.acknowledged;
        }
        self.start()
    }

    /// A producer sends some of its next events, if it may.
    fn send(&mut self, process: &Process, stream: usize, at_most: u64) {
        let producer = &mut self.producers[stream];
        let last = EVENTS.min(producer.acknowledged + UNACKNOWLEDGED_MAX).min(producer.sent + at_most);
        let events = (producer.sent + 1..=last).map(|seq| InboxEvent {
            record: record(stream, seq),
            origin: Some(Origin { producer: producer.name.clone(), epoch: 1, seq, safe: Some(seq) }),
            seq: Some(seq),
            line: seq,
            bytes: 10,
        });
        let items: Vec<InboxEvent> = events.collect();
        if items.is_empty() {
            return;
        }
        producer.sent = last;
        let pending = producer.outbox.ticket(items.len(), 1, ChunkCounts::default()).pop().unwrap();
        let batch = Batch { stream: stream_name(stream), items, answers: ReplyOptions::default(), pending };
        futures::executor::block_on(process.inbox.send(batch)).unwrap();
    }

    /// Producers read their acknowledgements.
    fn read_acknowledgements(&mut self) {
        for producer in &mut self.producers {
            let drained = producer.outbox.drain();
            assert_eq!(drained.counts.rejected, 0);
            if let Some(high) = drained.counts.high.filter(|_| !drained.failed) {
                assert!(high <= producer.sent, "only what was sent is acknowledged");
                producer.acknowledged = producer.acknowledged.max(high);
            }
        }
    }

    fn is_finished(&self) -> bool {
        self.producers.iter().all(|producer| producer.acknowledged == EVENTS)
    }

    /// The hash of a stream that learnt all its events without any interruption.
    fn uninterrupted_hash(&self, entry: &StreamEntry, stream: usize) -> String {
        let mut state = StreamState::new(entry.clone(), ProducerBounds::FEW, &self.services()).unwrap();
        for seq in 1..=EVENTS {
            assert!(state.apply(&record(stream, seq), None, &Limits::default(), |_| {}).is_ok());
        }
        state.learner.state_hash()
    }

    /// The numbers of the events in a stream's log, in order.
    fn logged_seqs(&self, entry: &StreamEntry) -> Vec<u64> {
        let groups = self.storage.log_tail(entry.number, 0).map(|group| group.unwrap().0);
        groups.flat_map(|group| group.records).map(|logged| logged.origin.unwrap().seq).collect()
    }
}

impl Process {
    /// Lets the owner do what it selects; when it would wait, time passes instead.
    fn step_owner(&mut self, clock: &SimulatedClock) {
        let now = clock.now();
        match self.owner.next_action(now) {
            Action::Wait(longest) => clock.advance(longest.min(Duration::from_millis(5))),
            Action::Stop => panic!("nothing asks the owner to stop"),
            action => self.owner.apply(action, now),
        }
    }

    fn step_committer(&mut self, clock: &SimulatedClock) {
        self.committer.step(clock.now());
    }

    /// Asks a question and steps the owner until it is answered.
    fn ask<T>(&mut self, clock: &SimulatedClock, question: impl FnOnce(oneshot::Sender<T>) -> OwnerRequest) -> T {
        let (reply, mut answer) = oneshot::channel();
        self.requests.send(question(reply)).unwrap();
        loop {
            self.step_owner(clock);
            if let Ok(answer) = answer.try_recv() {
                return answer;
            }
        }
    }
}

/// What happened in one world.
#[derive(Debug, Default, PartialEq)]
struct Happened {
    steps: u64,
    crashes: u64,
    failed_writes: u64,
    checkpoints: u64,
}

/// Runs one world until every event is acknowledged, and holds it against an uninterrupted one.
fn simulate(seed: u64) -> Happened {
    let mut random = Random::new(seed);
    let mut world = World::new();
    let mut process = world.start();
    let mut steps = 0;
    while !world.is_finished() {
        steps += 1;
        assert!(steps < 200_000, "the world makes no progress");
        match random.below(3000) {
            0..=599 => world.send(&process, random.below(STREAMS as u64) as usize, 1 + random.below(7)),
            600..=1799 => (0..=random.below(4)).for_each(|_| process.step_owner(&world.clock)),
            1800..=2399 => process.step_committer(&world.clock),
            2400..=2699 => drop(process.checkpointer.step()),
            2700..=2969 => world.read_acknowledgements(),
            2970..=2984 => {
                let (reply, _) = oneshot::channel();
                let _ = process.requests.try_send(OwnerRequest::Checkpoint { stream: None, reply });
            }
            2985..=2992 => {
                let (reply, _) = oneshot::channel();
                let stream = stream_name(random.below(STREAMS as u64) as usize);
                let _ = process.requests.try_send(OwnerRequest::Publish { stream, reply });
            }
            2993..=2995 => world.storage.set_next_write(NextWrite::Fails),
            2996..=2997 => world.storage.set_next_write(NextWrite::FailsAfterwards),
            _ => process = world.crash(process),
        }
        // a daemon that cannot write its log ends
        if process.fault.is_set() {
            process = world.crash(process);
        }
    }
    // crash once more: what was acknowledged must be in the store
    process = world.crash(process);
    for entry in world.storage.streams().unwrap() {
        let stream: usize = entry.name[1..].parse().unwrap();
        let name = stream_name(stream);
        let answer = process.ask(&world.clock, |reply| OwnerRequest::Hash { stream: name, reply });
        assert_eq!(answer, Some((EVENTS, world.uninterrupted_hash(&entry, stream))), "{} with seed {seed}", entry.name);
        assert_eq!(world.logged_seqs(&entry), (1..=EVENTS).collect::<Vec<u64>>(), "each event is learnt exactly once");
    }
    let (failed_writes, checkpoints) = (world.storage.failed_writes(), world.storage.checkpoints_written());
    Happened { steps, crashes: world.crashes, failed_writes, checkpoints }
}

#[test]
fn whatever_crashes_or_fails_every_acknowledged_event_is_learnt_exactly_once() {
    let worlds: Vec<Happened> = (0..8).map(simulate).collect();
    // all that may happen did happen
    assert!(worlds.iter().all(|world| world.steps > 500 && world.crashes > 0), "{worlds:?}");
    assert!(worlds.iter().map(|world| world.failed_writes).sum::<u64>() > 3, "{worlds:?}");
    assert!(worlds.iter().map(|world| world.checkpoints).sum::<u64>() > 3, "{worlds:?}");
}

#[test]
fn the_same_seed_gives_the_same_life() {
    assert_eq!(simulate(100), simulate(100));
}
