//! The memory budget of the process: how much it takes, how much it may take, and how near it is.
//!
//! A part of it is kept for copies of states, which checkpoints and snapshots are made from: what the largest state
//! needs, as counted by its owner. Copies are made as far as that part has room for them.
//!
//! Owners count the bytes of their streams as these grow and shrink; a look at what the system says is resident sets
//! the count right. Near the bound owners shed what can be had again, in this order: snapshots that nobody read for a
//! second, then streams that were idle for longest, which sleep until they are needed again. At the bound new streams
//! and new fields are refused by name, and busy streams take turns. What a stream learns never depends on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Parts of a hundred of the budget from which on owners shed, down to which they shed, and from which on new streams
/// and fields are refused.
const SHED_PERCENT: u64 = 85;
const SHED_TO_PERCENT: u64 = 75;
const REFUSE_PERCENT: u64 = 92;
/// Parts of a hundred of the budget down to which busy streams take turns.
const STREAMS_PERCENT: u64 = 60;
/// The time after which what was shed has gone back to the system, which the allocator sees to within a second.
const RETURNED_AFTER_MS: u64 = 2000;
/// The part of the budget that is kept for copies at least, and at most.
const COPIES_PART_MIN: u64 = 16;
const COPIES_PART_MAX: u64 = 3;
/// The part of the budget that the models of a stream may take at most, and so may its keys.
const STREAM_PART: u64 = 16;
/// The least budget that is sensible: below it little room is left beside the daemon itself.
pub const SENSIBLE_BYTES_MIN: u64 = 256 << 20;

/// The memory budget of a process.
pub struct MemoryBudget {
    limit_bytes: u64,
    /// Bytes of streams that owners counted.
    counted: AtomicI64,
    /// What was resident at the latest look, and what was counted then.
    resident: AtomicU64,
    counted_then: AtomicI64,
    /// Until when what is resident is not looked at: the daemon's uptime in milliseconds.
    unseen_until_ms: AtomicU64,
    /// Bytes that the copies under way need, and those of copies that are gone, which the system may not have again.
    copies: AtomicU64,
    returning: AtomicU64,
    /// Until when those are held to be on their way back; 0 if there are none.
    returning_until_ms: AtomicU64,
    /// What a copy of the largest state needs.
    largest_copy: AtomicU64,
}

/// Room for a copy of a state, which it keeps until all that is made of the copy is gone.
pub struct CopyRoom {
    budget: Arc<MemoryBudget>,
    bytes: u64,
}

impl Drop for CopyRoom {
    fn drop(&mut self) {
        self.budget.returning.fetch_add(self.bytes, Ordering::Relaxed);
        self.budget.copies.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// How near the budget is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pressure {
    /// There is room.
    None,
    /// What can be had again is shed.
    Shed,
    /// New streams and fields are refused.
    Refuse,
}

impl MemoryBudget {
    /// A budget of so many bytes.
    pub fn new(limit_bytes: u64) -> MemoryBudget {
        MemoryBudget {
            limit_bytes: limit_bytes.max(1),
            counted: AtomicI64::new(0),
            resident: AtomicU64::new(0),
            counted_then: AtomicI64::new(0),
            unseen_until_ms: AtomicU64::new(0),
            copies: AtomicU64::new(0),
            returning: AtomicU64::new(0),
            returning_until_ms: AtomicU64::new(0),
            largest_copy: AtomicU64::new(0),
        }
    }

    /// The most MiB that the models of a new stream may take, and so may its keys.
    pub fn stream_mib_max(&self) -> u32 {
        u32::try_from((self.limit_bytes / STREAM_PART) >> 20).unwrap_or(u32::MAX).max(1)
    }

    /// What a copy of a state of so many encoded bytes needs until it is written: the copy itself, whose arrays have
    /// room to grow, and its encoded bytes.
    pub fn copy_bytes(state_bytes: u64) -> u64 {
        state_bytes * 9 / 4
    }

