//! The format `ndjson`: events as on the wire.

use super::cell;
use super::lines::{TextLine, TextLines};
use crate::choice::{KindChoice, chosen};
use crate::error::{SourceError, UsageError};
use crate::fingerprint::Fingerprint;
use crate::input::{InputFile, InputFiles};
use crate::oddity::{OddityKind, OddityLog, Place};
use crate::reader::{Item, OpenedRecording, SourceOptions};
use crate::times::TimeReader;
use surmise_event::{
    ColumnReading, Data, Datum, Field, FieldKind, Limits, Numerals, Record, Refusal, RefusalCode, Schema,
};
use surmise_protocol::{EventLine, ProducerLine, is_time_name, parse_json, parse_plain, parse_plain_untimed};

/// Events without values that are read, at most, until one tells what the fields are.
const SAMPLE_EVENTS_MAX: usize = 1000;

pub(crate) fn open(
    mut first: InputFile,
    files: InputFiles,
    options: &SourceOptions,
) -> Result<OpenedRecording, SourceError> {
    if first.head()?.trim_ascii_start().starts_with(b"[") {
        return Err(UsageError::JsonArray(first.name.to_string()).into());
    }
    let lines = TextLines::new(first, files);
    let odd = lines.odd();
    let mut shaper = EventShaper::new(options, odd.clone());
    let events = lines.filter_map(move |line| line.and_then(|l| shaper.read(&l)).transpose());
    open_events(events, options, &odd)
}

/// Opens events that have named values, whatever they were read of.
pub(crate) fn open_events(
    mut events: impl Iterator<Item = Result<Item, SourceError>> + Send + 'static,
    options: &SourceOptions,
    odd: &OddityLog,
) -> Result<OpenedRecording, SourceError> {
    if let Some(choice) = options.fields.iter().find(|f| f.kind == KindChoice::Is(FieldKind::Gap)) {
        return Err(UsageError::GapField(choice.name.clone()).into());
    }
    // as in the daemon, the first event with values says what the fields are for now
    let mut held = Vec::new();
    let mut schema = options.known.clone().unwrap_or_default();
    while schema.fields.is_empty()
        && held.len() < SAMPLE_EVENTS_MAX
        && let Some(item) = events.next()
    {
        if let Ok(item) = &item {
            match infer(item, options) {
                Ok(inferred) => schema = inferred,
                // a record that the stream would refuse is left out, as there
                Err(refusal) => {
                    odd.refused(item, refusal)?;
                    continue;
                }
            }
        }
        held.push(item);
    }
    // more events than the first one decide, unless the caller does
    let declares = options.known.is_some() || options.fields.iter().any(|f| f.kind != KindChoice::Ignore);
    let opened = OpenedRecording::new(Box::new(held.into_iter().chain(events)), schema);
    Ok(OpenedRecording { declares, ..opened })
}

/// The schema that the first record makes, with the kinds that were chosen.
fn infer(item: &Item, options: &SourceOptions) -> Result<Schema, Refusal> {
    let mut schema = Schema::default();
    if item.record.data == Data::None {
        return Ok(schema);
    }
    schema.bind(&item.record, &Limits::default())?;
    for choice in &options.fields {
        let KindChoice::Is(kind) = choice.kind else { continue };
        match schema.fields.iter_mut().find(|field| field.name == choice.name) {
            Some(field) => field.kind = kind,
            None => schema.fields.push(Field::new(&choice.name, kind)),
        }
    }
    Ok(schema)
}

/// Makes records of lines, with keys, times and kinds as the caller chose them.
pub(crate) struct EventShaper {
    options: SourceOptions,
    times: TimeReader,
    /// Whether the caller says what the fields are that may be the time of a log line.
    untimed: bool,
    odd: OddityLog,
}

impl EventShaper {
    pub(crate) fn new(options: &SourceOptions, odd: OddityLog) -> EventShaper {
        let chosen = options.fields.iter().map(|f| &f.name).chain(&options.key).any(|name| is_time_name(name));
        EventShaper {
            times: TimeReader::new(options.time_format.clone(), options.time_zone.as_ref()),
            untimed: chosen || options.time.is_some(),
            options: options.clone(),
            odd,
        }
    }

