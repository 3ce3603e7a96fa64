//! Messages, entries and records on their way to becoming events of a chunk, each with its number.

use super::account::ProducerAccount;
use crate::ingest::cutter::CutLine;
use crate::ingest::{Door, Intake, LineChunk, LineSyntax};
use std::sync::Arc;
use surmise_config::LimitsTable;
use surmise_event::Refusal;
use surmise_protocol::EventLine;

/// The events of messages that are learnt together.
pub struct MessageChunk {
    intake: Intake,
    chunk: LineChunk,
    bytes_max: u64,
    arrival_us: i64,
}

impl MessageChunk {
    /// A chunk of messages that arrived at a time, in microseconds since 1970. The stream is that of messages which
    /// belong to none.
    pub fn new(stream: &Arc<str>, limits: &LimitsTable, arrival_us: i64) -> MessageChunk {
        let intake = Intake::new(Door::Source, LineSyntax::Plain, stream.clone(), limits);
        MessageChunk { intake, chunk: LineChunk::default(), bytes_max: limits.line_bytes.0, arrival_us }
    }

    /// Adds a message of so many bytes that is refused whatever it holds.
    pub fn refuse(&mut self, refusal: Refusal, bytes: usize) {
        self.intake.read_event(Err(refusal), bytes, self.arrival_us, &mut self.chunk);
    }

    /// Adds a message of so many bytes, which is read unless they are too many. What an account numbers goes into one
    /// stream, in the order of the numbers.
    pub fn add(
        &mut self,
        stream: &Arc<str>,
        account: &ProducerAccount,
        number: u64,
        bytes: usize,
        read: impl FnOnce() -> Result<EventLine, Refusal>,
    ) {
        self.intake.set_stream(stream.clone());
        let before = self.chunk.events.len();
        if bytes as u64 > self.bytes_max {
            self.intake.read_line(CutLine::TooLong, self.arrival_us, &mut self.chunk);
        } else {
            self.intake.read_event(read(), bytes, self.arrival_us, &mut self.chunk);
        }
        for (_, event) in &mut self.chunk.events[before..] {
            account.number(event, number, number);
        }
    }

    /// The events, and what was refused.
    pub fn into_lines(self) -> LineChunk {
        self.chunk
    }
}
