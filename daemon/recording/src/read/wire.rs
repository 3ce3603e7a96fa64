//! The format `ndjson`: events as on the wire.

use super::cell;
use super::lines::{TextLine, TextLines};
use crate::choice::{KindChoice, chosen};
use crate::error::{SourceError, UsageError};
use crate::input::{InputFile, InputFiles};
use crate::reader::{Item, OpenedRecording, SourceOptions};
use surmise_event::{Data, Datum, Field, FieldKind, Limits, Record, Refusal, RefusalCode, Schema, parse_time};
use surmise_protocol::{EventLine, ProducerLine, parse_plain};

/// Events without values that are read, at most, until one tells what the fields are.
const SAMPLE_EVENTS_MAX: usize = 1000;

pub(crate) fn open(
    first: InputFile,
    files: InputFiles,
    options: &SourceOptions,
) -> Result<OpenedRecording, SourceError> {
    if let Some(choice) = options.fields.iter().find(|f| f.kind == KindChoice::Is(FieldKind::Gap)) {
        return Err(UsageError::GapField(choice.name.clone()).into());
    }
    let shaper = EventShaper { options: options.clone() };
    let mut events = TextLines::new(first, files).filter_map(move |line| line.and_then(|l| shaper.read(l)).transpose());
    // as the daemon does, the first event with values decides what the fields are
    let mut held = Vec::new();
    let mut schema = options.known.clone().unwrap_or_default();
    while schema.fields.is_empty()
        && held.len() < SAMPLE_EVENTS_MAX
        && let Some(item) = events.next()
    {
        if let Ok(item) = &item {
            schema = infer(item, options)?;
        }
        held.push(item);
    }
    Ok(OpenedRecording { items: Box::new(held.into_iter().chain(events)), schema, notes: Vec::new() })
}

/// The schema that the first record makes, with the kinds that were chosen.
fn infer(item: &Item, options: &SourceOptions) -> Result<Schema, SourceError> {
    let mut schema = Schema::default();
    if item.record.data == Data::None {
        return Ok(schema);
    }
    schema.bind(&item.record, &Limits::default()).map_err(|r| item.refused(r))?;
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
struct EventShaper {
    options: SourceOptions,
}

impl EventShaper {
    /// The record of a line; none of a hello, which is no event.
    fn read(&self, line: TextLine) -> Result<Option<Item>, SourceError> {
        let refused = |refusal| line.refused(refusal);
        let EventLine { seq: _, stream, mut record } = match parse_plain(line.text.as_bytes()).map_err(refused)? {
            ProducerLine::Hello(_) => return Ok(None),
            ProducerLine::Event(event) => event,
        };
        self.shape(&mut record).map_err(refused)?;
        Ok(Some(Item { record, stream, file: line.file.clone(), line: line.number }))
    }

    /// Moves the chosen fields to the record's key and time, and makes values of the chosen kinds.
    fn shape(&self, record: &mut Record) -> Result<(), Refusal> {
        let Data::Fields(fields) = &mut record.data else { return Ok(()) };
        let mut take = |name: &Option<String>| {
            let i = fields.iter().position(|(n, _)| Some(&**n) == name.as_deref())?;
            Some(fields.remove(i))
        };
        if let Some((name, datum)) = take(&self.options.key) {
            record.key = key(&name, datum)?;
        }
        if let Some((name, datum)) = take(&self.options.time) {
            record.time_us = time_us(&name, datum)?;
        }
        let choices = &self.options.fields;
        if choices.is_empty() {
            return Ok(());
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
                        *datum = cell::number(text.trim(), name)?;
                    }
                }
                // bytes cannot be chosen, and gaps are computed
                FieldKind::Byte | FieldKind::Gap => {}
            }
        }
        Ok(())
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
fn time_us(field: &str, datum: Datum) -> Result<Option<i64>, Refusal> {
    let parse =
        |text: &str| parse_time(text).map(Some).map_err(|e| Refusal::new(RefusalCode::BadTime, field, e.to_string()));
    match datum {
        Datum::Null => Ok(None),
        Datum::Text(text) => parse(&text),
        Datum::Number(x) => parse(&x.to_string()),
        other => {
            let reason = format!("expected a time, got {}", other.describe());
            Err(Refusal::new(RefusalCode::BadTime, field, reason))
        }
    }
}
