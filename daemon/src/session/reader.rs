//! Reading a connection: its lines become chunks of events, which go to the owners of their streams.

use super::greeting::{FirstLine, Greeting, classify, foreign_protocol, greet};
use super::link::Link;
use super::listener::{ListenerKind, Opening};
use crate::access::Grant;
use crate::admission::Seat;
use crate::batch::{ReplyOptions, ToldSchema};
use crate::clock::now_us;
use crate::disk::DiskState;
use crate::fencing::Claim;
use crate::hub::Hub;
use crate::ingest::cutter::{CutLine, LineCutter};
use crate::ingest::numbering::{Numbering, RisingNumbers};
use crate::ingest::{Door, InputEnd, Intake, LineChunk, LineRefusal, LineSyntax};
use crate::telemetry;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use surmise_config::TimeSpan;
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::{ErrorReply, Hello, Reply};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

/// Why reading a connection ended.
pub enum ReadEnd {
    /// The other side has sent everything, or the daemon is shutting down.
    Done,
    /// A fault after which no line can be read; the reply tells of it.
    Fatal(Box<ErrorReply>),
}

impl ReadEnd {
    fn fatal(refusal: Refusal, line: Option<u64>) -> ReadEnd {
        ReadEnd::Fatal(Box::new(ErrorReply::fatal(refusal, None, line)))
    }

    /// The end of a connection that goes on no longer, for a reason that is not in one of its lines.
    fn closed(code: RefusalCode, field: &str, reason: &str) -> ReadEnd {
        ReadEnd::fatal(Refusal::new(code, field, reason), None)
    }
}

/// Whether a connection has begun.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SessionStage {
    /// The first line decides how those after it are read, unless every line is an event, as it stands.
    FirstLine(Opening),
    /// Lines are events.
    Events,
}

/// The reading half of a session.
pub struct SessionReader {
    hub: Arc<Hub>,
    stage: SessionStage,
    intake: Intake,
    replies: ReplyOptions,
    /// What the hello says of the fields of its stream.
    told: Option<ToldSchema>,
    /// The right to send as the producer, if the hello names one.
    claim: Option<Claim>,
    /// What lets it send. A connection has one once it has begun.
    grant: Option<Arc<Grant>>,
    seat: Seat,
    opened_at: Instant,
    link: Arc<Link>,
}

impl SessionReader {
    /// The reader of a new connection.
    pub fn new(hub: Arc<Hub>, kind: ListenerKind, link: Arc<Link>, seat: Seat) -> SessionReader {
        let syntax = match kind.opening {
            Opening::FirstLineDecides => LineSyntax::Plain,
            Opening::BareLines => LineSyntax::Bare,
        };
        SessionReader {
            intake: Intake::new(Door::EventSocket, syntax, kind.stream, &hub.config.limits),
            hub,
            stage: SessionStage::FirstLine(kind.opening),
            replies: ReplyOptions { listener: kind.listener, ..ReplyOptions::default() },
            told: None,
            claim: None,
            grant: None,
            seat,
            opened_at: Instant::now(),
            link,
        }
    }

    /// Reads until the connection ends.
    pub async fn read<R: AsyncRead + Unpin>(&mut self, read: &mut R) -> ReadEnd {
        let mut cutter = LineCutter::new(self.hub.config.limits.line_bytes.0 as usize);
        loop {
            let read = match self.fill(read, &mut cutter).await {
                Ok(0) => self.read_last_line(&mut cutter).await.and(Err(ReadEnd::Done)),
                Ok(_) => self.read_lines(&mut cutter, InputEnd::Open).await,
                Err(end) => Err(end),
            };
            if let Err(end) = read {
                return end;
            }
        }
    }

    /// Lets a newer connection of the producer know that this one has sent its last event.
    pub fn signal_last_event_sent(&self) {
        if let Some(claim) = &self.claim {
            claim.signal_last_event_sent();
        }
    }

