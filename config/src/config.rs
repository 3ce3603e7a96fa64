//! The whole configuration: how it is read, and what it says about a stream.

use crate::address::OFF;
use crate::error::{ConfigError, ConfigFault};
use crate::stream_name::fits;
use crate::streams::StreamRule;
use crate::tables::{
    AlarmTable, AuthTable, LearningTable, LimitsTable, ListenTable, OwnersTable, ShutdownTable, StoreTable,
};
use figment::Figment;
use figment::providers::{Env, Format, Toml};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use surmise_learner::Options;

/// The commented file of all keys with their defaults.
pub const DEFAULT_FILE: &str = include_str!("../surmised.toml");

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where events and questions come in.
    pub listen: ListenTable,
    /// The log and the checkpoints.
    pub store: StoreTable,
    /// The options of learners, for streams without a rule of their own.
    pub model: Options,
    /// What is declared about streams, by name or pattern.
    pub streams: BTreeMap<String, StreamRule>,
    /// Bounds on everything that grows.
    pub limits: LimitsTable,
    /// What clients have to show.
    pub auth: AuthTable,
    /// The threads that learn.
    pub owners: OwnersTable,
    /// When updates of networks take effect, and what computes their gradients.
    pub learning: LearningTable,
    /// How many alarms a stream may have.
    pub alarm: AlarmTable,
    /// How the daemon leaves.
    pub shutdown: ShutdownTable,
}

impl Config {
    /// Reads a file, if one is given, and the environment over it. What only [`Config::check`] finds is not checked.
    ///
    /// # Errors
    /// The file cannot be read, or holds an unknown key or a value that does not fit.
    pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
        let in_file = |e: ConfigError| match file {
            Some(path) => e.in_file(path),
            None => e,
        };
        let mut figment = Figment::new();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|e| in_file(ConfigFault::Unreadable(e).into()))?;
            figment = figment.merge(Toml::string(&text));
        }
        // later sources override earlier ones
        let figment = figment.merge(Env::prefixed("SURMISE__").split("__"));
        figment.extract().map_err(|e| in_file(ConfigError::from_figment(e, "")))
    }

    /// Reads TOML text alone.
    ///
    /// # Errors
    /// The text holds an unknown key or a value that does not fit.
    pub fn from_toml(text: &str) -> Result<Config, ConfigError> {
        Figment::from(Toml::string(text)).extract().map_err(|e| ConfigError::from_figment(e, ""))
    }

    /// The options of the learner of a stream, under the rule that the stream has.
    ///
    /// # Errors
    /// A key in the wrong table, an unknown key of the rule, or a value that does not fit.
    pub fn options(&self, rule: Option<&StreamRule>) -> Result<Options, ConfigError> {
        match rule {
            Some(rule) => rule.options(&self.model, &self.learning, &self.alarm),
            None => StreamRule::default().options(&self.model, &self.learning, &self.alarm),
        }
    }

    /// The rule of a stream and its pattern: the stream's exact name, or else the longest pattern that fits.
    pub fn rule(&self, stream: &str) -> Option<(&str, &StreamRule)> {
        let exact = self.streams.get_key_value(stream);
        let longest = || {
            let mut fitting: Vec<_> = self.streams.iter().filter(|(pattern, _)| fits(pattern, stream)).collect();
            fitting.sort_by_key(|(pattern, _)| Reverse(pattern.len()));
            fitting.into_iter().next()
        };
        exact.or_else(longest).map(|(pattern, rule)| (pattern.as_str(), rule))
    }

    /// Whether updates of networks wait in some stream that the configuration names.
    pub fn any_delay(&self) -> bool {
        let rules = self.streams.values().filter_map(|r| r.learning.delay_chunks);
        rules.chain([self.learning.delay_chunks]).any(|chunks| chunks > 0)
    }

    /// The path of the Unix socket; `None` if it is off.
    pub fn unix_path(&self) -> Option<PathBuf> {
        (self.listen.unix != OFF).then(|| self.store.dir.join(&self.listen.unix))
    }
}
