//! What sends traces, and why it may not.

use std::time::Duration;

/// Why there are no traces.
#[derive(Debug, thiserror::Error)]
#[error("export.traces: {0}")]
pub struct TracesError(pub String);

/// Sends what is gathered, which may take so long at most, and ends.
pub type CloseTraces = Box<dyn Fn(Duration) + Send + Sync>;
