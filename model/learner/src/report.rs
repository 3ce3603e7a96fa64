//! Prequential measures: how good the predictions were, each scored before its event was learnt.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use surmise_event::Drift;

/// One expert's loss, next to which the mixture's stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExpertReport {
    /// Its name; in a stream of several fields, `field/expert`.
    pub name: String,
    /// Its mean surprise, had it predicted alone.
    pub loss_bits_per_event: f64,
}

/// How well one field was predicted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FieldReport {
    /// Its kind.
    pub kind: String,
    /// Mean surprise per event that had it.
    pub loss_bits: f64,
    /// Values scored.
    pub count: u64,
    /// Cumulative loss minus the best single expert's, in bits.
    pub regret_bits: f64,
    /// What the regret cannot exceed.
    pub regret_bound_bits: f64,
    /// Categories: how often the symbol that came was the likeliest, among the 5, 9 and 20 likeliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top1: Option<f64>,
    /// See `top1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top5: Option<f64>,
    /// See `top1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top9: Option<f64>,
    /// See `top1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top20: Option<f64>,
    /// Categories: distinct symbols seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct: Option<u64>,
    /// Numbers: mean squared error of the point forecast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mse: Option<f64>,
    /// Numbers: mean absolute error of the point forecast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mae: Option<f64>,
    /// Numbers: continuous ranked probability score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crps: Option<f64>,
    /// Numbers: how often the value lay within the 90 % interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage_90: Option<f64>,
}

/// How well a stream was predicted, from its first event or since measuring began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Events scored.
    pub events: u64,
    /// Distinct keys seen.
    pub keys: u64,
    /// All bits over all events scored.
    pub loss_bits_per_event: f64,
    /// Cumulative loss minus that of the best single expert (of each field), in bits.
    pub regret_bits: f64,
    /// What the regret cannot exceed.
    pub regret_bound_bits: f64,
    /// Every expert beside the mixture.
    pub experts: Vec<ExpertReport>,
    /// Every field.
    pub fields: BTreeMap<String, FieldReport>,
    /// Mean difference between claimed and measured frequency, over ten classes of claimed probability.
    pub calibration_error: f64,
    /// Weights of the network.
    pub parameters: u64,
    /// Size of the learner's state.
    pub state_bytes: u64,
    /// The kernel that computed it.
    pub kernel: String,
    /// The engine that ran the network.
    pub engine: String,
    /// What was chosen for the schema, for people.
    #[serde(default)]
    pub choices: String,
    /// Events that came with an earlier time than their key's last.
    #[serde(default)]
    pub late_events: u64,
    /// The latest lasting changes of the stream, oldest first: at most 16.
    #[serde(default)]
    pub drifts: Vec<Drift>,
}
