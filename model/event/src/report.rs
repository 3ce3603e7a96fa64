//! Prequential measures: how good the predictions were, each scored before its event was learnt.

use crate::Drift;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// Numbers: continuous ranked probability score, a mean of one estimate a value (about one per cent over a few
    /// thousand values).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crps: Option<f64>,
    /// Numbers: which part of the values lay between the levels .05 and .95 of what was predicted. A value that is
    /// predicted with a mass of its own covers the levels from F(y⁻) to F(y), and counts by the part of these that lies
    /// between (the probability integral transform, which is even for a calibrated prediction, atoms or not).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage_90: Option<f64>,
    /// The same between .25 and .75.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage_50: Option<f64>,
    /// The same between .005 and .995.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage_99: Option<f64>,
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
    /// Mean difference between claimed and measured frequency: of decisions on symbols, over ten classes of claimed
    /// probability; of numbers, over the ten tenths of the predicted distribution, each claimed to hold a tenth.
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
