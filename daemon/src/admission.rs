//! Admission: how many connections a listener serves, and which of them make room when it is full.
//!
//! A connection that has not yet said anything whole (a first line, the head of a request) holds its seat only as long
//! as nobody else needs one: when all seats are taken, the one that has been silent for longest loses its seat. So no
//! number of half requests keeps anybody out. What has begun to talk stays while it says something now and then: if
//! none is silent, the one that has been idle for longest makes room, once it was for `limits.idle_time`. Beyond that,
//! newcomers are refused. A listener may have a reserve of further seats, for probes and operators.

use crate::telemetry;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The seats of all listeners of a daemon.
#[derive(Debug, Default)]
pub struct Doors {
    all: Mutex<Vec<Arc<Admission>>>,
    /// When it was last said that connections cannot be accepted.
    fault_told: Mutex<Option<Instant>>,
}

impl Doors {
    /// Adds the seats of a listener.
    pub fn add(&self, admission: Arc<Admission>) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push(admission);
    }

    /// The seats of every listener.
    pub fn all(&self) -> Vec<Arc<Admission>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it is to be said now that connections cannot be accepted: it was not in the last minute.
    pub fn is_fault_news(&self) -> bool {
        let mut told = self.fault_told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = told.is_none_or(|told| told.elapsed() >= FAULT_INTERVAL);
        if is_news {
            *told = Some(Instant::now());
        }
        is_news
    }
}

/// The time between two lines of the log that say that connections cannot be accepted.
const FAULT_INTERVAL: Duration = Duration::from_secs(60);

/// How many connections a listener serves.
#[derive(Clone, Debug)]
pub struct SeatLimits {
    /// Connections at once.
    pub seats_max: usize,
    /// Connections at once from one address.
    pub per_address_max: usize,
    /// Further seats, for probes and operators.
    pub reserve_max: usize,
    /// How long a connection may be idle until it makes room for another one.
    pub idle_time: Duration,
}

/// The seats of one listener.
#[derive(Debug)]
pub struct Admission {
    /// The name of the listener; that of a source with several is behind it.
    pub listener: Arc<str>,
    /// How many there are.
    pub limits: SeatLimits,
    seats: Mutex<Seats>,
    /// What times are counted from.
    began: Instant,
}

#[derive(Debug, Default)]
struct Seats {
    next_id: u64,
    /// Connections in the order in which they came, as identities rise.
    taken: BTreeMap<u64, SeatState>,
}

#[derive(Debug)]
struct SeatState {
    address: Option<IpAddr>,
    room: Room,
    has_spoken: bool,
    activity: Arc<Activity>,
    evicted: CancellationToken,
}

/// What a connection is doing.
#[derive(Debug, Default)]
struct Activity {
    /// What of it is being worked on: requests, or lines.
    busy: AtomicUsize,
    /// When it last did something, in microseconds after its listener began.
    last_us: AtomicU64,
}

/// Something that a connection does; it is not idle while this is there.
#[derive(Debug)]
pub struct Busy {
    activity: Arc<Activity>,
    began: Instant,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.activity.last_us.store(micros_since(self.began), Ordering::Relaxed);
        self.activity.busy.fetch_sub(1, Ordering::Release);
    }
}

fn micros_since(began: Instant) -> u64 {
    began.elapsed().as_micros() as u64
}

/// Where a connection has its seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Among those that may do everything.
    Main,
    /// In the reserve, which is for probes and operators.
    Reserve,
}

/// Why a connection gets no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// All seats are taken.
    #[error("there are {0} connections, as many as there may be (limits.connections); try again later")]
    Listener(usize),
    /// The address has as many as one address may have.
    #[error(
        "there are {0} connections from this address, as many as one may have (limits.connections_per_address); try \
         again later"
    )]
    Address(usize),
}

/// The seat of one connection. It is free again when this is dropped.
#[derive(Debug)]
pub struct Seat {
    admission: Arc<Admission>,
    id: u64,
    activity: Arc<Activity>,
    /// Where the seat is.
    pub room: Room,
    /// Cancelled when the connection has to make room for another one.
    pub evicted: CancellationToken,
}

impl Full {
    /// The word by which metrics tell it.
    fn reason(self) -> &'static str {
        match self {
            Full::Listener(_) => "listener",
            Full::Address(_) => "address",
        }
    }
}

impl Admission {
    /// The seats of a listener.
    pub fn new(listener: Arc<str>, limits: SeatLimits) -> Arc<Admission> {
        Arc::new(Admission { listener, limits, seats: Mutex::default(), began: Instant::now() })
    }

