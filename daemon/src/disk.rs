//! Room on the disk: whether events can be made durable, and how near the store is to its bound.
//!
//! The store makes sure of room before it writes. Where there is none, the committer keeps what was learnt and asks the
//! checkpointer to give some back; senders wait meanwhile, as for any slow commit. Only when there is none after that
//! is the disk full: nothing is acknowledged, connections that send events end with a refusal that names the disk,
//! posted events get status 507, and owners leave what is in their inboxes there. Questions are answered as before. The
//! committer tries again, and as soon as there is room, all goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use surmise_event::{Refusal, RefusalCode};
use tokio::sync::watch;

/// Parts of a hundred of what events may take, from which on the checkpointer gives room back, and down to which.
const SHORT_PERCENT: u64 = 90;
const RELIEVED_PERCENT: u64 = 80;

/// What the store takes on the disk, and what it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskUse {
    /// Bytes that log, checkpoints, key pages and what was set aside take.
    pub used_bytes: u64,
    /// Bytes that they may take (`store.disk`).
    pub limit_bytes: u64,
    /// Bytes from which on no events are taken: a part of the bound is for checkpoints.
    pub events_bytes: u64,
}

impl DiskUse {
    /// Whether room has to be given back.
    pub fn is_short(&self) -> bool {
        self.used_bytes > self.events_bytes / 100 * SHORT_PERCENT
    }

    /// Bytes that have to be given back.
    pub fn surplus_bytes(&self) -> u64 {
        self.used_bytes.saturating_sub(self.events_bytes / 100 * RELIEVED_PERCENT)
    }
}

/// What is done about room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RoomSearch {
    /// Nothing: there is some.
    None,
    /// The committer found none, and asks for it.
    Asked,
    /// The checkpointer has given back what it could since.
    Done,
}

/// Whether the disk has room. All clones share it.
#[derive(Clone)]
pub struct DiskState(Arc<Shared>);

struct Shared {
    search: AtomicU8,
    full: watch::Sender<Option<Arc<str>>>,
    given_up: AtomicBool,
}

impl Default for DiskState {
    fn default() -> Self {
        let (search, full) = (AtomicU8::new(RoomSearch::None as u8), watch::Sender::new(None));
        DiskState(Arc::new(Shared { search, full, given_up: AtomicBool::new(false) }))
    }
}

impl DiskState {
    /// What is done about room now.
    pub fn search(&self) -> RoomSearch {
        match self.0.search.load(Ordering::Acquire) {
            0 => RoomSearch::None,
            1 => RoomSearch::Asked,
            _ => RoomSearch::Done,
        }
    }

    /// Asks for room, unless that was done since there was some.
    pub fn ask_for_room(&self) {
        self.turn(RoomSearch::None, RoomSearch::Asked);
    }

    /// Says that what could be given back was given back, if room was asked for.
    pub fn set_searched(&self) {
        self.turn(RoomSearch::Asked, RoomSearch::Done);
    }

    fn turn(&self, from: RoomSearch, to: RoomSearch) {
        let _ = self.0.search.compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Says that there is no room, and why.
    pub fn set_full(&self, why: &str) {
        let is_new = self.0.full.send_if_modified(|full| {
            let is_new = full.is_none();
            *full = Some(why.into());
            is_new
        });
        if is_new {
            tracing::error!("nothing is acknowledged until there is room: {why}");
        }
    }

    /// Says that there is room.
    pub fn set_room(&self) {
        self.0.search.store(RoomSearch::None as u8, Ordering::Release);
        let was_full = self.0.full.send_if_modified(|full| full.take().is_some());
        if was_full {
            tracing::warn!("there is room on the disk again, and events are acknowledged");
        }
    }

    /// Why there is no room, if there is none.
    pub fn full(&self) -> Option<Arc<str>> {
        self.0.full.borrow().clone()
    }

    /// Whether there is no room.
    pub fn is_full(&self) -> bool {
        self.0.full.borrow().is_some()
    }

    /// Waits until there is no room, and returns why.
    pub async fn until_full(&self) -> Arc<str> {
        let mut seen = self.0.full.subscribe();
        let full = seen.wait_for(Option::is_some).await.ok().and_then(|full| full.clone());
        match full {
            Some(why) => why,
            None => std::future::pending().await,
        }
    }

    /// The refusal of what comes while there is no room.
    pub fn refusal(why: &str) -> Refusal {
        let reason = format!("{why}; what was not acknowledged has to be sent again when there is room");
        Refusal::new(RefusalCode::Unavailable, "disk", reason)
    }

    /// Says that nobody waits for room any more, as the daemon ends.
    pub fn give_up(&self) {
        self.0.given_up.store(true, Ordering::Release);
    }

    /// Whether nobody waits for room any more.
    pub fn is_given_up(&self) -> bool {
        self.0.given_up.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back_from_90_percent_on_down_to_80() {
        let disk = |used_bytes| DiskUse { used_bytes, limit_bytes: 1200, events_bytes: 1000 };
        assert!(!disk(900).is_short() && disk(901).is_short());
        assert_eq!((disk(950).surplus_bytes(), disk(700).surplus_bytes()), (150, 0));
    }

    #[test]
    fn room_is_searched_for_once_until_there_is_some() {
        let disk = DiskState::default();
        disk.set_searched();
        assert_eq!(disk.search(), RoomSearch::None, "nobody asked");
        disk.ask_for_room();
        assert_eq!(disk.search(), RoomSearch::Asked);
        disk.set_searched();
        disk.ask_for_room();
        assert_eq!(disk.search(), RoomSearch::Done);
        disk.set_room();
        assert_eq!(disk.search(), RoomSearch::None);
    }

    #[tokio::test]
    async fn a_full_disk_is_told_to_those_that_wait_and_ends() {
        let disk = DiskState::default();
        let waiting = disk.clone();
        let told = tokio::spawn(async move { waiting.until_full().await });
        disk.set_full("no room");
        disk.set_full("still none");
        assert!(told.await.unwrap().contains("n"));
        assert_eq!(disk.full().as_deref(), Some("still none"));
        disk.set_room();
        assert!(!disk.is_full());
    }
}
