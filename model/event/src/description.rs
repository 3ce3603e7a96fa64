//! What a learner is made of and what it relies on now, for people who look inside.

use serde::{Deserialize, Serialize};

/// What a learner is made of, as its own declarations say it, with what each part counts now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LearnerDescription {
    /// The offset of the next event: everything before it is learnt.
    pub offset: u64,
    /// What was chosen for the schema, for people.
    pub choices: String,
    /// The kernel that computes it.
    pub kernel: String,
    /// The engine that runs the network.
    pub engine: String,
    /// Every field, in the order in which fields are predicted.
    pub fields: Vec<FieldDescription>,
    /// Decisions on symbols by tenth of the claimed probability: the sum of claims, how often they came true, and how
    /// many there were.
    pub claims: Vec<[f64; 3]>,
}

/// The model of one field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FieldDescription {
    /// The name of the field.
    pub name: String,
    /// The kind of the field.
    pub kind: String,
    /// Values scored.
    pub count: u64,
    /// Mean surprise of a value, in bits.
    pub loss_bits: f64,
    /// The stages through which a value goes in the model, each after those that it reads.
    pub flow: Vec<FlowStage>,
    /// The whole experts of the outer mixture.
    pub experts: Vec<ExpertState>,
    /// The network, if the field's model has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkState>,
    /// Of a number, how often its value fell into each tenth of the predicted distribution, where that was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenths: Vec<f64>,
}

/// A stage of a field's model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FlowStage {
    /// Its name; no two stages of a field have the same. What is `network`, `experts` or `mixture` is told in more
    /// detail beside the flow.
    pub name: String,
    /// What it does.
    pub about: String,
    /// The names of the stages that it reads.
    pub reads: Vec<String>,
    /// What stands in it.
    pub parts: Vec<NamedPart>,
}

/// A part of a model that has a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NamedPart {
    /// Its name in reports.
    pub name: String,
    /// What it is.
    pub about: String,
}

/// One expert of the outer mixture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExpertState {
    /// Its name in reports.
    pub name: String,
    /// What it is, if its declaration says it.
    pub about: String,
    /// Its weight in the mixture for the next value; the weights of a mixture sum to 1.
    pub weight: f64,
    /// What the values so far would have cost if it had predicted alone, in bits per value; of one that never had
    /// something to say, what they cost the mixture that it is in.
    pub loss_bits: f64,
}

/// The network of one field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NetworkState {
    /// Units of each layer.
    pub hidden: u64,
    /// Layers.
    pub layers: u64,
    /// Steps of a chunk of truncated backpropagation.
    pub chunk: u64,
    /// Weights.
    pub parameters: u64,
    /// Which share of its bits the network saves the field; none where that cannot be told from the share of other
    /// evidence.
    pub gain: Option<f64>,
    /// Whether it sleeps, as it was not worth its time.
    pub sleeps: bool,
    /// Values, or letters of texts, that came while it slept.
    pub slept: u64,
    /// Challengers that began.
    pub trials: u64,
    /// Challengers that took the champion's place.
    pub promotions: u64,
    /// Updates that were refused.
    pub updates_rejected: u64,
    /// How each layer is, the lowest first.
    pub each_layer: Vec<LayerState>,
}

/// A template of lines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KnownTemplate {
    /// The field that has the lines.
    pub field: String,
    /// Its text, with placeholders such as `<number>` where it varies.
    pub text: String,
    /// Lines that it has had.
    pub lines: u64,
    /// The offset of the latest event with it, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_offset: Option<u64>,
}

/// A key that a learner has in memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KnownKey {
    /// The key.
    pub key: String,
    /// Its events so far.
    pub events: u64,
    /// The offset of its latest event.
    pub latest_offset: u64,
    /// The time of its latest event, RFC 3339, where events have times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_time: Option<String>,
    /// Whether it is silent for far longer than keys of this stream are that speak again.
    #[serde(default)]
    pub is_silent: bool,
}

/// How a layer of a network is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LayerState {
    /// The root of the sum of its squared weights.
    pub weight_norm: f64,
    /// The root of the sum of squared gradients of its usual update, whose gradients are sums over a chunk.
    pub gradient_norm: f64,
    /// Units on which nothing depends: their gradients are under a thousandth of the layer's median unit's.
    pub dead_units: u64,
}
