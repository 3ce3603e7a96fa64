//! Admission: how many connections a listener serves, and which of them make room when it is full.
//!
//! A connection that has not yet said anything whole (a first line, the head of a request) holds its seat only as long
//! as nobody else needs one: when all seats are taken, the one that has been silent for longest loses its seat. So no
//! number of half requests keeps anybody out. What has begun to talk stays; beyond the bound, newcomers are refused.
//! A listener may have a reserve of further seats, for probes and operators.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The seats of all listeners of a daemon, each with its name.
#[derive(Debug, Default)]
pub struct Doors {
    all: Mutex<Vec<(&'static str, Arc<Admission>)>>,
    /// When it was last said that connections cannot be accepted.
    fault_told: Mutex<Option<Instant>>,
}

impl Doors {
    /// Adds the seats of a listener.
    pub fn add(&self, listener: &'static str, admission: Arc<Admission>) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push((listener, admission));
    }

    /// The seats of every listener, with its name.
    pub fn all(&self) -> Vec<(&'static str, Arc<Admission>)> {
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

/// The seats of one listener.
#[derive(Debug)]
pub struct Admission {
    seats: Mutex<Seats>,
    seats_max: usize,
    reserve_max: usize,
    per_address_max: usize,
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
    evicted: CancellationToken,
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
    /// Where the seat is.
    pub room: Room,
    /// Cancelled when the connection has to make room for another one.
    pub evicted: CancellationToken,
}

impl Admission {
    /// Seats for `seats_max` connections, of which one address may have `per_address_max`, and `reserve_max` more.
    pub fn new(seats_max: usize, per_address_max: usize, reserve_max: usize) -> Arc<Admission> {
        Arc::new(Admission { seats: Mutex::default(), seats_max, reserve_max, per_address_max })
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
    /// There is none, and no connection that has not spoken yet.
    pub fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Seat, Full> {
        let mut seats = self.lock();
        let room = self.find_room(&mut seats, address)?;
        let (id, evicted) = (seats.next_id, CancellationToken::new());
        seats.next_id += 1;
        seats.taken.insert(id, SeatState { address, room, has_spoken: false, evicted: evicted.clone() });
        Ok(Seat { admission: self.clone(), id, room, evicted })
    }

    fn find_room(&self, seats: &mut Seats, address: Option<IpAddr>) -> Result<Room, Full> {
        let is_here = |seat: &SeatState| address.is_some() && seat.address == address && seat.room == Room::Main;
        let is_main = |seat: &SeatState| seat.room == Room::Main;
        let too_many_here = seats.count(is_here) >= self.per_address_max;
        if too_many_here && seats.evict(is_here) {
            return Ok(Room::Main);
        }
        let is_full = seats.count(is_main) >= self.seats_max;
        if !too_many_here && (!is_full || seats.evict(is_main)) {
            return Ok(Room::Main);
        }
        let is_reserve = |seat: &SeatState| seat.room == Room::Reserve;
        if seats.count(is_reserve) < self.reserve_max || seats.evict(is_reserve) {
            return Ok(Room::Reserve);
        }
        match too_many_here {
            true => Err(Full::Address(self.per_address_max)),
            false => Err(Full::Listener(self.seats_max)),
        }
    }
}

impl Seats {
    fn count(&self, matches: impl Fn(&SeatState) -> bool) -> usize {
        self.taken.values().filter(|seat| matches(seat)).count()
    }

    /// Takes the seat of the connection that has been silent for longest. Returns whether there was one.
    fn evict(&mut self, matches: impl Fn(&SeatState) -> bool) -> bool {
        let oldest = self.taken.iter().find(|(_, seat)| !seat.has_spoken && matches(seat)).map(|(id, _)| *id);
        let evicted = oldest.and_then(|id| self.taken.remove(&id));
        evicted.inspect(|seat| seat.evicted.cancel()).is_some()
    }
}

impl Seat {
    /// Notes that the connection has said something whole, and so keeps its seat.
    pub fn mark_spoken(&self) {
        if let Some(seat) = self.admission.lock().taken.get_mut(&self.id) {
            seat.has_spoken = true;
        }
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

    #[test]
    fn the_silent_make_room_and_the_others_stay() {
        let admission = Admission::new(2, 2, 1);
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
        let admission = Admission::new(10, 2, 0);
        let held: Vec<Seat> = (0..2).map(|_| admission.admit(address(1)).unwrap()).collect();
        held[1].mark_spoken();
        let third = admission.admit(address(1)).unwrap();
        assert!(held[0].evicted.is_cancelled(), "its own silent connection makes room");
        third.mark_spoken();
        assert_eq!(admission.admit(address(1)).unwrap_err(), Full::Address(2));
        assert_eq!(admission.admit(address(2)).unwrap().room, Room::Main);
        assert_eq!(admission.admit(None).unwrap().room, Room::Main, "a Unix socket has no address");
    }
}
