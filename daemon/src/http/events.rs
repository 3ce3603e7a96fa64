//! `POST /api/v1/streams/{stream}/events`: events as lines, answered when they are durable.

use super::parameter::Parameter;
use super::problem::ProblemResponse;
use super::query::Query;
use crate::clock::now_us;
use crate::disk::DiskState;
use crate::hub::Hub;
use crate::inbox::ReplyOptions;
use crate::ingest::cutter::LineCutter;
use crate::ingest::numbering::{Numbering, ProducerEpoch};
use crate::ingest::{Door, InputEnd, Intake, LineRefusal, LineSyntax};
use crate::producer_keys::is_producer_name;
use crate::ticket::{Drained, Outbox};
use axum::Json;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use surmise_config::{ByteSize, LimitsTable, TimeSpan, check_stream_name};
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::{Accepted, AcceptedError, Reply, TakenLines};

/// Errors that an answer lists; all of them are counted.
const ERRORS_MAX: usize = 100;

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
    let mut intake = Intake::new(Door::Http, LineSyntax::Plain, stream.into(), limits);
    let producer = producer(&hub, &query, intake.stream(), name_bytes_max).await?;
    if let Some(producer) = &producer {
        intake.number_by(Numbering::Posted(producer.clone()));
    }
    let outbox = Arc::new(Outbox::called_by(hub.traces.caller(&headers)));
    let mut posted = Posted { hub, intake, outbox, answer: Accepted::default() };
    let read = posted.read(body).await;
    // an event that was learnt raises the epoch of its producer, and nothing else does
    if let Some(ProducerEpoch { producer, epoch }) = producer.filter(|_| posted.answer.accepted > 0) {
        posted.hub.fencing.record_durable(&producer, epoch, None);
    }
    read?;
    Ok(Json(posted.answer).into_response())
}

/// Makes sure that events are taken now.
fn check_takes_events(hub: &Hub) -> Result<(), ProblemResponse> {
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
    let mut posted = Posted { hub, intake, outbox: Arc::default(), answer: Accepted::default() };
    posted.read(Body::from(line)).await?;
    match posted.answer.errors.pop() {
        None => Ok(()),
        Some(AcceptedError { code, field, reason, .. }) => {
            let refusal = Refusal::new(code, field, reason);
            Err(ProblemResponse::refusal(status_of(&refusal), refusal))
        }
    }
}

/// The status of a request whose one event is refused.
fn status_of(refusal: &Refusal) -> u16 {
    match refusal.code {
        RefusalCode::UnknownIncident => 404,
        // the owner met the end of the room before the door did
        RefusalCode::Unavailable if refusal.field == "disk" => 507,
        RefusalCode::Unavailable | RefusalCode::LimitReached => 503,
        RefusalCode::Quarantined => 500,
        _ => 409,
    }
}

