//! One value of a recording, written as text.

use crate::error::SourceError;
use crate::oddity::{OddityKind, OddityLog, Place};
use surmise_event::{ColumnReading, Datum, FieldKind, Refusal, RefusalCode, is_missing};

/// Characters of a value that an error message repeats.
const SHOWN_CHARS_MAX: usize = 40;

/// A cell as a value of a field. A text among numbers stays a text, which goes to the field's companion.
///
/// # Errors
/// The cell does not hold what the column does, and the recording is read strictly.
pub(crate) fn datum(
    cell: &str,
    field: &str,
    reading: &ColumnReading,
    place: Place<'_>,
    odd: &OddityLog,
) -> Result<Datum, SourceError> {
    match reading.kind {
        FieldKind::Number => number(cell, field, reading, place, odd),
        FieldKind::Category | FieldKind::Text | FieldKind::Byte | FieldKind::Gap | FieldKind::Line => {
            Ok(if cell.is_empty() { Datum::Null } else { Datum::Text(cell.into()) })
        }
    }
}

fn number(
    cell: &str,
    field: &str,
    reading: &ColumnReading,
    place: Place<'_>,
    odd: &OddityLog,
) -> Result<Datum, SourceError> {
    if is_missing(cell) {
        return Ok(Datum::Null);
    }
    let read = reading.numerals.read(cell).and_then(|n| Some((reading.in_unit(n.value, n.unit)?, n.rounded)));
    match read {
        Some((value, rounded)) if value.is_finite() => {
            if rounded {
                let reason =
                    format!("beyond 2^53 not every whole number can be held; --field {field}:category keeps it");
                odd.note(OddityKind::Rounded, place, Refusal::new(RefusalCode::WrongType, field, reason), cell)?;
            }
            Ok(Datum::Number(value))
        }
        Some((value, _)) => {
            let reason = format!("{value} is not a finite number; leave the cell empty for a missing value");
            odd.note(OddityKind::NotFinite, place, Refusal::new(RefusalCode::NotFinite, field, reason), cell)?;
            Ok(Datum::Null)
        }
        None => {
            let got: String = cell.chars().take(SHOWN_CHARS_MAX).collect();
            let reason = format!("expected a number, got {got:?}; --field {field}:category reads names");
            odd.note(OddityKind::TextInNumbers, place, Refusal::new(RefusalCode::WrongType, field, reason), cell)?;
            Ok(Datum::Text(cell.into()))
        }
    }
}
