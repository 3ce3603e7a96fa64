//! Every parser of bytes from outside without the connection that they come by, for tests that try bytes of any kind.
//! Each function is what the daemon does with such bytes, up to the point where an owner would learn their events.

use crate::http::body_cutter::BodyCutter;
use crate::http::cloud_events::event_of_headers;
use crate::http::feedback::{line_of, read_feedback};
use crate::http::inference::read_question;
use crate::http::undo::read_forgotten;
use crate::http::unpacking::Unpacker;
use crate::ingest::cutter::CutLine;
use crate::ingest::{Door, InputEnd, Intake, LineRefusal, LineSyntax};
use crate::remote_write::message::WriteRequest;
use crate::remote_write::samples::{SampleEvent, SortedSamples};
use crate::remote_write::written_series::WrittenSeries;
use crate::sources::entry_events::EntryEvents;
use crate::sources::entry_id::EntryId;
use crate::sources::framing::Framing;
use crate::sources::message_events::fits_filter;
use crate::sources::read_message::{StreamNames, message_event};
use crate::sources::redis_server::Entry;
use crate::sources::rows::TableColumns;
use crate::sources::syslog_message::SyslogMessage;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use std::collections::HashMap;
use std::io;
use surmise_config::{LimitsTable, MessageFormat, RedisSource, RemoteWriteSource, SyslogKey};
use surmise_event::{Feedback, Record, Refusal, RefusalCode, Schema, mended};
use surmise_protocol::EventLine;

/// How the events of a posted body are cut from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostedForm {
    /// Each line is one.
    Lines,
    /// JSON: each item of an array is one, each line, or all of it, as the body begins.
    Json,
    /// Each item of an array is one of CloudEvents.
    CloudEvents,
}

/// What a posted body says.
#[derive(Debug, Default, PartialEq)]
pub struct PostedEvents {
    /// Its lines or items.
    pub lines: usize,
    /// Its events, in order, each with the identity that its sender gave it.
    pub events: Vec<(Record, Option<u128>)>,
    /// What is refused, by line.
    pub refusals: Vec<LineRefusal>,
    /// What is wrong with the body as a whole.
    pub fault: Option<String>,
}

/// Reads a whole body as `POST /api/v1/streams/{stream}/events` does, in pieces of at most `piece_bytes` bytes, where a
/// line has `line_bytes_max` bytes at most.
pub fn posted(body: &[u8], form: PostedForm, piece_bytes: usize, line_bytes_max: usize) -> PostedEvents {
    let limits = LimitsTable::default();
    let syntax = if form == PostedForm::Json { LineSyntax::JsonBody } else { LineSyntax::Plain };
    let mut intake = Intake::new(Door::Http, syntax, "s".into(), &limits);
    let mut cutter = match form {
        PostedForm::Lines => BodyCutter::lines(line_bytes_max),
        PostedForm::Json => BodyCutter::json(),
        PostedForm::CloudEvents => BodyCutter::cloud_events(line_bytes_max),
    };
    let mut posted = PostedEvents::default();
    let mut read = |cutter: &mut BodyCutter, end| {
        loop {
            let chunk = cutter.read_chunk(&mut intake, end, 0);
            if chunk.lines == 0 {
                return;
            }
            posted.lines += chunk.lines;
            let events = chunk.events.into_iter().map(|(_, event)| (event.record, event.id.map(|id| id.0)));
            posted.events.extend(events);
            posted.refusals.extend(chunk.refusals);
        }
    };
    for piece in body.chunks(piece_bytes.max(1)) {
        cutter.feed(piece, line_bytes_max);
        read(&mut cutter, InputEnd::Open);
        if cutter.is_broken() {
            break;
        }
    }
    if !cutter.is_broken() {
        cutter.end(line_bytes_max);
        read(&mut cutter, InputEnd::Reached);
    }
    posted.fault = cutter.fault().map(|fault| fault.to_string());
    posted
}

/// Reads the one event of a request whose headers have the attributes that CloudEvents give it.
///
/// # Errors
/// It cannot be read.
pub fn cloud_event_of_headers(attributes: &[(&'static str, &[u8])], data: &[u8]) -> Result<EventLine, Refusal> {
    let headers: HeaderMap = attributes
        .iter()
        .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_bytes(value).ok()?)))
        .collect();
    event_of_headers(&headers, data)
}

/// Unpacks a body that comes compressed, in pieces of at most `piece_bytes` bytes. Returns what it becomes, and the
/// most bytes that became of one piece.
///
/// # Errors
/// It is not compressed as it is said to be.
pub fn unpack(coding: &'static str, packed: &[u8], piece_bytes: usize) -> io::Result<(Vec<u8>, usize)> {
    let headers = HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(coding))]);
    let mut unpacker = Unpacker::of(&headers).map_err(|_| io::Error::from(io::ErrorKind::Unsupported))?;
    let (mut whole, mut most) = (Vec::new(), 0);
    for piece in packed.chunks(piece_bytes.clamp(1, unpacker.piece_bytes())) {
        let bytes = unpacker.unpack(piece)?;
        most = most.max(bytes.len());
        whole.extend_from_slice(&bytes);
    }
    let bytes = unpacker.finish()?;
    most = most.max(bytes.len());
    whole.extend_from_slice(&bytes);
    Ok((whole, most))
}

