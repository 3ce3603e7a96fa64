//! `[streams."name-or-glob*"]`: what is declared about streams before their first event.

use crate::{ConfigError, Learning};
use figment::Figment;
use figment::providers::Serialized;
use figment::value::Dict;
use serde::{Deserialize, Serialize};
use surmise_event::{Field, FieldKind, Schema};
use surmise_learner::Options;

/// What is declared about the streams of one name, or of one pattern with `*`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamRule {
    /// The fields, in the order in which they are predicted; empty to infer them from the first events.
    pub fields: Vec<Field>,
    /// Whether a record with another field is refused.
    pub closed: bool,
    /// Keys of `[model]` that differ for these streams.
    pub model: Dict,
    /// Keys of `[learning]` that differ for these streams.
    pub learning: StreamLearning,
}

/// What `[learning]` says that may differ from stream to stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StreamLearning {
    /// Chunks that an update of a network waits before it takes effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_chunks: Option<u32>,
}

/// The one choice about learners that is not in `[model]`.
const DELAY: &str = "delay_chunks";

impl StreamRule {
    /// The declared schema.
    pub fn schema(&self) -> Schema {
        Schema { fields: self.fields.clone(), closed: self.closed }
    }

    /// The choices of `[model]` and `[learning]`, with what differs for these streams.
    ///
    /// # Errors
    /// An unknown key, one in the wrong place, or a value that does not fit.
    pub(crate) fn options(&self, base: &Options, learning: &Learning) -> Result<Options, ConfigError> {
        if base.delay_chunks != 0 || self.model.contains_key(DELAY) {
            return Err(ConfigError(format!("model.{DELAY}: belongs to [learning], as learning.{DELAY}")));
        }
        let options: Options = Figment::from(Serialized::defaults(base))
            .merge(Serialized::defaults(&self.model))
            .extract()
            .map_err(|e| ConfigError::from_figment(e, "model"))?;
        let delay_chunks = self.learning.delay_chunks.unwrap_or(learning.delay_chunks);
        let options = Options { delay_chunks, ..options };
        options.fault().map_or(Ok(options), |f| Err(ConfigError(format!("learning.{f}"))))
    }

    /// What is wrong with the declared schema.
    pub(crate) fn schema_fault(&self) -> Option<String> {
        if self.closed && self.fields.is_empty() {
            return Some("a closed schema needs fields".into());
        }
        for (i, f) in self.fields.iter().enumerate() {
            if f.name.is_empty() {
                return Some(format!("field {} has no name", i + 1));
            }
            if self.fields[..i].iter().any(|g| g.name == f.name) {
                return Some(format!("the field {:?} is there twice", f.name));
            }
        }
        if self.fields.iter().filter(|f| f.kind == FieldKind::Gap).count() > 1 {
            return Some("a schema has one field of kind gap at most".into());
        }
        if self.fields.len() > 1 && self.fields.iter().any(|f| f.kind == FieldKind::Byte) {
            return Some("a field of kind byte has to be the only one; take kind text for texts inside records".into());
        }
        None
    }
}

/// Whether a name fits a pattern, in which `*` stands for any run of characters.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(i) => rest = &rest[i + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// What is wrong with the name of a stream, if anything.
pub fn stream_name_fault(name: &str, bytes_max: usize) -> Option<String> {
    if name.is_empty() {
        return Some("a stream needs a name".into());
    }
    if name.len() > bytes_max {
        return Some(format!("a name of {} bytes is longer than the limit of {bytes_max}", name.len()));
    }
    match name.chars().find(|c| c.is_control() || matches!(c, '/' | '?' | '#' | '*' | '%' | '\\')) {
        Some(c) => Some(format!("the name of a stream cannot hold {c:?}")),
        None if matches!(name, "." | "..") => Some("the name of a stream cannot be a dot".into()),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit() {
        for (p, n, yes) in [
            ("web", "web", true),
            ("web", "web-1", false),
            ("web-*", "web-1", true),
            ("web-*", "web-", true),
            ("*", "anything", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("*-eu", "web-eu", true),
            ("aa*aa", "aaa", false),
        ] {
            assert_eq!(fits(p, n), yes, "{p} {n}");
        }
    }
}
