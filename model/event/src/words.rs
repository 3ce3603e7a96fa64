//! Numbers, times and incidents in the words that people read: the same in a terminal, in a report and in a message.
//! The page has them, too, and its tests hold the same words.

use crate::alarm::{Alarm, AlarmKind, AlarmPhase};
use crate::prediction::{Detector, Drift};
use std::fmt::Write;

/// Units of time, the longest first, in seconds.
const SPANS: [(&str, f64); 7] = [
    ("year", 365.25 * 86_400.0),
    ("month", 30.44 * 86_400.0),
    ("week", 7.0 * 86_400.0),
    ("day", 86_400.0),
    ("hour", 3_600.0),
    ("minute", 60.0),
    ("second", 1.0),
];

/// Seconds above which a rarity is told in events alone.
const RARITY_SECONDS_MAX: f64 = 100.0 * 365.25 * 86_400.0;

/// Events above which nobody counts.
const RARITY_EVENTS_MAX: f64 = 1e9;

/// A whole number with commas between its thousands.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A span of time in its largest fitting unit: "3 days".
pub fn span(seconds: f64) -> String {
    for (name, length) in SPANS {
        let from = if name == "second" { 0.0 } else { 1.5 * length };
        let is_one = name != "month" && (length..length * 1.05).contains(&seconds);
        if seconds >= from || is_one {
            let n = (seconds / length).round().max(0.0) as u64;
            return format!("{} {name}{}", count(n), if n == 1 { "" } else { "s" });
        }
    }
    "0 seconds".into()
}

/// How rare something is: once in so many events of its stream, which is about once in so many seconds if that is
/// known.
pub fn rarity(events: f64, seconds: Option<f64>) -> String {
    let mut words = match events {
        events if events >= RARITY_EVENTS_MAX => "rarer than once in a billion events".to_owned(),
        events => format!("once in {} events", rough(events)),
    };
    if let Some(seconds) = seconds.filter(|s| s.is_finite() && *s <= RARITY_SECONDS_MAX) {
        let every = span(seconds);
        // a text takes everything
        let _ = write!(words, ", about every {}", every.strip_prefix("1 ").unwrap_or(&every));
    }
    words
}

/// Two digits that people read at a glance: 92,820 becomes 93,000.
fn rough(x: f64) -> String {
    if x < 10.0 {
        return format!("{}", x.round());
    }
    let step = 10f64.powf(x.log10().floor() - 1.0);
    count(((x / step).round() * step) as u64)
}

impl AlarmKind {
    /// What is unusual, in words; `subject` is the field that it is in, or the key, if it is one. An event that is
    /// missing may have come in the end.
    fn words(self, subject: Option<&str>, has_come: bool) -> String {
        let of = subject.filter(|field| *field != crate::VALUE).map_or(String::new(), |field| format!(" in {field}"));
        match self {
            AlarmKind::Value => format!("Unexpected value{of}"),
            AlarmKind::New => format!("Never seen before{of}"),
            AlarmKind::Run => format!("A run of unusual events{of}"),
            AlarmKind::Level => format!("The level has moved{of}"),
            AlarmKind::Spread => format!("The scatter has changed{of}"),
            AlarmKind::Flat => match of.strip_prefix(" in ") {
                Some(field) => format!("{field} stands still"),
                None => "It stands still".into(),
            },
            AlarmKind::Rate => "Events come at another rate".into(),
            AlarmKind::Missing if has_come => "An event came late".into(),
            AlarmKind::Missing => "An event is overdue".into(),
            AlarmKind::End => match subject {
                Some(key) => format!("{key} was unusual as a whole"),
                None => "A key ended, or went on, out of turn".into(),
            },
            AlarmKind::Silent => format!("{} fell silent", subject.unwrap_or("A key")),
        }
    }

    /// Whether what is unusual stays as it is once it surprises no more.
    fn lasts(self) -> bool {
        matches!(self, AlarmKind::Level | AlarmKind::Spread | AlarmKind::Silent)
    }

    /// The same in a word or two. An event that is missing may have come in the end.
    pub fn short_words(self, has_come: bool) -> &'static str {
        match self {
            AlarmKind::Value => "odd value",
            AlarmKind::New => "never seen",
            AlarmKind::Run => "odd run",
            AlarmKind::Level => "level moved",
            AlarmKind::Spread => "other scatter",
            AlarmKind::Flat => "stands still",
            AlarmKind::Rate => "other rate",
            AlarmKind::Missing if has_come => "came late",
            AlarmKind::Missing => "overdue",
            AlarmKind::End => "out of turn",
            AlarmKind::Silent => "fell silent",
        }
    }
}

impl Alarm {
    /// The key or the field that is unusual, if it is one.
    pub fn subject(&self) -> Option<&str> {
        self.key.as_deref().or(self.field.as_deref())
    }

    /// What is unusual, in words. `subject` is its [`subject`](Alarm::subject) as it is to be shown; `has_come` is
    /// whether there is an event that shows it.
    pub fn what(&self, subject: Option<&str>, has_come: bool) -> String {
        match (self.kind, self.phase) {
            (AlarmKind::Missing, AlarmPhase::Ended) if !has_come => "An event was overdue".into(),
            _ => self.kind.words(subject, has_come),
        }
    }

    /// The incident in words: what is unusual, since which event, and how many events are, as [`Alarm::what`] has it.
    pub fn words(&self, subject: Option<&str>, has_come: bool) -> String {
        let what = self.what(subject, has_come);
        let is_usual = self.phase == AlarmPhase::Ended && self.kind.lasts();
        let usual = if is_usual { format!(", {}", self.over_words()) } else { String::new() };
        let events = if self.count > 1 { format!(", {} unusual events", count(self.count)) } else { String::new() };
        format!("{what}, since event {}{events}{usual}", self.began)
    }

