//! Events that are posted: reading the body, sending its events to their owner, and gathering what becomes of them.

use super::body_cutter::BodyCutter;
use super::problem::ProblemResponse;
use super::unpacking::Unpacker;
use crate::clock::now_us;
use crate::disk::DiskState;
use crate::hub::Hub;
use crate::inbox::ReplyOptions;
use crate::ingest::array_cutter::ArrayFault;
use crate::ingest::{InputEnd, Intake, LineChunk, LineRefusal};
use crate::ticket::{Drained, Outbox};
use axum::body::{Body, BodyDataStream, Bytes};
use futures::StreamExt;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};
use surmise_config::{ByteSize, LimitsTable, TimeSpan};
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::{Accepted, AcceptedError, EventLine, Reply, TakenLines};

/// Errors that an answer lists; all of them are counted.
const ERRORS_MAX: usize = 100;

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
            return Err(too_long(self.bytes_max));
        }
        Ok(Some(part))
    }
}

/// What a body has become so far: that counts for the limit, and not only what was sent.
struct UnpackedBytes {
    bytes: u64,
    bytes_max: ByteSize,
}

impl UnpackedBytes {
    /// Counts what some bytes have become.
    ///
    /// # Errors
    /// They could not be unpacked, or it is too much.
    fn count<'a>(&mut self, unpacked: std::io::Result<Cow<'a, [u8]>>) -> Result<Cow<'a, [u8]>, ProblemResponse> {
        let wrong = |e: std::io::Error| {
            ProblemResponse::bad_request("body", format!("it is not compressed as its headers say: {e}"))
        };
        let bytes = unpacked.map_err(wrong)?;
        self.bytes += bytes.len() as u64;
        if self.bytes > self.bytes_max.0 { Err(too_long(self.bytes_max)) } else { Ok(bytes) }
    }
}

fn no_array(fault: ArrayFault) -> ProblemResponse {
    ProblemResponse::bad_request("body", fault.to_string())
}

fn too_long(bytes_max: ByteSize) -> ProblemResponse {
    let detail = format!("the body is longer than {bytes_max} (limits.body_bytes); send it in parts");
    ProblemResponse::new(413, "body too long", detail).at("body", None)
}

/// The whole of a body that has so many bytes at most.
///
/// # Errors
/// It broke off, or is longer.
pub async fn read_whole(body: Body, limits: &LimitsTable, bytes_max: u64) -> Result<Vec<u8>, ProblemResponse> {
    let mut parts = BodyParts::new(body, limits);
    let mut whole = Vec::new();
    while let Some(part) = parts.next().await? {
        whole.extend_from_slice(&part);
        if whole.len() as u64 > bytes_max {
            let detail =
                format!("the body is longer than {}, which is the most of one that is read whole", ByteSize(bytes_max));
            return Err(ProblemResponse::new(413, "body too long", detail).at("body", Some(RefusalCode::LineTooLong)));
        }
    }
    Ok(whole)
}

/// The disk has no room for events that come.
pub fn disk_full(why: &str) -> ProblemResponse {
    let Refusal { code, field, reason } = DiskState::refusal(why);
    ProblemResponse::new(507, "disk full", reason).at(&field, Some(code))
}

/// The events of one request, and what is known of them so far.
pub struct Posted {
    /// What all parts of the daemon share.
    pub hub: Arc<Hub>,
    /// How its events are read.
    pub intake: Intake,
    /// Where replies come.
    pub outbox: Arc<Outbox>,
    /// What is known of its events.
    pub answer: Accepted,
}

impl Posted {
    /// The events of a request whose sender traces it, or not.
    pub fn new(hub: Arc<Hub>, intake: Intake, outbox: Outbox) -> Posted {
        Posted { hub, intake, outbox: Arc::new(outbox), answer: Accepted::default() }
    }

    /// Learns the lines of a body, and waits until they are durable.
    ///
    /// # Errors
    /// The body broke off, or its events cannot be made durable.
    pub async fn learn_lines(&mut self, body: Body, unpacker: Unpacker) -> Result<(), ProblemResponse> {
        let cutter = BodyCutter::lines(self.hub.config.limits.line_bytes.0 as usize);
        self.learn(body, unpacker, cutter).await
    }

