//! Where in the file a fault is.

use crate::error::{ConfigError, ConfigFault};
use crate::origin::key_lines;
use std::collections::BTreeMap;
use surmise_learner::OptionsError;

/// A fault, and the line at which it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedFault {
    /// The line, from 1; none if the fault is not in the file, as where a key is missing.
    pub line: Option<usize>,
    /// What is wrong, with its key, and what to do.
    pub text: String,
}

impl ConfigError {
    /// The faults, with their lines in the text that was read.
    pub fn placed(&self, text: &str) -> Vec<PlacedFault> {
        let lines = key_lines(text);
        let place = |fault: &ConfigFault| match fault {
            ConfigFault::Syntax { line, column, expected } => {
                PlacedFault { line: Some(*line), text: format!("column {column}: {expected}") }
            }
            other => PlacedFault { line: other.key().and_then(|key| nearest(&lines, &key)), text: other.to_string() },
        };
        self.faults.iter().map(place).collect()
    }
}

/// The line of a key, or of the innermost table around it that is written.
fn nearest(lines: &BTreeMap<String, usize>, key: &str) -> Option<usize> {
    let ends = key.match_indices('.').map(|(at, _)| at).chain([key.len()]);
    ends.filter_map(|end| lines.get(&key[..end])).next_back().copied()
}

impl ConfigFault {
    /// The key that is at fault, its parts with points between them.
    pub fn key(&self) -> Option<String> {
        Some(match self {
            ConfigFault::BadSecret { key, .. }
            | ConfigFault::UnknownChoice { key, .. }
            | ConfigFault::BadValue { key, .. }
            | ConfigFault::OutOfRange { key, .. }
            | ConfigFault::TooSmall { key, .. }
            | ConfigFault::TooLarge { key, .. }
            | ConfigFault::NotBuilt { key, .. }
            | ConfigFault::StreamName { key, .. } => key.clone(),
            ConfigFault::UnknownKey { key, table, .. } if table.is_empty() => key.clone(),
            ConfigFault::UnknownKey { key, table, .. } => format!("{table}.{key}"),
            ConfigFault::Address { key, .. }
            | ConfigFault::NeedsToken { key, .. }
            | ConfigFault::NeedsTls { key, .. } => {
                format!("listen.{key}")
            }
            ConfigFault::LinesWithToken(_) => "listen.lines".into(),
            ConfigFault::HostName(_) => "listen.hosts".into(),
            ConfigFault::HalfOfTls => "tls".into(),
            ConfigFault::Certificate { key, .. } => format!("tls.{key}"),
            ConfigFault::Token { .. } => "auth.tokens".into(),
            ConfigFault::EmptyToken => "auth.token".into(),
            ConfigFault::EmptyDir => "store.dir".into(),
            ConfigFault::MisplacedDelay => "model.delay_chunks".into(),
            ConfigFault::MisplacedBudget => "model.alarm_budget".into(),
            ConfigFault::Options(OptionsError::OutOfRange { key, .. }) if *key != "delay_chunks" => {
                format!("model.{key}")
            }
            ConfigFault::Options(_) => "learning.delay_chunks".into(),
            ConfigFault::DeviceWithoutDelay | ConfigFault::Device { .. } => "learning.device".into(),
            ConfigFault::Stream { pattern, fault } => match fault.key() {
                Some(key) if !key.is_empty() => format!("streams.{pattern}.{key}"),
                _ => format!("streams.{pattern}"),
            },
            ConfigFault::Unlike { .. } => "like".into(),
            ConfigFault::Schema(_) => "fields".into(),
            ConfigFault::Unreadable(_) | ConfigFault::Syntax { .. } | ConfigFault::Learner(_) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn faults_are_found_in_the_file() {
        for (text, line, says) in [
            ("[store]\ndir = \"x\"\n[limits]\nstream = 3\n", Some(4), "did you mean \"streams\"?"),
            ("[limits]\n\nahead = 5\n", Some(3), "limits.ahead"),
            ("[store]\ngenerations = 0\n", Some(2), "store.generations: 0 is not within"),
            ("[streams.\"web-*\"]\nclosed = true\n", Some(1), "a closed schema needs fields"),
            ("[streams.x]\nmodel = { delay_chunks = 1 }\n", Some(2), "belongs to [learning]"),
            ("[streams.x]\nlike = \"y*\"\n", Some(2), "like"),
            ("[streams.x]\nlike = \"y\"\nmodel = { network = \"off\" }\n", Some(2), "other options of its model"),
            (
                "[streams.x]\nclosed = false\nfields = [{name=\"a\",kind=\"number\"}]\nlike = \"y\"",
                Some(4),
                "other fields",
            ),
            ("[listen]\ntcp = \"0.0.0.0:1\"\n", Some(2), "needs a token"),
            ("[model]\nkeys = 0\n", Some(2), "keys: 0 is not within 1"),
            ("[model]\nseed = 2\nmemory_mib = 4000000000\n", Some(3), "memory_mib: 4000000000 is not within"),
            ("[streams.x]\nmodel = { horizon = 5000 }\n", Some(2), "horizon: 5000 is not within 0 and 4096"),
            ("[sources.syslog.hosts]\ntcp = \"0.0.0.0:514\"\n", Some(1), "insecure = true"),
            ("[listen\n", Some(1), "column"),
            ("[store]\ndir = 'x'\ndir = 'y'\n", Some(3), "duplicate key"),
        ] {
            let error = Config::from_toml(text).and_then(|config| config.check()).unwrap_err();
            let placed = error.placed(text);
            assert!(placed[0].line == line && placed[0].text.contains(says), "{text}: {placed:?}");
        }
    }

    #[test]
    fn every_fault_is_told_and_no_place_in_the_program() {
        let text = "[listen]\nhttp = 5\n[limits]\nstream = 3\nahead = 5\n[store]\ngenerations = 0\n\
            [streams.x]\nfields = [{ name = \"a\", kind = \"int\" }]\nnonsense = 1\n";
        let faults = Config::from_toml(text).unwrap_err().placed(text);
        let faults: Vec<String> = faults.into_iter().map(|fault| fault.text).collect();
        let told = ["listen.http", "\"streams\"", "limits.ahead", "mean number?", "nonsense", "store.generations: 0"];
        for says in told {
            assert!(faults.iter().any(|fault| fault.contains(says)), "{says}: {faults:#?}");
        }
        assert_eq!(faults.len(), told.len(), "{faults:#?}");
        assert!(faults.iter().all(|fault| !fault.contains(".rs")), "{faults:#?}");
    }
}
