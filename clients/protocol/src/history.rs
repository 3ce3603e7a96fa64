//! The course of a stream, as the daemon keeps it in fixed memory.

use serde::{Deserialize, Serialize};

/// What happened in one span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HistoryPoint {
    /// The second since 1970 at which the span begins.
    pub time: i64,
    /// Events that were learnt.
    pub events: u64,
    /// Their surprise, in bits.
    pub bits: f64,
    /// How rare the rarest of them was: once in so many events.
    pub rarest: f64,
    /// Incidents that began.
    pub incidents: u64,
    /// Distinct symbols and templates that were known at its end.
    #[serde(default)]
    pub distinct: u64,
}

/// The latest spans of one length (`GET /api/v1/streams/{stream}/history`), the oldest first. A span without events is
/// left out. Time is the daemon's, at which events came; what is learnt again after a restart is not counted twice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HistoryAnswer {
    /// The name of the stream.
    pub stream: String,
    /// The length of a span, in seconds.
    pub span_seconds: u64,
    /// How many spans are kept.
    pub spans_max: usize,
    /// The daemon's time of the answer, in seconds since 1970.
    pub now: f64,
    /// The spans that have events.
    pub points: Vec<HistoryPoint>,
    /// Losses over the latest minute, hour and day, as far as they are known.
    pub windows: Vec<LossWindow>,
}

/// What the mixture and every expert lost over the latest time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LossWindow {
    /// `minute`, `hour`, `day` or `ever`.
    pub name: String,
    /// The seconds that it covers: as much as the name says, if the stream is known for so long.
    pub seconds: f64,
    /// Events learnt in it.
    pub events: u64,
    /// Bits per event of the mixture.
    pub loss_bits_per_event: f64,
    /// Bits per event of the best simple expert of each field.
    pub simple_bits_per_event: f64,
    /// Bits per event of every expert of each of the first 16 fields, as `field/expert`; `field` alone is the field's
    /// mixture.
    pub experts: Vec<(String, f64)>,
}
