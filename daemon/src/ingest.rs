//! Ingestion: from a sender's bytes to the events that go into the inboxes of owners.
//!
//! Both doors of the daemon, the event socket and `POST /api/v1/streams/{stream}/events`, read through an [`Intake`],
//! so that a line means the same at either: it is cut from the bytes, parsed, checked for the names that it uses,
//! numbered, and becomes an event of a [`LineChunk`], a duplicate, or a refusal that names its line. What a door
//! answers, and when it reads on, is its own affair.

pub mod array_cutter;
mod chunk;
pub mod cutter;
pub mod numbering;

use crate::access::Grant;
use crate::clock;
use crate::event_ids::event_id;
use crate::inbox::InboxEvent;
use array_cutter::ArrayCutter;
pub use chunk::{LineChunk, LineRefusal};
use cutter::{CutLine, LineCutter};
use numbering::{Assignment, Numbering};
use std::sync::Arc;
use surmise_config::{LimitsTable, check_stream_name};
use surmise_event::{Data, Refusal, RefusalCode, format_time};
use surmise_protocol::{
    EventLine, ProducerLine, parse_bare, parse_cloud_event, parse_json, parse_line, parse_plain, seq_of,
};

/// Lines of one chunk, which go to the owners together.
///
/// More of them would make replies wait for each other; fewer would make every event pay for a message.
pub const CHUNK_LINES_MAX: usize = 256;

/// A way into the daemon, which decides what an event may name and how a misplaced hello is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// A connection of the event socket: an event may name any stream.
    EventSocket,
    /// A request over HTTP: all events belong to the stream of its path.
    Http,
    /// A source that the daemon reads itself: all events belong to the stream of its configuration.
    Source,
}

/// How an item of an array is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemForm {
    /// As a line is.
    Line,
    /// As CloudEvents has it.
    CloudEvent,
}

/// The syntax of a sender's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineSyntax {
    /// JSON of the protocol, bare records and symbols: what a sender without a hello may write.
    Plain,
    /// JSON of the protocol only, as after a hello.
    Json,
    /// What [`LineSyntax::Plain`] is as far as it is JSON, as in a body that says that it is.
    JsonBody,
    /// Every line that is not blank, as it stands, is an event.
    Bare,
}

/// Whether more bytes may follow those in the cutter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputEnd {
    /// More may come: a line without a line end is not whole yet.
    Open,
    /// Nothing more comes: a line without a line end is whole.
    Reached,
}

/// The reading end of one sender: how its lines are read, and what its events are when they do not say so themselves.
pub struct Intake {
    door: Door,
    syntax: LineSyntax,
    stream: Arc<str>,
    key: Option<Box<str>>,
    numbering: Numbering,
    limits: LimitsTable,
    /// What the sender may touch, where that is not everything.
    grant: Option<Arc<Grant>>,
    chunk_lines_max: usize,
    lines_read: u64,
}

impl Intake {
    /// An intake for events of `stream`, unless they may name another one. Its numbers decide nothing until
    /// [`Intake::number_by`] says how.
    pub fn new(door: Door, syntax: LineSyntax, stream: Arc<str>, limits: &LimitsTable) -> Intake {
        Intake {
            door,
            syntax,
            stream,
            key: None,
            numbering: Numbering::Unchecked,
            limits: limits.clone(),
            grant: None,
            chunk_lines_max: CHUNK_LINES_MAX,
            lines_read: 0,
        }
    }

    /// Sets the syntax of the lines that follow.
    pub fn set_syntax(&mut self, syntax: LineSyntax) {
        self.syntax = syntax;
    }

    /// Sets the stream of events that name none.
    pub fn set_stream(&mut self, stream: Arc<str>) {
        self.stream = stream;
    }

    /// The stream of events that name none.
    pub fn stream(&self) -> &Arc<str> {
        &self.stream
    }

    /// Holds events to the streams that the sender may touch.
    pub fn set_grant(&mut self, grant: Arc<Grant>) {
        self.grant = Some(grant).filter(|grant| !grant.covers_all());
    }

    /// Sets the key of events that name none.
    pub fn set_key(&mut self, key: Option<Box<str>>) {
        self.key = key;
    }

    /// Sets how the numbers of events are assigned and checked.
    pub fn number_by(&mut self, numbering: Numbering) {
        self.numbering = numbering;
    }

    /// The numbers of the sender's events.
    pub fn numbering(&self) -> &Numbering {
        &self.numbering
    }

    /// The number of the latest line, from 1; 0 before the first.
    pub fn lines_read(&self) -> u64 {
        self.lines_read
    }

    /// Counts a line that is not read here: a hello, or a blank line before it.
    pub fn skip_line(&mut self) {
        self.lines_read += 1;
    }

