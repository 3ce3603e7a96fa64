//! `POST /api/v1/streams/{stream}/events`: events as lines of JSON, answered when they are durable.

use super::problem::Failure;
use super::streams::Query;
use crate::clock::now_us;
use crate::hub::Hub;
use crate::inbox::{InboxEvent, ReplyOptions};
use crate::session::lines::{Lines, Piece};
use crate::telemetry;
use crate::ticket::{ChunkCounts, Drained, Outbox};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use std::sync::Arc;
use surmise_config::check_stream_name;
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::{Accepted, AcceptedError, EventLine, ProducerLine, Reply, parse_plain};
use surmise_store::group::Origin;

/// Lines that are sent to the owner together.
const CHUNK: usize = 256;
/// Errors that an answer lists; all are counted.
const ERRORS: usize = 100;

/// Takes events.
pub async fn push(
    State(hub): State<Arc<Hub>>,
    Path(stream): Path<String>,
    RawQuery(raw): RawQuery,
    body: Body,
) -> Result<Response, Failure> {
    let query = Query::read(raw.as_deref(), &["producer", "epoch"])?;
    if !hub.is_ready() {
        return Err(
            Failure::new(503, "unavailable", "events are not taken now").at("stream", Some(RefusalCode::Unavailable))
        );
    }
    let name_max = hub.config.limits.name_bytes.0 as usize;
    if let Err(fault) = check_stream_name(&stream, name_max) {
        return Err(Failure::refusal(400, Refusal::new(RefusalCode::BadStream, "stream", fault.to_string())));
    }
    let producer = producer(&hub, &query, name_max)?;
    let mut push = Push {
        stream: stream.as_str().into(),
        producer,
        line: 0,
        outbox: Arc::default(),
        answer: Accepted::default(),
        hub,
    };
    push.read(body).await?;
    Ok(Json(push.answer).into_response())
}

fn producer(hub: &Hub, query: &Query, name_max: usize) -> Result<Option<(Arc<str>, u64)>, Failure> {
    let epoch = query.number("epoch", 0, 0, usize::MAX)? as u64;
    let Some(name) = query.get("producer") else {
        return match query.get("epoch") {
            Some(_) => Err(Failure::bad("epoch", "an epoch belongs to a producer; give producer= too")),
            None => Ok(None),
        };
    };
    if name.is_empty() || name.len() > name_max {
        return Err(Failure::bad("producer", format!("a producer's name has 1 to {name_max} bytes")));
    }
    let name: Arc<str> = name.into();
    match hub.fencing.pass(&name, epoch) {
        Ok(()) => Ok(Some((name, epoch))),
        Err(e) => Err(Failure::new(409, "fenced", e.to_string()).at("epoch", Some(RefusalCode::Fenced))),
    }
}

struct Push {
    hub: Arc<Hub>,
    stream: Arc<str>,
    producer: Option<(Arc<str>, u64)>,
    line: u64,
    outbox: Arc<Outbox>,
    answer: Accepted,
}

impl Push {
    /// Reads the whole body and waits until its events are durable.
    async fn read(&mut self, body: Body) -> Result<(), Failure> {
        let limits = &self.hub.config.limits;
        let (max, line_max) = (limits.body_bytes, limits.line_bytes.0 as usize);
        let mut lines = Lines::new(line_max);
        let mut body = body.into_data_stream();
        let mut total = 0;
        let broken = loop {
            match body.next().await {
                None => break None,
                Some(Err(e)) => break Some(Failure::bad("body", format!("the body broke off: {e}"))),
                Some(Ok(bytes)) => {
                    total += bytes.len() as u64;
                    if total > max.0 {
                        let detail = format!(
                            "the body is longer than {max} (limits.body_bytes); send it in parts. What came before was taken"
                        );
                        break Some(Failure::new(413, "body too long", detail).at("body", None));
                    }
                    lines.buffer().extend_from_slice(&bytes);
                    self.cut(&mut lines, false).await?;
                }
            }
        };
        if broken.is_none() {
            self.cut(&mut lines, true).await?;
        }
        self.outbox.close();
        while !self.collect()? {
            self.outbox.changed().await;
        }
        broken.map_or(Ok(()), Err)
    }

