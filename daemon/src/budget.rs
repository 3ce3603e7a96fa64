//! The memory budget of the process: how much it takes, how much it may take, and how near it is.
//!
//! Owners count the bytes of their streams as these grow and shrink; a look at what the system says is resident sets
//! the count right. Near the bound owners shed what can be had again, in this order: snapshots that nobody read for a
//! second, then streams that were idle for longest, which sleep until they are needed again. At the bound new streams
//! and new fields are refused by name. What a stream learns never depends on it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Parts of a hundred of the budget from which on owners shed, down to which they shed, and from which on new streams
/// and fields are refused.
const SHED_PERCENT: u64 = 85;
const SHED_TO_PERCENT: u64 = 75;
const REFUSE_PERCENT: u64 = 92;
/// The time after which what was shed has gone back to the system, which the allocator sees to within a second.
const RETURNED_AFTER_MS: u64 = 2000;

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
        }
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
        if uptime_ms < self.unseen_until_ms.load(Ordering::Relaxed) {
            return;
        }
        if let Some(resident) = resident_bytes() {
            self.counted_then.store(self.counted.load(Ordering::Relaxed), Ordering::Relaxed);
            self.resident.store(resident, Ordering::Relaxed);
        }
    }

    /// Notes that streams were put to sleep.
    pub fn note_shed(&self, uptime_ms: u64) {
        self.unseen_until_ms.store(uptime_ms + RETURNED_AFTER_MS, Ordering::Relaxed);
    }

    /// Bytes that the process takes: what was resident at the latest look, and what was counted since. What streams
    /// gave back since counts as free although the system may not have it again: the next stream takes it.
    pub fn used_bytes(&self) -> u64 {
        let since = self.counted.load(Ordering::Relaxed) - self.counted_then.load(Ordering::Relaxed);
        self.resident.load(Ordering::Relaxed).saturating_add_signed(since)
    }

    fn is_above(&self, percent: u64) -> bool {
        self.used_bytes() > self.limit_bytes / 100 * percent
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

    /// Why something new is refused.
    pub fn reason(&self) -> String {
        let mib = |bytes: u64| bytes >> 20;
        format!(
            "the daemon takes {} MiB of the {} MiB that it may take (limits.memory): nothing new is taken in",
            mib(self.used_bytes()),
            mib(self.limit_bytes)
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

/// Half of the memory of the machine, or of the control group that the process is in where that has less.
pub fn half_of_the_machine() -> u64 {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_bytes(&text));
    let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let group = groups.iter().filter_map(|path| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok()).min();
    // a machine that does not say is taken for a small one
    machine.unwrap_or(4 << 30).min(group.unwrap_or(u64::MAX)) / 2
}

fn total_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_since_the_look_is_added_to_what_was_resident() {
        let budget = MemoryBudget::new(1000);
        budget.resident.store(500, Ordering::Relaxed);
        budget.count(0, 200);
        assert_eq!((budget.used_bytes(), budget.pressure()), (700, Pressure::None));
        budget.count(0, 160);
        assert_eq!(budget.pressure(), Pressure::Shed);
        budget.count(0, 100);
        assert_eq!(budget.pressure(), Pressure::Refuse);
        budget.count(460, 100);
        assert_eq!((budget.used_bytes(), budget.is_relieved()), (600, true));
    }

    #[test]
    fn the_machine_says_how_much_it_has() {
        assert_eq!(total_bytes("MemTotal:       24595356 kB\nMemFree: 1 kB\n"), Some(24_595_356 << 10));
        assert!(half_of_the_machine() > 64 << 20);
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
