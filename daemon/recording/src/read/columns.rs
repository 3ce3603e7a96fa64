//! What the columns of a table are to an event, and the record that a row is.

use super::cell;
use super::header::only_time_name;
use crate::choice::{KindChoice, chosen, no_such_column};
use crate::error::{SourceError, UsageError};
use crate::oddity::{OddityKind, OddityLog, Place};
use crate::reader::{SourceOptions, TableReading};
use crate::times::{ColumnTimes, TimeOrder, TimeReader, column_times};
use csv::StringRecord;
use std::collections::VecDeque;
use surmise_event::{
    ColumnReading, Data, Field, FieldKind, GAP, Numerals, Record, Refusal, RefusalCode, Schema, column_reading,
    is_missing, table_numerals,
};

/// A number is a time in a column that nobody named as such from this many seconds since 1970 on.
const EPOCH_SECONDS_MIN: f64 = 1e8;

/// What a column is to an event: its key, its time, a field, or some of them.
struct ColumnUse {
    is_key: bool,
    is_time: bool,
    field: Option<(Box<str>, ColumnReading)>,
}

/// The columns of a table, by which a row becomes a record.
pub(crate) struct Columns {
    uses: Vec<ColumnUse>,
    times: TimeReader,
    odd: OddityLog,
}

/// What the first rows tell of a table.
pub(crate) struct InferredTable {
    pub(crate) columns: Columns,
    pub(crate) schema: Schema,
}

impl Columns {
    /// Finds out what every column is. A schema that is known already stays as it is.
    pub(crate) fn infer(
        names: &[Box<str>],
        sample: &VecDeque<StringRecord>,
        options: &SourceOptions,
        odd: OddityLog,
        notes: &mut Vec<String>,
        reading: &mut TableReading,
    ) -> Result<InferredTable, UsageError> {
        check_names(names, options)?;
        let numerals = table_numerals(sample.iter().flat_map(StringRecord::iter).map(str::trim));
        let time = time_column(names, sample, options, notes);
        let format = match (&options.time_format, &time) {
            (None, Some((_, Some(found)))) => found.format.clone(),
            (said, _) => said.clone(),
        };
        if let (None, Some((_, Some(ColumnTimes { why: Some(why), .. })))) = (&options.time_format, &time) {
            notes.push(why.clone());
        }
        if let Some((_, Some(ColumnTimes { order: TimeOrder::Falling, .. }))) = &time {
            notes.push(newest_first(options, reading.header != Some(false)));
        }
        let time = time.map(|(name, _)| name);
        reading.time.clone_from(&time);
        reading.time_format = format.as_ref().filter(|_| time.is_some()).map(ToString::to_string);
        let (uses, mut schema) = uses(names, sample, options, time.as_deref(), numerals, notes)?;
        if options.known.as_ref().is_none_or(|known| known.fields.is_empty()) {
            order_by_appearance(&mut schema, names, sample);
        }
        let times = TimeReader::new(format, options.time_zone.as_ref());
        Ok(InferredTable { columns: Columns { uses, times, odd }, schema })
    }

    /// The record of a row; none of a row that is left out.
    pub(crate) fn record(&mut self, row: &StringRecord, place: Place<'_>) -> Result<Option<Record>, SourceError> {
        let mut record = Record::default();
        let mut fields = Vec::with_capacity(self.uses.len());
        for (i, column) in self.uses.iter().enumerate() {
            let cell = row.get(i).unwrap_or("").trim();
            if column.is_key && !cell.is_empty() {
                record.key = Some(cell.into());
            }
            if column.is_time && !is_missing(cell) {
                match self.times.read(cell) {
                    Some(time_us) => record.time_us = Some(time_us),
                    None => {
                        let reason = format!("expected a time, got {cell:?}; --time-format says how times are written");
                        let refusal = Refusal::new(RefusalCode::BadTime, "time", reason);
                        let row: Vec<&str> = row.iter().collect();
                        self.odd.note(OddityKind::LeftOut, place, refusal, &row.join(","))?;
                        return Ok(None);
                    }
                }
            }
            if let Some((name, reading)) = &column.field {
                fields.push((name.clone(), cell::datum(cell, name, reading, place, &self.odd)?));
            }
        }
        record.data = Data::Fields(fields);
        Ok(Some(record))
    }
}

/// Refuses options that name columns which are not there.
pub(crate) fn check_names(names: &[Box<str>], options: &SourceOptions) -> Result<(), UsageError> {
    let is_column = |name: &str| names.iter().any(|column| **column == *name);
    let all = || names.iter().map(|n| &**n);
    for (option, name) in [("--key", &options.key), ("--time", &options.time)] {
        if let Some(name) = name.as_deref().filter(|name| !is_column(name)) {
            return Err(no_such_column(option, name, all()));
        }
    }
    // the gap is a field without a column
    match options.fields.iter().map(|f| f.name.as_str()).find(|name| *name != GAP && !is_column(name)) {
        Some(name) => Err(no_such_column("--field", name, all())),
        None => Ok(()),
    }
}

/// Puts fields into the order in which their first values come, as the daemon does, which knows a field from then on: a
/// column whose first cells are empty comes after those that the first row fills.
fn order_by_appearance(schema: &mut Schema, names: &[Box<str>], sample: &VecDeque<StringRecord>) {
    let first = |field: &Field| {
        // a gap has no column, and is there from the beginning
        let Some(column) = names.iter().position(|name| **name == *field.name) else { return 0 };
        let row = sample.iter().position(|row| !is_missing(row.get(column).unwrap_or("").trim()));
        row.unwrap_or(usize::MAX)
    };
    schema.fields.sort_by_cached_key(first);
}