    /// How many seats are taken, and how many of them the address that has most of them has taken; the reserve apart.
    pub fn taken(&self) -> (usize, usize) {
        let seats = self.lock();
        let main = || seats.taken.values().filter(|seat| seat.room == Room::Main);
        let mut of_addresses: BTreeMap<IpAddr, usize> = BTreeMap::new();
        main().filter_map(|seat| seat.address).for_each(|address| *of_addresses.entry(address).or_default() += 1);
        (main().count(), of_addresses.into_values().max().unwrap_or(0))
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Gives a connection a seat; a connection over a Unix socket has no address.
    ///
    /// # Errors
    /// There is none, and no connection that has not spoken yet or is idle for long.
    pub fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Seat, Full> {
        let mut seats = self.lock();
        let room = self.find_room(&mut seats, address).inspect_err(|full| {
            let labels = [("listener", self.listener.to_string()), ("reason", full.reason().to_owned())];
            metrics::counter!(telemetry::CONNECTIONS_REFUSED, &labels).increment(1);
        })?;
        let (id, evicted, activity) = (seats.next_id, CancellationToken::new(), Arc::<Activity>::default());
        seats.next_id += 1;
        activity.last_us.store(micros_since(self.began), Ordering::Relaxed);
        let state =
            SeatState { address, room, has_spoken: false, activity: activity.clone(), evicted: evicted.clone() };
        seats.taken.insert(id, state);
        Ok(Seat { admission: self.clone(), id, activity, room, evicted })
    }

    fn find_room(&self, seats: &mut Seats, address: Option<IpAddr>) -> Result<Room, Full> {
        let is_here = |seat: &SeatState| address.is_some() && seat.address == address && seat.room == Room::Main;
        let is_main = |seat: &SeatState| seat.room == Room::Main;
        let SeatLimits { seats_max, per_address_max, reserve_max, .. } = self.limits;
        let too_many_here = seats.count(is_here) >= per_address_max;
        if too_many_here && (self.evict_silent(seats, is_here) || self.evict_idle(seats, is_here)) {
            return Ok(Room::Main);
        }
        let is_full = seats.count(is_main) >= seats_max;
        if !too_many_here && (!is_full || self.evict_silent(seats, is_main) || self.evict_idle(seats, is_main)) {
            return Ok(Room::Main);
        }
        let is_reserve = |seat: &SeatState| seat.room == Room::Reserve;
        if seats.count(is_reserve) < reserve_max || self.evict_silent(seats, is_reserve) {
            return Ok(Room::Reserve);
        }
        match too_many_here && !is_full {
            true => Err(Full::Address(per_address_max)),
            false => Err(Full::Listener(seats_max)),
        }
    }

    /// Takes the seat of the connection that has been silent for longest. Returns whether there was one.
    fn evict_silent(&self, seats: &mut Seats, matches: impl Fn(&SeatState) -> bool) -> bool {
        let oldest = seats.taken.iter().find(|(_, seat)| !seat.has_spoken && matches(seat)).map(|(id, _)| *id);
        self.evict(seats, oldest, "silent")
    }

    /// Takes the seat of the connection that has been idle for longest, if that is long enough. Returns whether there
    /// was one.
    fn evict_idle(&self, seats: &mut Seats, matches: impl Fn(&SeatState) -> bool) -> bool {
        let idle_us_min = self.limits.idle_time.as_micros() as u64;
        let Some(latest_us) = micros_since(self.began).checked_sub(idle_us_min) else { return false };
        let idle = seats.taken.iter().filter(|(_, seat)| matches(seat) && seat.activity.is_idle_since(latest_us));
        let longest = idle.min_by_key(|(_, seat)| seat.activity.last_us.load(Ordering::Relaxed)).map(|(id, _)| *id);
        self.evict(seats, longest, "idle")
    }

    fn evict(&self, seats: &mut Seats, id: Option<u64>, reason: &'static str) -> bool {
        let Some(seat) = id.and_then(|id| seats.taken.remove(&id)) else { return false };
        let labels = [("listener", self.listener.to_string()), ("reason", reason.to_owned())];
        metrics::counter!(telemetry::CONNECTIONS_EVICTED, &labels).increment(1);
        seat.evicted.cancel();
        true
    }
}

impl Seats {
    fn count(&self, matches: impl Fn(&SeatState) -> bool) -> usize {
        self.taken.values().filter(|seat| matches(seat)).count()
    }
}

impl Activity {
    /// Whether nothing is worked on, and nothing was done after a time in microseconds.
    fn is_idle_since(&self, time_us: u64) -> bool {
        self.busy.load(Ordering::Acquire) == 0 && self.last_us.load(Ordering::Relaxed) <= time_us
    }
}

impl Seat {
    /// Notes that the connection has said something whole, and so keeps its seat.
    pub fn mark_spoken(&self) {
        if let Some(seat) = self.admission.lock().taken.get_mut(&self.id) {
            seat.has_spoken = true;
        }
    }

