//! The reference of the configuration: every key with what it takes, its default, and what it means.
//!
//! Which keys there are, their defaults and their meanings are read off the commented file of defaults, which tests
//! hold to the types. What a key takes is asked of the types: they are given what no key takes, and say what they
//! expect.

use crate::config::{Config, DEFAULT_FILE};
use figment::Figment;
use figment::error::Kind;
use figment::providers::{Format, Toml};
use std::fmt::Write;

/// Keys that take effect without a restart.
pub const RELOADED_KEYS: &[&str] = &["auth.token", "auth.token_hash", "auth.tokens", "listen.hosts", "store.disk"];

/// Keys that take effect without a restart where the daemon speaks TLS already.
pub const CERTIFICATE_KEYS: &[&str] = &["tls.certificate", "tls.key"];

/// Tables of the file of defaults that are an example of a name, which whoever writes the file chooses.
const EXAMPLES: [(&str, &str); 9] = [
    ("streams.\"web-*\"", "streams.NAME"),
    ("export.webhooks.ops", "export.webhooks.NAME"),
    ("export.nats.ops", "export.nats.NAME"),
    ("sources.files.nginx", "sources.files.NAME"),
    ("sources.syslog.hosts", "sources.syslog.NAME"),
    ("sources.redis.shop", "sources.redis.NAME"),
    ("sources.mqtt.plant", "sources.mqtt.NAME"),
    ("sources.nats.shop", "sources.nats.NAME"),
    ("sources.kafka.bank", "sources.kafka.NAME"),
];

/// A text that is no word, duration, size or address.
const NO_VALUE: &str = "\"?\"";

/// What is known of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReference {
    /// The table that it is in, as the file writes it, with `NAME` for a name that is chosen there.
    pub table: String,
    /// Its name in the table.
    pub name: String,
    /// Its default, as TOML; none if there is none, or if it belongs to a table that is only there if it is written.
    pub default: Option<String>,
    /// What it means.
    pub meaning: String,
    /// The header of its table in the file of defaults.
    header: String,
}

/// All keys, in the order of the file of defaults.
pub fn reference() -> Vec<KeyReference> {
    let mut keys = Vec::new();
    let (mut table, mut header) = (String::new(), String::new());
    for line in DEFAULT_FILE.lines() {
        let (line, is_example) = match line.strip_prefix("# ").filter(|rest| is_toml(rest)) {
            Some(rest) => (rest, true),
            None => (line, false),
        };
        let (code, meaning) = line.split_once(" # ").unwrap_or((line, ""));
        let code = code.trim();
        if code.starts_with('[') {
            header = code.to_owned();
            let name = code.trim_matches(['[', ']']);
            let chosen = EXAMPLES.iter().find(|(example, _)| *example == name);
            table = chosen.map_or(name, |(_, chosen)| *chosen).to_owned();
        } else if let Some((name, value)) = code.split_once(" = ").filter(|_| is_toml(code)) {
            keys.push(KeyReference {
                table: table.clone(),
                name: name.to_owned(),
                default: (!is_example).then(|| value.to_owned()),
                meaning: meaning.trim().to_owned(),
                header: header.clone(),
            });
        }
    }
    keys
}

/// When a change of a key takes effect, in words.
pub fn takes_effect(key: &str) -> &'static str {
    let is_in = |keys: &[&str]| {
        keys.iter().any(|k| key.strip_prefix(k).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    };
    match () {
        () if is_in(RELOADED_KEYS) => "on a reload",
        () if is_in(CERTIFICATE_KEYS) => "on a reload, where TLS is on",
        () => "after a restart",
    }
}

/// Whether a line is the head of a table or a key, and not prose.
fn is_toml(line: &str) -> bool {
    line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains([' ', '#']))
}

impl KeyReference {
    /// The full key.
    pub fn key(&self) -> String {
        format!("{}.{}", self.table, self.name)
    }

    /// When a change of it takes effect, in words.
    pub fn takes_effect(&self) -> &'static str {
        takes_effect(&self.key())
    }

    /// What it takes, in words.
    pub fn kind(&self) -> String {
        let refused = self.refused(NO_VALUE);
        if !matches!(&refused, Some(Kind::InvalidType(_, expected)) if expected == "a sequence") {
            return in_words(refused);
        }
        match self.refused(&format!("[{NO_VALUE}]")) {
            Some(Kind::UnknownVariant(_, words)) => format!("list of {}", words.join(", ")),
            Some(_) => "list of tables".to_owned(),
            None => "list of texts".to_owned(),
        }
    }

    /// Why it does not take a value, if it does not.
    fn refused(&self, value: &str) -> Option<Kind> {
        let text = format!("{}\n{} = {value}\n", self.header, self.name);
        let error = Figment::from(Toml::string(&text)).extract::<Config>().err()?;
        // a table may miss other keys, which is not at fault here
        error.into_iter().map(|e| e.kind).find(|kind| !matches!(kind, Kind::MissingField(_)))
    }
}

/// What is expected where a text that is no value was refused.
fn in_words(refused: Option<Kind>) -> String {
    match refused {
        None | Some(Kind::MissingField(_)) => "text".to_owned(),
        Some(Kind::UnknownVariant(_, words)) => format!("one of {}", words.join(", ")),
        Some(Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected)) => match expected.as_str() {
            "a boolean" => "true or false".to_owned(),
            word if word.starts_with(['u', 'i']) => "whole number".to_owned(),
            word if word.starts_with("struct ") || word == "a map" => "table".to_owned(),
            word => word.to_owned(),
        },
        // types that read a text themselves say what they expect of it
        Some(other) => {
            let text = other.to_string();
            let expected = text.strip_prefix("expected ").unwrap_or("text");
            let end = [" (", ", "].iter().filter_map(|end| expected.find(end)).min().unwrap_or(expected.len());
            expected[..end].trim_start_matches("a ").replace('\\', "")
        }
    }
}

/// The reference as a page of Markdown.
pub fn reference_page() -> String {
    let mut page = String::from(
        "# Configuration reference\n\n<!-- SURMISE_WRITE=1 cargo test -p surmise-config --test reference -->\n\n\
         Every key of the configuration file, as `surmise config reference` prints it. `NAME` is a name that you choose.\n\
         A key without a default may be left out. The environment overrides the file: `SURMISE__STORE__DIR` is `dir` of\n\
         `[store]`. A change takes effect after a restart, or on a reload (`kill -HUP`, `POST /-/reload`) where it says so.\n",
    );
    let mut table = String::new();
    for key in reference() {
        if key.table != table {
            table.clone_from(&key.table);
            let _ = write!(page, "\n## `{table}`\n\n| key | takes | default | meaning |\n|---|---|---|---|\n");
        }
        let default = key.default.as_deref().map_or(String::new(), |value| format!("`{value}`"));
        let effect = key.takes_effect();
        let effect = if effect == "after a restart" { String::new() } else { format!(" Takes effect {effect}.") };
        let meaning = key.meaning.strip_suffix(" Reloaded.").unwrap_or(&key.meaning);
        let cells = [format!("`{}`", key.name), key.kind(), default, format!("{meaning}{effect}")];
        let _ = writeln!(page, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
    page
}