/// The cells of a column in the rows that are sampled.
fn cells(sample: &VecDeque<StringRecord>, column: usize) -> Vec<&str> {
    sample.iter().map(|row| row.get(column).unwrap_or("").trim()).collect()
}

/// What is to be known of a recording whose newest row comes first.
fn newest_first(options: &SourceOptions, has_header: bool) -> String {
    let file = options.files.first().filter(|file| file.as_os_str() != "-");
    let file = file.map_or("FILE".to_owned(), |file| file.display().to_string());
    let turned = match has_header {
        true => format!("(head -n 1 {file}; tail -n +2 {file} | tac)"),
        false => format!("tac {file}"),
    };
    format!(
        "the newest row comes first: rows are taken as they stand, so the past is learnt from its end and every gap is \
         zero; {turned} turns them round"
    )
}

/// The column of times and what its cells tell of them: the one that was named, or else the only one that holds dates
/// in order, or the only one of these that is called so, of which a note tells.
fn time_column(
    names: &[Box<str>],
    sample: &VecDeque<StringRecord>,
    options: &SourceOptions,
    notes: &mut Vec<String>,
) -> Option<(String, Option<ColumnTimes>)> {
    let times_of = |i: usize| {
        let cells: Vec<&str> = cells(sample, i).into_iter().filter(|c| !is_missing(c)).collect();
        column_times(&cells)
    };
    if let Some(name) = &options.time {
        let column = names.iter().position(|n| **n == **name)?;
        return Some((name.clone(), times_of(column)));
    }
    let free = |name: &str| options.key.as_deref() != Some(name) && chosen(&options.fields, name).is_none();
    let is_epoch = |i: usize, times: &ColumnTimes| {
        let old = |c: &&str| c.parse::<f64>().is_ok_and(|x| x.abs() < EPOCH_SECONDS_MIN);
        only_time_name(std::iter::once(&*names[i])).is_some() && (times.dates || !cells(sample, i).iter().any(old))
    };
    let found = names.iter().enumerate().filter(|(_, name)| free(name));
    let mut found: Vec<(&str, ColumnTimes)> =
        found.filter_map(|(i, name)| times_of(i).filter(|t| t.dates || is_epoch(i, t)).map(|t| (&**name, t))).collect();
    // a column that rises is the time, whatever falls beside it
    let is_rising = |(_, times): &(&str, ColumnTimes)| times.order == TimeOrder::Rising;
    let order = if found.iter().any(is_rising) { TimeOrder::Rising } else { TimeOrder::Falling };
    found.retain(|(_, times)| times.order == order);
    let name = match found.as_slice() {
        [(name, _)] => (*name).to_owned(),
        several => {
            let names = several.iter().map(|(name, _)| *name);
            let Some(name) = only_time_name(names.clone()) else {
                notes.extend(several_times(names));
                return None;
            };
            name.to_owned()
        }
    };
    notes.push(format!("column {name:?} holds the times, as --time {name} would say"));
    let times = found.into_iter().find(|(n, _)| *n == name).map(|(_, times)| times);
    Some((name, times))
}

/// A note that none of several columns of times is taken for the time of the events.
pub(super) fn several_times<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<&str> = names.collect();
    let first = *names.get(1).and(names.first())?;
    let list = names.join(", ");
    Some(format!(
        "the columns {list} hold times, and none is taken for the time of the events: --time {first} would say so"
    ))
}

/// What every column is, and the schema of the fields.
fn uses(
    names: &[Box<str>],
    sample: &VecDeque<StringRecord>,
    options: &SourceOptions,
    time: Option<&str>,
    numerals: Numerals,
    notes: &mut Vec<String>,
) -> Result<(Vec<ColumnUse>, Schema), UsageError> {
    let mut uses = Vec::new();
    let mut schema = Schema::default();
    if time.is_some_and(|t| chosen(&options.fields, t).is_none()) && chosen(&options.fields, GAP).is_none() {
        schema.fields.push(Field::new(GAP, FieldKind::Gap));
    }
    for (i, name) in names.iter().enumerate() {
        let (is_key, is_time) = (options.key.as_deref() == Some(name), time == Some(name));
        let known = options.known.as_ref().and_then(|s| s.position(name).map(|p| s.fields[p].kind));
        let told = column_reading(name, &cells(sample, i), numerals);
        let as_kind = |kind: FieldKind| match kind == told.kind {
            true => told.clone(),
            false => ColumnReading::of(kind, told.numerals),
        };
        let reading = match chosen(&options.fields, name) {
            Some(KindChoice::Ignore) => None,
            Some(KindChoice::Is(FieldKind::Gap)) if !is_time => return Err(UsageError::GapColumn(name.to_string())),
            Some(KindChoice::Is(kind)) => Some(as_kind(kind)),
            None if is_key || is_time => None,
            None => {
                let reading = known.map_or_else(|| told.clone(), as_kind);
                notes.extend(reading.why.clone());
                Some(reading)
            }
        };
        if let Some(reading) = &reading {
            schema.fields.push(Field::new(&**name, reading.kind));
        }
        // a gap is computed from the times, so its column gives no value
        let field = reading.filter(|r| r.kind != FieldKind::Gap).map(|reading| (name.clone(), reading));
        uses.push(ColumnUse { is_key, is_time, field });
    }
    Ok((uses, options.known.clone().unwrap_or(schema)))
}
