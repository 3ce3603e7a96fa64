//! Lines of a file as events: as they stand, as JSON, or as rows of a table.

use super::table_cells::{CellReading, datum};
use csv::{ReaderBuilder, StringRecord};
use std::collections::{HashMap, HashSet};
use surmise_event::{Data, Datum, Record, Refusal, RefusalCode, Schema, mended};
use surmise_protocol::{EventLine, take_time};

/// The characters that divide cells; of equally frequent ones the first counts.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Rows by which it is found out how cells are read.
const SAMPLE_ROWS_MAX: usize = 2000;

/// The columns of a table.
#[derive(Debug)]
pub struct TableColumns {
    names: Vec<Box<str>>,
    separator: u8,
    /// How their cells are read; empty until the first rows are there.
    readings: Vec<CellReading>,
    /// The offset after the header; zero where there is none.
    pub header_end: u64,
}

impl TableColumns {
    /// The columns that the first line of a file names, or those that are given where a file has no header.
    pub fn new(first_line: &[u8], given: &[String]) -> TableColumns {
        let separator = separator(first_line);
        if !given.is_empty() {
            let names = given.iter().map(|name| name.as_str().into()).collect();
            return TableColumns { names, separator, readings: Vec::new(), header_end: 0 };
        }
        let mark = "\u{feff}";
        let cells = cells(&mended(first_line), separator).unwrap_or_default();
        let named = |(i, cell): (usize, &str)| match cell.trim_start_matches(mark).trim() {
            "" => format!("c{}", i + 1).into(),
            name => name.into(),
        };
        let mut once = NamesOnce::default();
        let names = cells.iter().enumerate().map(named).map(|name| once.take(name)).collect();
        TableColumns { names, separator, readings: Vec::new(), header_end: first_line.len() as u64 + 1 }
    }

    /// Whether it is known how cells are read.
    pub fn are_settled(&self) -> bool {
        !self.readings.is_empty()
    }

    /// Finds out by the first rows how cells are read, unless there are none. These fields are declared.
    pub fn settle(&mut self, first_rows: &str, declared: &Schema) {
        let rows: Vec<StringRecord> =
            reader(first_rows, self.separator).into_records().map_while(Result::ok).take(SAMPLE_ROWS_MAX).collect();
        if !rows.is_empty() {
            self.readings = CellReading::of_table(&self.names, &rows, declared);
        }
    }

    /// A row as an event, with what is odd about it. Numbers are numbers, and a time under one of the names that
    /// loggers give it is the event's.
    ///
    /// # Errors
    /// The row is no row, or has more cells than there are columns. Empty ones at the end are none.
    pub fn event(&self, row: &str) -> Result<(EventLine, Option<String>), Refusal> {
        let bad = |reason: String| Refusal::new(RefusalCode::WrongType, "row", reason);
        let cells = cells(row, self.separator).ok_or_else(|| bad("it cannot be read as a row".into()))?;
        let (count, columns) = (cells.len(), self.names.len());
        if cells.iter().skip(columns).any(|cell| !cell.trim().is_empty()) {
            return Err(bad(format!(
                "it has {count} cells, and there are {columns} columns; quote cells with separators"
            )));
        }
        let odd = (count < columns).then(|| format!("a row has {count} cells, and there are {columns} columns"));
        let read = |(place, cell): (usize, &str)| {
            self.readings.get(place).map_or_else(|| datum(cell), |reading| reading.read(cell))
        };
        let mut fields: Vec<_> = self.names.iter().cloned().zip(cells.iter().enumerate().map(read)).collect();
        let time_us = take_time(&mut fields);
        let record = Record { time_us, data: Data::Fields(fields), ..Record::default() };
        Ok((EventLine { record, ..EventLine::default() }, odd))
    }
}

/// Names of fields of which each is there once: of two values with one name, only the later would be learnt.
#[derive(Default)]
pub struct NamesOnce {
    taken: HashSet<Box<str>>,
    /// How often each name came.
    uses: HashMap<Box<str>, usize>,
}