    /// What is said of the incident once it has ended. Where a level has moved, what ends is the surprise, and not the
    /// level.
    pub fn over_words(&self) -> &'static str {
        if self.kind.lasts() { "usual by now" } else { "over" }
    }
}

impl Drift {
    /// The change in words. `field` is the name of its field as it is to be shown, and `number` shows a number.
    pub fn words(&self, field: Option<&str>, number: impl Fn(f64) -> String) -> String {
        let (before, after) = (self.level_before.unwrap_or(0.0), self.level_after.unwrap_or(0.0));
        match self.detector {
            Detector::Level => {
                format!("the level of {} moved from {} to {}", field.unwrap_or("it"), number(before), number(after))
            }
            Detector::Rate => {
                let how = if after < before { "faster" } else { "more slowly" };
                format!(
                    "events come {how}, typically one in {}, which was {}",
                    gap(after, &number),
                    gap(before, &number)
                )
            }
            Detector::Loss => {
                let (what, before, after) = (field.unwrap_or("it"), self.bits_before, self.bits_after);
                format!("{what} is harder to predict, at {after:.2} bits per event, which were {before:.2}")
            }
        }
    }

    /// The same in a word or two.
    pub fn short_words(&self, field: Option<&str>) -> String {
        let (before, after) = (self.level_before.unwrap_or(0.0), self.level_after.unwrap_or(0.0));
        match (self.detector, field) {
            (Detector::Level, field) => format!("{} moved", field.unwrap_or("it")),
            (Detector::Rate, _) => if after < before { "faster" } else { "slower" }.into(),
            (Detector::Loss, None) => "less predictable".into(),
            (Detector::Loss, Some(field)) => format!("{field} less predictable"),
        }
    }
}

/// Seconds from which on a gap is told in minutes and hours.
const GAP_SECONDS_MAX: f64 = 90.0;

/// A time between events: in milliseconds, in seconds, or in the unit that fits.
fn gap(seconds: f64, number: impl Fn(f64) -> String) -> String {
    match seconds {
        short if short < 1.0 => format!("{} ms", number(1000.0 * short)),
        seconds if seconds < GAP_SECONDS_MAX => format!("{} s", number(seconds)),
        long => span(long),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page's own tests hold the same words.
    #[test]
    fn words_of_changes_are_those_of_the_page() {
        let drift = |detector, levels: Option<[f64; 2]>| Drift {
            detector,
            field: None,
            began: 900,
            noticed: 950,
            bits_before: 1.0,
            bits_after: 2.25,
            level_before: levels.map(|levels| levels[0]),
            level_after: levels.map(|levels| levels[1]),
        };
        let words = |drift: Drift, field| drift.words(field, |x| x.to_string());
        let loss = drift(Detector::Loss, None);
        assert_eq!(words(loss.clone(), None), "it is harder to predict, at 2.25 bits per event, which were 1.00");
        assert_eq!(words(loss, Some("page")), "page is harder to predict, at 2.25 bits per event, which were 1.00");
        let level = drift(Detector::Level, Some([4.0, 7.5]));
        assert_eq!(words(level, Some("ms")), "the level of ms moved from 4 to 7.5");
        let rate = |levels| words(drift(Detector::Rate, Some(levels)), None);
        assert_eq!(rate([10.0, 0.25]), "events come faster, typically one in 250 ms, which was 10 s");
        assert_eq!(rate([60.0, 600.0]), "events come more slowly, typically one in 10 minutes, which was 60 s");
        let short = |detector, levels, field| drift(detector, levels).short_words(field);
        assert_eq!(short(Detector::Loss, None, None), "less predictable");
        assert_eq!(short(Detector::Loss, None, Some("page")), "page less predictable");
        assert_eq!(short(Detector::Level, Some([4.0, 7.5]), Some("ms")), "ms moved");
        assert_eq!(short(Detector::Rate, Some([60.0, 600.0]), None), "slower");
    }

    /// The page's own tests hold the same words.
    #[test]
    fn words_are_those_of_the_page() {
        assert_eq!(rarity(40_000.0, Some(3.0 * 86_400.0)), "once in 40,000 events, about every 3 days");
        assert_eq!(rarity(92_820.4, Some(86_400.0)), "once in 93,000 events, about every day");
        assert_eq!(rarity(7.2, None), "once in 7 events");
        assert_eq!(rarity(3e12, None), "rarer than once in a billion events");
        assert_eq!(AlarmKind::New.words(Some("status"), true), "Never seen before in status");
        assert_eq!(AlarmKind::Value.words(Some("value"), true), "Unexpected value");
        assert_eq!(AlarmKind::Flat.words(Some("volts"), true), "volts stands still");
        assert_eq!(AlarmKind::Missing.words(None, true), "An event came late");
        let silent = [None, Some("web-3")].map(|key| AlarmKind::Silent.words(key, true));
        assert_eq!(silent, ["A key fell silent", "web-3 fell silent"]);
        assert_eq!(AlarmKind::End.words(Some("web-3"), true), "web-3 was unusual as a whole");
        assert_eq!([span(90.0), span(60.0), span(0.4)], ["2 minutes", "1 minute", "0 seconds"]);
        assert_eq!([count(0), count(999), count(1_234_567)], ["0", "999", "1,234,567"]);
    }
}
