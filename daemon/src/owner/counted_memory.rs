//! What a stream was counted for in the memory budget.

use std::time::Duration;

/// Bytes that a stream was counted for.
#[derive(Default)]
pub(super) struct CountedMemory {
    pub bytes: u64,
    /// When they were counted, as uptime.
    pub at: Duration,
}
