//! How long a stream has been silent.

use crate::clock::Moment;
use std::time::Duration;

/// How long a stream has been silent, and what was told of it.
pub(super) struct Silence {
    /// When the latest event was learnt.
    pub(super) since: Duration,
    /// Whether the next event was told to be overdue.
    pub(super) told: bool,
}

impl Silence {
    /// The silence of a stream that comes into memory now.
    pub fn new(now: Moment) -> Silence {
        Silence { since: now.uptime, told: false }
    }

    /// Notes that events were learnt.
    pub fn end(&mut self, now: Moment) {
        *self = Silence::new(now);
    }
}
