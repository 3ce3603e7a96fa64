//! Incidents as lines of a terminal: when, what, how rare, the event that shows it, and what was expected instead.

use crate::why::{event_text, expected_words};
use jiff::tz::TimeZone;
use surmise_event::words::rarity;
use surmise_event::{AlarmPhase, Part};
use surmise_protocol::AlarmEvent;
use surmise_terminal::{Paint, incident_words, plain};

/// How incidents are written.
pub(crate) struct IncidentLines {
    paint: Paint,
    /// The zone that times are told in.
    zone: TimeZone,
}

impl IncidentLines {
    /// For standard output, with times as the clock here shows them.
    pub(crate) fn stdout() -> IncidentLines {
        IncidentLines { paint: Paint::stdout(), zone: TimeZone::system() }
    }

    /// The line of an incident that begins or is over.
    pub(crate) fn line(&self, a: &AlarmEvent) -> String {
        let alarm = &a.alarm;
        if alarm.phase == AlarmPhase::Ended {
            let words = incident_words(alarm, !a.event.is_null());
            return self.paint.dim(&format!("{:>10}  {}over: {words}", alarm.offset, self.clock(a)));
        }
        let rare = self.paint.alarm(1.0, &rarity(alarm.rarity_events, alarm.rarity_seconds));
        format!("{:>10}  {}{}, {rare}{}", alarm.offset, self.clock(a), words(a), self.event_and_instead(a))
    }

    /// The line of an incident that began before: whether it is over, too.
    pub(crate) fn past(&self, a: &AlarmEvent) -> String {
        let alarm = &a.alarm;
        let mark = self.paint.dim(if alarm.phase == AlarmPhase::Ended { "past:" } else { "open:" });
        let rare = rarity(alarm.rarity_events, alarm.rarity_seconds);
        let (clock, event) = (self.clock(a), self.event_and_instead(a));
        format!("{:>10}  {clock}{mark} {}, {rare}{event}", a.event_offset, words(a))
    }

    /// The time at which an incident began, if it is known.
    fn clock(&self, a: &AlarmEvent) -> String {
        let time = a.time.as_deref().and_then(|time| time.parse::<jiff::Timestamp>().ok());
        time.map_or(String::new(), |time| {
            format!("{}  ", time.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S"))
        })
    }

    /// The event that shows an incident, its odd part marked, and what was expected instead.
    fn event_and_instead(&self, a: &AlarmEvent) -> String {
        let text = || format!("  {}", event_text(&a.event, &a.parts, self.paint));
        let event = if a.event.is_null() { String::new() } else { text() };
        let instead = a.parts.iter().find_map(instead);
        event + &instead.map_or(String::new(), |words| format!("  {}", self.paint.dim(&words)))
    }
}

fn words(a: &AlarmEvent) -> String {
    incident_words(&a.alarm, !a.event.is_null())
}

/// What was expected instead of a part, and when the like of it was last seen.
fn instead(part: &Part) -> Option<String> {
    let expected = part.expected.as_ref()?;
    let value = plain(part.value.as_deref().unwrap_or("(missing)"));
    let seen = part.last_seen.map_or(String::new(), |offset| format!(", last seen at event {offset}"));
    Some(format!("{} {value}: expected {}{seen}", plain(&part.name), expected_words(expected)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::{Alarm, AlarmKind, Expected};

    #[test]
    fn an_incident_is_one_line_when_it_begins_and_one_when_it_is_over() {
        let lines = IncidentLines { paint: Paint::off(), zone: TimeZone::UTC };
        let alarm = Alarm {
            kind: AlarmKind::New,
            phase: AlarmPhase::Begins,
            began: 400,
            offset: 400,
            oddest: 400,
            count: 1,
            rarity_events: 20_413.0,
            rarity_seconds: Some(3.1 * 86_400.0),
            field: Some("status".into()),
            key: None,
            label: None,
        };
        let mut a = AlarmEvent::overdue(&"web".into(), alarm, Some(1_764_338_400_000_000));
        a.event = serde_json::json!({"data": "GET / 502"});
        let expected = Some(Expected::Symbols { top: vec![(Some("200".into()), 0.97)], other: 0.03 });
        a.parts.push(Part {
            name: "status".into(),
            value: Some("502".into()),
            place: Some((6, 9)),
            expected,
            ..Part::default()
        });
        assert_eq!(
            lines.line(&a),
            "       400  2025-11-28 14:00:00  Never seen before in status, since event 400, once in 20,000 events, \
             about every 3 days  GET / 502  status 502: expected 200 97 %"
        );
        (a.alarm.phase, a.alarm.count, a.alarm.offset) = (AlarmPhase::Ended, 60, 460);
        let over = "       460  2025-11-28 14:00:00  over: Never seen before in status, since event 400, \
                    60 unusual events";
        assert_eq!(lines.line(&a), over);
        a.time = None;
        let past = "       400  past: Never seen before in status, since event 400, 60 unusual events, \
                    once in 20,000 events, about every 3 days  GET / 502  status 502: expected 200 97 %";
        assert_eq!(lines.past(&a), past);
        a.alarm.phase = AlarmPhase::GoesOn;
        assert_eq!(lines.past(&a), past.replace("past:", "open:"));
    }
}