    /// Notes what a copy of a state would need, so that it is kept.
    pub fn note_copy(&self, bytes: u64) {
        self.largest_copy.fetch_max(bytes, Ordering::Relaxed);
    }

    /// Room for a copy that needs so many bytes; `None` while others under way leave too little. A single one always
    /// has room, whatever it needs.
    pub fn room_for_copy(self: &Arc<Self>, bytes: u64) -> Option<CopyRoom> {
        self.note_copy(bytes);
        let most = self.kept_for_copies();
        let take = |under_way: u64| (under_way == 0 || under_way + bytes <= most).then_some(under_way + bytes);
        self.copies.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        Some(CopyRoom { budget: self.clone(), bytes })
    }

    /// The bytes of the budget that are kept for copies.
    fn kept_for_copies(&self) -> u64 {
        let largest = self.largest_copy.load(Ordering::Relaxed);
        largest.clamp(self.limit_bytes / COPIES_PART_MIN, self.limit_bytes / COPIES_PART_MAX)
    }

    /// The budget in bytes.
    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// Counts that what took `before` bytes takes `now` bytes.
    pub fn count(&self, before: u64, now: u64) {
        self.counted.fetch_add(now as i64 - before as i64, Ordering::Relaxed);
    }

    /// Bytes of streams that owners counted.
    pub fn counted_bytes(&self) -> u64 {
        self.counted.load(Ordering::Relaxed).max(0) as u64
    }

    /// Looks at what is resident, unless something was shed just before: what is not back with the system yet would be
    /// shed again.
    pub fn look(&self, uptime_ms: u64) {
        self.look_at_returning(uptime_ms);
        if uptime_ms < self.unseen_until_ms.load(Ordering::Relaxed) {
            return;
        }
        if let Some(resident) = resident_bytes() {
            self.counted_then.store(self.counted.load(Ordering::Relaxed), Ordering::Relaxed);
            self.resident.store(resident, Ordering::Relaxed);
        }
    }

