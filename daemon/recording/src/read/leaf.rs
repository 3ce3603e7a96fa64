//! The columns of a Parquet file: the values of its types as data of events, a batch of rows at a time.

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as PhysicalType};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{DataType, Int96};
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::ColumnDescriptor;
use surmise_event::{Datum, format_time};

/// Whole numbers up to which every one is a number of floating point; beyond, a value is a name.
const WHOLE_MAX: u64 = 1 << 53;
/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;
/// The day in the count of Julian days at which 1970 began.
const JULIAN_1970: i64 = 2_440_588;

/// What the values of a column mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Plain,
    Unsigned,
    /// Times since 1970, in a unit of so many nanoseconds.
    Time(i64),
    /// Days since 1970.
    Date,
    /// Numbers with so many digits behind the point.
    Decimal(i32),
}

/// A column that holds at most one value a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// Its name; those of groups around it come before it, with dots.
    pub(crate) name: Box<str>,
    /// Its place among all columns of the file.
    pub(crate) place: usize,
    physical: PhysicalType,
    meaning: Meaning,
    /// The level at which a value is there; 0 where none is ever missing.
    level: i16,
}

/// A value of a column.
#[derive(Clone, Debug)]
pub(crate) enum LeafValue {
    Datum(Datum),
    /// A time, in microseconds since 1970.
    Time(i64),
}

impl LeafValue {
    /// The value as that of a field.
    pub(crate) fn into_datum(self) -> Datum {
        match self {
            LeafValue::Datum(datum) => datum,
            LeafValue::Time(time_us) => Datum::Text(format_time(time_us).into()),
        }
    }
}

impl Leaf {
    /// The column at a place; none if a row can have several of its values.
    pub(crate) fn of(column: &ColumnDescriptor, place: usize) -> Option<Leaf> {
        let unit = |unit: &TimeUnit| match unit {
            TimeUnit::MILLIS => 1_000_000,
            TimeUnit::MICROS => 1000,
            TimeUnit::NANOS => 1,
        };
        let physical = column.physical_type();
        let meaning = match (column.logical_type_ref(), column.converted_type(), physical) {
            (Some(LogicalType::Timestamp { unit: u, .. }), ..) => Meaning::Time(unit(u)),
            (_, ConvertedType::TIMESTAMP_MILLIS, _) => Meaning::Time(1_000_000),
            (_, ConvertedType::TIMESTAMP_MICROS, _) => Meaning::Time(1000),
            (_, _, PhysicalType::INT96) => Meaning::Time(1),
            (Some(LogicalType::Date), ..) | (_, ConvertedType::DATE, _) => Meaning::Date,
            (Some(LogicalType::Decimal { scale, .. }), ..) => Meaning::Decimal(*scale),
            (_, ConvertedType::DECIMAL, _) => Meaning::Decimal(column.type_scale()),
            (Some(LogicalType::Integer { is_signed: false, .. }), ..) => Meaning::Unsigned,
            (_, ConvertedType::UINT_32 | ConvertedType::UINT_64, _) => Meaning::Unsigned,
            _ => Meaning::Plain,
        };
        let name = column.path().string().into();
        let leaf = Leaf { name, place, physical, meaning, level: column.max_def_level() };
        (column.max_rep_level() == 0).then_some(leaf)
    }

    /// Whether its values are times.
    pub(crate) fn is_time(&self) -> bool {
        matches!(self.meaning, Meaning::Time(_) | Meaning::Date)
    }

    /// Whether a column of another file holds the same.
    pub(crate) fn is_like(&self, other: &Leaf) -> bool {
        (&self.name, self.meaning) == (&other.name, other.meaning)
    }

