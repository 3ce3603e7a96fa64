//! Prediction of the number fields of one stream. (First version: the interface stands, the learner is being written.)
use surmise_state::{Persist, State, StateError};

/// Which engine computes the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Engine {
    /// Hand-written kernels.
    #[default]
    Fused,
    /// The reference, step by step in dfdx.
    Dfdx,
}
/// The network's size.
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    /// Layers.
    pub layers: usize,
    /// Width of a layer.
    pub hidden: usize,
    /// Steps of truncated backpropagation.
    pub chunk: usize,
    /// Learning rate.
    pub lr: f32,
    /// Engine.
    pub engine: Engine,
}
impl Default for NetworkOptions {
    fn default() -> Self {
        Self { layers: 2, hidden: 32, chunk: 8, lr: 2e-3, engine: Engine::Fused }
    }
}
/// Options.
#[derive(Clone, Debug, Default)]
pub struct NumberOptions {
    /// The network; none: linear and simple experts only.
    pub network: Option<NetworkOptions>,
}
/// What is known of an event besides its numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// Time in microseconds since 1970.
    pub time_us: Option<i64>,
    /// Hashes of symbolic fields that are already known.
    pub symbols: &'a [u32],
}
/// One step's forecast of one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// Point forecast.
    pub mean: f64,
    /// Quantiles at the levels that were asked for.
    pub quantiles: Vec<f64>,
}
/// Shared state of one stream's number fields.
#[derive(Clone)]
pub struct NumberModel {
    columns: usize,
    nats: Vec<f64>,
}
/// Private state of one key.
#[derive(Clone)]
pub struct NumberKey {
    n: u64,
}
impl NumberKey {
    /// A key without history.
    pub fn new(_model: &NumberModel) -> Self {
        Self { n: 0 }
    }
}
impl Persist for NumberKey {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u64("n", &mut self.n)
    }
}
impl Persist for NumberModel {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.len("columns", &mut self.columns)
    }
}
#[allow(missing_docs)]
impl NumberModel {
    pub fn new(columns: usize, _options: NumberOptions, _seed: u64) -> Self {
        Self { columns, nats: vec![0.0] }
    }
    pub fn columns(&self) -> usize {
        self.columns
    }
    pub fn add_column(&mut self) {
        self.columns += 1;
    }
    pub fn begin(&mut self, _key: &mut NumberKey, _ctx: &Context<'_>) {}
    pub fn mean(&self, _column: usize) -> f64 {
        0.0
    }
    pub fn median(&self, _column: usize) -> f64 {
        0.0
    }
    pub fn quantile(&self, _column: usize, _p: f64) -> f64 {
        0.0
    }
    pub fn cdf(&self, _column: usize, _value: f64) -> f64 {
        0.5
    }
    pub fn crps(&self, _column: usize, _value: f64) -> f64 {
        0.0
    }
    pub fn observe(&mut self, _key: &mut NumberKey, _column: usize, _value: f64) -> f64 {
        1.0
    }
    pub fn conditional_mean(&self, _column: usize) -> f64 {
        0.0
    }
    pub fn conditional_quantile(&self, _column: usize, _p: f64) -> f64 {
        0.0
    }
    pub fn finish(&mut self, _key: &mut NumberKey) {}
    pub fn experts(&self) -> &[&'static str] {
        &["(none)"]
    }
    pub fn expert_nats(&self, _column: usize) -> &[f64] {
        &self.nats
    }
    pub fn bucket(&self, _column: usize, _value: f64) -> u32 {
        0
    }
    pub fn forecast(&self, _key: &NumberKey, _ctx: &Context<'_>, horizon: usize, levels: &[f64]) -> Vec<Vec<Forecast>> {
        vec![vec![Forecast { mean: 0.0, quantiles: vec![0.0; levels.len()] }; self.columns]; horizon]
    }
    pub fn regret_bound(&self, _column: usize) -> f64 {
        0.0
    }
}
