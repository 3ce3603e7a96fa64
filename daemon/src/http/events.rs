//! `POST /api/v1/streams/{stream}/events`: events as lines, answered when they are durable.

use super::problem::ProblemResponse;
use super::query::Query;
use crate::clock::now_us;
use crate::hub::Hub;
use crate::inbox::ReplyOptions;
use crate::ingest::cutter::LineCutter;
use crate::ingest::numbering::{Numbering, ProducerEpoch};
use crate::ingest::{Door, InputEnd, Intake, LineRefusal, LineSyntax};
use crate::ticket::{Drained, Outbox};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use std::sync::Arc;
use surmise_config::check_stream_name;
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::{Accepted, AcceptedError, Reply};

/// Errors that an answer lists; all of them are counted.
const ERRORS_MAX: usize = 100;

/// Learns the events of the body.
pub async fn push(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    RawQuery(raw): RawQuery,
    body: Body,
) -> Result<Response, ProblemResponse> {
    let query = Query::read(raw.as_deref(), &["producer", "epoch"])?;
    // a body is not read while its events would only wait for the streams to be restored
    if !hub.is_ready() {
        let problem = ProblemResponse::new(503, "unavailable", "events are not taken now");
        return Err(problem.at("stream", Some(RefusalCode::Unavailable)));
    }
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
    let mut posted = Posted { hub, intake, outbox: Arc::default(), answer: Accepted::default() };
    let read = posted.read(body).await;
    // an event that was learnt raises the epoch of its producer, and nothing else does
    if let Some(ProducerEpoch { producer, epoch }) = producer.filter(|_| posted.answer.accepted > 0) {
        posted.hub.fencing.record_durable(&producer, epoch, None);
    }
    read?;
    Ok(Json(posted.answer).into_response())
}

/// The producer that the query names, if it names one.
async fn producer(
    hub: &Hub,
    query: &Query,
    stream: &str,
    name_bytes_max: usize,
) -> Result<Option<ProducerEpoch>, ProblemResponse> {
    let epoch = query.number("epoch", 0, 0, usize::MAX)? as u64;
    let Some(name) = query.get("producer") else {
        return match query.get("epoch") {
            Some(_) => {
                let detail = "an epoch belongs to a producer; give producer= too";
                Err(ProblemResponse::bad_request("epoch", detail))
            }
            None => Ok(None),
        };
    };
    if !(1..=name_bytes_max).contains(&name.len()) {
        let detail = format!("a producer's name has 1 to {name_bytes_max} bytes");
        return Err(ProblemResponse::bad_request("producer", detail));
    }
    let producer = ProducerEpoch { producer: name.into(), epoch };
    hub.look_up_producer(&producer.producer, stream).await?;
    match hub.fencing.check(&producer.producer, epoch) {
        Ok(()) => Ok(Some(producer)),
        Err(fault) => Err(ProblemResponse::refusal(409, fault.refusal("epoch"))),
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
        let limits = &self.hub.config.limits;
        let body_bytes_max = limits.body_bytes;
        let mut cutter = LineCutter::new(limits.line_bytes.0 as usize);
        let mut body = body.into_data_stream();
        let mut total_bytes = 0;
        // what came before a fault was sent to the owner already, so the answer waits until that is durable, too
        let broken = loop {
            match body.next().await {
                None => break None,
                Some(Err(e)) => {
                    break Some(ProblemResponse::bad_request("body", format!("the body broke off: {e}")));
                }
                Some(Ok(bytes)) => {
                    total_bytes += bytes.len() as u64;
                    if total_bytes > body_bytes_max.0 {
                        let detail = format!(
                            "the body is longer than {body_bytes_max} (limits.body_bytes); send it in parts. What came before was taken"
                        );
                        break Some(ProblemResponse::new(413, "body too long", detail).at("body", None));
                    }
                    cutter.buffer().extend_from_slice(&bytes);
                    self.send_lines(&mut cutter, InputEnd::Open).await?;
                }
            }
        };
        if broken.is_none() {
            self.send_lines(&mut cutter, InputEnd::Reached).await?;
        }
        self.outbox.close();
        while self.collect()? == Collected::SoFar {
            self.outbox.changed().await;
        }
        broken.map_or(Ok(()), Err)
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
            let sent = self.hub.submit(chunk.events, replies, &self.outbox, chunk.lines, chunk.counts).await;
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
