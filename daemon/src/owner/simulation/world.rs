//! A world: what outlives the daemon, and what a seed lets happen to it.

use super::checks::{SeenStates, check_events, learn_again};
use super::happened::Happened;
use super::lineage::{Lineage, log_end};
use super::operation::Operation;
use super::process::{InboxSize, Process, SimulatedClock, UNREAD_BYTES_MAX};
use super::producer::SimulatedProducer;
use super::reader::SimulatedFollower;
use crate::disk::DiskState;
use crate::following::FollowerRoom;
use crate::inbox::Batch;
use crate::owner::request::OwnerRequest;
use crate::rare_queues::RareQueues;
use crate::services::{LearningProbe, Services};
use crate::simulated_storage::{NextWrite, PlantedBug, SimulatedStorage};
use crate::storage::Storage;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use surmise_config::Config;
use surmise_event::Record;
use surmise_fixtures::Random;
use surmise_store::live_streams;

/// A world between two steps.
pub struct World {
    pub random: Random,
    /// What operators do is picked by itself, so that worlds without operators stay as they are.
    pub operator: Random,
    pub config: Arc<Config>,
    pub clock: Arc<SimulatedClock>,
    pub storage: Arc<SimulatedStorage>,
    services: Arc<Services>,
    quarantined: Arc<AtomicU64>,
    panics: Arc<AtomicBool>,
    owners: usize,
    inboxes: InboxSize,
    pub streams: Vec<Arc<str>>,
    producers: Vec<SimulatedProducer>,
    /// Batches of connections that ended: the network or a reader still had them.
    late: Vec<Batch>,
    pub followers: Vec<SimulatedFollower>,
    pub seen: SeenStates,
    /// Streams that could not be brought back for a while.
    failed: BTreeSet<Arc<str>>,
    unreadable: bool,
    /// The change that an operator makes.
    pub operation: Option<Operation>,
    pub lineage: Lineage,
    /// How long what was replaced is kept, in microseconds.
    pub kept_us: i64,
    pub happened: Happened,
    is_traced: bool,
}

/// The configuration of a world.
fn config(random: &mut Random) -> Arc<Config> {
    let mut pick = |n| random.below(n);
    let network = if pick(12) == 0 { "small" } else { "off" };
    let delay = if pick(2) == 0 { 0 } else { 2 };
    let keys = if pick(2) == 0 { 3 } else { 1000 };
    let log_bytes = if pick(3) == 0 { "2KiB" } else { "1GiB" };
    let producers_kept = 1 + pick(3);
    let (checkpoint_events, group_bytes) = (5 + pick(60), ["1KiB", "1MiB"][pick(2) as usize]);
    let text = format!(
        "[model]\nmemory_mib = 1\nnetwork = \"{network}\"\nkeys = {keys}\n[learning]\ndelay_chunks = {delay}\n[limits]\nproducers = {producers_kept}\n\
         [store]\ncheckpoint_events = {checkpoint_events}\nlog_bytes_max = \"{log_bytes}\"\ngroup_bytes_max = \"{group_bytes}\"\n"
    );
    Arc::new(Config::from_toml(&text).unwrap())
}

/// What panics inside when an event is poison, and counts that.
fn poisoned(count: Arc<AtomicU64>, on: Arc<AtomicBool>) -> LearningProbe {
    Arc::new(move |record: &Record| {
        if on.load(Ordering::Relaxed) && format!("{:?}", record.data).contains(super::POISON) {
            count.fetch_add(1, Ordering::Relaxed);
            // no message, as there are many
            std::panic::resume_unwind(Box::new("a bug inside"));
        }
    })
}

impl World {
    fn new(seed: u64, inboxes: InboxSize, planted: Option<PlantedBug>) -> World {
        let (mut random, mut operator) = (Random::new(seed), Random::new(seed ^ 0x6f70_6572_6174_6f72));
        let config = config(&mut random);
        let mut pick = |n| random.below(n);
        let (owners, events) = (1 + pick(3) as usize, 20 + pick(60));
        let streams: Vec<Arc<str>> = (0..1 + pick(3)).map(|stream| format!("s{stream}").into()).collect();
        let producers = (0..1 + pick(3)).map(|number| {
            let (first, several) = (pick(streams.len() as u64) as usize, pick(2) == 0);
            let streams = if several { streams.clone() } else { vec![streams[first].clone()] };
            SimulatedProducer::new(number, streams, events)
        });
        let producers = producers.collect();
        let (clock, storage) = (Arc::<SimulatedClock>::default(), Arc::new(SimulatedStorage::with_bug(planted)));
        let (quarantined, panics) = (Arc::<AtomicU64>::default(), Arc::new(AtomicBool::new(true)));
        let probe = poisoned(quarantined.clone(), panics.clone());
        let pages = storage.pages();
        let services = Services {
            clock: clock.clone(),
            workers: None,
            pages: Some(Arc::new(move |stream| pages.of_stream(stream.number))),
            storage: Some(storage.clone()),
            // the order of everything is the seed's, so nothing happens at the same time
            beside: |work| {
                work();
                Ok(())
            },
            followers: FollowerRoom::new(UNREAD_BYTES_MAX),
            rare: Arc::new(RareQueues::new(Vec::new())),
            disk: DiskState::default(),
            probe: Some(probe),
        };
        World {
            random,
            config,
            clock,
            storage,
            services: Arc::new(services),
            quarantined,
            panics,
            owners,
            inboxes,
            streams,
            producers,
            late: Vec::new(),
            followers: Vec::new(),
            seen: SeenStates::default(),
            failed: BTreeSet::new(),
            unreadable: false,
            operation: None,
            lineage: Lineage::default(),
            kept_us: [0, 60_000_000, i64::MAX][operator.below(3) as usize],
            operator,
            happened: Happened::default(),
            is_traced: std::env::var_os("SURMISE_TRACE").is_some(),
        }
    }