    /// Reads the values of the next rows, as many as there have to be.
    pub(crate) fn read(&self, reader: &mut ColumnReader, rows: usize) -> Result<Vec<LeafValue>> {
        let whole = |x: i64| self.whole(x);
        let bytes = |x: &[u8]| self.bytes(x);
        match reader {
            ColumnReader::BoolColumnReader(r) => self.values(r, rows, |x| LeafValue::Datum(Datum::Bool(*x))),
            ColumnReader::Int32ColumnReader(r) if self.meaning == Meaning::Unsigned => {
                self.values(r, rows, |x| whole(i64::from(*x as u32)))
            }
            ColumnReader::Int32ColumnReader(r) => self.values(r, rows, |x| whole(i64::from(*x))),
            ColumnReader::Int64ColumnReader(r) => self.values(r, rows, |x| whole(*x)),
            ColumnReader::Int96ColumnReader(r) => self.values(r, rows, |x| LeafValue::Time(julian_us(x))),
            ColumnReader::FloatColumnReader(r) => self.values(r, rows, |x| number(f64::from(*x))),
            ColumnReader::DoubleColumnReader(r) => self.values(r, rows, |x| number(*x)),
            ColumnReader::ByteArrayColumnReader(r) => self.values(r, rows, |x| bytes(x.data())),
            ColumnReader::FixedLenByteArrayColumnReader(r) => self.values(r, rows, |x| bytes(x.data())),
        }
    }

    fn values<T: DataType>(
        &self,
        reader: &mut ColumnReaderImpl<T>,
        rows: usize,
        value: impl Fn(&T::T) -> LeafValue,
    ) -> Result<Vec<LeafValue>> {
        let (mut levels, mut found, mut read) = (Vec::new(), Vec::new(), 0);
        while read < rows {
            let wanted = if self.level > 0 { Some(&mut levels) } else { None };
            let (more, ..) = reader.read_records(rows - read, wanted, None, &mut found)?;
            if more == 0 {
                return Err(ParquetError::EOF(format!("the column ends {} rows early", rows - read)));
            }
            read += more;
        }
        let mut found = found.iter();
        let mut next = || found.next().map_or(LeafValue::Datum(Datum::Null), &value);
        let missing = || LeafValue::Datum(Datum::Null);
        Ok(match self.level {
            0 => (0..rows).map(|_| next()).collect(),
            there => levels.iter().map(|level| if *level == there { next() } else { missing() }).collect(),
        })
    }

    fn whole(&self, x: i64) -> LeafValue {
        match self.meaning {
            Meaning::Time(unit_ns) if unit_ns >= 1000 => LeafValue::Time(x.saturating_mul(unit_ns / 1000)),
            Meaning::Time(_) => LeafValue::Time(x.div_euclid(1000)),
            Meaning::Date => LeafValue::Time(x.saturating_mul(DAY_US)),
            Meaning::Decimal(scale) => number(x as f64 / 10f64.powi(scale)),
            Meaning::Unsigned if x < 0 => name((x as u64).to_string()),
            Meaning::Plain | Meaning::Unsigned if x.unsigned_abs() > WHOLE_MAX => name(x.to_string()),
            Meaning::Plain | Meaning::Unsigned => number(x as f64),
        }
    }

    fn bytes(&self, bytes: &[u8]) -> LeafValue {
        // big-endian, in two's complement
        let whole = || bytes.iter().skip(1).fold(f64::from(bytes[0] as i8), |sum, b| sum * 256.0 + f64::from(*b));
        match (self.meaning, std::str::from_utf8(bytes)) {
            (Meaning::Decimal(scale), _) if !bytes.is_empty() => number(whole() / 10f64.powi(scale)),
            (_, Ok(text)) => name(text.to_owned()),
            (_, Err(_)) => LeafValue::Datum(Datum::Bytes(bytes.into())),
        }
    }
}

fn number(x: f64) -> LeafValue {
    LeafValue::Datum(Datum::Number(x))
}

fn name(text: String) -> LeafValue {
    LeafValue::Datum(Datum::Text(text.into()))
}

/// The microseconds since 1970 of a time that counts Julian days and nanoseconds.
fn julian_us(time: &Int96) -> i64 {
    let [low, high, day] = *time.data() else { return 0 };
    let nanos = i64::from(high) << 32 | i64::from(low);
    (i64::from(day) - JULIAN_1970).saturating_mul(DAY_US).saturating_add(nanos / 1000)
}
