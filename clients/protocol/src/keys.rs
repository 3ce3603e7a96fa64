//! The keys of a stream, as the HTTP interface lists them.

use serde::{Deserialize, Serialize};
use surmise_event::KnownKey;

/// The keys of a stream (`GET /api/v1/streams/{stream}/keys`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyList {
    /// The name of the stream.
    pub stream: String,
    /// How many there are in memory; others lie in the store, which a status counts.
    pub count: u64,
    /// The first of them in the order that was asked for.
    pub keys: Vec<KnownKey>,
}