    pub fn pick(&mut self, n: usize) -> usize {
        self.random.below(n as u64) as usize
    }

    /// Prints what happens, if `SURMISE_TRACE` asks for it.
    pub fn tell(&self, what: std::fmt::Arguments<'_>) {
        if self.is_traced {
            eprintln!("step {}: {what}", self.happened.steps);
        }
    }

    fn start(&mut self) -> Process {
        self.storage.end_process();
        let owners = (self.owners, self.inboxes);
        let process =
            Process::start(&self.config, &self.storage, &self.clock, &self.services, owners, self.retention());
        self.note_failed(&process);
        process
    }

    /// Remembers which streams do not learn for now.
    fn note_failed(&mut self, process: &Process) {
        for view in process.directory.all().into_iter().filter(|view| view.failed.load().is_some()) {
            if self.failed.insert(view.name.clone()) {
                self.tell(format_args!("{} ({}) does not learn now", view.name, view.number));
            }
        }
    }

    /// What a crash or a stop leaves of connections and readers: nothing.
    fn disconnect_all(&mut self) {
        self.operation = None;
        self.late.clear();
        self.followers.clear();
        self.producers.iter_mut().for_each(|producer| producer.connection = None);
    }

    /// Ends the daemon without any notice and starts it again, perhaps with another number of owners.
    fn crash(&mut self, process: Process) -> Process {
        self.tell(format_args!("a crash, after a fault: {}", process.fault.is_set()));
        self.disconnect_all();
        drop(process);
        self.happened.crashes += 1;
        self.storage.set_next_write(NextWrite::Succeeds);
        let random = &mut self.random;
        self.storage.pages().crash(|writes| random.below(writes));
        let ends = self.log_ends();
        self.seen.crash(|stream| ends.get(&stream).copied().unwrap_or(0));
        self.unreadable = self.pick(10) == 0;
        self.storage.set_unreadable(self.unreadable);
        self.owners = 1 + self.pick(3);
        self.start()
    }

    /// Stops the daemon in order and starts it again.
    fn stop(&mut self, process: Process) -> Process {
        if self.unreadable || process.fault.is_set() {
            return process;
        }
        self.storage.set_full(false);
        self.storage.set_next_write(NextWrite::Succeeds);
        self.disconnect_all();
        process.stop(&self.clock);
        self.happened.stops += 1;
        self.seen.crash(|_| u64::MAX);
        self.start()
    }

    fn log_ends(&self) -> BTreeMap<u32, u64> {
        let entries = self.storage.streams().unwrap();
        entries.iter().map(|entry| (entry.number, log_end(&self.storage, entry))).collect()
    }

    /// One producer does something.
    fn step_producer(&mut self, process: &mut Process) {
        let (place, choice, count) = (self.pick(self.producers.len()), self.pick(100), self.pick(7) as u64);
        let producer = &mut self.producers[place];
        if !producer.is_connected() {
            if choice < 30 && process.look_up(&producer.name, &producer.home(), &self.storage, &self.clock) {
                // the old connection has sent its last event, or what it sent comes late
                if let Some(old) = producer.connection.take() {
                    old.claim.signal_last_event_sent();
                    self.late.extend(old.under_way);
                }
                producer.connect(process);
                self.happened.reconnections += 1;
            }
            return;
        }
        match choice {
            0..=39 => producer.send(1 + count),
            40..=69 if process.disk.is_full() => {}
            40..=69 => {
                let delivered = producer.connection.as_mut().and_then(|connection| connection.under_way.pop_front());
                if let Some(batch) = delivered {
                    self.happened.waits += u64::from(process.deliver(batch));
                }
            }
            70..=96 => producer.read_answers(true),
            97 => {
                // the answer is written and lost with the connection
                producer.read_answers(false);
                if let Some(old) = producer.connection.take() {
                    old.claim.signal_last_event_sent();
                    self.late.extend(old.under_way);
                }
            }
            98 => {
                if let Some(old) = producer.connection.take() {
                    self.late.extend(old.under_way);
                }
            }
            _ => {
                // a producer that lost its memory begins a new epoch
                if self.happened.epochs < 4 && count == 0 {
                    producer.connection = None;
                    producer.epoch += 1;
                    producer.sent = 0;
                    self.happened.epochs += 1;
                }
            }
        }
    }

