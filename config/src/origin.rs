//! Where keys are written: in which line of the file, or in which variable of the environment.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use toml_edit::{ImDocument, Item, TableLike};

/// What begins the name of a variable that overrides a key.
pub(crate) const VARIABLES: &str = "SURMISE__";

/// What the value of a key comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum KeyOrigin {
    /// Nobody wrote one, so it is the default.
    Default,
    /// The file.
    File,
    /// A variable of the environment.
    Environment,
    /// A socket that a service manager gave.
    Given,
}

/// Where the keys of a configuration were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyOrigins {
    lines: BTreeMap<String, usize>,
    variables: BTreeMap<String, String>,
}

impl KeyOrigins {
    /// Those of a file's text and of the environment over it.
    pub(crate) fn of(text: &str) -> KeyOrigins {
        let variables = std::env::vars_os().filter_map(|(name, _)| {
            let name = name.into_string().ok()?;
            let key = name.get(..VARIABLES.len()).filter(|start| start.eq_ignore_ascii_case(VARIABLES));
            let key = key.map(|_| name[VARIABLES.len()..].to_lowercase().replace("__", "."))?;
            Some((key, name))
        });
        KeyOrigins { lines: key_lines(text), variables: variables.collect() }
    }

    /// The variable that a key is written in, its parts with points between them.
    pub(crate) fn variable(&self, key: &str) -> Option<&str> {
        // a variable may hold a whole table, or a part of the value
        let holds = |other: &str| key.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let is_part = |other: &str| other.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
        let found = self.variables.iter().find(|(other, _)| holds(other) || is_part(other));
        found.map(|(_, name)| name.as_str())
    }

    /// The line that a key is written in.
    pub(crate) fn line(&self, key: &str) -> Option<usize> {
        self.lines.get(key).copied()
    }
}

/// The lines of a text at which its keys and tables are written, by their parts with points between them.
pub(crate) fn key_lines(text: &str) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    if let Ok(document) = ImDocument::parse(text) {
        add_lines(document.as_table(), "", text, &mut lines);
    }
    lines
}

fn add_lines(table: &dyn TableLike, before: &str, text: &str, lines: &mut BTreeMap<String, usize>) {
    for (name, item) in table.iter() {
        let key = format!("{before}{name}");
        if let Some(span) = table.get_key_value(name).and_then(|(key, _)| key.span()) {
            lines.insert(key.clone(), line_at(text, span.start));
        }
        if let Some(inner) = item.as_table_like() {
            add_lines(inner, &format!("{key}."), text, lines);
        }
        if let Item::ArrayOfTables(tables) = item {
            for (i, inner) in tables.iter().enumerate() {
                add_lines(inner, &format!("{key}.{i}."), text, lines);
            }
        }
    }
}

fn line_at(text: &str, byte: usize) -> usize {
    1 + text.as_bytes().iter().take(byte).filter(|b| **b == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_wherever_they_are_written() {
        let text = "store.dir = 'x'\n\n[limits]\n# one\nstreams = 5\n[streams.\"web-*\"]\nmodel = { seed = 2 }\n\
                    [[auth.tokens]]\nname = 'a'\n";
        let lines = key_lines(text);
        for (key, line) in
            [("store.dir", 1), ("limits.streams", 5), ("streams.web-*.model.seed", 7), ("auth.tokens.0.name", 9)]
        {
            assert_eq!(lines.get(key), Some(&line), "{key}: {lines:?}");
        }
    }
}
