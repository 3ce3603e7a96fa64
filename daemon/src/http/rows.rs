//! `GET /api/v1/streams`: the list of streams, from what is known without asking their owners.

use super::parameter::Parameter;
use super::problem::ProblemResponse;
use super::query::Query;
use crate::access::Grant;
use crate::directory::StreamView;
use crate::hub::Hub;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use surmise_event::format_time;
use surmise_protocol::{IncidentMark, StreamList, StreamRow};

/// Minutes that a trend covers.
const TREND_MINUTES: usize = 30;

/// Whether rows have a trend.
pub const TREND: Parameter = Parameter::flag("trend", "whether to give the surprise of each of the latest minutes");

/// The daemon's time, in microseconds since 1970.
pub fn now_us(hub: &Hub) -> i64 {
    hub.services.clock.now().wall_us
}

/// A stream as the list has it.
pub fn row(view: &StreamView, now_us: i64, with_trend: bool) -> StreamRow {
    let last = view.last_event_us.load(Ordering::Relaxed);
    let glance = view.past.glance(now_us);
    let last_incident = view.past.incidents.latest(1).pop().map(|incident| IncidentMark {
        kind: incident.alarm.kind,
        phase: incident.alarm.phase,
        began: incident.alarm.began,
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

/// `GET /api/v1/streams`: all streams that the token is good for.
pub async fn list(
    State(hub): State<Arc<Hub>>,
    Extension(grant): Extension<Arc<Grant>>,
    query: Query,
) -> Result<Response, ProblemResponse> {
    let with_trend = query.flag(&TREND).unwrap_or_default();
    let (now_us, streams) = (now_us(&hub), hub.directory.all());
    let covered = streams.iter().filter(|view| grant.covers(&view.name));
    let streams = covered.map(|view| row(view, now_us, with_trend)).collect();
    Ok(Json(StreamList { streams }).into_response())
}
