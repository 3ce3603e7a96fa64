//! A session: one connection of the event socket, from its first line to its last acknowledgement.
//!
//! It reads no further line before there is room for that line's answers, and none while the inbox of a stream is
//! full. That is all the backpressure there is, and it harms nobody else.

mod greeting;
pub mod lines;
mod numbering;
mod writer;

use crate::clock::now_us;
use crate::fencing::Claim;
use crate::hub::Hub;
use crate::inbox::{InboxEvent, ReplyOptions};
use crate::ticket::{ChunkCounts, Outbox};
use lines::{Lines, Piece};
use numbering::{Numbered, Numbering, Watermark};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use surmise_config::check_stream_name;
use surmise_event::{Refusal, RefusalCode};
use surmise_protocol::{ErrorReply, EventLine, ProducerLine, Reply};
use surmise_protocol::{parse_bare, parse_line, parse_plain};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Lines that are sent to owners together.
const CHUNK: usize = 256;

/// What a listener says about its connections.
#[derive(Clone)]
pub struct ListenerKind {
    /// Its name in metrics.
    pub listener: &'static str,
    /// Whether every line is an event, the first included.
    pub bare: bool,
    /// The stream of events that name none.
    pub stream: Arc<str>,
}

/// What reading and writing of one connection share.
struct Link {
    outbox: Arc<Outbox>,
    /// Lines whose answers there is room for.
    credits: Semaphore,
    watermark: Arc<Watermark>,
    wants_ack: AtomicBool,
    /// Cancelled when the other side has not listened for long.
    gone: CancellationToken,
}

/// Serves a connection until it ends.
pub async fn serve<S: AsyncRead + AsyncWrite + Send>(hub: Arc<Hub>, kind: ListenerKind, socket: S) {
    let (mut read, mut write) = tokio::io::split(socket);
    let link = Arc::new(Link {
        outbox: Arc::default(),
        credits: Semaphore::new(hub.config.limits.session_events),
        watermark: Arc::default(),
        wants_ack: AtomicBool::new(false),
        gone: CancellationToken::new(),
    });
    let mut session = Session::new(hub, kind, link.clone());
    let reading = async {
        let end = session.read(&mut read).await;
        if let Some(claim) = &session.claim {
            claim.sent_last();
        }
        let fatal = matches!(end, End::Fatal(_));
        if let End::Fatal(error) = end {
            link.outbox.push([Reply::Error(*error)]);
        }
        link.outbox.close();
        fatal
    };
    let (fatal, ()) = tokio::join!(reading, writer::write(&mut write, &link));
    let _ = write.shutdown().await;
    if fatal {
        drain(&mut read).await;
    }
}

/// Reads on for a moment, so that closing does not throw away the last reply before the other side has read it.
async fn drain<R: AsyncRead + Unpin>(read: &mut R) {
    let mut rest = vec![0; 16 << 10];
    let reading = async {
        for _ in 0..256 {
            match read.read(&mut rest).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
    };
    let _ = tokio::time::timeout(std::time::Duration::from_secs(1), reading).await;
}

/// Why reading ended.
enum End {
    /// The other side is done, or the daemon is leaving.
    Done,
    /// Something after which the connection cannot go on.
    Fatal(Box<ErrorReply>),
}

impl End {
    fn fatal(refusal: Refusal, line: Option<u64>) -> End {
        End::Fatal(Box::new(ErrorReply::fatal(refusal, None, line)))
    }

    fn fenced() -> End {
        let reason = "a newer connection of the same producer has taken over";
        End::fatal(Refusal::new(RefusalCode::Fenced, "producer", reason), None)
    }
}

/// How lines are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The first line decides.
    Unknown,
    /// Without a hello.
    Plain,
    /// JSON lines after a hello.
    Json,
    /// Bare lines.
    Bare,
}

struct Session {
    hub: Arc<Hub>,
    stream: Arc<str>,
    key: Option<Box<str>>,
    mode: Mode,
    answers: ReplyOptions,
    numbering: Option<Numbering>,
    claim: Option<Claim>,
    link: Arc<Link>,
    line: u64,
}

/// Events and replies of a chunk of lines.
#[derive(Default)]
struct Chunk {
    lines: usize,
    events: Vec<(Arc<str>, InboxEvent)>,
    replies: Vec<Reply>,
    counts: ChunkCounts,
    /// The last line's event, whose number does not rise.
    behind: Option<(Arc<str>, InboxEvent)>,
}

