//! Events as on the wire.

use super::lines::{TextLine, TextLines};
use crate::choice::{KindChoice, chosen};
use crate::error::SourceError;
use crate::input::{Input, Inputs};
use crate::reader::{Item, Opened, SourceOptions};
use surmise_event::{Data, Datum, Field, FieldKind, Limits, Record, Refusal, RefusalCode, Schema, parse_time};
use surmise_protocol::{EventLine, ProducerLine, parse_plain};

pub(crate) fn open(first: Input, inputs: Inputs, options: &SourceOptions) -> Result<Opened, SourceError> {
    if let Some(f) = options.fields.iter().find(|f| f.kind == KindChoice::Is(FieldKind::Gap)) {
        return Err(SourceError::Usage(format!(
            "{:?}: a gap is computed from the events' times; use number for a field that holds gaps",
            f.name
        )));
    }
    let shape = Shape { options: options.clone() };
    let mut events = TextLines::new(first, inputs).filter_map(move |line| line.and_then(|l| shape.read(l)).transpose());
    // as the daemon does, the first event with values is asked what the fields are
    let mut held = Vec::new();
    let mut schema = options.known.clone().unwrap_or_default();
    while schema.fields.is_empty()
        && held.len() < 1000
        && let Some(item) = events.next()
    {
        if let Ok(item) = &item {
            schema = infer(item, options)?;
        }
        held.push(item);
    }
    Ok(Opened { items: Box::new(held.into_iter().chain(events)), schema, notes: Vec::new() })
}

/// The schema that the first record makes, with the kinds that were said.
fn infer(item: &Item, options: &SourceOptions) -> Result<Schema, SourceError> {
    let mut schema = Schema::default();
    if item.record.data == Data::None {
        return Ok(schema);
    }
    schema.bind(&item.record, &Limits::default()).map_err(|r| item.refused(r))?;
    for f in &options.fields {
        let KindChoice::Is(kind) = f.kind else { continue };
        match schema.fields.iter_mut().find(|s| s.name == f.name) {
            Some(s) => s.kind = kind,
            None => schema.fields.push(Field::new(&f.name, kind)),
        }
    }
    Ok(schema)
}

/// What the caller said about keys, times and fields.
struct Shape {
    options: SourceOptions,
}

impl Shape {
    /// Reads a line; a hello is no event.
    fn read(&self, line: TextLine) -> Result<Option<Item>, SourceError> {
        let fault = |refusal| SourceError::Data { file: line.file.to_string(), line: line.number, refusal };
        let EventLine { seq: _, stream, mut record } = match parse_plain(line.text.as_bytes()).map_err(fault)? {
            ProducerLine::Hello(_) => return Ok(None),
            ProducerLine::Event(e) => e,
        };
        self.shape(&mut record).map_err(fault)?;
        Ok(Some(Item { record, stream, file: line.file.clone(), line: line.number }))
    }

    fn shape(&self, record: &mut Record) -> Result<(), Refusal> {
        let o = &self.options;
        let Data::Fields(fields) = &mut record.data else { return Ok(()) };
        let mut take = |name: &Option<String>| {
            let i = fields.iter().position(|(n, _)| Some(&**n) == name.as_deref())?;
            Some(fields.remove(i))
        };
        if let Some((name, datum)) = take(&o.key) {
            record.key = match datum {
                Datum::Null => None,
                Datum::Text(s) => Some(s),
                Datum::Number(x) => Some(x.to_string().into()),
                other => {
                    return Err(Refusal::new(
                        RefusalCode::WrongType,
                        &*name,
                        format!("expected a key, got {}", other.describe()),
                    ));
                }
            };
        }
        if let Some((name, datum)) = take(&o.time) {
            record.time_us = match datum {
                Datum::Null => None,
                Datum::Text(s) => {
                    Some(parse_time(&s).map_err(|e| Refusal::new(RefusalCode::BadTime, &*name, e.to_string()))?)
                }
                Datum::Number(x) => Some(
                    parse_time(&x.to_string())
                        .map_err(|e| Refusal::new(RefusalCode::BadTime, &*name, e.to_string()))?,
                ),
                other => {
                    return Err(Refusal::new(
                        RefusalCode::BadTime,
                        &*name,
                        format!("expected a time, got {}", other.describe()),
                    ));
                }
            };
        }
        if o.fields.is_empty() {
            return Ok(());
        }
        fields.retain(|(n, _)| chosen(&o.fields, n) != Some(KindChoice::Ignore));
        for (name, datum) in fields {
            match (chosen(&o.fields, name), &*datum) {
                (Some(KindChoice::Is(FieldKind::Category | FieldKind::Text)), Datum::Number(x)) => {
                    *datum = Datum::Text(x.to_string().into())
                }
                (Some(KindChoice::Is(FieldKind::Number)), Datum::Text(s)) => {
                    *datum = super::table::number(s.trim(), name)?
                }
                _ => {}
            }
        }
        Ok(())
    }
}
