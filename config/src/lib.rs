//! The configuration of `surmised`: one typed, strict TOML file.
//!
//! Everything has a finite default, so that no file is needed. An unknown key is an error with a suggestion. The
//! environment overrides the file: `SURMISE__STORE__DIR` is `dir` of `[store]`.

mod streams;
mod tables;
mod units;

use figment::Figment;
use figment::error::Kind as FigmentKind;
use figment::providers::{Env, Format, Toml};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
pub use streams::{StreamLearning, StreamRule, stream_name_fault};
use surmise_device::Choice;
use surmise_learner::Options;
pub use tables::{Auth, Learning, Limits, Listen, OFF, Owners, Secret, Shutdown, Store, parse_address};
pub use units::{Size, Span};

/// The commented default file.
pub const DEFAULT_FILE: &str = include_str!("../surmised.toml");

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where events and questions come in.
    pub listen: Listen,
    /// The log and the checkpoints.
    pub store: Store,
    /// Choices about learners.
    pub model: Options,
    /// What is declared about streams, by name or pattern.
    pub streams: BTreeMap<String, StreamRule>,
    /// Bounds on everything that grows.
    pub limits: Limits,
    /// Who may connect.
    pub auth: Auth,
    /// The threads that learn.
    pub owners: Owners,
    /// When what networks learn takes effect, and who works it out.
    pub learning: Learning,
    /// Leaving.
    pub shutdown: Shutdown,
}

/// Why a configuration is not taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("configuration: {0}")]
pub struct ConfigError(pub String);

impl ConfigError {
    /// Every fault of an error of figment in words, with its place and a suggestion for unknown keys.
    pub(crate) fn from_figment(error: figment::Error, table: &str) -> ConfigError {
        let faults: Vec<String> = error.into_iter().map(|e| fault(&e, table)).collect();
        ConfigError(faults.join("; "))
    }
}

fn fault(e: &figment::Error, table: &str) -> String {
    let path = e.path.join(".");
    let path = match (table, path.as_str()) {
        ("", p) => p.to_owned(),
        (t, "") => t.to_owned(),
        (t, p) => format!("{t}.{p}"),
    };
    let source = e.metadata.as_ref().and_then(|m| m.source.as_ref()).map(|s| format!(" ({s})")).unwrap_or_default();
    match &e.kind {
        FigmentKind::UnknownField(key, known) => {
            let place = path.rsplit_once('.').map_or(String::new(), |(t, _)| format!(" in [{t}]"));
            format!("unknown key {key:?}{place}{source}; {}", hint(key, known))
        }
        FigmentKind::UnknownVariant(word, known) => {
            format!("{path}: {word:?} is not a choice{source}; {}", hint(word, known))
        }
        kind if path.is_empty() => format!("{kind}{source}"),
        kind => format!("{path}: {kind}{source}"),
    }
}

