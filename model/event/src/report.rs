//! Prequential measures: how good the predictions were, each scored before its event was learnt.

use crate::prediction::Drift;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The loss of one expert, to compare with the mixture's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExpertReport {
    /// The expert's name; in a stream of several fields, `field/expert`.
    pub name: String,
    /// The mean surprise per event that the expert would have had, had it predicted alone.
    pub loss_bits_per_event: f64,
}

/// How well one field was predicted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FieldReport {
    /// The kind of the field, or `end`.
    pub kind: String,
    /// Mean surprise of a value of the field.
    pub loss_bits: f64,
    /// How many values were scored.
    pub count: u64,
    /// Cumulative loss minus the best single expert's, in bits.
    pub regret_bits: f64,
    /// What the regret cannot exceed (PREDICTOR §7).
    pub regret_bound_bits: f64,
    /// Categories: how often the symbol that came was the likeliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top1: Option<f64>,
    /// Categories: how often it was among the 5 likeliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top5: Option<f64>,
    /// Categories: how often it was among the 9 likeliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top9: Option<f64>,
    /// Categories: how often it was among the 20 likeliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top20: Option<f64>,
    /// Categories: distinct symbols seen; lines of logs: their templates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct: Option<u64>,
    /// Categories, texts and lines: which share of its bits the network saves the field; none where there is no
    /// network, or where its share cannot be told from that of other evidence (PREDICTOR §5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_gain: Option<f64>,
    /// Numbers: mean squared error of the point forecast for squared errors, the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mse: Option<f64>,
    /// Numbers: mean absolute error of the point forecast for absolute errors, the median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mae: Option<f64>,
    /// Numbers: mean squared error less that of the best single point expert, over all values since the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mse_regret: Option<f64>,
    /// Numbers: what `mse_regret` cannot exceed, on any sequence (PREDICTOR §8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mse_regret_bound: Option<f64>,
    /// Numbers: mean absolute error less that of the best single point expert, over all values since the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mae_regret: Option<f64>,
    /// Numbers: what `mae_regret` cannot exceed, on any sequence (PREDICTOR §8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mae_regret_bound: Option<f64>,
    /// Numbers: the continuous ranked probability score, the mean of one rough estimate per value, which is right to
    /// about one per cent over a few thousand values (PREDICTOR §8).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crps: Option<f64>,
    /// Numbers: how much of the values fell inside the predicted 5–95 % interval; .9 means calibrated. A value that is
    /// predicted with a mass of its own covers the levels from F(y⁻) to F(y), and counts by the part of these that lies
    /// inside (PREDICTOR §8).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage_90: Option<f64>,
    /// Numbers: how much of the values fell inside the predicted 25–75 % interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage_50: Option<f64>,
    /// Numbers: how much of the values fell inside the predicted .5–99.5 % interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage_99: Option<f64>,
}

impl FieldReport {
    /// Whether the regret of point forecasts is within its bound, as far as there are any.
    pub fn points_within_bound(&self) -> bool {
        let within = |regret: Option<f64>, bound: Option<f64>| regret.zip(bound).is_none_or(|(r, b)| r <= b);
        within(self.mse_regret, self.mse_regret_bound) && within(self.mae_regret, self.mae_regret_bound)
    }
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
    /// What the regret cannot exceed (PREDICTOR §7).
    pub regret_bound_bits: f64,
    /// The loss of every expert of the mixture.
    pub experts: Vec<ExpertReport>,
    /// Every field.
    pub fields: BTreeMap<String, FieldReport>,
    /// Mean difference between claimed and measured frequency: of decisions on symbols, over ten classes of claimed
    /// probability; of numbers, over the ten tenths of the predicted distribution, each claimed to hold a tenth.
    pub calibration_error: f64,
    /// Weights of the network.
    pub parameters: u64,
    /// Which share of their bits networks save the fields whose `network_gain` is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_gain: Option<f64>,
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
