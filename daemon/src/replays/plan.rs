//! What a replay is to learn: its range and its learner, checked before it waits.

use crate::log_range::StreamLog;
use crate::storage::Storage;
use surmise_config::{ConfigError, learner_settings};
use surmise_event::Schema;
use surmise_learner::{Learner, LearnerError, Options};
use surmise_protocol::{ReplayBegin, ReplaySpec};
use surmise_store::{StoreError, StreamEntry};

/// Bytes of a replay's name.
const NAME_BYTES_MAX: usize = 200;
/// Bytes of its settings, as JSON.
const SETTINGS_BYTES_MAX: usize = 16 << 10;

/// What a replay is to learn.
#[derive(Clone, Debug, Default)]
pub struct ReplayPlan {
    /// The number of the stream in the log.
    pub number: u32,
    /// The offset of the first event.
    pub from: u64,
    /// The offset after the last event.
    pub to: u64,
    /// What it begins with.
    pub begin: ReplayBegin,
    /// The schema of its learner.
    pub schema: Schema,
    /// The options of its learner.
    pub options: Options,
}

/// Why a replay cannot be.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log has nothing of the stream yet.
    #[error("nothing of the stream is durable yet; ask again in a moment")]
    NotDurable,
    /// The log does not reach back so far.
    #[error("the log no longer holds what leads to offset {from}; the first offset that can be replayed is {first}")]
    Gone {
        /// The offset that was asked for.
        from: u64,
        /// The first offset that can be asked for.
        first: u64,
    },
    /// No checkpoint is left that the log goes on from.
    #[error(
        "no checkpoint is left that the log leads on from; begin fresh, or make a checkpoint and replay what follows"
    )]
    NoCheckpoint,
    /// The range is none, or goes beyond the log.
    #[error("from {from} to {to} is no range of the log, which ends at offset {end}")]
    NoRange {
        /// The offset of the first event.
        from: u64,
        /// The offset after the last event.
        to: u64,
        /// The offset at which the log ends.
        end: u64,
    },
    /// The settings cannot be read.
    #[error("settings: {}", faults(.0))]
    Settings(ConfigError),
    /// The settings do not go with the fields.
    #[error("settings: {0}")]
    Learner(#[from] LearnerError),
    /// What the stream knew was learnt with its own settings.
    #[error("what the stream knew was learnt with its own settings; begin fresh to try others")]
    LiveSettings,
    /// The settings ask for more memory than one stream may take.
    #[error("settings: {key} is {asked}, and may be {most} at most, a sixteenth of limits.memory")]
    Memory {
        /// The key.
        key: &'static str,
        /// What was asked for, in MiB.
        asked: u32,
        /// What may be asked for.
        most: u32,
    },
    /// The log counts offsets otherwise.
    #[error("settings: a stream whose every byte is an event stays one, and no other becomes one")]
    Bytes,
    /// The name or the settings are too long.
    #[error("{what} may take {most} bytes at most")]
    TooLong {
        /// What is.
        what: &'static str,
        /// What it may take.
        most: usize,
    },
}

/// All faults of settings, in one sentence.
fn faults(error: &ConfigError) -> String {
    error.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Plans a replay of a stream whose log is durable up to `end`, and whose fields are as they are now. `mib_max` is the
/// most MiB that the models of one stream, and its keys, may take.
///
/// # Errors
/// The range is not in the log, or the settings cannot be.
pub fn plan(
    storage: &dyn Storage,
    entry: &StreamEntry,
    fields: &Schema,
    spec: &ReplaySpec,
    end: u64,
    mib_max: u32,
) -> Result<ReplayPlan, PlanError> {
    if spec.name.as_ref().is_some_and(|name| name.len() > NAME_BYTES_MAX) {
        return Err(PlanError::TooLong { what: "the name", most: NAME_BYTES_MAX });
    }
    let (schema, options) = settings(entry, fields, spec, mib_max)?;
    let begin = StreamLog::of(storage, entry).begin()?.ok_or(PlanError::NotDurable)?;
    let first = match spec.begin {
        ReplayBegin::Fresh => begin,
        ReplayBegin::Live => live_begin(storage, entry.number, begin)?,
    };
    let from = spec.from.unwrap_or(first);
    let to = spec.to.unwrap_or(end);
    if from >= to || to > end {
        return Err(PlanError::NoRange { from, to, end });
    }
    if from < first {
        return Err(PlanError::Gone { from, first });
    }
    Ok(ReplayPlan { number: entry.number, from, to, begin: spec.begin, schema, options })
}

/// The first offset at which what the stream knew can be had again.
fn live_begin(storage: &dyn Storage, number: u32, begin: u64) -> Result<u64, PlanError> {
    if begin == 0 {
        return Ok(0);
    }
    for meta in storage.checkpoints(number).into_iter().filter(|meta| meta.offset >= begin) {
        if storage.can_resume_from(&meta)? {
            return Ok(meta.offset);
        }
    }
    Err(PlanError::NoCheckpoint)
}

/// The schema and the options of a replay's learner.
fn settings(
    entry: &StreamEntry,
    fields: &Schema,
    spec: &ReplaySpec,
    mib_max: u32,
) -> Result<(Schema, Options), PlanError> {
    if spec.settings.is_empty() {
        return Ok((entry.schema.clone(), entry.options.clone()));
    }
    if serde_json::to_vec(&spec.settings).map_or(usize::MAX, |json| json.len()) > SETTINGS_BYTES_MAX {
        return Err(PlanError::TooLong { what: "settings", most: SETTINGS_BYTES_MAX });
    }
    let (schema, options) =
        learner_settings(&spec.settings, &entry.schema, &entry.options).map_err(PlanError::Settings)?;
    let own = (&entry.schema, &entry.options);
    if spec.begin == ReplayBegin::Live && (&schema, &options) != own {
        return Err(PlanError::LiveSettings);
    }
    if schema != entry.schema && schema.is_bytes() != fields.is_bytes() {
        return Err(PlanError::Bytes);
    }
    for (key, asked, own) in [
        ("memory_mib", options.memory_mib, entry.options.memory_mib),
        ("keys_mib", options.keys_mib, entry.options.keys_mib),
    ] {
        let most = mib_max.max(own);
        if asked > most {
            return Err(PlanError::Memory { key, asked, most });
        }
    }
    // what only a learner can tell of them
    Learner::new(schema.clone(), options.clone())?;
    Ok((schema, options))
}
