//! What is set about one learner alone, beside its stream: the settings of a replay.

use crate::error::{ConfigError, ConfigFault};
use crate::streams::StreamRule;
use crate::tables::{AlarmTable, LearningTable};
use figment::Figment;
use figment::providers::Serialized;
use figment::value::Dict;
use serde::Serialize;
use surmise_event::{AlarmBudget, Schema};
use surmise_learner::Options;

/// The keys of `[streams.NAME]`. All others are of `[model]`.
const STREAM_KEYS: [&str; 5] = ["fields", "closed", "model", "learning", "alarm"];

/// The schema and the options of a learner that differs from another one by some settings: keys of `[model]`, and the
/// keys and tables of `[streams.NAME]`.
///
/// ```
/// use std::collections::BTreeMap;
/// use surmise_config::learner_settings;
/// use surmise_event::Schema;
/// use surmise_learner::{NetworkSize, Options};
///
/// let of = |key: &str, value: &str| {
///     learner_settings(&BTreeMap::from([(key, value)]), &Schema::default(), &Options::default())
/// };
/// assert_eq!(of("network", "off")?.1.network, NetworkSize::Off);
/// let unknown = of("netwerk", "off").unwrap_err().to_string();
/// assert!(unknown.contains("netwerk") && unknown.contains("network"), "{unknown}");
/// # Ok::<(), surmise_config::ConfigError>(())
/// ```
///
/// # Errors
/// An unknown key, a key in the wrong table, or a value that does not fit.
pub fn learner_settings(
    settings: &impl Serialize,
    schema: &Schema,
    options: &Options,
) -> Result<(Schema, Options), ConfigError> {
    let read = |e| ConfigError::from_figment(e, "");
    let given: Dict = Figment::from(Serialized::defaults(settings)).extract().map_err(read)?;
    let (tables, model): (Dict, Dict) = given.into_iter().partition(|(key, _)| STREAM_KEYS.contains(&key.as_str()));
    let mut rule: StreamRule = Figment::from(Serialized::defaults(tables)).extract().map_err(read)?;
    rule.model.extend(model);
    rule.check_schema().map_err(ConfigFault::Schema)?;
    // these two belong to tables of their own
    let learning = LearningTable { delay_chunks: options.delay_chunks, ..LearningTable::default() };
    let alarm = AlarmTable { budget: options.alarm_budget };
    let base = Options { delay_chunks: 0, alarm_budget: AlarmBudget::default(), ..options.clone() };
    let options = rule.options(&base, &learning, &alarm)?;
    let schema = if rule.fields.is_empty() { schema.clone() } else { rule.schema() };
    Ok((schema, options))
}
