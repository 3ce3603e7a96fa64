//! How the cells of a table's columns are read: numbers as people write them, told as in recordings by the first rows.

use csv::StringRecord;
use surmise_event::{ColumnReading, Datum, FieldKind, Numerals, Schema, column_reading, is_missing, table_numerals};

/// How the cells of one column are read.
#[derive(Debug)]
pub enum CellReading {
    /// A cell is what it looks like, in numbers that are written so.
    Looks(Numerals),
    /// Numbers, which the stream's fields say that they are, perhaps with a unit.
    Numbers(ColumnReading),
}

impl CellReading {
    /// How the cells of a table are read that begins with these rows, of which there may be more at the next start. The
    /// kinds of columns are those that are declared, and the unit of a number is that of the first row, so that a cell
    /// means the same after a start; all rows say how numbers are written.
    pub fn of_table(names: &[Box<str>], rows: &[StringRecord], declared: &Schema) -> Vec<CellReading> {
        let table = table_numerals(rows.iter().flatten().map(str::trim));
        let of_column = |(place, name): (usize, &str)| {
            let cells: Vec<&str> = rows.iter().take(1).map(|row| row.get(place).unwrap_or_default().trim()).collect();
            let told = column_reading(name, &cells, table);
            let is_number = declared.fields.iter().any(|f| *f.name == *name && f.kind == FieldKind::Number);
            match is_number {
                true if told.kind == FieldKind::Number => CellReading::Numbers(told),
                true => CellReading::Numbers(ColumnReading::of(FieldKind::Number, told.numerals)),
                false => CellReading::Looks(told.numerals),
            }
        };
        names.iter().map(|name| &**name).enumerate().map(of_column).collect()
    }

    /// What a cell holds. A text among numbers stays a text, which goes to the field's companion.
    pub fn read(&self, cell: &str) -> Datum {
        let cell = cell.trim();
        let is_plain = |c: char| c.is_ascii_digit() || matches!(c, ',' | '.' | '-' | '+' | 'e' | 'E');
        match self {
            _ if is_missing(cell) => Datum::Null,
            CellReading::Looks(numerals) if numerals.decimal_comma && cell.chars().all(is_plain) => {
                match numerals.read(cell).filter(|n| n.value.is_finite() && !has_leading_zero(cell)) {
                    Some(number) => Datum::Number(number.value),
                    None => Datum::Text(cell.into()),
                }
            }
            CellReading::Looks(_) => datum(cell),
            CellReading::Numbers(reading) => {
                match reading.numerals.read(cell).and_then(|n| reading.in_unit(n.value, n.unit)) {
                    Some(value) if value.is_finite() => Datum::Number(value),
                    Some(_) => Datum::Null,
                    None => Datum::Text(cell.into()),
                }
            }
        }
    }
}

/// What a cell of a table holds: a number if it looks like one, nothing if it stands for nothing, else a text.
pub fn datum(cell: &str) -> Datum {
    let cell = cell.trim();
    match cell.parse::<f64>() {
        _ if cell.is_empty() || is_missing(cell) => Datum::Null,
        Ok(number) if number.is_finite() && !has_leading_zero(cell) => Datum::Number(number),
        _ => Datum::Text(cell.into()),
    }
}

/// Whether a number begins with a needless zero: it is a name then, such as a postcode.
fn has_leading_zero(number: &str) -> bool {
    let digits = number.trim_start_matches(['-', '+']);
    digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::Field;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        let names: Vec<Box<str>> = ["id", "ü", "took", "zip"].map(Into::into).into();
        let row = |cells: [&str; 4]| StringRecord::from(cells.to_vec());
        let rows = [row(["a", "0,5", "12 ms", "01067"]), row(["b", "1.234,5", "15 ms", "01069"])];
        let read = |declared: &[&str], cells: [&str; 4]| {
            let declared = Schema::new(declared.iter().map(|name| Field::new(*name, FieldKind::Number)));
            let readings = CellReading::of_table(&names, &rows, &declared);
            readings.iter().zip(cells).map(|(reading, cell)| reading.read(cell)).collect::<Vec<_>>()
        };
        let text = |text: &str| Datum::Text(text.into());
        let inferred = read(&[], ["a", "-2.000,25", "12 ms", "01067"]);
        assert_eq!(inferred, [text("a"), Datum::Number(-2000.25), text("12 ms"), text("01067")]);
        let declared = read(&["ü", "took"], ["NA", "2,5", "2 s", "1"]);
        assert_eq!(declared, [Datum::Null, Datum::Number(2.5), Datum::Number(2000.0), Datum::Number(1.0)]);
        assert_eq!(read(&["ü"], ["10.0.0.1", "off", "", "1"])[..3], [text("10.0.0.1"), text("off"), Datum::Null]);
    }
}