    /// Sets how many lines a chunk has at most: one at least, and [`CHUNK_LINES_MAX`] at most.
    pub fn set_chunk_lines_max(&mut self, lines: usize) {
        self.chunk_lines_max = lines.clamp(1, CHUNK_LINES_MAX);
    }

    /// Reads up to [`CHUNK_LINES_MAX`] lines out of a cutter; none are left there if the chunk has no lines.
    ///
    /// The time of arrival of all of them is `arrival_us`, in microseconds since 1970.
    pub fn read_chunk(&mut self, cutter: &mut LineCutter, end: InputEnd, arrival_us: i64) -> LineChunk {
        let mut chunk = LineChunk::default();
        // an event whose number does not rise ends the chunk, as those after it are numbered from it
        while chunk.lines < self.chunk_lines_max && chunk.not_rising.is_none() {
            let Some(line) = cutter.next_line() else { break };
            self.read_line(line, arrival_us, &mut chunk);
        }
        // only at the end is it known that the last line has no end
        if end == InputEnd::Reached
            && chunk.lines < self.chunk_lines_max
            && chunk.not_rising.is_none()
            && let Some(line) = cutter.last_line()
        {
            self.read_line(line, arrival_us, &mut chunk);
        }
        chunk
    }

    /// Reads as many items as a chunk has lines at most out of an array; none are left there if the chunk has none.
    pub fn read_items(&mut self, cutter: &mut ArrayCutter, form: ItemForm, arrival_us: i64) -> LineChunk {
        let mut chunk = LineChunk::default();
        while chunk.lines < self.chunk_lines_max && chunk.not_rising.is_none() {
            match (cutter.next_item(), form) {
                (None, _) => break,
                (Some(CutLine::Whole(text)), ItemForm::CloudEvent) => {
                    self.read_event(parse_cloud_event(text), text.len(), arrival_us, &mut chunk);
                }
                (Some(item), _) => self.read_line(item, arrival_us, &mut chunk),
            }
        }
        chunk
    }

    /// Reads one line into a chunk.
    pub fn read_line(&mut self, line: CutLine<'_>, arrival_us: i64, chunk: &mut LineChunk) {
        self.lines_read += 1;
        chunk.lines += 1;
        // the bytes of its line are what an event counts for in the bound of its inbox
        let bytes = line.bytes().len();
        let parsed = match line {
            CutLine::TooLong => Err(self.too_long()),
            CutLine::Whole(_) if line.is_blank() => return,
            CutLine::Whole(text) => match self.syntax {
                LineSyntax::Bare => parse_bare(text).map(ProducerLine::Event),
                LineSyntax::Plain => parse_plain(text),
                LineSyntax::JsonBody => parse_json(text),
                LineSyntax::Json => parse_line(text),
            },
        };
        // a producer waits to be told of its number, so it is told even where nothing else can be read
        let seq = match &parsed {
            Err(_) if self.syntax != LineSyntax::Bare => seq_of(line.bytes()),
            Err(_) | Ok(_) => None,
        };
        self.take_parsed(parsed, seq, bytes, arrival_us, chunk);
    }

    /// Reads one event of `bytes` bytes into a chunk, which its source has parsed or refused itself.
    pub fn read_event(
        &mut self,
        parsed: Result<EventLine, Refusal>,
        bytes: usize,
        arrival_us: i64,
        chunk: &mut LineChunk,
    ) {
        self.lines_read += 1;
        chunk.lines += 1;
        self.take_parsed(parsed.map(ProducerLine::Event), None, bytes, arrival_us, chunk);
    }

    /// Puts a line that was parsed, or could not be, into a chunk. `seq` is the number of one that could not be.
    fn take_parsed(
        &mut self,
        parsed: Result<ProducerLine, Refusal>,
        seq: Option<u64>,
        bytes: usize,
        arrival_us: i64,
        chunk: &mut LineChunk,
    ) {
        match parsed {
            Ok(ProducerLine::Event(event)) => {
                let seq = event.seq;
                if let Err(refusal) = self.take_event(event, arrival_us, bytes, chunk) {
                    chunk.refuse(self.lines_read, seq, refusal);
                }
            }
            Ok(ProducerLine::Hello(_)) => chunk.refuse(self.lines_read, None, self.misplaced_hello()),
            Err(refusal) => {
                // bare lines are numbered by their order, so one that cannot be read has a number all the same
                if self.syntax == LineSyntax::Bare {
                    self.numbering.skip();
                }
                chunk.refuse(self.lines_read, seq, refusal);
            }
        }
    }

    /// The refusal of a line that is longer than the limit.
    pub fn too_long(&self) -> Refusal {
        let reason = format!("the line is longer than {} and was skipped", self.limits.line_bytes);
        Refusal::new(RefusalCode::LineTooLong, "line", reason)
    }

