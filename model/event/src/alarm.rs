//! Alarms: what is said of events that are rare for their stream, and how many of them a stream may have.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// What is unusual in an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum AlarmKind {
    /// A value that was not expected: a number far from its forecast, a symbol out of place.
    Value,
    /// A value, or a combination of values, that never came before.
    New,
    /// Many events that are each a little unusual.
    Run,
    /// A number whose level, slope or season has moved.
    Level,
    /// A number that scatters more, or less, than it did.
    Spread,
    /// A number that stands still where it never did.
    Flat,
    /// Events that come faster, or more slowly, than they did.
    Rate,
    /// An event that is overdue, or came late.
    Missing,
    /// A key that ended, or went on, out of its turn.
    End,
    /// A key that fell silent where keys seldom do.
    Silent,
}

impl AlarmKind {
    /// All kinds.
    pub const ALL: [AlarmKind; 10] = [
        AlarmKind::Value,
        AlarmKind::New,
        AlarmKind::Run,
        AlarmKind::Level,
        AlarmKind::Spread,
        AlarmKind::Flat,
        AlarmKind::Rate,
        AlarmKind::Missing,
        AlarmKind::End,
        AlarmKind::Silent,
    ];

    /// The word for the kind in JSON, in metrics and in messages.
    pub fn name(self) -> &'static str {
        match self {
            AlarmKind::Value => "value",
            AlarmKind::New => "new",
            AlarmKind::Run => "run",
            AlarmKind::Level => "level",
            AlarmKind::Spread => "spread",
            AlarmKind::Flat => "flat",
            AlarmKind::Rate => "rate",
            AlarmKind::Missing => "missing",
            AlarmKind::End => "end",
            AlarmKind::Silent => "silent",
        }
    }
}

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlarmPhase {
    /// The incident begins with this event. This is what the budget counts.
    Begins,
    /// Another unusual event of the incident.
    GoesOn,
    /// The incident is over: nothing unusual came for a while. It ended with the event of [`Alarm::offset`].
    Ended,
}

/// An incident of a stream, as it stands with one event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Alarm {
    /// What is unusual.
    pub kind: AlarmKind,
    /// Where the incident stands.
    pub phase: AlarmPhase,
    /// The offset of the incident's first unusual event, which may be before the event with which it was noticed.
    pub began: u64,
    /// The offset of its latest unusual event. Of an overdue event it is the offset that the event would have.
    pub offset: u64,
    /// The offset of its most unusual event so far, at which the evidence rose most; it may be before the event with
    /// which it was noticed, too.
    #[serde(default)]
    pub oddest: u64,
    /// Its unusual events so far.
    pub count: u64,
    /// How rare its most unusual event is: once in so many events of this stream, by the stream's own past.
    pub rarity_events: f64,
    /// The same in seconds, by the stream's usual time between events, where its events have times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rarity_seconds: Option<f64>,
    /// The field that is most unusual, if it is one field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Arc<str>>,
    /// The key that is unusual, where that is not the key of the event with which it was noticed: one that fell silent,
    /// or that was unusual as a whole when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
    /// The label that a person gave to incidents of this kind ([`crate::Feedback`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Arc<str>>,
}

/// How many incidents a stream without faults may have: so many per so many events, or per span of time. It is
/// written `1/10000` (events), `1/day`, `3/week`, `1/hour`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AlarmBudget {
    /// Incidents, at least one.
    pub alarms: u32,
    /// Per what.
    pub per: BudgetSpan,
}

/// What a budget of alarms is counted per.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetSpan {
    /// So many events of the stream, at least one.
    Events(u64),
    /// So many seconds of the stream's own time, at least one. On a stream without times a day is taken for
    /// [`AlarmBudget::EVENTS_A_DAY`] events.
    Seconds(u64),
}

/// Why a text is no budget of alarms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no budget of alarms; write how many per how many events, like 1/10000, or per minute, hour, day or week, \
     like 1/day"
)]
pub struct BudgetError(pub String);