impl Session {
    fn new(hub: Arc<Hub>, kind: ListenerKind, link: Arc<Link>) -> Session {
        Session {
            hub,
            stream: kind.stream,
            key: None,
            mode: if kind.bare { Mode::Bare } else { Mode::Unknown },
            answers: ReplyOptions { listener: kind.listener, ..ReplyOptions::default() },
            numbering: None,
            claim: None,
            link,
            line: 0,
        }
    }

    async fn read<R: AsyncRead + Unpin>(&mut self, read: &mut R) -> End {
        let mut lines = Lines::new(self.hub.config.limits.line_bytes.0 as usize);
        loop {
            match self.fill(read, &mut lines).await {
                Ok(0) => return self.last_line(&mut lines).await,
                Ok(_) => {}
                Err(end) => return end,
            }
            if let Err(end) = self.cut(&mut lines).await {
                return end;
            }
        }
    }

    /// Waits for a reason to end: the daemon leaves, a newer connection takes over, or the other side is gone.
    async fn interrupted(&self) -> End {
        let fenced = async {
            match &self.claim {
                Some(c) => c.fenced().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.hub.stopping.cancelled() => End::Done,
            () = self.link.gone.cancelled() => End::Done,
            () = fenced => End::fenced(),
        }
    }

    /// Reads more bytes.
    async fn fill<R: AsyncRead + Unpin>(&self, read: &mut R, lines: &mut Lines) -> Result<usize, End> {
        tokio::select! {
            biased;
            end = self.interrupted() => Err(end),
            n = read.read_buf(lines.buffer()) => n.or(Ok(0)),
        }
    }

    /// Handles all whole lines, a chunk at a time.
    async fn cut(&mut self, lines: &mut Lines) -> Result<(), End> {
        loop {
            if self.mode == Mode::Unknown {
                let Some(piece) = lines.next() else { return Ok(()) };
                self.first_line(piece).await?;
                continue;
            }
            let mut chunk = Chunk::default();
            let arrival = now_us();
            while chunk.lines < CHUNK
                && chunk.behind.is_none()
                && let Some(piece) = lines.next()
            {
                self.take_line(piece, arrival, &mut chunk);
            }
            if chunk.lines == 0 {
                return Ok(());
            }
            self.send(chunk).await?;
        }
    }

    /// A line without an end. From a producer with a name it may be cut off, and will be sent again.
    async fn last_line(&mut self, lines: &mut Lines) -> End {
        let named = self.claim.is_some();
        let mut chunk = Chunk::default();
        match lines.last() {
            Some(piece) if self.mode == Mode::Unknown => {
                if let Err(end) = self.first_line(piece).await {
                    return end;
                }
            }
            Some(piece) if !named => self.take_line(piece, now_us(), &mut chunk),
            _ => {}
        }
        match self.send(chunk).await {
            Ok(()) => End::Done,
            Err(end) => end,
        }
    }

    fn too_long(&self) -> Refusal {
        let max = self.hub.config.limits.line_bytes;
        Refusal::new(RefusalCode::LineTooLong, "line", format!("the line is longer than {max} and was skipped"))
    }

    /// Reads a line into a chunk.
    fn take_line(&mut self, piece: Piece<'_>, arrival: i64, chunk: &mut Chunk) {
        self.line += 1;
        chunk.lines += 1;
        let (parsed, bytes) = match piece {
            Piece::TooLong => (Err(self.too_long()), 0),
            Piece::Line(line) if self.mode == Mode::Bare => (parse_bare(line).map(ProducerLine::Event), line.len()),
            Piece::Line(line) if line.iter().all(u8::is_ascii_whitespace) => return,
            Piece::Line(line) if self.mode == Mode::Plain => (parse_plain(line), line.len()),
            Piece::Line(line) => (parse_line(line), line.len()),
        };
        self.take_parsed(parsed, arrival, bytes, chunk);
    }

    fn take_parsed(&mut self, parsed: Result<ProducerLine, Refusal>, arrival: i64, bytes: usize, chunk: &mut Chunk) {
        let taken = match parsed {
            Ok(ProducerLine::Event(event)) => {
                let seq = event.seq;
                self.take_event(event, arrival, bytes, chunk).map_err(|e| (e, seq))
            }
            Ok(ProducerLine::Hello(_)) => Err((
                Refusal::new(RefusalCode::BadHello, "hello", "a hello has to be the first line of its connection"),
                None,
            )),
            Err(refusal) => {
                if self.mode == Mode::Bare
                    && let Some(n) = &mut self.numbering
                {
                    n.skip();
                }
                Err((refusal, None))
            }
        };
        if let Err((refusal, seq)) = taken {
            self.refuse(refusal, seq, chunk);
        }
    }

    fn refuse(&self, refusal: Refusal, seq: Option<u64>, chunk: &mut Chunk) {
        let reason = refusal.code.name();
        metrics::counter!(crate::telemetry::REJECTED, "reason" => reason).increment(1);
        chunk.counts.rejected += 1;
        chunk.replies.push(Reply::Error(ErrorReply::new(refusal, seq, Some(self.line))));
    }

    /// Sends a chunk; then sees to its last event, if that one's number does not rise: it is refused, unless those
    /// that were sent with higher numbers were refused themselves.
    async fn send(&mut self, mut chunk: Chunk) -> Result<(), End> {
        let behind = chunk.behind.take();
        if behind.is_some() {
            chunk.lines -= 1;
        }
        self.submit(chunk).await?;
        let Some((stream, mut item)) = behind else { return Ok(()) };
        let learnt = self.link.outbox.all_learnt().await;
        let mut last = Chunk { lines: 1, ..Chunk::default() };
        let (Some(numbering), Some(seq)) = (&mut self.numbering, item.seq) else { return Ok(()) };
        match numbering.step_back(seq, learnt.max(self.link.watermark.get())) {
            Err(refusal) => self.refuse(refusal, Some(seq), &mut last),
            Ok(()) => {
                if let Numbered::New(_, origin) = numbering.number(Some(seq), &stream) {
                    item.origin = origin;
                    last.events.push((stream, item));
                }
            }
        }
        self.submit(last).await
    }

    fn take_event(&mut self, event: EventLine, arrival: i64, bytes: usize, chunk: &mut Chunk) -> Result<(), Refusal> {
        let EventLine { seq, stream, mut record } = event;
        let stream = match stream {
            None => self.stream.clone(),
            Some(s) if *s == *self.stream => self.stream.clone(),
            Some(s) => match check_stream_name(&s, self.hub.config.limits.name_bytes.0 as usize) {
                Err(fault) => return Err(Refusal::new(RefusalCode::BadStream, "stream", fault.to_string())),
                Ok(()) => s.into(),
            },
        };
        record.arrival_us = Some(arrival);
        if record.key.is_none() {
            record.key = self.key.clone();
        }
        let mut item = InboxEvent { record, origin: None, seq, line: self.line, bytes };
        match self.numbering.as_mut().map(|n| n.number(seq, &stream)) {
            None => chunk.events.push((stream, item)),
            Some(Numbered::New(seq, origin)) => {
                (item.seq, item.origin) = (Some(seq), origin);
                chunk.events.push((stream, item));
            }
            Some(Numbered::Duplicate) => {
                chunk.counts.duplicates += 1;
                chunk.counts.high = chunk.counts.high.max(self.link.watermark.get());
            }
            Some(Numbered::Behind) => chunk.behind = Some((stream, item)),
        }
        Ok(())
    }

    /// Sends a chunk to the owners; waits for room for its answers, and in their inboxes.
    async fn submit(&mut self, chunk: Chunk) -> Result<(), End> {
        if chunk.lines == 0 {
            return Ok(());
        }
        let room = chunk.lines.min(self.hub.config.limits.session_events) as u32;
        tokio::select! {
            biased;
            end = self.interrupted() => return Err(end),
            room = self.link.credits.acquire_many(room) => match room {
                Ok(room) => room.forget(),
                Err(_) => return Err(End::Done),
            },
        }
        let Chunk { events, replies, counts, .. } = chunk;
        if let Some((producer, epoch)) = self.numbering.as_ref().and_then(Numbering::scattered) {
            self.link.outbox.mark(producer, epoch);
        }
        if !replies.is_empty() {
            self.link.outbox.push(replies);
        }
        if counts.duplicates > 0 {
            metrics::counter!(crate::telemetry::DUPLICATE).increment(counts.duplicates);
        }
        self.hub
            .submit(events, self.answers, &self.link.outbox, room as usize, counts)
            .await
            .map_err(|e| End::fatal(Refusal::new(RefusalCode::Unavailable, "connection", e.to_string()), None))
    }
}
