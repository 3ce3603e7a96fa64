//! The whole configuration: how it is read, and what it says about a stream.

use crate::address::{ListenAddresses, OFF};
use crate::error::{ConfigError, ConfigFault};
use crate::export::ExportTable;
use crate::origin::{KeyOrigins, VARIABLES};
use crate::reading::read;
use crate::sources::SourcesTable;
use crate::stream_name::fits;
use crate::streams::StreamRule;
use crate::tables::{
    AlarmTable, AuthTable, LearningTable, LimitsTable, ListenTable, OwnersTable, ShutdownTable, StoreTable, TlsTable,
};
use figment::Figment;
use figment::providers::{Env, Serialized};
use figment::value::{Dict, Value};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
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
    /// The certificate that the daemon shows.
    pub tls: TlsTable,
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
    /// Where the daemon tells what it finds.
    pub export: ExportTable,
    /// What the daemon reads itself.
    pub sources: SourcesTable,
    /// How the daemon leaves.
    pub shutdown: ShutdownTable,
    /// Where the configuration comes from; it is no key.
    #[serde(skip)]
    pub source: ConfigSource,
    /// The most MiB that `memory_mib` and `keys_mib` of a stream may be, whatever is set, where the memory of the
    /// daemon is small; it is no key.
    #[serde(skip)]
    pub stream_mib_max: Option<u32>,
    /// The addresses of sockets that the daemon was given, which took the place of those in `[listen]`; they are no
    /// keys.
    #[serde(skip)]
    pub given: ListenAddresses,
    /// Where the keys are written; it is no key.
    #[serde(skip)]
    pub origins: KeyOrigins,
}

/// Where a configuration comes from, and so where it is read again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConfigSource {
    /// The program made it; there is nothing to read again.
    #[default]
    Program,
    /// The environment, over a file if there is one.
    Environment(Option<PathBuf>),
}

impl Config {
    /// Reads a file, if one is given, and the environment over it. What only [`Config::check`] finds is not checked
    /// where all can be read.
    ///
    /// # Errors
    /// The file cannot be read, or holds unknown keys or values that do not fit: all faults at once.
    pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
        let in_file = |e: ConfigError| match file {
            Some(path) => e.in_file(path),
            None => e,
        };
        let mut text = String::new();
        if let Some(path) = file {
            text = std::fs::read_to_string(path).map_err(|e| in_file(ConfigFault::Unreadable(e).into()))?;
            check_syntax(&text).map_err(in_file)?;
        }
        // the environment overrides the file
        let mut config = read(&text, Some(Env::prefixed(VARIABLES).split("__")), Config::check).map_err(in_file)?;
        config.source = ConfigSource::Environment(file.map(Path::to_owned));
        config.origins = KeyOrigins::of(&text);
        Ok(config)
    }

    /// Reads the configuration again from where it came from.
    ///
    /// # Errors
    /// As for [`Config::load`] and [`Config::check`].
    pub fn read_again(&self) -> Result<Config, ConfigError> {
        let mut config = match &self.source {
            ConfigSource::Program => self.clone(),
            ConfigSource::Environment(file) => Config::load(file.as_deref())?,
        };
        config.listen_at(&self.given);
        config.check()?;
        Ok(config)
    }

    /// The line of the file that holds a token in clear, which whoever reads the file can use.
    pub fn clear_token_line(&self) -> Option<usize> {
        const KEY: &str = "auth.token";
        let is_of_file = self.auth.token.is_some() && self.origins.variable(KEY).is_none();
        self.origins.line(KEY).filter(|_| is_of_file)
    }

    /// Has listeners listen at these addresses, whatever the file says of them: sockets are bound there already.
    pub fn listen_at(&mut self, given: &ListenAddresses) {
        let listen = &mut self.listen;
        for (place, address) in
            [(&mut listen.http, given.http), (&mut listen.tcp, given.tcp), (&mut listen.lines, given.lines)]
        {
            if let Some(address) = address {
                *place = address.to_string();
            }
        }
        if let Some(path) = &given.unix {
            listen.unix = path.display().to_string();
        }
        self.given = given.clone();
    }

    /// The keys whose values differ between two configurations, as `table.key`, in the order of names. A secret counts
    /// as the same as any other.
    pub fn differing_keys(&self, other: &Config) -> Vec<String> {
        let tables = |config: &Config| -> Dict {
            Figment::from(Serialized::defaults(config)).extract().expect("invariant: a configuration is a table")
        };
        let (ours, theirs) = (tables(self), tables(other));
        let mut keys = Vec::new();
        for (table, value) in &ours {
            let none = Dict::new();
            let (ours, theirs) = (value.as_dict(), theirs.get(table).and_then(Value::as_dict));
            let (ours, theirs) = (ours.unwrap_or(&none), theirs.unwrap_or(&none));
            let all: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            let differ = all.into_iter().filter(|key| ours.get(*key) != theirs.get(*key));
            keys.extend(differ.map(|key| format!("{table}.{key}")));
        }
        keys
    }

    /// Reads TOML text alone.
    ///
    /// # Errors
    /// The text holds an unknown key or a value that does not fit.
    pub fn from_toml(text: &str) -> Result<Config, ConfigError> {
        check_syntax(text)?;
        read(text, None, Config::check)
    }

    /// The options of the learner of a stream, under the rule that the stream has, within `stream_mib_max`.
    ///
    /// # Errors
    /// A key in the wrong table, an unknown key of the rule, or a value that does not fit.
    pub fn options(&self, rule: Option<&StreamRule>) -> Result<Options, ConfigError> {
        let mut options = match rule {
            Some(rule) => rule.options(&self.model, &self.learning, &self.alarm),
            None => StreamRule::default().options(&self.model, &self.learning, &self.alarm),
        }?;
        let most = self.stream_mib_max.unwrap_or(u32::MAX);
        options.memory_mib = options.memory_mib.min(most);
        options.keys_mib = options.keys_mib.min(most);
        Ok(options)
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

    /// How many listeners accept connections.
    pub fn listeners(&self) -> usize {
        let addresses = self.listen.addresses().iter().filter(|(_, address)| *address != OFF).count();
        let syslog = self.sources.syslog.values().filter(|source| source.tcp.is_some()).count();
        addresses + usize::from(self.listen.unix != OFF) + syslog
    }

    /// The path of the Unix socket; `None` if it is off.
    pub fn unix_path(&self) -> Option<PathBuf> {
        (self.listen.unix != OFF).then(|| self.store.dir.join(&self.listen.unix))
    }
}

/// Checks that a text is TOML. What is wrong is told without the text around it, which may hold a token.
///
/// # Errors
/// The text is no TOML.
fn check_syntax(text: &str) -> Result<(), ConfigError> {
    let Err(error) = toml::from_str::<toml::Table>(text) else { return Ok(()) };
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = &text.as_bytes()[..at];
    let line = 1 + before.iter().filter(|b| **b == b'\n').count();
    let column = 1 + before.iter().rev().take_while(|b| **b != b'\n').count();
    Err(ConfigFault::Syntax { line, column, expected: syntax_words(error.message()) }.into())
}

/// The message of the reader of TOML without what it quotes of the text.
fn syntax_words(message: &str) -> String {
    // the reader quotes with backticks, and a key that is there twice may be a misplaced secret
    let parts = message.split('`').enumerate();
    parts.map(|(i, part)| if i % 2 == 0 { part } else { "…" }).collect::<String>().replace('\n', "; ")
}