fn hint(word: &str, known: &[&'static str]) -> String {
    let near = known.iter().map(|k| (strsim::damerau_levenshtein(word, k), k)).min();
    match near {
        Some((d, k)) if d <= 1 + k.len() / 3 => format!("did you mean {k:?}?"),
        _ => format!("expected one of {}", known.join(", ")),
    }
}

impl Config {
    /// Reads a file, if there is one, under the environment. Does not check what only [`Config::check`] does.
    ///
    /// # Errors
    /// The file cannot be read, or holds an unknown key or a value that does not fit.
    pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
        let mut figment = Figment::new();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|e| ConfigError(format!("{}: {e}", path.display())))?;
            figment = figment.merge(Toml::string(&text));
        }
        let figment = figment.merge(Env::prefixed("SURMISE__").split("__"));
        let place = |e| match file {
            Some(path) => ConfigError(format!("{}: {}", path.display(), ConfigError::from_figment(e, "").0)),
            None => ConfigError::from_figment(e, ""),
        };
        figment.extract().map_err(place)
    }

    /// Reads TOML text alone.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_toml(text: &str) -> Result<Config, ConfigError> {
        Figment::from(Toml::string(text)).extract().map_err(|e| ConfigError::from_figment(e, ""))
    }

    /// Finds what is wrong although every value by itself is readable.
    ///
    /// # Errors
    /// All faults at once, each with its key and what to do about it.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut faults = Vec::new();
        self.check_listeners(&mut faults);
        self.check_store(&mut faults);
        self.check_limits(&mut faults);
        self.check_streams(&mut faults);
        match faults.is_empty() {
            true => Ok(()),
            false => Err(ConfigError(faults.join("; "))),
        }
    }

    fn check_listeners(&self, faults: &mut Vec<String>) {
        for (key, text) in self.listen.addresses() {
            match parse_address(text) {
                Err(e) => faults.push(format!("listen.{key}: {e}")),
                Ok(Some(a)) if !a.ip().is_loopback() && self.auth.token.is_none() => faults.push(format!(
                    "listen.{key}: {a} can be reached from other machines, which needs a token (auth.token); or listen on 127.0.0.1"
                )),
                Ok(Some(a)) if key == "lines" && self.auth.token.is_some() => faults.push(format!(
                    "listen.lines: bare lines at {a} cannot bring the token that auth.token asks for; turn one of the two off"
                )),
                Ok(_) => {}
            }
        }
        if self.auth.token.as_ref().is_some_and(|t| t.0.is_empty()) {
            faults.push("auth.token: is empty; leave it out or give one".into());
        }
        for (key, name) in [("stream", &self.listen.stream), ("lines_stream", &self.listen.lines_stream)] {
            if let Some(f) = stream_name_fault(name, self.limits.name_bytes.0 as usize) {
                faults.push(format!("listen.{key}: {f}"));
            }
        }
    }

    fn check_store(&self, faults: &mut Vec<String>) {
        let s = &self.store;
        let mut within = |key: &str, value: u64, low: u64, high: u64, unit: &str| {
            if !(low..=high).contains(&value) {
                faults.push(format!("store.{key}: {value}{unit} is not within {low} and {high}{unit}"));
            }
        };
        within("commit_interval", s.commit_interval.0.as_millis() as u64, 0, 10_000, " ms");
        within("group_bytes_max", s.group_bytes_max.0, 1 << 10, 1 << 20, " bytes");
        within("checkpoint_interval", s.checkpoint_interval.0.as_millis() as u64, 100, 7 * 86_400_000, " ms");
        within("checkpoint_events", s.checkpoint_events, 1, u64::MAX, "");
        within("generations", u64::from(s.generations), 1, 100, "");
        within("log_bytes_max", s.log_bytes_max.0, 1 << 20, u64::MAX, " bytes");
        if s.dir.as_os_str().is_empty() {
            faults.push("store.dir: is empty".into());
        }
    }

    fn check_limits(&self, faults: &mut Vec<String>) {
        let l = &self.limits;
        for (key, value, low) in [
            ("line_bytes", l.line_bytes.0, 256),
            ("body_bytes", l.body_bytes.0, 256),
            ("connections", l.connections as u64, 1),
            ("streams", l.streams as u64, 1),
            ("watchers", l.watchers as u64, 1),
            ("inbox_events", l.inbox_events as u64, 1),
            ("inbox_bytes", l.inbox_bytes.0, 1 << 10),
            ("session_events", l.session_events as u64, 1),
            ("producers", l.producers as u64, 1),
            ("fields", l.fields as u64, 1),
            ("symbol_bytes", l.symbol_bytes.0, 1),
            ("text_bytes", l.text_bytes.0, 1),
            ("name_bytes", l.name_bytes.0, 1),
        ] {
            if value < low {
                faults.push(format!("limits.{key}: {value} is less than {low}, the least that works"));
            } else if value > 1 << 31 {
                faults.push(format!("limits.{key}: {value} is more than {}, the most that works", 1u64 << 31));
            }
        }
        for (table, threads) in [("owners", self.owners.threads), ("learning", self.learning.threads)] {
            if threads > 1024 {
                faults.push(format!("{table}.threads: {threads} is more than 1024"));
            }
        }
    }

    fn check_streams(&self, faults: &mut Vec<String>) {
        if let Err(e) = self.options(None) {
            faults.push(e.0);
        }
        if self.learning.device == Choice::Cuda && !self.any_delay() {
            faults.push("learning.device: \"cuda\" works updates out while they wait, so learning.delay_chunks has to be 1 at least".into());
        }
        for (pattern, rule) in &self.streams {
            if let Some(f) = stream_name_fault(&pattern.replace('*', "x"), self.limits.name_bytes.0 as usize) {
                faults.push(format!("streams.{pattern:?}: {f}"));
            }
            if let Some(f) = rule.schema_fault() {
                faults.push(format!("streams.{pattern:?}: {f}"));
            }
            if let Err(e) = rule.options(&self.model, &self.learning) {
                faults.push(format!("streams.{pattern:?}.{}", e.0));
            }
        }
    }

    /// The choices about the learners of a stream, under the rule that it has.
    ///
    /// # Errors
    /// A key in the wrong place, an unknown key of the rule, or a value that does not fit.
    pub fn options(&self, rule: Option<&StreamRule>) -> Result<Options, ConfigError> {
        match rule {
            Some(rule) => rule.options(&self.model, &self.learning),
            None => StreamRule::default().options(&self.model, &self.learning),
        }
    }

    /// Whether updates wait in some stream that the configuration speaks of.
    pub fn any_delay(&self) -> bool {
        let rules = self.streams.values().filter_map(|r| r.learning.delay_chunks);
        rules.chain([self.learning.delay_chunks]).any(|n| n > 0)
    }

    /// The rule of a stream and its pattern: its exact name, or else the longest pattern that fits.
    pub fn rule(&self, stream: &str) -> Option<(&str, &StreamRule)> {
        let exact = self.streams.get_key_value(stream);
        let fitting = || {
            let mut fit: Vec<_> = self.streams.iter().filter(|(p, _)| streams::fits(p, stream)).collect();
            fit.sort_by_key(|(p, _)| std::cmp::Reverse(p.len()));
            fit.into_iter().next()
        };
        exact.or_else(fitting).map(|(p, r)| (p.as_str(), r))
    }

    /// Where the Unix socket lies; `None` if it is off.
    pub fn unix_path(&self) -> Option<std::path::PathBuf> {
        (self.listen.unix != OFF).then(|| self.store.dir.join(&self.listen.unix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_is_the_defaults() {
        let c = Config::from_toml(DEFAULT_FILE).unwrap();
        assert_eq!(c, Config::default());
        c.check().unwrap();
    }

    #[test]
    fn the_default_file_shows_every_key() {
        let figment = Figment::from(figment::providers::Serialized::defaults(Config::default()));
        let all: figment::value::Dict = figment.extract().unwrap();
        for (table, value) in &all {
            assert!(DEFAULT_FILE.contains(&format!("[{table}")), "table {table}");
            for key in value.as_dict().expect("a table").keys() {
                let shown = ["\n", "\n# "].iter().any(|p| DEFAULT_FILE.contains(&format!("{p}{key} =")));
                assert!(shown, "key {table}.{key}");
            }
        }
    }

    #[test]
    fn an_unknown_key_gets_a_suggestion() {
        let e = Config::from_toml("[listen]\ntpc = \"127.0.0.1:1\"").unwrap_err().0;
        assert!(e.contains("\"tpc\"") && e.contains("did you mean \"tcp\"?") && e.contains("listen"), "{e}");
        let e = Config::from_toml("[stroe]\ndir = \"x\"").unwrap_err().0;
        assert!(e.contains("did you mean \"store\"?"), "{e}");
        let e = Config::from_toml("[model]\npreset = \"byte\"").unwrap_err().0;
        assert!(e.contains("did you mean \"bytes\"?"), "{e}");
        let c = Config::from_toml("[streams.\"web-*\"]\nmodel = { ned = 1 }").unwrap();
        let e = c.check().unwrap_err().0;
        assert!(e.contains("\"ned\"") && e.contains("web-*"), "{e}");
    }

    #[test]
    fn values_that_do_not_fit_are_named() {
        let e = Config::from_toml("[store]\ncommit_interval = 5").unwrap_err().0;
        assert!(e.contains("store.commit_interval") && e.contains("5s"), "{e}");
        let e = Config::from_toml("[store]\ncommit_interval = \"5 apples\"").unwrap_err().0;
        assert!(e.contains("store.commit_interval") && e.contains("apples"), "{e}");
    }

    #[test]
    fn off_loopback_needs_a_token() {
        let c = Config::from_toml("[listen]\ntcp = \"0.0.0.0:7071\"").unwrap();
        let e = c.check().unwrap_err().0;
        assert!(e.contains("listen.tcp") && e.contains("auth.token"), "{e}");
        let c = Config::from_toml("[listen]\ntcp = \"0.0.0.0:7071\"\n[auth]\ntoken = \"secret\"").unwrap();
        c.check().unwrap();
        assert!(!format!("{c:?}").contains("secret"), "a token is never printed");
    }

    #[test]
    fn streams_take_the_nearest_rule() {
        let text = r#"
            [model]
            seed = 7
            [streams."web-*"]
            model = { seed = 9 }
            [streams."web-eu-*"]
            fields = [{ name = "page", kind = "category", required = true }]
            closed = true
            [streams.web-eu-1]
        "#;
        let c = Config::from_toml(text).unwrap();
        c.check().unwrap();
        assert_eq!(c.rule("web-eu-1").unwrap().0, "web-eu-1");
        assert_eq!(c.rule("web-eu-2").unwrap().0, "web-eu-*");
        assert!(c.rule("web-eu-2").unwrap().1.schema().closed);
        let (_, rule) = c.rule("web-us").unwrap();
        assert_eq!(c.options(Some(rule)).unwrap(), Options { seed: 9, ..c.model.clone() });
        assert!(c.rule("db").is_none());
        let c =
            Config::from_toml("[streams.x]\nfields = [{name=\"a\", kind=\"gap\"},{name=\"b\", kind=\"gap\"}]").unwrap();
        assert!(c.check().is_err());
    }

    #[test]
    fn updates_wait_as_said_for_all_streams_or_for_some() {
        let c =
            Config::from_toml("[learning]\ndelay_chunks = 2\n[streams.x]\nlearning = { delay_chunks = 0 }").unwrap();
        c.check().unwrap();
        let delay = |c: &Config, name| c.options(c.rule(name).map(|r| r.1)).unwrap().delay_chunks;
        assert_eq!((delay(&c, "x"), delay(&c, "y"), c.any_delay()), (0, 2, true));
        assert!(!Config::default().any_delay() && Config::default().learning.count() > 0);
        for (text, says) in [
            ("[learning]\ndelay_chunks = 65", "learning.delay_chunks: 65 is not within 0 and 64"),
            ("[streams.x]\nlearning = { delay_chunks = 65 }", "streams.\"x\".learning.delay_chunks: 65 is not"),
            ("[model]\ndelay_chunks = 1", "model.delay_chunks: belongs to [learning]"),
            ("[streams.x]\nmodel = { delay_chunks = 1 }", "streams.\"x\".model.delay_chunks: belongs to"),
            ("[learning]\ndevice = \"cuda\"", "learning.device: \"cuda\" works updates out while they wait"),
            ("[learning]\nthreads = 1025", "learning.threads: 1025 is more than 1024"),
        ] {
            let e = Config::from_toml(text).unwrap().check().unwrap_err().0;
            assert!(e.contains(says), "{e}");
        }
        for (text, says) in [
            ("[learning]\ndelay_chunks = -1", "learning.delay_chunks"),
            ("[learning]\ndelay_chunk = 1", "did you mean \"delay_chunks\"?"),
            ("[learning]\ndevice = \"coda\"", "did you mean \"cuda\"?"),
            ("[streams.x]\nlearning = { thread = 1 }", "\"thread\""),
        ] {
            let e = Config::from_toml(text).unwrap_err().0;
            assert!(e.contains(says), "{e}");
        }
    }

    #[test]
    #[allow(clippy::result_large_err)]
    fn the_environment_overrides_the_file() {
        figment::Jail::expect_with(|jail| {
            jail.create_file("s.toml", "[store]\ndir = \"a\"\ngenerations = 5")?;
            jail.set_env("SURMISE__STORE__DIR", "b");
            jail.set_env("SURMISE__STORE__COMMIT_INTERVAL", "7ms");
            let c = Config::load(Some(Path::new("s.toml"))).map_err(|e| e.0)?;
            assert_eq!((c.store.dir.to_str(), c.store.generations), (Some("b"), 5));
            assert_eq!(c.store.commit_interval.to_string(), "7ms");
            Ok(())
        });
    }
}
