//! A world: what outlives the daemon, and what a seed lets happen to it.

use super::checks::{SeenStates, ShownBy, check_events, learn_again, log_end};
use super::happened::Happened;
use super::process::{Process, SimulatedClock};
use super::producer::SimulatedProducer;
use crate::disk::DiskState;
use crate::following::{FollowedOutcome, FollowerRoom};
use crate::inbox::Batch;
use crate::owner::request::OwnerRequest;
use crate::services::Services;
use crate::simulated_storage::{NextWrite, PlantedBug, SimulatedStorage};
use crate::storage::Storage;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use surmise_config::Config;
use surmise_event::Record;
use surmise_fixtures::Random;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};
use tokio::sync::oneshot;

/// A follower of a stream's outcomes, who may be slow.
struct SimulatedFollower {
    stream: Arc<str>,
    outcomes: Receiver<Arc<FollowedOutcome>>,
    latest: Option<u64>,
}

struct World {
    random: Random,
    config: Arc<Config>,
    clock: Arc<SimulatedClock>,
    storage: Arc<SimulatedStorage>,
    services: Arc<Services>,
    quarantined: Arc<AtomicU64>,
    panics: Arc<AtomicBool>,
    owners: usize,
    streams: Vec<Arc<str>>,
    producers: Vec<SimulatedProducer>,
    /// Batches of connections that ended: the network or a reader still had them.
    late: Vec<Batch>,
    followers: Vec<SimulatedFollower>,
    seen: SeenStates,
    /// Streams that could not be brought back for a while.
    failed: BTreeSet<Arc<str>>,
    unreadable: bool,
    happened: Happened,
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

impl World {
    fn new(seed: u64, planted: Option<PlantedBug>) -> World {
        let mut random = Random::new(seed);
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
        let (count, on) = (quarantined.clone(), panics.clone());
        let probe = move |record: &Record| {
            if on.load(Ordering::Relaxed) && format!("{:?}", record.data).contains(super::POISON) {
                count.fetch_add(1, Ordering::Relaxed);
                // no message, as there are many
                std::panic::resume_unwind(Box::new("a bug inside"));
            }
        };
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
            followers: FollowerRoom::new(1 << 14),
            disk: DiskState::default(),
            probe: Some(Arc::new(probe)),
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
            streams,
            producers,
            late: Vec::new(),
            followers: Vec::new(),
            seen: SeenStates::default(),
            failed: BTreeSet::new(),
            unreadable: false,
            happened: Happened::default(),
        }
    }

    fn pick(&mut self, n: usize) -> usize {
        self.random.below(n as u64) as usize
    }

    fn start(&mut self) -> Process {
        self.storage.end_process();
        let process = Process::start(&self.config, &self.storage, &self.clock, &self.services, self.owners);
        self.note_failed(&process);
        process
    }

    /// Remembers which streams do not learn for now.
    fn note_failed(&mut self, process: &Process) {
        let failed = process.directory.all().into_iter().filter(|view| view.failed.load().is_some());
        self.failed.extend(failed.map(|view| view.name.clone()));
    }

    /// What a crash or a stop leaves of connections and readers: nothing.
    fn disconnect_all(&mut self) {
        self.late.clear();
        self.followers.clear();
        self.producers.iter_mut().for_each(|producer| producer.connection = None);
    }