    /// Notes that something of the connection is being worked on, until what this returns is dropped.
    pub fn work(&self) -> Busy {
        self.activity.busy.fetch_add(1, Ordering::AcqRel);
        Busy { activity: self.activity.clone(), began: self.admission.began }
    }

    /// How long the connection may be idle until it makes room for another one.
    pub fn idle_time(&self) -> Duration {
        self.admission.limits.idle_time
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.admission.lock().taken.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([127, 0, 0, last]))
    }

    fn seats(seats_max: usize, per_address_max: usize, reserve_max: usize) -> Arc<Admission> {
        seats_idle(seats_max, per_address_max, reserve_max, Duration::from_secs(3600))
    }

    fn seats_idle(seats_max: usize, per_address_max: usize, reserve_max: usize, idle_time: Duration) -> Arc<Admission> {
        Admission::new("test".into(), SeatLimits { seats_max, per_address_max, reserve_max, idle_time })
    }

    #[test]
    fn the_silent_make_room_and_the_others_stay() {
        let admission = seats(2, 2, 1);
        let silent = admission.admit(address(1)).unwrap();
        let spoken = admission.admit(address(2)).unwrap();
        spoken.mark_spoken();
        let third = admission.admit(address(3)).unwrap();
        assert!(silent.evicted.is_cancelled() && !spoken.evicted.is_cancelled() && third.room == Room::Main);
        third.mark_spoken();
        // one that has to make room has no seat any more
        assert_eq!(admission.taken(), (2, 1));
        let reserved = admission.admit(address(4)).unwrap();
        assert_eq!(reserved.room, Room::Reserve);
        let newer = admission.admit(address(4)).unwrap();
        assert!(reserved.evicted.is_cancelled() && newer.room == Room::Reserve, "the reserve makes room, too");
        newer.mark_spoken();
        assert_eq!(admission.admit(address(4)).unwrap_err(), Full::Listener(2));
        drop(third);
        assert_eq!(admission.admit(address(4)).unwrap().room, Room::Main);
    }

    #[test]
    fn one_address_cannot_take_all() {
        let admission = seats(10, 2, 0);
        let held: Vec<Seat> = (0..2).map(|_| admission.admit(address(1)).unwrap()).collect();
        held[1].mark_spoken();
        let third = admission.admit(address(1)).unwrap();
        assert!(held[0].evicted.is_cancelled(), "its own silent connection makes room");
        third.mark_spoken();
        assert_eq!(admission.admit(address(1)).unwrap_err(), Full::Address(2));
        assert_eq!(admission.admit(address(2)).unwrap().room, Room::Main);
        assert_eq!(admission.admit(None).unwrap().room, Room::Main, "a Unix socket has no address");
    }

    #[test]
    fn the_one_that_is_idle_for_longest_makes_room_and_those_that_work_stay() {
        let admission = seats_idle(3, 3, 0, Duration::from_millis(20));
        let held: Vec<Seat> = (1..=3).map(|last| admission.admit(address(last)).unwrap()).collect();
        held.iter().for_each(Seat::mark_spoken);
        let working = held[0].work();
        assert_eq!(admission.admit(address(4)).unwrap_err(), Full::Listener(3), "nobody is idle for so long");
        std::thread::sleep(Duration::from_millis(5));
        drop(held[1].work());
        std::thread::sleep(Duration::from_millis(30));
        let fourth = admission.admit(address(4)).unwrap();
        assert!(held[2].evicted.is_cancelled() && !held[1].evicted.is_cancelled(), "the other did something later");
        fourth.mark_spoken();
        let fifth = admission.admit(address(5)).unwrap();
        assert!(held[1].evicted.is_cancelled() && !fourth.evicted.is_cancelled());
        fifth.mark_spoken();
        assert_eq!(admission.admit(address(6)).unwrap_err(), Full::Listener(3), "the newest are not idle for so long");
        drop(working);
        std::thread::sleep(Duration::from_millis(30));
        drop((fourth.work(), fifth.work()));
        assert!(admission.admit(address(6)).is_ok() && held[0].evicted.is_cancelled());
    }
}
