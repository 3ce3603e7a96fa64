//! The verdict on a key as a whole, when it has ended.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A session that is over: all events of a key from its first to its end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionOutcome {
    /// The key; `None` for events without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Box<str>>,
    /// Why it is over.
    #[serde(default)]
    pub over: SessionOver,
    /// The offset of the key's first event.
    pub first_offset: u64,
    /// The offset of its last event, which is its end where that is an event.
    pub last_offset: u64,
    /// Its events, the end among them.
    pub events: u64,
    /// The sum of their surprises, in bits.
    pub surprise_bits: f64,
    /// How unusual the session is for its stream, from 0 to 1: a function of `rarity_sessions` that rises with it.
    pub anomaly_score: f64,
    /// How rare a session so unusual is: once in so many sessions of this stream.
    pub rarity_sessions: f64,
    /// What is most unusual about it, where something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<SessionWhy>,
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionOver {
    /// Its key ended.
    #[default]
    Ended,
    /// Its key was silent for much longer than keys of its stream use to be. If the key speaks again, that is another
    /// session.
    Silent,
    /// Its key was forgotten, as there were too many others.
    Forgotten,
}

/// What is most unusual about a session. Written for people by `Display`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionWhy {
    /// One of its events was odd.
    Step {
        /// The offset of that event.
        offset: u64,
        /// What the event says of how unusual it is, in bits.
        evidence_bits: f64,
    },
    /// It has a symbol more often, or less often, than the sessions that are nearest to it.
    Symbol {
        /// The name of the field.
        field: Arc<str>,
        /// The symbol; `None` for a missing value.
        symbol: Option<Arc<str>>,
        /// About how often the session has it.
        count: u16,
        /// About how often those sessions have it.
        usual_count: u16,
    },
    /// It has more events, or fewer, than the sessions that are nearest to it.
    Length {
        /// About how many events it has.
        count: u16,
        /// About how many those sessions have.
        usual_count: u16,
    },
    /// It has more symbols that hardly any session has.
    RareSymbols {
        /// About how many such symbols it has.
        count: u16,
        /// About how many those sessions have.
        usual_count: u16,
    },
}

impl fmt::Display for SessionWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionWhy::Step { offset, evidence_bits } => write!(f, "event {offset}, {evidence_bits:.1} bits"),
            SessionWhy::Symbol { field, symbol, count, usual_count } => {
                let symbol = symbol.as_deref().unwrap_or("missing");
                write!(f, "{field} {symbol}: {count} instead of {usual_count}")
            }
            SessionWhy::Length { count, usual_count } => write!(f, "events: {count} instead of {usual_count}"),
            SessionWhy::RareSymbols { count, usual_count } => {
                write!(f, "rare symbols: {count} instead of {usual_count}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_written_for_people_and_for_programs() {
        let why = SessionWhy::Symbol { field: "value".into(), symbol: Some("9".into()), count: 0, usual_count: 3 };
        assert_eq!(why.to_string(), "value 9: 0 instead of 3");
        assert_eq!(
            serde_json::to_string(&why).unwrap(),
            r#"{"symbol":{"field":"value","symbol":"9","count":0,"usual_count":3}}"#
        );
        let session = SessionOutcome { why: Some(why), key: Some("a".into()), ..SessionOutcome::default() };
        let json = serde_json::to_string(&session).unwrap();
        assert_eq!(serde_json::from_str::<SessionOutcome>(&json).unwrap(), session);
    }
}