    fn look_at_returning(&self, uptime_ms: u64) {
        match self.returning_until_ms.load(Ordering::Relaxed) {
            0 if self.returning.load(Ordering::Relaxed) > 0 => {
                self.returning_until_ms.store(uptime_ms + RETURNED_AFTER_MS, Ordering::Relaxed);
            }
            until if until > 0 && uptime_ms >= until => {
                self.returning_until_ms.store(0, Ordering::Relaxed);
                self.returning.store(0, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    /// Notes that streams were put to sleep. Where that goes on and on, what is resident is looked at all the same, now
    /// and then.
    pub fn note_shed(&self, uptime_ms: u64) {
        let until = self.unseen_until_ms.load(Ordering::Relaxed);
        if uptime_ms >= until {
            self.unseen_until_ms.store(uptime_ms + RETURNED_AFTER_MS, Ordering::Relaxed);
        }
    }

    /// Bytes that the process takes: what was resident at the latest look, and what was counted since. What streams
    /// gave back since counts as free although the system may not have it again: the next stream takes it.
    pub fn used_bytes(&self) -> u64 {
        let since = self.counted.load(Ordering::Relaxed) - self.counted_then.load(Ordering::Relaxed);
        self.resident.load(Ordering::Relaxed).saturating_add_signed(since)
    }

    /// Whether streams take more than so many parts of a hundred of what is not kept for copies.
    fn is_above(&self, percent: u64) -> bool {
        self.is_above_with(0, percent)
    }

    /// The same if they took so many bytes more.
    fn is_above_with(&self, more: u64, percent: u64) -> bool {
        let kept = self.kept_for_copies();
        let copies = self.copies.load(Ordering::Relaxed) + self.returning.load(Ordering::Relaxed);
        self.used_bytes().saturating_sub(copies.min(kept)) + more > (self.limit_bytes - kept) / 100 * percent
    }

    /// Whether a stream that takes so many bytes may wake without that something new is refused.
    pub fn has_room_for(&self, bytes: u64) -> bool {
        !self.is_above_with(bytes, REFUSE_PERCENT)
    }

    /// How near the budget is.
    pub fn pressure(&self) -> Pressure {
        match () {
            () if self.is_above(REFUSE_PERCENT) => Pressure::Refuse,
            () if self.is_above(SHED_PERCENT) => Pressure::Shed,
            () => Pressure::None,
        }
    }

    /// Whether enough was shed.
    pub fn is_relieved(&self) -> bool {
        !self.is_above(SHED_TO_PERCENT)
    }

    /// The bytes by which streams alone take more than they may where memory is short. What else the process takes is
    /// not made less by streams that sleep.
    pub fn streams_excess(&self) -> u64 {
        let most = (self.limit_bytes - self.kept_for_copies()) / 100 * STREAMS_PERCENT;
        self.counted_bytes().saturating_sub(most)
    }

    /// Why something new is refused.
    pub fn reason(&self) -> String {
        let mib = |bytes: u64| bytes >> 20;
        format!(
            "the daemon takes {} MiB of the {} MiB that it may take, {} of which are kept for checkpoints \
             (limits.memory): nothing new is taken in",
            mib(self.used_bytes()),
            mib(self.limit_bytes),
            mib(self.kept_for_copies())
        )
    }
}

/// Bytes of the process that are in memory, where the system says so.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Bytes that jemalloc has given out and not got back; 0 where it does not count them. What is resident beyond them is
/// what freed memory keeps, so the two together tell what grows from what is only scattered.
pub fn allocated_bytes() -> u64 {
    // what jemalloc says is of its latest epoch
    let begun = tikv_jemalloc_ctl::epoch::advance();
    begun.and_then(|_| tikv_jemalloc_ctl::stats::allocated::read()).unwrap_or(0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_since_the_look_is_added_to_what_was_resident() {
        let budget = MemoryBudget::new(1600);
        // a sixteenth is kept for copies
        budget.resident.store(750, Ordering::Relaxed);
        budget.count(0, 300);
        assert_eq!((budget.used_bytes(), budget.pressure()), (1050, Pressure::None));
        budget.count(0, 240);
        assert_eq!(budget.pressure(), Pressure::Shed);
        budget.count(0, 150);
        assert_eq!(budget.pressure(), Pressure::Refuse);
        budget.count(690, 150);
        assert_eq!((budget.used_bytes(), budget.is_relieved()), (900, true));
    }

    #[test]
    fn copies_are_made_as_far_as_there_is_room_for_them() {
        let budget = Arc::new(MemoryBudget::new(1600));
        let first = budget.room_for_copy(60).unwrap();
        assert!(budget.room_for_copy(50).is_none() && budget.room_for_copy(40).is_some());
        drop(first);
        let large = budget.room_for_copy(5000).expect("a single one always has room");
        assert!(budget.room_for_copy(1).is_none());
        // what is kept for it is at most a third, and is not held against the streams while it is used
        budget.resident.store(1300, Ordering::Relaxed);
        assert_eq!(budget.pressure(), Pressure::None);
        drop(large);
        assert_eq!(budget.pressure(), Pressure::None, "it is on its way back");
        budget.look_at_returning(1);
        budget.look_at_returning(1 + RETURNED_AFTER_MS);
        assert_eq!(budget.pressure(), Pressure::Refuse);
    }

    #[test]
    fn what_was_shed_is_looked_at_when_it_has_gone_back() {
        let budget = MemoryBudget::new(1000);
        budget.note_shed(10);
        budget.look(RETURNED_AFTER_MS);
        assert_eq!(budget.used_bytes(), 0);
        budget.look(RETURNED_AFTER_MS + 10);
        assert!(budget.used_bytes() > 0);
    }
}