impl NamesOnce {
    /// The name, or the name with a number behind it where the name is taken.
    pub fn take(&mut self, name: Box<str>) -> Box<str> {
        if self.taken.insert(name.clone()) {
            return name;
        }
        let uses = self.uses.entry(name.clone()).or_insert(1);
        loop {
            *uses += 1;
            let numbered: Box<str> = format!("{name}.{uses}").into();
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

/// Whether a row goes on in the next line: a quoted cell of it has no end.
pub fn goes_on(row: &str) -> bool {
    memchr::memchr_iter(b'"', row.as_bytes()).count() % 2 == 1
}

/// Takes the field of this name out of a record as its key.
pub fn take_key(record: &mut Record, field: &str) {
    let Data::Fields(fields) = &mut record.data else { return };
    let Some(place) = fields.iter().position(|(name, _)| **name == *field) else { return };
    record.key = match fields.remove(place).1 {
        Datum::Text(text) => Some(text),
        Datum::Number(number) => Some(number.to_string().into()),
        Datum::Bool(flag) => Some(flag.to_string().into()),
        Datum::Null | Datum::Numbers(_) | Datum::Bytes(_) => return,
    };
}

fn separator(line: &[u8]) -> u8 {
    let count = |separator: u8| memchr::memchr_iter(separator, line).count();
    SEPARATORS.into_iter().rev().max_by_key(|separator| count(*separator)).unwrap_or(b',')
}

fn reader(text: &str, separator: u8) -> csv::Reader<&[u8]> {
    ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(text.as_bytes())
}

fn cells(text: &str, separator: u8) -> Option<StringRecord> {
    let mut row = StringRecord::new();
    reader(text, separator).read_record(&mut row).is_ok_and(|is_any| is_any).then_some(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_records_of_the_columns() {
        let columns = TableColumns::new(b"\xef\xbb\xbfts;page;ms;zip;", &[]);
        assert_eq!(columns.header_end, 19);
        let (event, odd) = columns.event("2016-07-01T00:00:00Z;\"a;\"\"b\"\"\";3.5;01067;;").unwrap();
        assert_eq!(odd, None);
        assert_eq!(event.record.time_us, Some(1_467_331_200_000_000));
        let fields: Vec<(Box<str>, Datum)> = vec![
            ("page".into(), Datum::Text("a;\"b\"".into())),
            ("ms".into(), Datum::Number(3.5)),
            ("zip".into(), Datum::Text("01067".into())),
            ("c5".into(), Datum::Null),
        ];
        assert_eq!(event.record.data, Data::Fields(fields));
        assert!(columns.event("1;2;3;4;5;6").is_err());
        let (short, odd) = columns.event("2016-07-01T00:00:00Z;a").unwrap();
        assert_eq!(short.record.data, Data::Fields(vec![("page".into(), Datum::Text("a".into()))]));
        assert!(odd.is_some_and(|odd| odd.contains("2 cells, and there are 5")));
        assert!(goes_on("1,\"two") && !goes_on("1,\"two\""));
        let twice = TableColumns::new(b"ms,ms,ms.2", &[]);
        let names = twice.event("1,2,3").unwrap().0.record.data;
        let fields = [("ms", 1.0), ("ms.2", 2.0), ("ms.2.2", 3.0)].map(|(n, v)| (n.into(), Datum::Number(v)));
        assert_eq!(names, Data::Fields(fields.into()), "none of them is lost");
        let given = TableColumns::new(b"x,5", &["user".into(), "n".into()]);
        let mut record = given.event("x,5").unwrap().0.record;
        assert_eq!(given.header_end, 0);
        take_key(&mut record, "user");
        assert_eq!((record.key, record.data), (Some("x".into()), Data::Fields(vec![("n".into(), Datum::Number(5.0))])));
    }
}