    /// Ends the daemon without any notice and starts it again, perhaps with another number of owners.
    fn crash(&mut self, process: Process) -> Process {
        self.disconnect_all();
        drop(process);
        self.happened.crashes += 1;
        self.storage.set_next_write(NextWrite::Succeeds);
        let random = &mut self.random;
        self.storage.pages().crash(|writes| random.below(writes));
        let ends: BTreeMap<String, u64> = self.log_ends();
        self.seen.crash(|stream| ends.get(stream).copied().unwrap_or(0));
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

    fn log_ends(&self) -> BTreeMap<String, u64> {
        let entries = self.storage.streams().unwrap();
        entries.iter().map(|entry| (entry.name.clone(), log_end(&self.storage, entry.number))).collect()
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
                    process.deliver(batch);
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

    /// A reader asks something, or follows a stream.
    fn step_reader(&mut self, process: &mut Process) {
        let place = self.pick(self.streams.len());
        let stream = self.streams[place].clone();
        let choice = self.pick(10);
        if process.directory.get(&stream).is_none() {
            return;
        }
        match choice {
            0 => self.see_state(process, &stream),
            1 | 2 => {
                let view = process.directory.get(&stream).expect("it is there");
                view.asked_ms.store(self.clock.elapsed().as_millis() as u64, Ordering::Relaxed);
                let name = stream.clone();
                let (reply, _) = oneshot::channel();
                let _ = process.seat(&stream).requests.try_send(OwnerRequest::Publish { stream: name, reply });
            }
            3..=5 => {
                let view = process.directory.get(&stream).expect("it is there");
                if let Some(snapshot) = view.snapshot.load_full() {
                    let mut learner = snapshot.learner.clone();
                    self.seen.see(&stream, ShownBy::Snapshot, learner.offset(), learner.state_hash());
                }
            }
            6 => {
                let (reply, _) = oneshot::channel();
                let one = Some(stream.clone()).filter(|_| self.random.below(2) == 0);
                let _ = process.seat(&stream).requests.try_send(OwnerRequest::Checkpoint { stream: one, reply });
            }
            7 if self.followers.len() < 4 => {
                let outcomes = process.directory.get(&stream).expect("it is there").outcomes.follow();
                self.followers.push(SimulatedFollower { stream, outcomes, latest: None });
            }
            _ => self.read_outcomes(),
        }
    }

    fn see_state(&mut self, process: &mut Process, stream: &Arc<str>) {
        let name = stream.clone();
        let answer = process.ask(stream, &self.clock, |reply| OwnerRequest::Hash { stream: name, reply });
        if let Some((offset, hash)) = answer {
            self.seen.see(stream, ShownBy::Owner, offset, hash);
        }
    }

    /// A slow reader reads some outcomes: they come in order, whatever it missed.
    fn read_outcomes(&mut self) {
        if self.followers.is_empty() {
            return;
        }
        let (place, count) = (self.pick(self.followers.len()), self.pick(20));
        let follower = &mut self.followers[place];
        for _ in 0..count {
            match follower.outcomes.try_recv() {
                Ok(followed) => {
                    let Some(offset) = followed.outcome.as_ref().map(|outcome| outcome.offset) else { continue };
                    assert!(follower.latest.is_none_or(|latest| offset > latest), "{} went back", follower.stream);
                    follower.latest = Some(offset);
                }
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    /// Something goes wrong, or ends to.
    fn step_fate(&mut self, process: Process) -> Process {
        match self.pick(40) {
            0..=3 => self.storage.set_next_write(NextWrite::Fails),
            4..=6 => self.storage.set_next_write(NextWrite::FailsAfterwards),
            7..=9 => self.storage.set_next_write(NextWrite::Torn),
            10 => {
                self.storage.set_full(true);
                self.happened.full_disks += 1;
            }
            11..=14 => self.storage.set_full(false),
            15 | 16 => {
                self.storage.set_unreadable(false);
                self.unreadable = false;
            }
            17..=21 => self.clock.advance(Duration::from_secs(self.random.below(240))),
            22 => return self.stop(process),
            23..=25 => return self.crash(process),
            26 | 27 if !self.late.is_empty() && !process.disk.is_full() => {
                let mut process = process; // batches of ended connections come in their order
                process.deliver(self.late.remove(0));
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
        for entry in self.storage.streams().unwrap() {
            let name: Arc<str> = entry.name.as_str().into();
            let asked = name.clone();
            let answer = process.ask(&name, &self.clock, |reply| OwnerRequest::Hash { stream: asked, reply });
            let alone = Services { storage: None, ..(*self.services).clone() };
            let fresh = crate::simulated_pages::SimulatedPages::default();
            let services = Services { pages: Some(Arc::new(move |stream| fresh.of_stream(stream.number))), ..alone };
            let expected = learn_again(&entry, &self.storage, &services, &self.seen);
            assert_eq!(answer, Some(expected), "{} is not what an uninterrupted run would be", entry.name);
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

/// Runs one world, with a bug if one is planted, until every event is acknowledged, and holds it against uninterrupted
/// runs.
pub fn simulate(seed: u64, planted: Option<PlantedBug>) -> Happened {
    let mut world = World::new(seed, planted);
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
        world.note_failed(&process);
        // a daemon that cannot write its log ends
        if process.fault.is_set() {
            process = world.crash(process);
        }
    }
    world.finish(process)
}
