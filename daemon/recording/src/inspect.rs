//! What would be read of a recording, and what its fields look like, before anything is learnt of it.

use crate::compression::Compression;
use crate::encoding::Encoding;
use crate::error::SourceError;
use crate::format::Format;
use crate::oddity::Oddity;
use crate::picture::{CountedNames, FieldPicture, NumberSample};
use crate::reader::{SourceOptions, TableReading};
use crate::source::Source;
use serde::Serialize;
use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;
use surmise_event::{Field, FieldKind, Limits, Record, Schema, Value};

/// Keys whose latest time is known, to tell the gaps; of later ones there are no gaps.
const KEYS_MAX: usize = 100_000;

/// What would be read of a recording.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// The format that was said or recognised.
    pub format: Format,
    /// How the first file is compressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// How its text is encoded.
    pub encoding: Encoding,
    /// How a table is read.
    pub reading: TableReading,
    /// Records that were read.
    pub records: u64,
    /// Distinct keys among them, up to 100,000.
    pub keys: u64,
    /// The fields, in the order in which they are predicted.
    pub fields: Vec<FieldPicture>,
    /// What was inferred and is not seen at a glance, one sentence each.
    pub notes: Vec<String>,
    /// What was odd, by kind and field, with an example.
    pub odd: Vec<Oddity>,
    /// The schema as a table of the daemon's configuration, which pins it.
    pub toml: String,
}

/// Reads a recording to its end, or to so many records, and says what is in it. Memory is bounded: pictures are of
/// evenly chosen values where there are many. `report_progress` is called with the bytes read now and then.
///
/// # Errors
/// The recording cannot be read.
pub fn inspect(
    options: &SourceOptions,
    stream: &str,
    records_max: Option<u64>,
    mut report_progress: impl FnMut(u64),
) -> Result<Inspection, SourceError> {
    let mut source = Source::open(options)?;
    let (bytes, odd) = (source.bytes_counter(), source.oddities());
    let (format, compression, encoding) = (source.format(), source.compression(), source.encoding());
    let (reading, mut notes) = (source.reading().clone(), source.notes().to_vec());
    let (first, declared) = (source.schema().clone(), source.declared_schema());
    let decided = source.decided_schema();
    notes.extend(decided_notes(&first, &decided));
    let mut looks = Looks::new(decided);
    for item in source.take(records_max.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX))) {
        let item = item?;
        if let Err(refusal) = looks.take(&item.record) {
            odd.refused(&item, refusal)?;
        }
        if looks.records.is_multiple_of(1024) {
            report_progress(bytes.load(std::sync::atomic::Ordering::Relaxed));
        }
    }
    let Looks { schema, records, last_times, fields, gaps, .. } = looks;
    let pictures = schema.fields.iter().zip(fields);
    let fields = pictures
        .map(|(field, look)| match field.kind {
            FieldKind::Gap => FieldPicture::of_numbers(&field.name, field.kind, &gaps, records),
            FieldKind::Number => FieldPicture::of_numbers(&field.name, field.kind, &look.numbers, records),
            FieldKind::Category | FieldKind::Text | FieldKind::Byte | FieldKind::Line => {
                FieldPicture::of_names(&field.name, field.kind, &look.names, &look.numbers, records)
            }
        })
        .collect();
    let (keys, odd, toml) = (last_times.len() as u64, odd.list(), pinned(&schema, &declared, stream));
    Ok(Inspection { format, compression, encoding, reading, records, keys, fields, notes, odd, toml })
}

/// What the first events decided otherwise than the first one, one sentence each.
fn decided_notes(first: &Schema, decided: &Schema) -> Vec<String> {
    let differs = |field: &&Field| first.fields.iter().any(|f| f.name == field.name && f.kind != field.kind);
    let note = |field: &Field| format!("the first events decide that {:?} is a {}", field.name, field.kind.name());
    decided.fields.iter().filter(differs).map(note).collect()
}

/// What was seen of one field.
#[derive(Default)]
struct FieldLook {
    names: CountedNames,
    /// Numbers, or the lengths of texts.
    numbers: NumberSample,
}

/// What was seen of all fields.
struct Looks {
    schema: Schema,
    fields: Vec<FieldLook>,
    records: u64,
    /// The latest time of every key, in microseconds since 1970.
    last_times: HashMap<Option<Box<str>>, Option<i64>>,
    /// Seconds between the events of a key.
    gaps: NumberSample,
    limits: Limits,
}

impl Looks {
    fn new(schema: Schema) -> Looks {
        let (last_times, limits) = (HashMap::new(), Limits::default());
        Looks { schema, fields: Vec::new(), records: 0, last_times, gaps: NumberSample::default(), limits }
    }

