//! What sends traces, and why it may not.

use crate::journey::{CallerSpan, JourneySink};
use axum::http::HeaderMap;
use std::time::Duration;

/// Why there are no traces.
#[derive(Debug, thiserror::Error)]
#[error("export.traces: {0}")]
pub struct TracesError(pub String);

/// What sends traces.
pub struct TraceSender {
    /// Where journeys are told.
    pub sink: JourneySink,
    /// The span that the headers of a request name, if its sender traces it.
    pub caller: fn(&HeaderMap) -> Option<CallerSpan>,
    /// Sends what is gathered, which may take so long at most, and ends.
    pub close: Box<dyn Fn(Duration) + Send + Sync>,
}