/// Spans of time that have a word, in seconds.
const SPANS: [(&str, u64); 4] = [("minute", 60), ("hour", 3_600), ("day", 86_400), ("week", 604_800)];

impl AlarmBudget {
    /// The events that stand for a day on a stream whose events have no times.
    pub const EVENTS_A_DAY: u64 = 10_000;

    /// Incidents per event, where events come `gap_seconds` after each other on average.
    pub fn per_event(self, gap_seconds: Option<f64>) -> f64 {
        let alarms = f64::from(self.alarms);
        let rate = match (self.per, gap_seconds) {
            (BudgetSpan::Events(events), _) => alarms / events as f64,
            (BudgetSpan::Seconds(seconds), Some(gap)) => alarms * gap.max(0.0) / seconds as f64,
            (BudgetSpan::Seconds(seconds), None) => alarms * 86_400.0 / seconds as f64 / Self::EVENTS_A_DAY as f64,
        };
        rate.clamp(0.0, 1.0)
    }
}

impl Default for AlarmBudget {
    fn default() -> Self {
        AlarmBudget { alarms: 1, per: BudgetSpan::Events(10_000) }
    }
}

impl FromStr for AlarmBudget {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let parse = || {
            let (alarms, span) = text.split_once('/')?;
            let alarms: u32 = alarms.trim().parse().ok().filter(|n| *n > 0)?;
            let span = span.trim();
            let per = match SPANS.iter().find(|(word, _)| *word == span) {
                Some((_, seconds)) => BudgetSpan::Seconds(*seconds),
                None => {
                    let number = |text: &str| text.trim().replace('_', "").parse().ok().filter(|n| *n > 0);
                    match span.strip_suffix("seconds") {
                        Some(seconds) => BudgetSpan::Seconds(number(seconds)?),
                        None => BudgetSpan::Events(number(span.strip_suffix("events").unwrap_or(span))?),
                    }
                }
            };
            Some(AlarmBudget { alarms, per })
        };
        parse().ok_or_else(|| BudgetError(text.to_owned()))
    }
}

impl fmt::Display for AlarmBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.per {
            BudgetSpan::Events(events) => write!(f, "{}/{events}", self.alarms),
            BudgetSpan::Seconds(seconds) => match SPANS.iter().find(|(_, s)| *s == seconds) {
                Some((word, _)) => write!(f, "{}/{word}", self.alarms),
                None => write!(f, "{}/{seconds} seconds", self.alarms),
            },
        }
    }
}

impl TryFrom<String> for AlarmBudget {
    type Error = BudgetError;

    fn try_from(text: String) -> Result<Self, BudgetError> {
        text.parse()
    }
}

impl From<AlarmBudget> for String {
    fn from(budget: AlarmBudget) -> String {
        budget.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_read_as_they_are_written() {
        for text in ["1/10000", "1/day", "3/week", "2/hour", "1/minute", "1/90 seconds"] {
            let budget: AlarmBudget = text.parse().unwrap();
            assert_eq!(budget.to_string(), text);
            let json = serde_json::to_string(&budget).unwrap();
            assert_eq!(json, format!("{text:?}"));
            assert_eq!(serde_json::from_str::<AlarmBudget>(&json).unwrap(), budget);
        }
        assert_eq!("1 / 10_000 events".parse(), Ok(AlarmBudget::default()));
        for wrong in ["", "1", "0/day", "1/0", "-1/day", "1/fortnight", "x/10", "1/10/10"] {
            assert!(wrong.parse::<AlarmBudget>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_budget_of_time_follows_the_gap() {
        let day: AlarmBudget = "1/day".parse().unwrap();
        assert_eq!(day.per_event(Some(86.4)), 1e-3);
        assert_eq!(day.per_event(None), 1e-4);
        assert_eq!(day.per_event(Some(1e9)), 1.0);
        assert_eq!(AlarmBudget::default().per_event(Some(5.0)), 1e-4);
    }

    #[test]
    fn a_kind_has_the_name_that_its_json_has() {
        for kind in AlarmKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