/// Reads the messages that a connection of syslog brings in pieces of at most `piece_bytes` bytes, each of at most
/// `message_bytes_max`. They arrive at a time in microseconds since 1970.
pub fn syslog(
    bytes: &[u8],
    piece_bytes: usize,
    message_bytes_max: usize,
    arrival_us: i64,
) -> Vec<Result<EventLine, Refusal>> {
    let mut framing = Framing::new(message_bytes_max);
    let mut events = Vec::new();
    for piece in bytes.chunks(piece_bytes.max(1)) {
        framing.buffer().extend_from_slice(piece);
        while let Some(message) = framing.next_message() {
            events.push(match message {
                CutLine::Whole(bytes) => syslog_packet(bytes, arrival_us),
                CutLine::TooLong => Err(Refusal::new(RefusalCode::LineTooLong, "line", "it is too long")),
            });
        }
    }
    events.extend(framing.last().map(|rest| syslog_packet(&rest, arrival_us)));
    events
}

/// Reads a packet of syslog, which is one message.
///
/// # Errors
/// It cannot be read.
pub fn syslog_packet(bytes: &[u8], arrival_us: i64) -> Result<EventLine, Refusal> {
    SyslogMessage::parse(&mended(bytes), arrival_us).map(|message| message.event(SyslogKey::Process))
}

/// What is learnt of a request of remote write that is unpacked to at most `bytes_max` bytes: by stream, the times in
/// milliseconds and the values.
pub fn remote_write(body: &[u8], bytes_max: usize) -> Option<Vec<Vec<(u64, f64)>>> {
    let request = WriteRequest::read(body, bytes_max).ok()?;
    let metrics = vec!["*".into()];
    let source = RemoteWriteSource { metrics, series_max: 100, ..RemoteWriteSource::default() };
    let mut table = WrittenSeries::default();
    let mut sort = || {
        let sorted = SortedSamples::of(&request, &source, &mut table, |stream| stream.len() < 64);
        let latest = sorted.latest;
        latest.into_iter().for_each(|(id, latest)| table.note(id, latest));
        sorted.streams
    };
    let streams = sort();
    // what is in the table by now was learnt
    assert!(sort().is_empty(), "the same request is learnt twice");
    let values = |events: Vec<_>| events.into_iter().map(|event: SampleEvent| (event.time_ms, event.value)).collect();
    Some(streams.into_iter().map(|(_, events)| values(events)).collect())
}

/// Reads a message of a broker: as JSON or else as it stands, with the key that its field or its topic gives it.
///
/// # Errors
/// It cannot be read.
pub fn message(payload: &[u8], is_text: bool, key_field: Option<&str>, topic: &str) -> Result<EventLine, Refusal> {
    let format = if is_text { MessageFormat::Text } else { MessageFormat::Auto };
    message_event(payload, format, key_field, Some(topic))
}

/// The stream of a message, whose name has so many parts of its topic.
///
/// # Errors
/// They make no name.
pub fn stream_of_topic(topic: &str, parts: usize, bytes_max: usize) -> Result<String, Refusal> {
    let names = StreamNames { stream: "s".into(), parts, separator: '/', key: "stream_levels", bytes_max };
    names.stream_of::<()>(topic, &HashMap::new()).map(|name| name.to_string())
}

/// Whether a topic of MQTT is one that a filter names.
pub fn is_named(topic: &str, filter: &str) -> bool {
    fits_filter(topic, filter)
}

/// Reads an entry of a stream of Redis, whose event its fields are or one of them holds. Returns the number of its id,
/// too, and whether that number gives the id back.
///
/// # Errors
/// It cannot be read, or has no id.
pub fn redis_entry(
    id: &str,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    json_field: Option<&str>,
    key_field: Option<&str>,
) -> Result<(EventLine, Option<u64>, bool), Refusal> {
    let id: EntryId = id.parse().map_err(|_| Refusal::new(RefusalCode::BadTime, "id", "it is no id of an entry"))?;
    let source = RedisSource {
        json_field: json_field.map(Into::into),
        key_field: key_field.map(Into::into),
        ..RedisSource::default()
    };
    let number = id.number();
    let is_same = number.is_none_or(|number| EntryId::of_number(number) == id);
    Ok((EntryEvents::new(&source).event(&Entry { id, fields })?, number, is_same))
}

/// Reads rows of a file, of which the first names the columns.
pub fn table(lines: &[&[u8]]) -> Vec<Result<EventLine, Refusal>> {
    let [header, rows @ ..] = lines else { return Vec::new() };
    let mut columns = TableColumns::new(header, &[]);
    columns.settle(&rows.iter().map(|row| mended(row) + "\n").collect::<String>(), &Schema::default());
    rows.iter().map(|row| columns.event(&mended(row)).map(|(event, _)| event)).collect()
}

/// What the body of a question by the Open Inference Protocol says is known.
pub fn inference(body: &[u8]) -> Option<Record> {
    read_question(body).ok().map(|question| question.known)
}

/// Reads what a body says of an incident, with the line that it is in the log's protocol.
pub fn feedback(body: &[u8]) -> Option<(Feedback, Vec<u8>)> {
    let feedback = read_feedback(body).ok()?;
    let line = line_of(&feedback).ok()?;
    Some((feedback, line))
}

/// How the audit log says what a body wants a stream to forget.
pub fn forgotten(body: &[u8]) -> Option<String> {
    read_forgotten(body).ok().map(|(_, said)| said)
}