    /// Learns a body of JSON: the items of an array of objects, one value, or a value a line; waits until they are
    /// durable.
    ///
    /// # Errors
    /// As of [`Posted::learn_lines`]; or the array has no end.
    pub async fn learn_json(&mut self, body: Body, unpacker: Unpacker) -> Result<(), ProblemResponse> {
        self.learn(body, unpacker, BodyCutter::json()).await
    }

    /// Learns the items of a body that is an array, each an event of CloudEvents, and waits until they are durable.
    ///
    /// # Errors
    /// As of [`Posted::learn_lines`]; or the body is no array.
    pub async fn learn_array(&mut self, body: Body, unpacker: Unpacker) -> Result<(), ProblemResponse> {
        let cutter = BodyCutter::cloud_events(self.hub.config.limits.line_bytes.0 as usize);
        self.learn(body, unpacker, cutter).await
    }

    async fn learn(
        &mut self,
        body: Body,
        mut unpacker: Unpacker,
        mut cutter: BodyCutter,
    ) -> Result<(), ProblemResponse> {
        let limits = &self.hub.config.limits;
        let (mut parts, line_bytes_max) = (BodyParts::new(body, limits), limits.line_bytes.0 as usize);
        let mut unpacked = UnpackedBytes { bytes: 0, bytes_max: limits.body_bytes };
        // what came before a fault was sent to the owner already, so the answer waits until that is durable, too
        let broken = 'body: loop {
            let part = match parts.next().await {
                Err(broken) => break Some(broken),
                Ok(part) => part,
            };
            let is_last = part.is_none();
            let part = part.unwrap_or_default();
            for piece in part.chunks(unpacker.piece_bytes()).map(Some).chain(is_last.then_some(None)) {
                let bytes = match piece {
                    Some(packed) => unpacker.unpack(packed),
                    None => unpacker.finish(),
                };
                match unpacked.count(bytes) {
                    Err(broken) => break 'body Some(broken),
                    Ok(bytes) => cutter.feed(&bytes, line_bytes_max),
                }
                self.send_cut(&mut cutter, InputEnd::Open).await?;
                if cutter.is_broken() {
                    break 'body cutter.fault().map(no_array);
                }
            }
            if is_last {
                cutter.end(line_bytes_max);
                self.send_cut(&mut cutter, InputEnd::Reached).await?;
                break cutter.fault().map(no_array);
            }
        };
        self.finish(broken).await
    }

    /// The whole of a body that is one event.
    ///
    /// # Errors
    /// It broke off, or is longer than a line may be.
    pub async fn read_one(&self, body: Body) -> Result<Vec<u8>, ProblemResponse> {
        let limits = &self.hub.config.limits;
        read_whole(body, limits, limits.line_bytes.0).await
    }

    /// Learns one event that was read, and waits until it is durable or refused.
    ///
    /// # Errors
    /// It cannot be made durable.
    pub async fn learn_one(&mut self, event: Result<EventLine, Refusal>, bytes: usize) -> Result<(), ProblemResponse> {
        let mut chunk = LineChunk::default();
        self.intake.read_event(event, bytes, now_us(), &mut chunk);
        self.send(chunk).await?;
        self.finish(None).await
    }

    /// The refusal of the one event of a request, if it was refused.
    pub fn refusal(&mut self) -> Option<Refusal> {
        self.answer.errors.pop().map(|AcceptedError { code, field, reason, .. }| Refusal::new(code, field, reason))
    }

    /// Waits until everything that was sent is durable or refused, and says what was taken before the body broke off.
    async fn finish(&mut self, broken: Option<ProblemResponse>) -> Result<(), ProblemResponse> {
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

    /// Sends all events that are cut from a body so far to the owner of the stream, a chunk at a time.
    async fn send_cut(&mut self, cutter: &mut BodyCutter, end: InputEnd) -> Result<(), ProblemResponse> {
        loop {
            let chunk = cutter.read_chunk(&mut self.intake, end, now_us());
            if chunk.lines == 0 {
                return Ok(());
            }
            self.send(chunk).await?;
        }
    }

    /// Sends a chunk to the owner of the stream.
    async fn send(&mut self, chunk: LineChunk) -> Result<(), ProblemResponse> {
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
        Ok(())
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
            let detail = "the daemon cannot make events durable; send them again, with ids, or with a producer and seq, so that none is learnt twice";
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
