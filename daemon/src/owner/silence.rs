//! How long a stream has been silent.

use crate::clock::Moment;
use std::time::Duration;

/// How long a stream has been silent, and what was told of it.
pub(super) struct Silence {
    /// When the latest event was learnt.
    pub(super) since: Duration,
    /// The offset of the event that was told to be overdue.
    pub(super) told: Option<u64>,
}

impl Silence {
    /// The silence of a stream that comes into memory now.
    pub fn new(now: Moment) -> Silence {
        Silence { since: now.uptime, told: None }
    }

    /// Notes that events were learnt.
    pub fn end(&mut self, now: Moment) {
        *self = Silence::new(now);
    }
}
