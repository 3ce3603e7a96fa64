//! When a stream's next regular checkpoint and its next snapshot are due. Uptimes are those of [`Moment`].

use crate::clock::Moment;
use std::time::Duration;

/// How long a stream that could not be brought back refuses events before the next attempt; doubled by each failure.
const RETRY_WAIT_MIN: Duration = Duration::from_secs(1);
/// The longest time between two attempts.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(64);

/// Whether events wait for the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// Events waited when the owner last looked.
    Busy,
    /// None did.
    Idle,
}

/// When the next regular checkpoint of a stream is due.
pub(super) struct CheckpointSchedule {
    /// Events learnt since the newest checkpoint, and newer checkpoints that were passed over in recovery.
    changes: u64,
    /// Whether the owner's list of changed streams has the stream.
    is_listed: bool,
    checkpointed_at: Duration,
}

impl CheckpointSchedule {
    /// The schedule of a stream that comes into memory now and differs from its newest checkpoint by so many changes.
    pub fn new(now: Moment, changes: u64) -> CheckpointSchedule {
        CheckpointSchedule { changes, is_listed: false, checkpointed_at: now.uptime }
    }

    /// Counts events that were learnt.
    pub fn count(&mut self, events: u64) {
        self.changes += events;
    }

    /// Begins anew, as the state of a checkpoint is being copied. Returns whether the stream was listed as changed.
    pub fn restart(&mut self, now: Moment) -> bool {
        self.changes = 0;
        self.checkpointed_at = now.uptime;
        std::mem::take(&mut self.is_listed)
    }

    /// Counts anew: the stream differs from its newest checkpoint by so many changes.
    pub fn set_changes(&mut self, changes: u64) {
        self.changes = changes;
    }

    /// Notes that the owner lists the stream as changed. Returns whether that is news.
    pub fn list(&mut self) -> bool {
        !std::mem::replace(&mut self.is_listed, true)
    }

    /// Notes that the owner lists the stream anew, if it has changed. Returns whether it has.
    pub fn relist(&mut self) -> bool {
        self.is_listed = self.changes > 0;
        self.is_listed
    }

    /// Events learnt since the newest checkpoint.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether a checkpoint is due: after `events` events, or `interval` after the one before if anything changed.
    pub fn is_due(&self, now: Moment, interval: Duration, events: u64) -> bool {
        self.changes >= events || self.changes > 0 && now.since(self.checkpointed_at) >= interval
    }
}

/// When the next snapshot of a stream is due. Snapshots are as frequent as their cost allows.
pub(super) struct SnapshotSchedule {
    published_at: Duration,
    /// The offset of the latest snapshot, complete or still being copied.
    offset: u64,
    /// How long copies have kept the stream waiting since the latest snapshot was published.
    copy_time: Duration,
    /// How long the copy of the latest snapshot did.
    publish_pause: Duration,
}

impl SnapshotSchedule {
    /// The schedule of a stream without a snapshot.
    pub fn new(now: Moment) -> SnapshotSchedule {
        SnapshotSchedule {
            published_at: now.uptime,
            offset: 0,
            copy_time: Duration::ZERO,
            publish_pause: Duration::ZERO,
        }
    }

    /// Notes that the stream waited for a copy.
    pub fn add_pause(&mut self, pause: Duration) {
        self.copy_time += pause;
    }

    /// Notes that the state at an offset is being copied for a snapshot.
    pub fn begin(&mut self, offset: u64) {
        self.offset = offset;
    }

    /// Notes that a snapshot is published.
    pub fn publish(&mut self, now: Moment) {
        self.published_at = now.uptime;
        self.publish_pause = std::mem::take(&mut self.copy_time);
    }

    /// Whether the latest snapshot is of an earlier offset than this one.
    pub fn is_behind(&self, offset: u64) -> bool {
        self.offset != offset
    }

    /// Whether the latest snapshot is so old that copying another one takes a small part of the time.
    pub fn is_due(&self, now: Moment, load: Load) -> bool {
        let (age_min, pauses) = match load {
            Load::Idle => (Duration::from_millis(5), 4),
            // a reader costs the learner a sixty-fourth of its time at most, however many there are
            Load::Busy => (Duration::from_millis(50), 64),
        };
        now.since(self.published_at) >= age_min.max(pauses * self.publish_pause)
    }
}

/// When a stream that could not be brought back is tried again. Uptimes are those of [`Moment`].
pub(super) struct RetryTimes {
    due_at: Duration,
    wait: Duration,
}

impl Default for RetryTimes {
    fn default() -> Self {
        RetryTimes { due_at: Duration::ZERO, wait: RETRY_WAIT_MIN }
    }
}

impl RetryTimes {
    /// Notes that an attempt failed now.
    pub fn failed(&mut self, now: Moment) {
        self.due_at = now.uptime + self.wait;
        self.wait = (2 * self.wait).min(RETRY_WAIT_MAX);
    }

    /// Whether another attempt may be made.
    pub fn is_due(&self, now: Moment) -> bool {
        now.uptime >= self.due_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_for_readers_take_a_small_part_of_the_time() {
        let at = |millis| Moment { uptime: Duration::from_millis(millis), wall_us: 0 };
        let mut schedule = SnapshotSchedule::new(at(0));
        assert!(!schedule.is_due(at(49), Load::Busy) && schedule.is_due(at(50), Load::Busy));
        schedule.add_pause(Duration::from_millis(10));
        schedule.publish(at(100));
        assert!(!schedule.is_due(at(739), Load::Busy) && schedule.is_due(at(740), Load::Busy));
        assert!(!schedule.is_due(at(139), Load::Idle) && schedule.is_due(at(140), Load::Idle));
    }
}
