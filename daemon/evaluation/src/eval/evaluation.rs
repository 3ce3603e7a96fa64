//! What an evaluation of a stream tells.

use super::compare::Compared;
use super::recording::StreamFault;
use crate::labels::LabelsResult;
use crate::lines::LineDetection;
use crate::replay::ReplayProgress;
use serde::Serialize;
use surmise_recording::{Format, Oddity};

/// How far an evaluation has come.
#[derive(Clone, Copy, Debug)]
pub enum EvalStage<'a> {
    /// The learner goes over a recording.
    Replay(&'a ReplayProgress),
    /// The baselines go over it.
    Baselines(&'a ReplayProgress),
}

/// One row of the table: what was found of one stream.
#[derive(Debug, Serialize)]
pub struct Evaluation {
    /// The name of the stream in tables.
    pub title: String,
    /// The stream's recordings.
    pub files: Vec<String>,
    /// The format of the recordings.
    pub format: Format,
    /// Events that were learnt.
    pub events: u64,
    /// Events that the measures count.
    pub events_scored: u64,
    /// All bits over all events that count.
    pub bits_per_event: f64,
    /// Each measure, with the values of the learner and of the baselines.
    pub measures: Vec<Compared>,
    /// Cumulative loss minus that of the learner's own best expert, in bits.
    pub regret_bits: f64,
    /// What the regret cannot exceed.
    pub regret_bound_bits: f64,
    /// Whether the regret is within its bound for every recording, that of point forecasts included.
    pub within_bound: bool,
    /// Processor time of the learner.
    pub cpu_seconds: f64,
    /// Events learnt per second of processor time.
    pub events_per_second: f64,
    /// Size of the learner's state at the end; the largest, if there are several recordings.
    pub state_bytes: u64,
    /// The hash of the state at the end, one a recording.
    pub state_hashes: Vec<String>,
    /// Steps of the forecast, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon: Option<u32>,
    /// How well anomaly scores found the anomalies that are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelsResult>,
    /// What anomaly scores found of the faults of logs that are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detection: Option<LineDetection>,
    /// What others reached, in words.
    pub references: Vec<String>,
    /// What of the program was chosen with these recordings in sight, in words, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tuned_on: Option<String>,
    /// Recordings of the stream that dropped out, and what that means for the measures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<MissedRecording>,
    /// What was odd in the recordings, and went on being read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub odd: Vec<Oddity>,
    /// Recordings of several that could not be evaluated.
    #[serde(skip)]
    pub faults: Vec<StreamFault>,
}

/// A recording of several that dropped out of measures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissedRecording {
    /// The recording.
    pub file: String,
    /// Why, and what of it counts as missed, in words.
    pub reason: String,
}