    /// Waits for a reason to end: the daemon shuts down, a newer connection takes over, the other side is gone, its
    /// token is withdrawn, or its seat is needed.
    async fn interrupted(&self) -> ReadEnd {
        let fenced = async {
            match &self.claim {
                Some(claim) => claim.fenced().await,
                None => std::future::pending().await,
            }
        };
        let withdrawn = async {
            match &self.grant {
                Some(grant) => grant.withdrawn.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.hub.stopping.cancelled() => ReadEnd::Done,
            () = self.link.abandoned.cancelled() => ReadEnd::Done,
            () = fenced => {
                let reason = "a newer connection of the same producer has taken over";
                ReadEnd::closed(RefusalCode::Fenced, "producer", reason)
            }
            why = self.hub.services.disk.until_full() => ReadEnd::fatal(DiskState::refusal(&why), None),
            () = withdrawn => {
                let reason = "the token of this connection is not valid any more";
                ReadEnd::closed(RefusalCode::Unauthorized, "hello.token", reason)
            }
            () = self.seat.evicted.cancelled() => {
                let idle_time = TimeSpan(self.seat.idle_time());
                let reason = match self.stage {
                    SessionStage::FirstLine(_) => "had said nothing".to_owned(),
                    SessionStage::Events => format!("was idle for {idle_time} or longer (limits.idle_time)"),
                };
                let reason = format!("the connection {reason}, and another one needed its place; try again later");
                ReadEnd::closed(RefusalCode::LimitReached, "connection", &reason)
            }
        }
    }

    /// Waits until the first line is late. Without tokens it never is: whoever types lines takes their time.
    async fn late(&self) -> ReadEnd {
        let is_begun = self.stage == SessionStage::Events;
        if is_begun || self.hub.access.load().is_open() {
            return std::future::pending().await;
        }
        let limit = self.hub.config.limits.hello_time;
        tokio::time::sleep_until(self.opened_at + limit.0).await;
        let reason = format!("no hello came within {limit} (limits.hello_time)");
        ReadEnd::closed(RefusalCode::BadHello, "hello", &reason)
    }

    /// Reads more bytes into a cutter; none if the other side has sent everything.
    async fn fill<R: AsyncRead + Unpin>(&self, read: &mut R, cutter: &mut LineCutter) -> Result<usize, ReadEnd> {
        tokio::select! {
        // a sender that never pauses must not hide that the daemon shuts down
                    biased;
                    end = self.interrupted() => Err(end),
                    end = self.late() => Err(end),
                    // a connection that breaks has ended as one that is closed
                    count = read.read_buf(cutter.buffer()) => count.or(Ok(0)),
                }
    }

    /// Reads all whole lines of a cutter, a chunk at a time.
    async fn read_lines(&mut self, cutter: &mut LineCutter, end: InputEnd) -> Result<(), ReadEnd> {
        loop {
            if let SessionStage::FirstLine(opening) = self.stage {
                // a bare line may look like a request; only that of a request ends as one does
                let is_request = |line: &[u8]| line.ends_with(b"\r") && foreign_protocol(line).is_some();
                if opening == Opening::BareLines && cutter.peek_line().is_some_and(is_request) {
                    return Err(not_spoken_here("HTTP"));
                }
                let Some(line) = cutter.next_line() else { return Ok(()) };
                self.read_first_line(line, opening).await?;
                continue;
            }
            self.intake.set_chunk_lines_max(self.hub.config.limits.session_events / self.line_credits());
            let chunk = self.intake.read_chunk(cutter, end, now_us());
            if chunk.lines == 0 {
                return Ok(());
            }
            self.send(chunk).await?;
        }
    }

    /// Reads the line without a line end at the end of a connection.
    async fn read_last_line(&mut self, cutter: &mut LineCutter) -> Result<(), ReadEnd> {
        if let SessionStage::FirstLine(opening) = self.stage {
            return match cutter.last_line() {
                Some(line) => self.read_first_line(line, opening).await,
                None => Ok(()),
            };
        }
        // a producer with a name resumes: what may be half a line will be sent again as a whole one
        if self.claim.is_some() {
            return Ok(());
        }
        self.read_lines(cutter, InputEnd::Reached).await
    }

    /// Reads the first line: a hello, or the first event of a plain connection.
    async fn read_first_line(&mut self, line: CutLine<'_>, opening: Opening) -> Result<(), ReadEnd> {
        let kind = match opening {
            Opening::FirstLineDecides => classify(line),
            Opening::BareLines => FirstLine::Event,
        };
        match kind {
            FirstLine::Blank => {
                self.intake.skip_line();
                Ok(())
            }
            FirstLine::Hello(hello) => {
                self.intake.skip_line();
                self.begin(hello).await
            }
            FirstLine::BadHello(refusal) => Err(ReadEnd::fatal(refusal, Some(self.intake.lines_read() + 1))),
            FirstLine::Foreign(protocol) => Err(not_spoken_here(protocol)),
            FirstLine::Event => {
                let anybody = self.hub.access.load().recognise(None);
                let Ok(grant) = anybody else {
                    let reason = "a hello with a token has to be the first line";
                    let refusal = Refusal::new(RefusalCode::Unauthorized, "hello", reason);
                    return Err(ReadEnd::fatal(refusal, Some(self.intake.lines_read() + 1)));
                };
                self.grant_access(grant);
                self.stage = SessionStage::Events;
                let mut chunk = LineChunk::default();
                self.intake.read_line(line, now_us(), &mut chunk);
                self.send(chunk).await
            }
        }
    }

    /// Lets the connection send what a grant allows, and keep its seat.
    fn grant_access(&mut self, grant: Arc<Grant>) {
        self.intake.set_grant(grant.clone());
        self.grant = Some(grant);
        self.seat.mark_spoken();
        drop(self.seat.work());
    }

    /// Answers a hello, and reads the lines after it as it asks for.
    async fn begin(&mut self, hello: Hello) -> Result<(), ReadEnd> {
        let greeted = greet(&self.hub, hello, self.intake.stream()).await;
        let greeting = greeted.map_err(|refused| {
            let reply = ErrorReply::fatal(refused.refusal, None, Some(self.intake.lines_read()));
            ReadEnd::Fatal(Box::new(ErrorReply { known_epoch: refused.known_epoch, ..reply }))
        })?;
        let Greeting { syntax, stream, key, fields, wants, producer, claim, grant, welcome } = greeting;
        self.grant_access(grant);
        self.stage = SessionStage::Events;
        self.intake.set_syntax(syntax);
        self.intake.set_key(key);
        if let Some(stream) = stream {
            self.intake.set_stream(stream);
        }
        self.told = fields.map(|schema| ToldSchema { stream: self.intake.stream().clone(), schema });
        (self.replies.outcome, self.replies.next) = (wants.outcome, wants.next);
        self.link.wants_ack.store(wants.ack, Ordering::Release);
        if let Some(producer) = &producer {
            self.link.watermark.report_to(&self.hub.fencing, producer);
        }
        // the welcome tells the producer where to resume; what it sends again below that is a duplicate
        let home = self.intake.stream().clone();
        let numbers = RisingNumbers::new(welcome.committed_seq, producer, home, self.link.watermark.clone());
        self.intake.number_by(Numbering::Rising(numbers));
        self.claim = claim;
        self.link.outbox.push([Reply::Welcome(welcome)]);
        Ok(())
    }

    /// Sends a chunk to the owners, and then, once they have seen to it, its event whose number does not rise.
    async fn send(&mut self, mut chunk: LineChunk) -> Result<(), ReadEnd> {
        let not_rising = chunk.not_rising.take();
        if not_rising.is_some() {
            chunk.lines -= 1;
        }
        self.submit(chunk).await?;
        let Some((stream, event)) = not_rising else { return Ok(()) };
        // whether the number rises depends on which of the earlier events their owners refuse
        let learnt = self.link.outbox.all_learnt().await;
        let resolved = self.intake.resolve_not_rising(stream, event, learnt);
        self.submit(resolved).await
    }

    /// How many permits the replies of one line need, by what they had lately.
    fn line_credits(&self) -> usize {
        let bytes = if self.replies.outcome { self.link.outbox.line_bytes() } else { 0 };
        (bytes / self.link.credit_bytes).clamp(1, self.hub.config.limits.session_events)
    }

    /// Sends a chunk to the owners of its streams; waits for room for its replies, and in their inboxes.
    async fn submit(&mut self, chunk: LineChunk) -> Result<(), ReadEnd> {
        if chunk.lines == 0 {
            return Ok(());
        }
        // who waits for room is not idle
        let _busy = self.seat.work();
        // the writer gives the permits back when the lines are answered
        let credits = chunk.lines * self.line_credits();
        let room = credits.min(self.hub.config.limits.session_events) as u32;
        tokio::select! {
            biased;
            end = self.interrupted() => return Err(end),
            permits = self.link.credits.acquire_many(room) => match permits {
                Ok(permits) => permits.forget(),
                Err(_) => return Err(ReadEnd::Done),
            },
        }
        let LineChunk { events, refusals, counts, .. } = chunk;
        // from here on the log has to remember how far the producer is durable over all its streams
        if let Some(producer) = self.intake.numbering().multi_stream_producer() {
            self.link.outbox.mark(&producer.producer, producer.epoch);
        }
        if !refusals.is_empty() {
            self.link.outbox.push(refusals.into_iter().map(error_reply));
        }
        if counts.duplicates > 0 {
            metrics::counter!(telemetry::DUPLICATE).increment(counts.duplicates);
        }
        let sent =
            self.hub.submit(events, self.replies, self.told.as_ref(), &self.link.outbox, room as usize, counts).await;
        sent.map_err(|e| ReadEnd::fatal(Refusal::new(RefusalCode::Unavailable, "connection", e.to_string()), None))
    }
}

/// The end of a connection that began in another protocol.
fn not_spoken_here(protocol: &str) -> ReadEnd {
    let reason = format!("this is an event socket, which does not speak {protocol}");
    ReadEnd::fatal(Refusal::new(RefusalCode::BadHello, "connection", reason), Some(1))
}

/// The reply for a refused line.
fn error_reply(refused: LineRefusal) -> Reply {
    let LineRefusal { line, seq, refusal } = refused;
    Reply::Error(ErrorReply::new(refusal, seq, Some(line)))
}
