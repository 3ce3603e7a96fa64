//! What is counted of simulated worlds.

use std::ops::AddAssign;
use std::time::Duration;

/// What happened in a world, or in several.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Happened {
    pub steps: u64,
    pub virtual_time: Duration,
    pub events: u64,
    pub crashes: u64,
    pub stops: u64,
    pub failed_writes: u64,
    pub checkpoints: u64,
    pub torn_checkpoints: u64,
    pub trimmed: u64,
    pub pages: u64,
    pub quarantined: u64,
    pub seen_states: u64,
    pub reconnections: u64,
    pub epochs: u64,
    /// Batches that waited for room in an inbox.
    pub waits: u64,
    pub full_disks: u64,
    pub retried: u64,
    pub replaced: u64,
    pub brought_back: u64,
    pub not_replaced: u64,
}

impl AddAssign for Happened {
    fn add_assign(&mut self, other: Happened) {
        self.virtual_time += other.virtual_time;
        let pairs = [
            (&mut self.steps, other.steps),
            (&mut self.events, other.events),
            (&mut self.crashes, other.crashes),
            (&mut self.stops, other.stops),
            (&mut self.failed_writes, other.failed_writes),
            (&mut self.checkpoints, other.checkpoints),
            (&mut self.torn_checkpoints, other.torn_checkpoints),
            (&mut self.trimmed, other.trimmed),
            (&mut self.pages, other.pages),
            (&mut self.quarantined, other.quarantined),
            (&mut self.seen_states, other.seen_states),
            (&mut self.reconnections, other.reconnections),
            (&mut self.epochs, other.epochs),
            (&mut self.waits, other.waits),
            (&mut self.full_disks, other.full_disks),
            (&mut self.retried, other.retried),
            (&mut self.replaced, other.replaced),
            (&mut self.brought_back, other.brought_back),
            (&mut self.not_replaced, other.not_replaced),
        ];
        pairs.into_iter().for_each(|(sum, more)| *sum += more);
    }
}
