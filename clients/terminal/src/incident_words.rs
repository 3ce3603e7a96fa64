//! Incidents in words, for a terminal.

use crate::plain::plain;
use surmise_event::Alarm;
use surmise_protocol::AlarmEvent;

/// What is unusual about an incident.
pub fn incident_kind(incident: &AlarmEvent) -> String {
    incident.alarm.what(subject(&incident.alarm).as_deref(), !incident.event.is_null())
}

/// An incident: what is unusual, since which event, and how many events are. `has_come` is whether there is an event
/// that shows it.
pub fn incident_words(alarm: &Alarm, has_come: bool) -> String {
    alarm.words(subject(alarm).as_deref(), has_come)
}

/// The key or the field that is unusual, without what would command the terminal.
fn subject(alarm: &Alarm) -> Option<String> {
    alarm.subject().map(|subject| plain(subject).to_string())
}
