//! Reading a connection: its lines become chunks of events, which go to the owners of their streams.

use super::greeting::{FirstLine, Greeting, classify, greet};
use super::link::Link;
use super::listener::{ListenerKind, Opening};
use crate::clock::now_us;
use crate::fencing::Claim;
use crate::hub::Hub;
use crate::inbox::ReplyOptions;
use crate::ingest::cutter::{CutLine, LineCutter};
use crate::ingest::numbering::{Numbering, RisingNumbers};
use crate::ingest::{Door, InputEnd, Intake, LineChunk, LineRefusal, LineSyntax};
use crate::telemetry;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::{ErrorReply, Hello, Reply};
use tokio::io::{AsyncRead, AsyncReadExt};

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

    fn fenced() -> ReadEnd {
        let reason = "a newer connection of the same producer has taken over";
        ReadEnd::fatal(Refusal::new(RefusalCode::Fenced, "producer", reason), None)
    }
}

/// Whether a connection has begun.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SessionStage {
    /// The first line decides how those after it are read.
    FirstLine,
    /// Lines are events.
    Events,
}

/// The reading half of a session.
pub struct SessionReader {
    hub: Arc<Hub>,
    stage: SessionStage,
    intake: Intake,
    replies: ReplyOptions,
    /// The right to send as the producer, if the hello names one.
    claim: Option<Claim>,
    link: Arc<Link>,
}

impl SessionReader {
    /// The reader of a new connection.
    pub fn new(hub: Arc<Hub>, kind: ListenerKind, link: Arc<Link>) -> SessionReader {
        let (stage, syntax) = match kind.opening {
            Opening::FirstLineDecides => (SessionStage::FirstLine, LineSyntax::Plain),
            Opening::BareLines => (SessionStage::Events, LineSyntax::Bare),
        };
        SessionReader {
            intake: Intake::new(Door::EventSocket, syntax, kind.stream, &hub.config.limits),
            hub,
            stage,
            replies: ReplyOptions { listener: kind.listener, ..ReplyOptions::default() },
            claim: None,
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

    /// Waits for a reason to end: the daemon shuts down, a newer connection takes over, or the other side is gone.
    async fn interrupted(&self) -> ReadEnd {
        let fenced = async {
            match &self.claim {
                Some(claim) => claim.fenced().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.hub.stopping.cancelled() => ReadEnd::Done,
            () = self.link.abandoned.cancelled() => ReadEnd::Done,
            () = fenced => ReadEnd::fenced(),
        }
    }

    /// Reads more bytes into a cutter; none if the other side has sent everything.
    async fn fill<R: AsyncRead + Unpin>(&self, read: &mut R, cutter: &mut LineCutter) -> Result<usize, ReadEnd> {
        tokio::select! {
        // a sender that never pauses must not hide that the daemon shuts down
                    biased;
                    end = self.interrupted() => Err(end),
                    // a connection that breaks has ended as one that is closed
                    count = read.read_buf(cutter.buffer()) => count.or(Ok(0)),
                }
    }

    /// Reads all whole lines of a cutter, a chunk at a time.
    async fn read_lines(&mut self, cutter: &mut LineCutter, end: InputEnd) -> Result<(), ReadEnd> {
        loop {
            if self.stage == SessionStage::FirstLine {
                let Some(line) = cutter.next_line() else { return Ok(()) };
                self.read_first_line(line).await?;
                continue;
            }
            let chunk = self.intake.read_chunk(cutter, end, now_us());
            if chunk.lines == 0 {
                return Ok(());
            }
            self.send(chunk).await?;
        }
    }

    /// Reads the line without a line end at the end of a connection.
    async fn read_last_line(&mut self, cutter: &mut LineCutter) -> Result<(), ReadEnd> {
        if self.stage == SessionStage::FirstLine {
            return match cutter.last_line() {
                Some(line) => self.read_first_line(line).await,
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
    async fn read_first_line(&mut self, line: CutLine<'_>) -> Result<(), ReadEnd> {
        match classify(line) {
            FirstLine::Blank => {
                self.intake.skip_line();
                Ok(())
            }
            FirstLine::Hello(hello) => {
                self.intake.skip_line();
                self.begin(hello).await
            }
            FirstLine::BadHello(refusal) => Err(ReadEnd::fatal(refusal, Some(self.intake.lines_read() + 1))),
            FirstLine::Event => {
                if self.hub.config.auth.token.is_some() {
                    let reason = "a hello with a token has to be the first line";
                    let refusal = Refusal::new(RefusalCode::Unauthorized, "hello", reason);
                    return Err(ReadEnd::fatal(refusal, Some(self.intake.lines_read() + 1)));
                }
                self.stage = SessionStage::Events;
                let mut chunk = LineChunk::default();
                self.intake.read_line(line, now_us(), &mut chunk);
                self.send(chunk).await
            }
        }
    }

    /// Answers a hello, and reads the lines after it as it asks for.
    async fn begin(&mut self, hello: Hello) -> Result<(), ReadEnd> {
        let greeted = greet(&self.hub, hello, self.intake.stream()).await;
        let greeting = greeted.map_err(|refusal| ReadEnd::fatal(refusal, Some(self.intake.lines_read())))?;
        let Greeting { syntax, stream, key, wants, producer, claim, welcome } = greeting;
        self.stage = SessionStage::Events;
        self.intake.set_syntax(syntax);
        self.intake.set_key(key);
        if let Some(stream) = stream {
            self.intake.set_stream(stream);
        }
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

    /// Sends a chunk to the owners of its streams; waits for room for its replies, and in their inboxes.
    async fn submit(&mut self, chunk: LineChunk) -> Result<(), ReadEnd> {
        if chunk.lines == 0 {
            return Ok(());
        }
        // the writer gives the permits back when the lines are answered
        let room = chunk.lines.min(self.hub.config.limits.session_events) as u32;
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
        let sent = self.hub.submit(events, self.replies, &self.link.outbox, room as usize, counts).await;
        sent.map_err(|e| ReadEnd::fatal(Refusal::new(RefusalCode::Unavailable, "connection", e.to_string()), None))
    }
}

/// The reply for a refused line.
fn error_reply(refused: LineRefusal) -> Reply {
    let LineRefusal { line, seq, refusal } = refused;
    Reply::Error(ErrorReply::new(refusal, seq, Some(line)))
}
