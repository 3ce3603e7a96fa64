//! What is counted of a stream beside learning, and kept in its checkpoints.

use crate::event_times::EventTimes;
use crate::refusals::RefusalCounts;

/// The counters of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events learnt. An event takes one or more offsets.
    pub records: u64,
    /// Events recognised as sent before.
    pub duplicates: u64,
    /// Bytes of the log, from its very beginning.
    pub logged_bytes: u64,
    /// The times of its events.
    pub times: EventTimes,
    /// Events refused, by code.
    pub refused: RefusalCounts,
}
