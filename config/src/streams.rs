//! `[streams."name-or-glob*"]`: what is declared about streams before their first event.

use crate::error::{ConfigError, ConfigFault, SchemaFault};
use crate::tables::{AlarmTable, LearningTable};
use figment::Figment;
use figment::providers::Serialized;
use figment::value::Dict;
use serde::{Deserialize, Serialize};
use surmise_event::{AlarmBudget, Field, Schema};
use surmise_learner::Options;

/// What is declared about the streams of one name, or of one pattern with `*`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamRule {
    /// The fields, in the order in which they are predicted; empty to infer them from the first events.
    pub fields: Vec<Field>,
    /// Whether a record with another field is refused.
    pub closed: bool,
    /// The stream with whose knowledge such a stream begins, if it has a checkpoint by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    /// Keys of `[model]` that differ for these streams.
    pub model: Dict,
    /// Keys of `[learning]` that differ for these streams.
    pub learning: StreamLearning,
    /// Keys of `[alarm]` that differ for these streams.
    pub alarm: StreamAlarm,
}

/// The keys of `[alarm]` that may differ from stream to stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamAlarm {
    /// How many incidents a stream without faults may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<AlarmBudget>,
}

/// The keys of `[learning]` that may differ from stream to stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamLearning {
    /// Chunks that an update of a network waits before it takes effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_chunks: Option<u32>,
}

/// The one option of learners that is written in `[learning]` instead of `[model]`.
const DELAY: &str = "delay_chunks";
/// The one option of learners that is written in `[alarm]`.
const BUDGET: &str = "alarm_budget";

impl StreamRule {
    /// The declared schema.
    pub fn schema(&self) -> Schema {
        Schema { fields: self.fields.clone(), closed: self.closed }
    }

    /// The options of `[model]`, `[learning]` and `[alarm]`, with what differs for these streams.
    ///
    /// # Errors
    /// An unknown key, a key in the wrong table, or a value that does not fit.
    pub(crate) fn options(
        &self,
        base: &Options,
        learning: &LearningTable,
        alarm: &AlarmTable,
    ) -> Result<Options, ConfigError> {
        // the option is the learner's, but its key belongs to the table of gradients
        if base.delay_chunks != 0 || self.model.contains_key(DELAY) {
            return Err(ConfigFault::MisplacedDelay.into());
        }
        if base.alarm_budget != AlarmBudget::default() || self.model.contains_key(BUDGET) {
            return Err(ConfigFault::MisplacedBudget.into());
        }
        // the rule's table goes over the whole of [model], key by key
        let options: Options = Figment::from(Serialized::defaults(base))
            .merge(Serialized::defaults(&self.model))
            .extract()
            .map_err(|e| ConfigError::from_figment(e, "model"))?;
        let delay_chunks = self.learning.delay_chunks.unwrap_or(learning.delay_chunks);
        let alarm_budget = self.alarm.budget.unwrap_or(alarm.budget);
        let options = Options { delay_chunks, alarm_budget, ..options };
        options.check().map_err(ConfigFault::Options)?;
        Ok(options)
    }

    /// Checks that the declared fields are a schema.
    pub(crate) fn check_schema(&self) -> Result<(), SchemaFault> {
        if self.closed && self.fields.is_empty() {
            return Err(SchemaFault::ClosedWithoutFields);
        }
        for (i, field) in self.fields.iter().enumerate() {
            if field.name.is_empty() {
                return Err(SchemaFault::Nameless(i + 1));
            }
            if self.fields[..i].iter().any(|earlier| earlier.name == field.name) {
                return Err(SchemaFault::Twice(field.name.clone()));
            }
        }
        if self.fields.iter().filter(|f| !f.kind.is_sent()).count() > 1 {
            return Err(SchemaFault::SecondGap);
        }
        if self.fields.len() > 1 && self.fields.iter().any(|f| f.kind.is_every_byte()) {
            return Err(SchemaFault::ByteAmongOthers);
        }
        Ok(())
    }
}
