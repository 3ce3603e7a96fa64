//! `POST /api/v1/streams/{stream}/events`: events as lines or as CloudEvents, answered when they are durable.

use super::cloud_events::{BodyForm, event_of_headers};
use super::parameter::Parameter;
use super::posted::{Posted, disk_full};
use super::problem::ProblemResponse;
use super::query::Query;
use super::unpacking::{Unpacker, check_plain};
use crate::hub::Hub;
use crate::ingest::numbering::{Numbering, ProducerEpoch};
use crate::ingest::{Door, Intake, LineSyntax};
use crate::producer_keys::is_producer_name;
use crate::ticket::Outbox;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use surmise_config::check_stream_name;
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::parse_cloud_event;

/// Who numbers the events of a body.
pub const PRODUCER: Parameter =
    Parameter::text("producer", "who numbers the events by `seq`, so that none is learnt twice");
/// The epoch of that producer.
pub const EPOCH: Parameter = Parameter::number(
    "epoch",
    (0, usize::MAX),
    None,
    "the epoch of the producer, 0 if it is left out; a higher one fences those before it",
);

/// Learns the events of the body.
pub async fn push(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ProblemResponse> {
    check_takes_events(&hub)?;
    let limits = &hub.config.limits;
    let name_bytes_max = limits.name_bytes.0 as usize;
    if let Err(fault) = check_stream_name(&stream, name_bytes_max) {
        return Err(ProblemResponse::refusal(400, Refusal::new(RefusalCode::BadStream, "stream", fault.to_string())));
    }
    let form = BodyForm::of(&headers);
    // every kind of body that is taken here says that it is JSON
    let mut intake = Intake::new(Door::Http, LineSyntax::JsonBody, stream.into(), limits);
    let producer = producer(&hub, &query, intake.stream(), name_bytes_max).await?;
    let is_cloud_events = !matches!(form, BodyForm::Lines | BodyForm::Json);
    let unpacker = Unpacker::of(&headers)?;
    if matches!(form, BodyForm::CloudEvent | BodyForm::CloudEventData) {
        check_plain(&headers)?;
    }
    if producer.is_some() && is_cloud_events {
        let detail =
            "events of CloudEvents have no seq; they are recognised by their source and id, without a producer";
        return Err(ProblemResponse::bad_request("producer", detail));
    }
    if let Some(producer) = &producer {
        intake.number_by(Numbering::Posted(producer.clone()));
    }
    let outbox = Outbox::called_by(hub.traces.caller(&headers));
    let mut posted = Posted::new(hub, intake, outbox);
    let read = match form {
        BodyForm::Lines => posted.learn_lines(body, unpacker).await,
        BodyForm::Json => learn_json(&mut posted, body, unpacker).await,
        BodyForm::CloudEvents => posted.learn_array(body, unpacker).await,
        BodyForm::CloudEvent | BodyForm::CloudEventData => learn_cloud_event(&mut posted, form, &headers, body).await,
    };
    // an event that was learnt raises the epoch of its producer, and nothing else does
    if let Some(ProducerEpoch { producer, epoch }) = producer.filter(|_| posted.answer.accepted > 0) {
        posted.hub.fencing.record_durable(&producer, epoch, None);
    }
    read?;
    Ok(Json(posted.answer).into_response())
}

/// Makes sure that events are taken now.
///
/// # Errors
/// The daemon is not ready, or the disk is full.
pub fn check_takes_events(hub: &Hub) -> Result<(), ProblemResponse> {
    // a body is not read while its events would only wait for the streams to be restored
    if !hub.is_ready() {
        let problem = ProblemResponse::new(503, "unavailable", "events are not taken now");
        return Err(problem.at("stream", Some(RefusalCode::Unavailable)));
    }
    hub.services.disk.full().map_or(Ok(()), |why| Err(disk_full(&why)))
}

/// Learns one line of the protocol, of nobody who numbers events, and waits until it is durable.
///
/// # Errors
/// The daemon takes no events now, the disk has no room, or the line is refused.
pub async fn learn_line(hub: Arc<Hub>, stream: &str, line: Vec<u8>) -> Result<(), ProblemResponse> {
    check_takes_events(&hub)?;
    let intake = Intake::new(Door::Http, LineSyntax::Json, stream.into(), &hub.config.limits);
    let mut posted = Posted::new(hub, intake, Outbox::default());
    posted.learn_lines(Body::from(line), Unpacker::Plain).await?;
    match posted.refusal() {
        None => Ok(()),
        Some(refusal) => Err(ProblemResponse::refusal(status_of(&refusal, 409), refusal)),
    }
}

/// Learns a body of JSON. One that is a single value which cannot be read is a problem and no part of an answer that
/// says that all is well.
async fn learn_json(posted: &mut Posted, body: Body, unpacker: Unpacker) -> Result<(), ProblemResponse> {
    posted.learn_json(body, unpacker).await?;
    let codes = [
        RefusalCode::BadJson,
        RefusalCode::BadUtf8,
        RefusalCode::NotFinite,
        RefusalCode::Empty,
        RefusalCode::LineTooLong,
    ];
    let is_lone = posted.intake.lines_read() == 1 && posted.answer.rejected == 1;
    match posted.answer.errors.last().filter(|error| is_lone && codes.contains(&error.code)) {
        None => Ok(()),
        Some(_) => posted.refusal().map_or(Ok(()), |refusal| Err(ProblemResponse::refusal(400, refusal))),
    }
}

/// Learns an event of CloudEvents that is alone in its request. A sender of one looks at the status, so a refusal is a
/// problem and no part of an answer that says that all is well.
async fn learn_cloud_event(
    posted: &mut Posted,
    form: BodyForm,
    headers: &HeaderMap,
    body: Body,
) -> Result<(), ProblemResponse> {
    let bytes = posted.read_one(body).await?;
    let event = match form {
        BodyForm::CloudEventData => event_of_headers(headers, &bytes),
        _ => parse_cloud_event(&bytes),
    };
    posted.learn_one(event, bytes.len()).await?;
    match posted.refusal() {
        None => Ok(()),
        Some(refusal) => Err(ProblemResponse::refusal(status_of(&refusal, 400), refusal)),
    }
}

/// The status of a request whose one event is refused, which is `other` if the event itself is why.
fn status_of(refusal: &Refusal, other: u16) -> u16 {
    match refusal.code {
        RefusalCode::UnknownIncident => 404,
        // the owner met the end of the room before the door did
        RefusalCode::Unavailable if refusal.field == "disk" => 507,
        RefusalCode::Unavailable | RefusalCode::LimitReached => 503,
        RefusalCode::Quarantined => 500,
        _ => other,
    }
}

/// The producer that the query names, if it names one.
async fn producer(
    hub: &Hub,
    query: &Query,
    stream: &str,
    name_bytes_max: usize,
) -> Result<Option<ProducerEpoch>, ProblemResponse> {
    let epoch = query.number(&EPOCH).unwrap_or_default() as u64;
    let Some(name) = query.get(&PRODUCER) else {
        return match query.get(&EPOCH) {
            Some(_) => {
                let detail = "an epoch belongs to a producer; give producer= too";
                Err(ProblemResponse::bad_request("epoch", detail))
            }
            None => Ok(None),
        };
    };
    if !is_producer_name(name, name_bytes_max) {
        let detail = format!("a producer's name has 1 to {name_bytes_max} bytes and no NUL");
        return Err(ProblemResponse::bad_request("producer", detail));
    }
    let producer = ProducerEpoch { producer: name.into(), epoch };
    hub.look_up_producer(&producer.producer, stream).await?;
    match hub.fencing.check(&producer.producer, epoch) {
        Ok(()) => Ok(Some(producer)),
        Err(fault) => Err(ProblemResponse::refusal(409, fault.refusal("epoch"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::DiskState;

    #[test]
    fn the_status_says_whether_to_send_it_again() {
        let status = |refusal: Refusal| status_of(&refusal, 409);
        assert_eq!(status(DiskState::refusal("the disk is full")), 507);
        assert_eq!(status(Refusal::new(RefusalCode::Unavailable, "stream", "not now")), 503);
        assert_eq!(status(Refusal::new(RefusalCode::UnknownIncident, "offset", "none")), 404);
        assert_eq!(status(Refusal::new(RefusalCode::OtherIncarnation, "incarnation", "2")), 409);
    }
}
