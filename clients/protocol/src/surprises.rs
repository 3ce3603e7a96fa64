//! The most surprising events of a stream, and how often events were as rare as that.

use serde::{Deserialize, Serialize};

/// An event that was rare for its stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RareEvent {
    /// Its offset.
    pub offset: u64,
    /// When it arrived, in seconds since 1970.
    pub time: f64,
    /// Its key, if it has one; a long one is cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its rarity: it was as unusual as one in so many events.
    pub rarity_events: f64,
    /// Its surprise.
    pub surprise_bits: f64,
}

/// How many events were at least so rare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RarityCount {
    /// The rarity: one in so many events is promised to be like that.
    pub rarity_events: f64,
    /// Events that were.
    pub events: u64,
}

/// The most surprising events of a stream (`GET /api/v1/streams/{stream}/surprises`), the rarest first, those of the
/// latest days. The daemon keeps some of each day, and they survive its restarts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SurpriseList {
    /// The name of the stream.
    pub stream: String,
    /// Events that were judged, since the stream began.
    pub events: u64,
    /// How many of them were at least as rare as one in 10, 100, and so on: as promised, if it is a tenth, a hundredth,
    /// and so on.
    pub counts: Vec<RarityCount>,
    /// The rarest events of the days that were asked for.
    pub surprises: Vec<RareEvent>,
}
