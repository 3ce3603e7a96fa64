//! What the feed of a stream tells of updates that were refused.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Updates of a stream's networks that were refused, so that their weights stay as they were; as the event
/// `updates_refused` of `/api/v1/streams/{stream}/watch` carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdatesRefused {
    /// The name of the stream.
    pub stream: Arc<str>,
    /// Why: `not_finite`, or `exploded`, if the errors were far larger than usual.
    pub reason: Box<str>,
    /// How many.
    pub updates: u64,
    /// The number of events of the stream by then.
    pub offset: u64,
}