    fn misplaced_hello(&self) -> Refusal {
        let reason = match self.door {
            Door::EventSocket => "a hello has to be the first line of its connection",
            Door::Http => "a hello is for the event socket; here the query says who sends",
            Door::Source => "a hello is for the event socket; here the configuration says what is read",
        };
        Refusal::new(RefusalCode::BadHello, "hello", reason)
    }

    /// Checks an event's names and number, and puts it into a chunk.
    fn take_event(
        &mut self,
        event: EventLine,
        arrival_us: i64,
        bytes: usize,
        chunk: &mut LineChunk,
    ) -> Result<(), Refusal> {
        let EventLine { seq, id, stream, mut record } = event;
        let stream = self.stream_of(stream)?;
        if let Some(Err(e)) = self.grant.as_ref().map(|grant| grant.check_stream(&stream)) {
            return Err(Refusal::new(RefusalCode::Unauthorized, "stream", e.to_string()));
        }
        record.arrival_us = Some(arrival_us);
        self.check_time(record.time_us, arrival_us)?;
        // the key and the stream of the hello are defaults of the event's own
        if record.key.is_none() && !matches!(record.data, Data::Feedback(_)) {
            record.key = self.key.clone();
        }
        let id = id.map(|id| event_id(&id.source, &id.id));
        let mut event = InboxEvent { record, origin: None, id, seq, line: self.lines_read, bytes };
        match self.numbering.assign(seq, &stream)? {
            Assignment::New { seq, origin } => {
                (event.seq, event.origin) = (seq, origin);
                chunk.events.push((stream, event));
            }
            // a duplicate is acknowledged like an event that was learnt, or its sender would send it for ever
            Assignment::Durable { highest } => {
                chunk.counts.duplicates += 1;
                chunk.counts.high = chunk.counts.high.max(highest);
            }
            // the reader asks the owners what became of the earlier events, and comes back with the answer
            Assignment::NotRising { seq } => {
                event.seq = Some(seq);
                chunk.not_rising = Some((stream, event));
            }
        }
        Ok(())
    }

    /// Refuses a time that is too far ahead of its arrival. The clock of a key would follow it, and everything after it
    /// would come late. Times behind are fine: so is what was recorded long ago. Nothing is refused while
    /// the daemon's own clock is known to be wrong.
    fn check_time(&self, time_us: Option<i64>, arrival_us: i64) -> Result<(), Refusal> {
        let ahead_us_max = i64::try_from(self.limits.ahead.0.as_micros()).unwrap_or(i64::MAX);
        let is_known = !clock::is_wrong(arrival_us);
        match time_us.filter(|time_us| is_known && time_us.saturating_sub(arrival_us) > ahead_us_max) {
            None => Ok(()),
            Some(time_us) => {
                let (time, limit) = (format_time(time_us), self.limits.ahead);
                let reason = format!(
                    "{time} is more than {limit} ahead of its arrival (limits.ahead); if it is meant, raise the limit"
                );
                Err(Refusal::new(RefusalCode::TimeAhead, "time", reason))
            }
        }
    }

    /// The stream of an event that names one, or none.
    fn stream_of(&self, named: Option<String>) -> Result<Arc<str>, Refusal> {
        let Some(name) = named.filter(|name| **name != *self.stream) else { return Ok(self.stream.clone()) };
        let reason = match self.door {
            Door::EventSocket => match check_stream_name(&name, self.limits.name_bytes.0 as usize) {
                Ok(()) => return Ok(name.into()),
                Err(fault) => fault.to_string(),
            },
            Door::Http => format!("the event names the stream {name:?}, but it was posted to {:?}", self.stream),
            Door::Source => format!("the event names the stream {name:?}, but its source is that of {:?}", self.stream),
        };
        Err(Refusal::new(RefusalCode::BadStream, "stream", reason))
    }

    /// Decides about a chunk's event whose number does not rise, after the owners have seen to everything before it.
    ///
    /// It is refused, unless the events of higher numbers were refused themselves: then it goes to its owner.
    /// `learnt` is the largest number of this sender that an owner has learnt.
    pub fn resolve_not_rising(&mut self, stream: Arc<str>, mut event: InboxEvent, learnt: Option<u64>) -> LineChunk {
        let mut chunk = LineChunk { lines: 1, ..LineChunk::default() };
        let Some(seq) = event.seq else { return chunk };
        match self.numbering.assign_again(seq, learnt, &stream) {
            Err(refusal) => chunk.refuse(event.line, Some(seq), refusal),
            Ok(origin) => {
                event.origin = origin;
                chunk.events.push((stream, event));
            }
        }
        chunk
    }
}

#[cfg(test)]
#[path = "ingest/ingest_tests.rs"]
mod tests;
