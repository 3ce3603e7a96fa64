//! Records as a Parquet file: a column a field, compressed by zstd, in row groups of bounded size.

use super::columns::{CellKind, WrittenColumns, text_of};
use super::writer::{RecordWriter, RecordingOutput, WriteError};
use crate::roles::{ColumnRoles, ROLES_KEY};
use parquet::basic::{Compression, ConvertedType, Repetition, Type as PhysicalType, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;
use std::io::{BufWriter, Write};
use std::sync::Arc;
use surmise_event::{Datum, Record};

/// Rows of a row group at most.
const GROUP_ROWS_MAX: usize = 1 << 16;
/// Bytes of texts in a row group, nearly.
const GROUP_BYTES_MAX: usize = 16 << 20;

/// The values of a column in the row group that is being gathered.
enum GatheredValues {
    Bool(Vec<bool>),
    Whole(Vec<i64>),
    Number(Vec<f64>),
    Text(Vec<ByteArray>),
}

struct GatheredColumn {
    /// `[rows]`: 1 where there is a value, 0 where it is missing.
    levels: Vec<i16>,
    values: GatheredValues,
}

impl GatheredColumn {
    fn new(values: GatheredValues) -> GatheredColumn {
        GatheredColumn { levels: Vec::new(), values }
    }

    /// Adds a value, or a missing one; returns the bytes of its text.
    fn push(&mut self, datum: &Datum) -> usize {
        let mut bytes = 0;
        let is_there = match (&mut self.values, datum) {
            (GatheredValues::Bool(values), Datum::Bool(yes)) => {
                values.push(*yes);
                true
            }
            (GatheredValues::Whole(values), Datum::Number(x)) => {
                values.push(*x as i64);
                true
            }
            (GatheredValues::Number(values), Datum::Number(x)) => {
                values.push(*x);
                true
            }
            (GatheredValues::Text(values), datum) => match text_of(datum) {
                Some(text) => {
                    bytes = text.len();
                    values.push(ByteArray::from(text.as_bytes().to_vec()));
                    true
                }
                None => false,
            },
            (GatheredValues::Bool(_) | GatheredValues::Whole(_) | GatheredValues::Number(_), _) => false,
        };
        self.levels.push(i16::from(is_there));
        bytes
    }

    /// Adds a time, or a missing one, to a column of whole numbers.
    fn push_time(&mut self, time_us: Option<i64>) {
        if let (GatheredValues::Whole(values), Some(time_us)) = (&mut self.values, time_us) {
            values.push(time_us);
        }
        self.levels.push(i16::from(time_us.is_some()));
    }

    /// Writes the column into the row group, and empties it.
    fn write(&mut self, mut column: SerializedColumnWriter<'_>) -> Result<()> {
        let levels = Some(&*self.levels);
        match &mut self.values {
            GatheredValues::Bool(values) => {
                column.typed::<BoolType>().write_batch(values, levels, None)?;
                values.clear();
            }
            GatheredValues::Whole(values) => {
                column.typed::<Int64Type>().write_batch(values, levels, None)?;
                values.clear();
            }
            GatheredValues::Number(values) => {
                column.typed::<DoubleType>().write_batch(values, levels, None)?;
                values.clear();
            }
            GatheredValues::Text(values) => {
                column.typed::<ByteArrayType>().write_batch(values, levels, None)?;
                values.clear();
            }
        }
        self.levels.clear();
        column.close()
    }
}

pub(crate) struct ParquetWriter {
    file: SerializedFileWriter<BufWriter<RecordingOutput>>,
    columns: WrittenColumns,
    /// The time, the key and the end, as far as there are any, then the fields.
    gathered: Vec<GatheredColumn>,
    roles: ColumnRoles,
    rows: usize,
    bytes: usize,
}

impl ParquetWriter {
    pub(crate) fn begin(
        output: RecordingOutput,
        columns: WrittenColumns,
    ) -> std::result::Result<ParquetWriter, WriteError> {
        let roles = columns.roles();
        let (mut types, mut gathered) = (Vec::new(), Vec::new());
        if let Some(name) = &roles.time {
            types.push(leaf(name, PhysicalType::INT64, ConvertedType::TIMESTAMP_MICROS)?);
            gathered.push(GatheredColumn::new(GatheredValues::Whole(Vec::new())));
        }
        if let Some(name) = &roles.key {
            types.push(leaf(name, PhysicalType::BYTE_ARRAY, ConvertedType::UTF8)?);
            gathered.push(GatheredColumn::new(GatheredValues::Text(Vec::new())));
        }
        if let Some(name) = &roles.end {
            types.push(leaf(name, PhysicalType::BOOLEAN, ConvertedType::NONE)?);
            gathered.push(GatheredColumn::new(GatheredValues::Bool(Vec::new())));
        }
        for (name, kind) in columns.fields() {
            let (physical, converted, values) = match kind {
                CellKind::Bool => (PhysicalType::BOOLEAN, ConvertedType::NONE, GatheredValues::Bool(Vec::new())),
                CellKind::Whole => (PhysicalType::INT64, ConvertedType::NONE, GatheredValues::Whole(Vec::new())),
                CellKind::Number => (PhysicalType::DOUBLE, ConvertedType::NONE, GatheredValues::Number(Vec::new())),
                CellKind::Nothing | CellKind::Text => {
                    (PhysicalType::BYTE_ARRAY, ConvertedType::UTF8, GatheredValues::Text(Vec::new()))
                }
            };
            types.push(leaf(name, physical, converted)?);
            gathered.push(GatheredColumn::new(values));
        }
        let schema = Type::group_type_builder("recording").with_fields(types).build()?;
        let told = serde_json::to_string(&roles).map_err(std::io::Error::from)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_key_value_metadata(Some(vec![KeyValue::new(ROLES_KEY.to_owned(), told)]))
            .build();
        let file = SerializedFileWriter::new(BufWriter::new(output), Arc::new(schema), Arc::new(properties))?;
        Ok(ParquetWriter { file, columns, gathered, roles, rows: 0, bytes: 0 })
    }

    /// Writes the rows that were gathered.
    fn write_group(&mut self) -> Result<()> {
        let mut group = self.file.next_row_group()?;
        for column in &mut self.gathered {
            // there are as many as the schema has
            let Some(writer) = group.next_column()? else { break };
            column.write(writer)?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

/// A column whose values may be missing.
fn leaf(name: &str, physical: PhysicalType, converted: ConvertedType) -> Result<Arc<Type>> {
    let builder = Type::primitive_type_builder(name, physical);
    Ok(Arc::new(builder.with_repetition(Repetition::OPTIONAL).with_converted_type(converted).build()?))
}

impl RecordWriter for ParquetWriter {
    fn write(&mut self, record: &Record) -> std::result::Result<(), WriteError> {
        let cells = self.columns.cells(record)?;
        let mut columns = self.gathered.iter_mut();
        if self.roles.time.is_some()
            && let Some(column) = columns.next()
        {
            column.push_time(record.time_us);
        }
        let mut push = |datum: &Datum| self.bytes += columns.next().map_or(0, |column| column.push(datum));
        if self.roles.key.is_some() {
            push(&record.key.clone().map_or(Datum::Null, Datum::Text));
        }
        if self.roles.end.is_some() {
            push(&Datum::Bool(record.end));
        }
        cells.iter().for_each(|cell| push(cell));
        self.rows += 1;
        if self.rows >= GROUP_ROWS_MAX || self.bytes >= GROUP_BYTES_MAX {
            self.write_group()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> std::result::Result<(), WriteError> {
        if self.rows > 0 {
            self.write_group()?;
        }
        let ParquetWriter { file, .. } = *self;
        Ok(file.into_inner()?.flush()?)
    }
}