    /// Something goes wrong, or ends to.
    fn step_fate(&mut self, process: Process) -> Process {
        match self.pick(40) {
            0..=3 => self.storage.set_next_write(NextWrite::Fails),
            4..=6 => self.storage.set_next_write(NextWrite::FailsAfterwards),
            7..=9 => self.storage.set_next_write(NextWrite::Torn),
            10 => self.storage.set_full(true),
            11..=14 => {
                // room was searched for in vain
                self.happened.full_disks += u64::from(process.disk.is_full());
                self.storage.set_full(false);
            }
            15 | 16 => {
                self.storage.set_unreadable(false);
                self.unreadable = false;
            }
            17..=21 => self.clock.advance(Duration::from_secs(self.random.below(240))),
            22 => return self.stop(process),
            23..=25 => return self.crash(process),
            26 | 27 if !self.late.is_empty() && !process.disk.is_full() => {
                let mut process = process; // batches of ended connections come in their order
                self.happened.waits += u64::from(process.deliver(self.late.remove(0)));
                return process;
            }
            _ => {}
        }
        process
    }

    fn is_finished(&self) -> bool {
        self.producers.iter().all(SimulatedProducer::is_finished)
    }

    /// The end: all goes well, the daemon crashes once more, and everything is looked at.
    fn finish(mut self, process: Process) -> Happened {
        self.storage.set_full(false);
        let retried = self.failed.len() as u64;
        let mut process = self.crash(process);
        self.storage.set_unreadable(false);
        if self.unreadable {
            drop(process);
            process = self.start();
        }
        self.panics.store(false, Ordering::Relaxed);
        assert_eq!(self.storage.lost(), Vec::<String>::new(), "recovery gave something up for lost");
        let expect = |world: &World, number: u32| {
            let alone = Services { storage: None, ..(*world.services).clone() };
            let fresh = crate::simulated_pages::SimulatedPages::default();
            let services = Services { pages: Some(Arc::new(move |stream| fresh.of_stream(stream.number))), ..alone };
            learn_again(number, &world.lineage, &world.storage, &services, &world.seen)
        };
        for entry in live_streams(self.storage.streams().unwrap()) {
            self.lineage.note_entry(&entry);
            let name: Arc<str> = entry.name.as_str().into();
            let asked = name.clone();
            let answer = process.ask(&name, &self.clock, |reply| OwnerRequest::Hash { stream: asked, reply });
            let expected = expect(&self, entry.number);
            assert_eq!(answer, Some(expected), "{} is not what an uninterrupted run would be", entry.name);
        }
        // what readers saw of streams that were replaced
        for number in self.lineage.numbers() {
            expect(&self, number);
        }
        assert_eq!(self.storage.lost(), Vec::<String>::new(), "recovery gave something up for lost");
        check_events(&self.storage, &self.producers, &self.failed);
        let counts = self.storage.counts();
        Happened {
            virtual_time: self.clock.elapsed(),
            events: self.log_ends().values().sum(),
            failed_writes: counts.failed_writes,
            checkpoints: counts.checkpoints,
            torn_checkpoints: counts.torn,
            trimmed: counts.trimmed,
            pages: self.storage.pages().len() as u64,
            quarantined: self.quarantined.load(Ordering::Relaxed),
            seen_states: self.seen.count,
            retried,
            ..self.happened
        }
    }
}

/// Whether streams are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operators {
    None,
    Many,
}

/// Steps of a world for each of an operator.
const OPERATION_STEPS: u64 = 80;

/// Runs one world, with a bug if one is planted, until every event is acknowledged, and holds it against uninterrupted
/// runs.
pub fn simulate(seed: u64, operators: Operators, inboxes: InboxSize, planted: Option<PlantedBug>) -> Happened {
    let mut world = World::new(seed, inboxes, planted);
    let mut process = world.start();
    while !world.is_finished() {
        world.happened.steps += 1;
        assert!(world.happened.steps < 100_000, "the world makes no progress");
        match world.pick(1000) {
            0..=399 => world.step_producer(&mut process),
            400..=749 => {
                let owner = world.pick(process.seats.len());
                (0..=world.pick(4)).for_each(|_| process.step_owner(owner, &world.clock));
            }
            750..=889 => drop(process.step_committer(&world.clock)),
            890..=949 => drop(process.step_checkpointer()),
            950..=989 => world.step_reader(&mut process),
            _ => process = world.step_fate(process),
        }
        if operators == Operators::Many && world.operator.below(OPERATION_STEPS) == 0 {
            world.step_operation(&mut process);
        }
        world.note_failed(&process);
        // a daemon that cannot write its log ends
        if process.fault.is_set() {
            process = world.crash(process);
        }
    }
    world.finish(process)
}
