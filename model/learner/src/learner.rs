//! The learner of one stream.

use crate::{Options, Report};
use surmise_event::{Event, Limits, Outcome, Prediction, Record, Refusal, Schema};

/// Why a learner could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum LearnerError {
    /// An option that does not fit the schema.
    #[error("{0}")]
    Options(String),
    /// A checkpoint that cannot be read.
    #[error("checkpoint: {0}")]
    State(#[from] surmise_state::StateError),
    /// A checkpoint of another format, arithmetic or engine.
    #[error("checkpoint {0}")]
    Incompatible(String),
}

/// The learner of one stream.
#[derive(Clone)]
pub struct Learner {}

impl Learner {
    /// A learner that has seen nothing.
    pub fn new(_schema: Schema, _options: Options) -> Result<Learner, LearnerError> {
        todo!()
    }
    /// The fields as they are now.
    pub fn schema(&self) -> &Schema {
        todo!()
    }
    /// The choices it was made with.
    pub fn options(&self) -> &Options {
        todo!()
    }
    /// Holds a record against the schema, which grows by new fields if it is open.
    pub fn bind(&mut self, _record: &Record, _limits: &Limits) -> Result<Event, Refusal> {
        todo!()
    }
    /// Scores the event against what was expected of it, and learns from it.
    pub fn observe(&mut self, _event: &Event) -> Outcome {
        todo!()
    }
    /// What is expected of the next event of a key: the `top` likeliest symbols, quantiles of numbers.
    pub fn predict(&self, _key: Option<&str>, _top: usize) -> Prediction {
        todo!()
    }
    /// The model rolled forward: what is expected of the next `horizon` events of a key.
    pub fn forecast(&self, _key: Option<&str>, _horizon: usize, _top: usize) -> Vec<Prediction> {
        todo!()
    }
    /// The offset that the next event will have.
    pub fn offset(&self) -> u64 {
        todo!()
    }
    /// How many times the model has changed.
    pub fn model_version(&self) -> u64 {
        todo!()
    }
    /// Keys whose state is held.
    pub fn keys_held(&self) -> usize {
        todo!()
    }
    /// Whether events are counted in the report (they are learnt all the same).
    pub fn set_scoring(&mut self, _on: bool) {
        todo!()
    }
    /// Whether ranks of symbols (top1 to top20) are measured; costs a walk of the code tree per event.
    pub fn set_ranks(&mut self, _on: bool) {
        todo!()
    }
    /// Forecasts of number fields that stood before the latest event: per number field, name, mean, and the bounds of the 90 % interval.
    pub fn latest_forecasts(&self) -> Vec<(String, f64, f64, f64)> {
        todo!()
    }
    /// Prequential measures so far.
    pub fn report(&mut self) -> Report {
        todo!()
    }
    /// A hash of everything that decides what is predicted from here on, as 32 hexadecimal digits.
    pub fn state_hash(&mut self) -> String {
        todo!()
    }
    /// Bytes of memory held, near enough for a bound.
    pub fn state_bytes(&mut self) -> u64 {
        todo!()
    }
    /// Everything, with format version, identity of arithmetic and engine, schema and options, checksummed.
    pub fn save(&mut self) -> Vec<u8> {
        todo!()
    }
    /// Reads what `save` wrote.
    pub fn load(_bytes: &[u8]) -> Result<Learner, LearnerError> {
        todo!()
    }
}
