//! What the store has to tell a person about its data directory.

use std::sync::{Mutex, PoisonError};

/// How much something matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Damage that costs nothing, as what was hit exists elsewhere or is made anew.
    Mended,
    /// Events or what was learnt from them are lost.
    Lost,
}

impl Severity {
    /// The name of the severity, as metrics and JSON have it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Mended => "mended",
            Severity::Lost => "lost",
        }
    }
}

/// One thing about a data directory that a person should know.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The file or database that it is about.
    pub place: String,
    /// The stream that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// What was found, and what is done about it.
    pub what: String,
}

/// What was found since the start, for those that ask.
#[derive(Debug, Default)]
pub struct Findings(Mutex<Vec<Finding>>);

/// Findings that are kept for those that ask; all of them are in the log.
const FINDINGS_MAX: usize = 1000;

impl Findings {
    /// Notes a finding, and logs it.
    pub fn add(&self, severity: Severity, place: &str, stream: Option<&str>, what: String) {
        match severity {
            Severity::Note => tracing::info!(place, stream, "{what}"),
            Severity::Mended => tracing::warn!(place, stream, "{what}"),
            Severity::Lost => tracing::error!(place, stream, "{what}"),
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < FINDINGS_MAX {
            all.push(Finding { severity, place: place.into(), stream: stream.map(Into::into), what });
        }
    }

    /// All findings, in order.
    pub fn all(&self) -> Vec<Finding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
