//! One value of a recording, written as text.

use crate::infer::is_missing;
use surmise_event::{Datum, Refusal, RefusalCode};

/// Characters of a value that an error message repeats.
const SHOWN_CHARS_MAX: usize = 40;

/// A number; a text that is empty, `NA` or the like is a missing value.
///
/// # Errors
/// The text is something else, or an infinite number.
pub(crate) fn number(text: &str, field: &str) -> Result<Datum, Refusal> {
    if is_missing(text) {
        return Ok(Datum::Null);
    }
    match text.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(Datum::Number(x)),
        Ok(x) => {
            let reason = format!("{x} is not a finite number; leave the cell empty for a missing value");
            Err(Refusal::new(RefusalCode::NotFinite, field, reason))
        }
        Err(_) => {
            let got: String = text.chars().take(SHOWN_CHARS_MAX).collect();
            let reason = format!("expected a number, got {got:?}; --field {field}:category reads names");
            Err(Refusal::new(RefusalCode::WrongType, field, reason))
        }
    }
}
