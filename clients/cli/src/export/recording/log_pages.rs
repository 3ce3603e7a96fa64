//! The log of a stream, read from a running daemon page by page.

use super::cut::Cut;
use surmise_event::{Record, Schema, parse_time};
use surmise_protocol::{LoggedEvent, LoggedEvents, ProducerLine, StreamStatus, parse_line};
use surmise_terminal::{Exit, Failure, Http, segment};

/// Events that are asked for at once: as many as an answer has at most.
const PAGE_EVENTS: u64 = 1000;

/// A stream of a daemon.
pub(crate) struct LoggedStream {
    http: Http,
    path: String,
    pub(crate) schema: Schema,
    /// The first offset that the log still has.
    pub(crate) begin: u64,
    /// The offset behind the last event: what comes later is not read.
    pub(crate) end: u64,
}

/// An event of the log.
pub(crate) struct ReadEvent {
    pub(crate) offset: u64,
    /// The time of the event, or the one at which it came, in microseconds since 1970.
    pub(crate) time_us: Option<i64>,
    /// None where JSON could not carry it.
    pub(crate) record: Option<Record>,
}

impl LoggedStream {
    /// Looks up a stream, and where its log begins and ends now.
    pub(crate) fn find(http: Http, stream: &str) -> Result<LoggedStream, Failure> {
        let path = format!("/api/v1/streams/{}", segment(stream));
        let status: StreamStatus = http.get(&path, &[])?;
        let ends: LoggedEvents = http.get(&format!("{path}/events"), &[("count", "1".to_owned())])?;
        Ok(LoggedStream { http, path, schema: status.schema, begin: ends.begin, end: ends.end })
    }

    /// Reads the events of a cut, in order.
    pub(crate) fn read(&self, cut: Cut) -> LogPages<'_> {
        LogPages { stream: self, next: cut.first_offset(), cut, page: Vec::new().into_iter(), is_last: false }
    }

    fn event(&self, logged: &LoggedEvent) -> Result<ReadEvent, Failure> {
        let not_understood = |e: &dyn std::fmt::Display| {
            Failure::new(Exit::Internal, format!("the event at offset {} is not understood: {e}", logged.offset))
        };
        let arrival_us = logged.arrival.as_deref().map(parse_time).transpose().map_err(|e| not_understood(&e))?;
        let text = logged.event.get();
        let mut record = match text {
            "null" => None,
            text => match parse_line(text.as_bytes()).map_err(|e| not_understood(&e))? {
                ProducerLine::Event(line) => Some(line.record),
                ProducerLine::Hello(_) => return Err(not_understood(&"it is a hello")),
            },
        };
        let mut time_us = arrival_us;
        if let Some(record) = &mut record {
            time_us = record.time_us.or(arrival_us);
            // where gaps are predicted, an event without a time was learnt as one of the time at which it came
            if self.schema.has_gap() {
                record.time_us = time_us;
            }
        }
        Ok(ReadEvent { offset: logged.offset, time_us, record })
    }
}

/// Events of a log in order, a page at a time.
pub(crate) struct LogPages<'a> {
    stream: &'a LoggedStream,
    cut: Cut,
    /// The first offset that was not seen yet.
    next: u64,
    page: std::vec::IntoIter<LoggedEvent>,
    is_last: bool,
}

impl LogPages<'_> {
    /// The first offset that was not read yet.
    pub(crate) fn offset(&self) -> u64 {
        self.next
    }

    fn event(&mut self) -> Result<Option<ReadEvent>, Failure> {
        let end = self.cut.end_offset(self.stream.end);
        loop {
            for logged in self.page.by_ref() {
                // an answer begins with the event that holds the first offset, which may have begun before
                if logged.offset < self.next {
                    continue;
                }
                if logged.offset >= end {
                    self.is_last = true;
                    return Ok(None);
                }
                self.next = logged.offset + 1;
                let event = self.stream.event(&logged)?;
                if self.cut.has_time(event.time_us) {
                    return Ok(Some(event));
                }
            }
            if self.is_last || self.next >= end {
                return Ok(None);
            }
            let query = [("from", self.next.to_string()), ("count", PAGE_EVENTS.to_string())];
            let events = format!("{}/events", self.stream.path);
            let page = self.stream.http.get::<LoggedEvents>(&events, &query)?.events;
            self.is_last = page.last().is_none_or(|last| last.offset < self.next);
            self.page = page.into_iter();
        }
    }
}

impl Iterator for LogPages<'_> {
    type Item = Result<ReadEvent, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        self.event().transpose()
    }
}