/// The answer to events that come while the disk has no room.
fn disk_full(why: &str) -> ProblemResponse {
    let Refusal { code, field, reason } = DiskState::refusal(why);
    ProblemResponse::new(507, "disk full", reason).at(&field, Some(code))
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

/// Bytes of a body for which it may take a second more.
const BODY_BYTES_PER_SECOND_MIN: u64 = 1 << 10;

/// The parts of a body as they come, within the limits of bytes and of time.
struct BodyParts {
    body: BodyDataStream,
    bytes: u64,
    bytes_max: ByteSize,
    /// How long the sender has been waited for. The time that owners take does not count.
    waited: Duration,
    time_max: TimeSpan,
}

impl BodyParts {
    fn new(body: Body, limits: &LimitsTable) -> BodyParts {
        let (bytes_max, time_max) = (limits.body_bytes, limits.body_time);
        BodyParts { body: body.into_data_stream(), bytes: 0, bytes_max, waited: Duration::ZERO, time_max }
    }

    /// The next part; none at the end of the body.
    ///
    /// # Errors
    /// The body broke off, is too long, or takes too long.
    async fn next(&mut self) -> Result<Option<Bytes>, ProblemResponse> {
        let allowed = self.time_max.0 + Duration::from_secs(self.bytes / BODY_BYTES_PER_SECOND_MIN);
        let start = Instant::now();
        let next = tokio::time::timeout(allowed.saturating_sub(self.waited), self.body.next()).await;
        self.waited += start.elapsed();
        let broken = |status, title: &str, detail: String| ProblemResponse::new(status, title, detail).at("body", None);
        let part = match next {
            Ok(None) => return Ok(None),
            Ok(Some(Ok(part))) => part,
            Ok(Some(Err(e))) => return Err(broken(400, "bad request", format!("the body broke off: {e}"))),
            Err(_) => {
                let limit = self.time_max;
                let detail =
                    format!("the body came too slowly: {limit} (limits.body_time) and a second a KiB are the most");
                return Err(broken(408, "body too slow", detail));
            }
        };
        self.bytes += part.len() as u64;
        if self.bytes > self.bytes_max.0 {
            let detail = format!("the body is longer than {} (limits.body_bytes); send it in parts", self.bytes_max);
            return Err(broken(413, "body too long", detail));
        }
        Ok(Some(part))
    }
}

/// The events of one request, and what is known of them so far.
struct Posted {
    hub: Arc<Hub>,
    intake: Intake,
    outbox: Arc<Outbox>,
    answer: Accepted,
}

impl Posted {
    /// Reads the whole body and waits until its events are durable.
    async fn read(&mut self, body: Body) -> Result<(), ProblemResponse> {
        let mut cutter = LineCutter::new(self.hub.config.limits.line_bytes.0 as usize);
        let mut parts = BodyParts::new(body, &self.hub.config.limits);
        // what came before a fault was sent to the owner already, so the answer waits until that is durable, too
        let broken = loop {
            match parts.next().await {
                Ok(None) => break None,
                Err(broken) => break Some(broken),
                Ok(Some(bytes)) => {
                    cutter.buffer().extend_from_slice(&bytes);
                    self.send_lines(&mut cutter, InputEnd::Open).await?;
                }
            }
        };
        if broken.is_none() {
            self.send_lines(&mut cutter, InputEnd::Reached).await?;
        }
        self.outbox.close();
        let disk = self.hub.services.disk.clone();
        while self.collect()? == Collected::SoFar {
            tokio::select! {
                () = self.outbox.changed() => {}
                why = disk.until_full() => return Err(disk_full(&why)),
            }
        }
        let Some(broken) = broken else { return Ok(()) };
        let Accepted { accepted, rejected, duplicates, .. } = self.answer;
        Err(broken.after(TakenLines { lines: self.intake.lines_read(), accepted, duplicates, rejected }))
    }

    /// Sends all lines of a cutter to the owner of the stream, a chunk at a time.
    async fn send_lines(&mut self, cutter: &mut LineCutter, end: InputEnd) -> Result<(), ProblemResponse> {
        loop {
            let chunk = self.intake.read_chunk(cutter, end, now_us());
            if chunk.lines == 0 {
                return Ok(());
            }
            // the owner's refusals come later through the outbox; both are sorted by line at the end
            for LineRefusal { line, refusal, .. } in chunk.refusals {
                self.list(line, refusal);
            }
            let replies = ReplyOptions { listener: "http", ..ReplyOptions::default() };
            let sent = tokio::select! {
                biased;
                why = self.hub.services.disk.until_full() => return Err(disk_full(&why)),
                sent = self.hub.submit(chunk.events, replies, None, &self.outbox, chunk.lines, chunk.counts) => sent,
            };
            sent.map_err(|e| ProblemResponse::new(503, "unavailable", e.to_string()))?;
            // a failure of the store ends the request early instead of after the whole body
            self.collect()?;
        }
    }

    /// Lists a refusal in the answer, if there is room.
    fn list(&mut self, line: u64, refusal: Refusal) {
        if self.answer.errors.len() < ERRORS_MAX {
            let Refusal { code, field, reason } = refusal;
            self.answer.errors.push(AcceptedError { line, code, field, reason });
        }
    }

    /// Adds what became of events to the answer.
    fn collect(&mut self) -> Result<Collected, ProblemResponse> {
        let Drained { replies, counts, failed, finished, .. } = self.outbox.drain();
        for reply in replies {
            if let Reply::Error(e) = reply {
                self.list(e.line.unwrap_or(0), Refusal::new(e.code, e.field, e.reason));
            }
        }
        self.answer.accepted += counts.accepted;
        self.answer.duplicates += counts.duplicates;
        self.answer.rejected += counts.rejected;
        // nothing is said of single events then: the client cannot know which of them are durable
        if failed {
            let detail = "the daemon cannot make events durable; send them again, with a producer and seq so that none is learnt twice";
            let problem = ProblemResponse::new(503, "unavailable", detail);
            return Err(problem.at("body", Some(RefusalCode::Unavailable)));
        }
        if !finished {
            return Ok(Collected::SoFar);
        }
        self.answer.errors.sort_by_key(|error| error.line);
        Ok(Collected::Everything)
    }
}

/// How much of a request's answer is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Collected {
    /// More events are to be made durable.
    SoFar,
    /// Every event is durable or refused.
    Everything,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_says_whether_to_send_it_again() {
        let status = |refusal: Refusal| status_of(&refusal);
        assert_eq!(status(DiskState::refusal("the disk is full")), 507);
        assert_eq!(status(Refusal::new(RefusalCode::Unavailable, "stream", "not now")), 503);
        assert_eq!(status(Refusal::new(RefusalCode::UnknownIncident, "offset", "none")), 404);
        assert_eq!(status(Refusal::new(RefusalCode::OtherIncarnation, "incarnation", "2")), 409);
    }
}