    async fn cut(&mut self, lines: &mut Lines, last: bool) -> Result<(), Failure> {
        loop {
            let mut events = Vec::new();
            let mut seen = 0;
            let mut take = |me: &mut Push, piece: Piece<'_>| {
                seen += 1;
                if let Some(item) = me.take(piece) {
                    events.push((me.stream.clone(), item));
                }
                seen < CHUNK
            };
            let mut whole = true;
            while whole && let Some(piece) = lines.next() {
                whole = take(self, piece);
            }
            if whole
                && last
                && let Some(piece) = lines.last()
            {
                take(self, piece);
            }
            if seen == 0 {
                return Ok(());
            }
            let answers = ReplyOptions { listener: "http", ..ReplyOptions::default() };
            let sent = self.hub.submit(events, answers, &self.outbox, seen, ChunkCounts::default()).await;
            sent.map_err(|e| Failure::new(503, "unavailable", e.to_string()))?;
            self.collect()?;
        }
    }

    fn take(&mut self, piece: Piece<'_>) -> Option<InboxEvent> {
        self.line += 1;
        let (parsed, bytes) = match piece {
            Piece::Line(l) if l.iter().all(u8::is_ascii_whitespace) => return None,
            Piece::Line(l) => (parse_plain(l), l.len()),
            Piece::TooLong => {
                let max = self.hub.config.limits.line_bytes;
                (
                    Err(Refusal::new(
                        RefusalCode::LineTooLong,
                        "line",
                        format!("the line is longer than {max} and was skipped"),
                    )),
                    0,
                )
            }
        };
        let event = parsed.and_then(|line| match line {
            ProducerLine::Event(event) => self.check(event),
            ProducerLine::Hello(_) => Err(Refusal::new(
                RefusalCode::BadHello,
                "hello",
                "a hello is for the event socket; here the query says who sends",
            )),
        });
        match event {
            Ok(EventLine { seq, mut record, .. }) => {
                record.arrival_us = Some(now_us());
                // another stream may lag behind this one, so nothing is said about what else is durable
                let origin = self.producer.as_ref().zip(seq).map(|((producer, epoch), seq)| Origin {
                    producer: producer.clone(),
                    epoch: *epoch,
                    seq,
                    safe: None,
                });
                Some(InboxEvent { record, origin, seq, line: self.line, bytes })
            }
            Err(refusal) => {
                metrics::counter!(telemetry::REJECTED, "reason" => refusal.code.name()).increment(1);
                self.answer.rejected += 1;
                self.list(self.line, refusal);
                None
            }
        }
    }

    fn check(&self, event: EventLine) -> Result<EventLine, Refusal> {
        if let Some(s) = event.stream.as_deref().filter(|s| *s != &*self.stream) {
            let reason = format!("the event names the stream {s:?}, but it was posted to {:?}", self.stream);
            return Err(Refusal::new(RefusalCode::BadStream, "stream", reason));
        }
        if event.seq.is_none() && self.producer.is_some() {
            return Err(Refusal::new(
                RefusalCode::SeqNotRising,
                "seq",
                "the query names a producer, so every event needs a seq",
            ));
        }
        Ok(event)
    }

    fn list(&mut self, line: u64, refusal: Refusal) {
        if self.answer.errors.len() < ERRORS {
            let Refusal { code, field, reason } = refusal;
            self.answer.errors.push(AcceptedError { line, code, field, reason });
        }
    }

    /// Takes in what is known by now; true if nothing more will come.
    fn collect(&mut self) -> Result<bool, Failure> {
        let Drained { replies, counts, failed, finished, .. } = self.outbox.drain();
        for reply in replies {
            if let Reply::Error(e) = reply {
                self.list(e.line.unwrap_or(0), Refusal::new(e.code, e.field, e.reason));
            }
        }
        self.answer.accepted += counts.accepted;
        self.answer.duplicates += counts.duplicates;
        self.answer.rejected += counts.rejected;
        if failed {
            let detail = "the daemon cannot make events durable; send them again, with a producer and seq so that none is learnt twice";
            return Err(Failure::new(503, "unavailable", detail).at("body", Some(RefusalCode::Unavailable)));
        }
        if finished {
            self.answer.errors.sort_by_key(|e| e.line);
        }
        Ok(finished)
    }
}
