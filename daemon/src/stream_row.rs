//! A stream as lists of all streams have it, from what is known without asking its owner.

use crate::directory::StreamView;
use std::sync::atomic::Ordering;
use surmise_event::format_time;
use surmise_protocol::{IncidentMark, StreamRow};

/// Minutes that a trend covers.
const TREND_MINUTES: usize = 30;

/// A stream as a list has it at a time, in microseconds since 1970.
pub fn row(view: &StreamView, now_us: i64, with_trend: bool) -> StreamRow {
    let last = view.last_event_us.load(Ordering::Relaxed);
    let glance = view.past.glance(now_us);
    let last_incident = view.past.incidents.latest(1).pop().map(|incident| IncidentMark {
        kind: incident.alarm.kind,
        phase: incident.alarm.phase,
        began: incident.alarm.began,
        oddest: incident.alarm.oddest,
        time: incident.time,
    });
    StreamRow {
        stream: view.name.to_string(),
        incarnation: view.incarnation,
        offset: view.offset.load(Ordering::Relaxed),
        committed_offset: view.committed.load(Ordering::Relaxed),
        model_version: view.model_version.load(Ordering::Relaxed),
        keys: view.keys.load(Ordering::Relaxed),
        schema: view.schema.load().as_ref().clone(),
        recent_bits: view.recent_bits(),
        last_event_time: (last != i64::MIN).then(|| format_time(last)),
        failed: view.failed.load().as_ref().map(|why| why.to_string()),
        group: view.group.to_string(),
        events_per_second: glance.events_per_second,
        skill: glance.skill,
        incidents: glance.begun + view.past.incidents.overdue_alone(),
        promised: glance.promised,
        last_incident,
        drift: glance.drift,
        trend: with_trend.then(|| view.past.trend(now_us, TREND_MINUTES)),
    }
}