    fn take(&mut self, record: &Record) -> Result<(), surmise_event::Refusal> {
        let event = self.schema.bind(record, &self.limits)?;
        self.records += 1;
        self.fields.resize_with(self.schema.fields.len(), FieldLook::default);
        for (look, value) in self.fields.iter_mut().zip(&event.values) {
            match value {
                Value::Missing => {}
                Value::Symbol(name) => look.names.add(name),
                Value::Number(x) => look.numbers.add(*x),
                Value::Bytes(bytes) => {
                    look.numbers.add(bytes.len() as f64);
                    look.names.add(&String::from_utf8_lossy(bytes));
                }
            }
        }
        if self.last_times.len() < KEYS_MAX || self.last_times.contains_key(&event.key) {
            let last = self.last_times.entry(event.key).or_default();
            if let (Some(before), Some(now)) = (*last, event.time_us) {
                self.gaps.add((now - before).max(0) as f64 / 1e6);
            }
            *last = event.time_us.or(*last);
        }
        Ok(())
    }
}

/// The schema of a stream as a table of the daemon's configuration, in TOML. A field beside another one, for the values
/// that this one cannot hold, is made when the first of them comes, so that one which was not in the schema that was
/// declared is left out: from the first event on it would be learnt as missing.
pub fn pinned(schema: &Schema, declared: &Schema, stream: &str) -> String {
    let mut out = format!("[streams.{}]\nfields = [\n", quoted(stream));
    let is_pinned = |i: usize| !schema.is_companion(i) || declared.position(&schema.fields[i].name).is_some();
    for (_, field) in schema.fields.iter().enumerate().filter(|(i, _)| is_pinned(*i)) {
        let required = if field.required { ", required = true" } else { "" };
        let _ = writeln!(out, "  {{ name = {}, kind = \"{}\"{required} }},", quoted(&field.name), field.kind.name());
    }
    out += "]\n";
    if schema.closed {
        out += "closed = true\n";
    }
    out
}

/// A text as a basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A name for the stream of a file: the file's, without its folder and what follows the first point.
pub fn stream_of(file: Option<&Path>) -> String {
    let name = file.and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let kept = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
    let stream: String = stem.chars().map(kept).collect();
    if stream.trim_matches('-').is_empty() { "default".to_owned() } else { stream }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_described_and_pinned() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("machine 7.csv");
        let row = |i: u64| format!("2026-01-01 {:02}:{:02}:00,{}.5,s{},\n", i / 60, i % 60, i % 50, i % 3);
        std::fs::write(&file, "time,x,\"na\"\"me\",empty\n".to_owned() + &(0..600).map(row).collect::<String>())
            .unwrap();
        let stream = stream_of(Some(&file));
        assert_eq!(stream, "machine-7");
        let options = SourceOptions { files: vec![file], ..SourceOptions::default() };
        let found = inspect(&options, &stream, None, |_| ()).unwrap();
        assert_eq!((found.records, found.keys, found.format), (600, 1, Format::Csv));
        let kinds: Vec<_> = found.fields.iter().map(|f| (f.name.as_str(), f.kind, f.values)).collect();
        use FieldKind::{Category, Gap, Number};
        assert_eq!(kinds, [("gap", Gap, 599), ("x", Number, 600), ("na\"me", Category, 600), ("empty", Category, 0)]);
        let numbers = found.fields[0].numbers.as_ref().unwrap();
        assert_eq!((numbers.min, numbers.median, numbers.max), (60.0, 60.0, 60.0));
        let x = found.fields[1].numbers.as_ref().unwrap();
        assert_eq!((x.min, x.max, x.histogram.iter().sum::<u64>()), (0.5, 49.5, 600));
        assert_eq!((found.fields[2].distinct, found.fields[2].top[0].1), (Some(3), 200));
        assert!(
            found.toml.contains("[streams.\"machine-7\"]") && found.toml.contains("name = \"na\\\"me\""),
            "{}",
            found.toml
        );
        assert_eq!(inspect(&options, &stream, Some(10), |_| ()).unwrap().records, 10);
        assert_eq!(stream_of(None), "default");
    }

    #[test]
    fn what_is_made_when_it_is_needed_is_not_pinned() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("v.csv");
        let row = |i: u64| format!("{},{}.5,t\n", i % 3, if i == 500 { "fast".into() } else { i.to_string() });
        std::fs::write(&file, "w,v,w.text\n".to_owned() + &(0..600).map(row).collect::<String>()).unwrap();
        let options = SourceOptions { files: vec![file], ..SourceOptions::default() };
        let found = inspect(&options, "v", None, |_| ()).unwrap();
        assert!(found.fields.iter().any(|field| field.name == "v.text"));
        let is_pinned = |name: &str| found.toml.contains(&format!("name = \"{name}\""));
        assert_eq!(["w", "v", "w.text", "v.text"].map(is_pinned), [true, true, true, false], "a column stays one");
    }
}
