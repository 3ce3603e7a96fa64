//! Checks of a configuration whose every value by itself can be read: bounds, and keys that have to fit each other.

use crate::address::parse_address;
use crate::config::Config;
use crate::error::{ConfigError, ConfigFault, WrittenIn};
use crate::stream_name::check_stream_name;
use crate::streams::StreamRule;
use crate::tokens::TokenFault;
use surmise_device::Choice;
use surmise_event::AlarmBudget;
use surmise_learner::Options;

/// The largest value of every bound in `[limits]`: what still can be counted in 32 bits.
const LIMIT_MAX: u64 = 1 << 31;
/// The most threads of a kind.
const THREADS_MAX: usize = 1024;

/// The least disk budget: each database keeps some room ahead of what it writes.
const DISK_BYTES_MIN: u64 = 256 << 20;

impl Config {
    /// Finds what is wrong although every value by itself can be read.
    ///
    /// # Errors
    /// All faults at once, each with its key and with what to do about it.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut faults = Vec::new();
        self.check_listeners(&mut faults);
        self.check_tokens(&mut faults);
        self.check_store(&mut faults);
        self.check_limits(&mut faults);
        self.check_times(&mut faults);
        self.check_learning(&mut faults);
        self.check_streams(&mut faults);
        self.check_export(&mut faults);
        self.check_sources(&mut faults);
        match faults.is_empty() {
            true => Ok(()),
            false => Err(ConfigError { file: None, faults }),
        }
    }

    fn name_bytes_max(&self) -> usize {
        self.limits.name_bytes.0 as usize
    }

    fn check_listeners(&self, faults: &mut Vec<ConfigFault>) {
        for (key, text) in self.listen.addresses() {
            match parse_address(text) {
                Err(source) => faults.push(ConfigFault::Address { key, source }),
                // a daemon that anybody on the network could fill is not started by accident
                Ok(Some(address)) if !address.ip().is_loopback() && !self.auth.asks_for_token() => {
                    faults.push(ConfigFault::NeedsToken { key, address });
                }
                // what is sent in clear can be read and changed on its way, tokens too
                Ok(Some(address)) if !address.ip().is_loopback() && !self.tls.is_on() && !self.listen.insecure => {
                    faults.push(ConfigFault::NeedsTls { key, address });
                }
                Ok(Some(address)) if key == "lines" && self.auth.asks_for_token() => {
                    faults.push(ConfigFault::LinesWithToken(address));
                }
                Ok(_) => {}
            }
        }
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            faults.push(ConfigFault::HalfOfTls);
        }
        let is_name = |host: &&String| !host.is_empty() && !host.contains(['/', ':', '@', '*', ' ']);
        faults.extend(self.listen.hosts.iter().filter(|h| !is_name(h)).map(|h| ConfigFault::HostName(h.clone())));
        for (key, name) in [("stream", &self.listen.stream), ("lines_stream", &self.listen.lines_stream)] {
            if let Err(source) = check_stream_name(name, self.name_bytes_max()) {
                faults.push(ConfigFault::StreamName { key: format!("listen.{key}"), source });
            }
        }
    }

    fn check_tokens(&self, faults: &mut Vec<ConfigFault>) {
        if self.auth.token.as_ref().is_some_and(|t| t.0.is_empty()) {
            faults.push(ConfigFault::EmptyToken);
        }
        for (i, rule) in self.auth.tokens.iter().enumerate() {
            let mut add = |fault| faults.push(ConfigFault::Token { name: rule.name.clone(), fault });
            if rule.name.is_empty() {
                add(TokenFault::Nameless);
            }
            if self.auth.tokens[..i].iter().any(|earlier| earlier.name == rule.name) {
                add(TokenFault::Twice);
            }
            if rule.roles.is_empty() {
                add(TokenFault::WithoutRole);
            }
            if rule.streams.is_empty() {
                add(TokenFault::WithoutStreams);
            }
            for pattern in &rule.streams {
                if let Err(e) = check_stream_name(&pattern.replace('*', "x"), self.name_bytes_max()) {
                    add(TokenFault::Stream(e));
                }
            }
        }
    }

    fn check_export(&self, faults: &mut Vec<ConfigFault>) {
        for (key, fault) in self.export.faults(self.name_bytes_max()) {
            let reason = figment::error::Kind::Message(fault.to_string());
            faults.push(ConfigFault::BadValue { key, reason, source_of: WrittenIn::default() });
        }
    }

    fn check_sources(&self, faults: &mut Vec<ConfigFault>) {
        for (key, fault) in self.sources.faults(self.name_bytes_max()) {
            let reason = figment::error::Kind::Message(fault.to_string());
            faults.push(ConfigFault::BadValue { key, reason, source_of: WrittenIn::default() });
        }
    }

    fn check_store(&self, faults: &mut Vec<ConfigFault>) {
        let s = &self.store;
        let milliseconds = |span: crate::units::TimeSpan| span.0.as_millis() as u64;
        for (key, value, min, max, unit) in [
            ("commit_interval", milliseconds(s.commit_interval), 0, 10_000, " ms"),
            ("group_bytes_max", s.group_bytes_max.0, 1 << 10, 1 << 20, " bytes"),
            ("checkpoint_interval", milliseconds(s.checkpoint_interval), 100, 7 * 86_400_000, " ms"),
            ("checkpoint_events", s.checkpoint_events, 1, u64::MAX, ""),
            ("undo_kept", milliseconds(s.undo_kept), 0, 3650 * 86_400_000, " ms"),
            ("generations", u64::from(s.generations), 1, 100, ""),
            ("log_bytes_max", s.log_bytes_max.0, 1 << 20, u64::MAX, " bytes"),
        ] {
            if !(min..=max).contains(&value) {
                faults.push(ConfigFault::OutOfRange { key: format!("store.{key}"), value, min, max, unit });
            }
        }
        if (1..DISK_BYTES_MIN).contains(&s.disk.0) {
            let (value, min) = (s.disk.0, DISK_BYTES_MIN);
            faults.push(ConfigFault::OutOfRange {
                key: "store.disk".into(),
                value,
                min,
                max: u64::MAX,
                unit: " bytes",
            });
        }
        if s.dir.as_os_str().is_empty() {
            faults.push(ConfigFault::EmptyDir);
        }
    }

    fn check_limits(&self, faults: &mut Vec<ConfigFault>) {
        let l = &self.limits;
        for (key, value, min) in [
            ("line_bytes", l.line_bytes.0, 256),
            ("body_bytes", l.body_bytes.0, 256),
            ("connections", l.connections as u64, 1),
            ("connections_per_address", l.connections_per_address as u64, 1),
            ("streams", l.streams as u64, 1),
            ("watchers", l.watchers as u64, 1),
            ("inbox_events", l.inbox_events as u64, 1),
            ("inbox_bytes", l.inbox_bytes.0, 1 << 10),
            ("session_events", l.session_events as u64, 1),
            ("session_bytes", l.session_bytes.0, 64 << 10),
            ("watch_bytes", l.watch_bytes.0, 64 << 10),
            ("questions", l.questions as u64, 1),
            ("answer_values", l.answer_values as u64, 100),
            ("producers", l.producers as u64, 1),
            ("producers_stored", l.producers_stored as u64, 1),
            ("fields", l.fields as u64, 1),
            ("symbol_bytes", l.symbol_bytes.0, 1),
            ("text_bytes", l.text_bytes.0, 1),
            ("name_bytes", l.name_bytes.0, 1),
        ] {
            let key = || format!("limits.{key}");
            // a bound that is too low lets nothing through, one that is too high is none
            if value < min {
                faults.push(ConfigFault::TooSmall { key: key(), value, min });
            } else if value > LIMIT_MAX {
                faults.push(ConfigFault::TooLarge { key: key(), value, max: LIMIT_MAX });
            }
        }
    }

    fn check_times(&self, faults: &mut Vec<ConfigFault>) {
        let l = &self.limits;
        for (key, span) in [
            ("hello_time", l.hello_time),
            ("head_time", l.head_time),
            ("body_time", l.body_time),
            ("unread_time", l.unread_time),
        ] {
            let (value, min, max) = (span.0.as_millis() as u64, 10, 86_400_000);
            if !(min..=max).contains(&value) {
                faults.push(ConfigFault::OutOfRange { key: format!("limits.{key}"), value, min, max, unit: " ms" });
            }
        }
    }

    fn check_learning(&self, faults: &mut Vec<ConfigFault>) {
        for (table, threads) in [("owners", self.owners.threads), ("learning", self.learning.threads)] {
            if threads > THREADS_MAX {
                let (value, max) = (threads as u64, THREADS_MAX as u64);
                faults.push(ConfigFault::TooLarge { key: format!("{table}.threads"), value, max });
            }
        }
        if let Err(e) = self.options(None) {
            faults.extend(e.faults);
        }
        if self.learning.device == Choice::Cuda && !self.any_delay() {
            faults.push(ConfigFault::DeviceWithoutDelay);
        }
    }

    fn check_streams(&self, faults: &mut Vec<ConfigFault>) {
        for (pattern, rule) in &self.streams {
            // a pattern is a name once its stars are replaced
            if let Err(source) = check_stream_name(&pattern.replace('*', "x"), self.name_bytes_max()) {
                faults.push(ConfigFault::StreamName { key: String::new(), source }.in_stream(pattern));
            }
            if let Err(fault) = rule.check_schema() {
                faults.push(ConfigFault::Schema(fault).in_stream(pattern));
            }
            if let Err(e) = rule.options(&self.model, &self.learning, &self.alarm) {
                faults.extend(e.faults.into_iter().map(|fault| fault.in_stream(pattern)));
            }
            if let Some(like) = &rule.like {
                faults.extend(self.unlike_fault(rule, like).map(|fault| fault.in_stream(pattern)));
            }
        }
    }

    /// Why streams of a rule cannot begin with what the stream of a name has learnt.
    fn unlike_fault(&self, rule: &StreamRule, like: &str) -> Option<ConfigFault> {
        if let Err(source) = check_stream_name(like, self.name_bytes_max()) {
            return Some(ConfigFault::StreamName { key: "like".into(), source });
        }
        let other = self.rule(like).map(|(_, other)| other.clone()).unwrap_or_default();
        let options = |rule: &StreamRule| {
            let options = self.options(Some(rule)).ok()?;
            Some(Options { alarm_budget: AlarmBudget::default(), ..options })
        };
        // wrong options are told by themselves
        let what = match (options(rule)? == options(&other)?, rule.schema() == other.schema()) {
            (false, _) => "options of its model",
            (true, false) => "fields",
            (true, true) => return None,
        };
        Some(ConfigFault::Unlike { like: like.to_owned(), what })
    }
}