    /// The record of a line; none of a hello, which is no event, and of a line that is left out.
    fn read(&mut self, line: &TextLine) -> Result<Option<Item>, SourceError> {
        let parse = if self.untimed { parse_plain_untimed } else { parse_plain };
        let read = match parse(line.text.as_bytes()).and_then(|read| json_alone(read, &line.text)) {
            Ok(ProducerLine::Hello(_)) => return Ok(None),
            Ok(ProducerLine::Event(event)) => self.shape(event, line.place()),
            Err(refusal) => Err(SourceError::Data { file: line.file.to_string(), line: line.number, refusal }),
        };
        match read {
            Ok(EventLine { stream, record, id, .. }) => {
                let print = Fingerprint::of_bytes(line.text.as_bytes());
                Ok(Some(Item { record, id, stream, file: line.file.clone(), line: line.number, print }))
            }
            Err(SourceError::Data { refusal, .. }) => {
                self.odd.note(OddityKind::LeftOut, line.place(), refusal, &line.text)?;
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// The event of a row of a table; none of a row that is left out.
    pub(crate) fn read_row(&mut self, item: Item) -> Result<Option<Item>, SourceError> {
        let Item { record, id, stream, file, line, print } = item;
        let place = Place { file: &file, line };
        match self.shape(EventLine { record, ..EventLine::default() }, place) {
            Ok(EventLine { record, .. }) => Ok(Some(Item { record, id, stream, file, line, print })),
            Err(SourceError::Data { refusal, .. }) => {
                self.odd.note(OddityKind::LeftOut, place, refusal, "")?;
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// Moves the chosen fields to the record's key and time, and makes values of the chosen kinds.
    fn shape(&mut self, mut event: EventLine, place: Place<'_>) -> Result<EventLine, SourceError> {
        let record: &mut Record = &mut event.record;
        let Data::Fields(fields) = &mut record.data else { return Ok(event) };
        let refused = |refusal| SourceError::Data { file: place.file.to_owned(), line: place.line, refusal };
        let mut take = |name: &Option<String>| {
            let i = fields.iter().position(|(n, _)| Some(&**n) == name.as_deref())?;
            Some(fields.remove(i))
        };
        if let Some((name, datum)) = take(&self.options.key) {
            record.key = key(&name, datum).map_err(refused)?;
        }
        if let Some((name, datum)) = take(&self.options.time) {
            record.time_us = time_us(&mut self.times, &name, &datum).map_err(refused)?;
        }
        let choices = &self.options.fields;
        if choices.is_empty() {
            return Ok(event);
        }
        fields.retain(|(name, _)| chosen(choices, name) != Some(KindChoice::Ignore));
        for (name, datum) in fields {
            let Some(KindChoice::Is(kind)) = chosen(choices, name) else { continue };
            match kind {
                FieldKind::Category | FieldKind::Text | FieldKind::Line => {
                    if let Datum::Number(x) = datum {
                        *datum = Datum::Text(x.to_string().into());
                    }
                }
                FieldKind::Number => {
                    if let Datum::Text(text) = datum {
                        let reading = ColumnReading::of(FieldKind::Number, Numerals::default());
                        *datum = cell::datum(text.trim(), name, &reading, place, &self.odd)?;
                    }
                }
                // bytes cannot be chosen, and gaps are computed
                FieldKind::Byte | FieldKind::Gap => {}
            }
        }
        Ok(event)
    }
}

/// Refuses a symbol that stands there as bare text: a plain connection has such lines, a recording of JSON has not.
fn json_alone(read: ProducerLine, text: &str) -> Result<ProducerLine, Refusal> {
    match &read {
        ProducerLine::Event(EventLine { record: Record { data: Data::One(Datum::Text(_)), .. }, .. })
            if !text.trim_start().starts_with('{') =>
        {
            parse_json(text.as_bytes())
        }
        ProducerLine::Hello(_) | ProducerLine::Event(_) => Ok(read),
    }
}

/// A value as a key.
fn key(field: &str, datum: Datum) -> Result<Option<Box<str>>, Refusal> {
    match datum {
        Datum::Null => Ok(None),
        Datum::Text(name) => Ok(Some(name)),
        Datum::Number(x) => Ok(Some(x.to_string().into())),
        other => {
            let reason = format!("expected a key, got {}", other.describe());
            Err(Refusal::new(RefusalCode::WrongType, field, reason))
        }
    }
}

/// A value as a time, in microseconds since 1970.
fn time_us(times: &mut TimeReader, field: &str, datum: &Datum) -> Result<Option<i64>, Refusal> {
    let text = match datum {
        Datum::Null => return Ok(None),
        Datum::Text(text) => text.to_string(),
        Datum::Number(x) => x.to_string(),
        Datum::Bool(_) | Datum::Numbers(_) | Datum::Bytes(_) => datum.describe(),
    };
    let reason = || format!("expected a time, got {}; --time-format says how times are written", datum.describe());
    let refused = || Refusal::new(RefusalCode::BadTime, field, reason());
    times.read(text.trim()).map(Some).ok_or_else(refused)
}
