//! The configuration in force, key by key: each value as TOML, and where it comes from.

use crate::config::Config;
use crate::origin::KeyOrigin;
use crate::reference::reference;
use figment::Figment;
use figment::providers::Serialized;
use figment::value::{Dict, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is inferred, as TOML, by key.
type Inferred = BTreeMap<&'static str, String>;

/// Options of learners that have tables of their own.
const ELSEWHERE: [&str; 2] = ["model.delay_chunks", "model.alarm_budget"];

/// One key of the configuration in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyInForce {
    /// The table that it is in, as the file writes it.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Its value, as TOML. A secret is not shown.
    pub value: String,
    /// What the value comes from.
    pub origin: KeyOrigin,
    /// The line of the file that it is written in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The variable of the environment that it is written in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// What the daemon infers where the value leaves it open, as the TOML that would pin it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inferred: Option<String>,
}

impl KeyInForce {
    /// The full key.
    pub fn key(&self) -> String {
        format!("{}.{}", self.table, self.name)
    }
}

impl Config {
    /// All keys that are in force, in the order of the file of defaults.
    pub fn keys_in_force(&self) -> Vec<KeyInForce> {
        let tables: Dict =
            Figment::from(Serialized::defaults(self)).extract().expect("invariant: a configuration is a table");
        let mut leaves = Vec::new();
        flatten(&mut Vec::new(), &tables, &mut leaves);
        let inferred = self.inferred();
        let keys = leaves.into_iter().filter_map(|(path, value)| self.key_in_force(&path, value, &inferred));
        let mut keys: Vec<KeyInForce> = keys.collect();
        let places: BTreeMap<String, usize> = reference().iter().enumerate().map(|(i, key)| (key.key(), i)).collect();
        let tables = table_order();
        keys.sort_by_cached_key(|key| {
            let root = key.table.split('.').next().unwrap_or_default();
            let table = tables.iter().position(|table| table == root);
            (table, key.table.clone(), places.get(&key.key()).copied().unwrap_or(usize::MAX), key.name.clone())
        });
        keys
    }

    fn key_in_force(&self, path: &[String], value: Value, inferred: &Inferred) -> Option<KeyInForce> {
        let (name, table) = path.split_last()?;
        let plain = path.join(".");
        if ELSEWHERE.contains(&plain.as_str()) {
            return None;
        }
        let is_secret = plain.starts_with("export.webhooks.") && name == "url";
        let (variable, line) = (self.origins.variable(&plain), self.origins.line(&plain));
        let (origin, variable, line) = match (self.is_given(&plain), variable, line) {
            (true, _, _) => (KeyOrigin::Given, None, None),
            (false, Some(variable), _) => (KeyOrigin::Environment, Some(variable.to_owned()), None),
            (false, None, Some(line)) => (KeyOrigin::File, None, Some(line)),
            (false, None, None) => (KeyOrigin::Default, None, None),
        };
        Some(KeyInForce {
            table: table.iter().map(|part| quoted(part)).collect::<Vec<_>>().join("."),
            name: name.clone(),
            value: literal(&if is_secret { without_path(value) } else { value }),
            origin,
            line,
            variable,
            inferred: inferred.get(plain.as_str()).cloned(),
        })
    }

    fn is_given(&self, key: &str) -> bool {
        match key {
            "listen.http" => self.given.http.is_some(),
            "listen.tcp" => self.given.tcp.is_some(),
            "listen.lines" => self.given.lines.is_some(),
            "listen.unix" => self.given.unix.is_some(),
            _ => false,
        }
    }

    /// What the configuration leaves open and follows from itself and from the machine, as TOML, by key.
    fn inferred(&self) -> Inferred {
        let mut inferred = Inferred::new();
        for (key, written, count) in [
            ("owners.threads", self.owners.threads, self.owners.count()),
            ("learning.threads", self.learning.threads, self.learning.count()),
        ] {
            if written == 0 {
                inferred.insert(key, count.to_string());
            }
        }
        if let Some(path) = self.unix_path().filter(|path| path.as_os_str() != self.listen.unix.as_str()) {
            let path = std::path::absolute(&path).unwrap_or(path);
            inferred.insert("listen.unix", literal(&Value::from(path.display().to_string())));
        }
        inferred
    }
}

/// The outermost tables, in the order of the file of defaults.
fn table_order() -> Vec<String> {
    let mut order: Vec<String> = Vec::new();
    for key in reference() {
        let root = key.table.split('.').next().unwrap_or_default().to_owned();
        if !order.contains(&root) {
            order.push(root);
        }
    }
    order
}

/// The keys below a table, each with its parts. An empty table has none.
fn flatten(before: &mut Vec<String>, table: &Dict, leaves: &mut Vec<(Vec<String>, Value)>) {
    for (name, value) in table {
        before.push(name.clone());
        match value {
            Value::Dict(_, inner) => flatten(before, inner, leaves),
            // a key that is left out
            Value::Empty(..) => {}
            leaf => leaves.push((before.clone(), leaf.clone())),
        }
        before.pop();
    }
}

/// A part of a key as TOML writes it.
fn quoted(part: &str) -> String {
    let is_bare = !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if is_bare { part.to_owned() } else { toml::Value::from(part).to_string() }
}

/// A value as TOML writes it.
fn literal(value: &Value) -> String {
    toml::Value::try_from(value).map_or_else(|e| format!("\"{e}\""), |value| value.to_string())
}

/// An address without what comes after its host, which may be what opens it.
fn without_path(url: Value) -> Value {
    let Some(text) = url.as_str() else { return url };
    let host = text.find("://").map_or(0, |at| at + 3);
    match text[host..].find(['/', '?', '#', '@']) {
        // a name and a password stand before the host
        Some(_) if text[host..].contains('@') => Value::from(format!("{}…", &text[..host])),
        Some(end) if text[host + end..].len() > 1 => Value::from(format!("{}/…", &text[..host + end])),
        _ => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_what_opens_them() {
        for (url, shown) in [
            ("https://example.org", "https://example.org"),
            ("https://example.org/", "https://example.org/"),
            ("https://example.org/hook/abc", "https://example.org/…"),
            ("https://example.org?token=abc", "https://example.org/…"),
            ("https://user:secret@example.org/", "https://…"),
        ] {
            assert_eq!(without_path(Value::from(url)).as_str(), Some(shown), "{url}");
        }
    }
}
