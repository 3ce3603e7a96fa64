//! What a column holds, guessed from its first values.

use surmise_event::{FieldKind, parse_time};

/// Rows that are read to guess what columns hold, before the first row becomes an event.
pub(crate) const SAMPLE_ROWS_MAX: usize = 200;
/// Distinct values up to which whole numbers are names of classes, not readings.
const CLASS_NAMES_MAX: usize = 12;

/// Whether a cell holds no value.
pub(crate) fn is_missing(cell: &str) -> bool {
    const WORDS: [&str; 7] = ["na", "n/a", "nan", "null", "none", "?", "-"];
    cell.is_empty() || cell.len() <= 4 && WORDS.iter().any(|w| cell.eq_ignore_ascii_case(w))
}

/// The kind of a column with these values.
///
/// A column of numbers throughout is a number, except that whole numbers with at most twelve distinct values, each of
/// them there several times, are a category. Long text with blanks that hardly repeats is text; everything else is a
/// category.
pub(crate) fn kind_of(cells: &[&str]) -> FieldKind {
    let values: Vec<&str> = cells.iter().copied().filter(|c| !is_missing(c)).collect();
    if values.is_empty() {
        return FieldKind::Category;
    }
    let mut distinct = values.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if values.iter().all(|v| v.parse::<f64>().is_ok_and(f64::is_finite)) {
        let whole = values.iter().all(|v| v.bytes().all(|b| b.is_ascii_digit() || b == b'-' || b == b'+'));
        let few = distinct.len() <= CLASS_NAMES_MAX && distinct.len() * 4 <= values.len();
        return if whole && few { FieldKind::Category } else { FieldKind::Number };
    }
    // text is long, has blanks, and hardly repeats
    let with_blanks = values.iter().filter(|v| v.contains(' ')).count();
    let bytes: usize = values.iter().map(|v| v.len()).sum();
    let long = with_blanks * 2 > values.len() && bytes > 16 * values.len();
    if long && distinct.len() * 2 > values.len() { FieldKind::Text } else { FieldKind::Category }
}

/// Whether a column holds the events' times: dates throughout that never go back.
pub(crate) fn is_time(cells: &[&str]) -> bool {
    let times: Vec<i64> =
        cells.iter().filter(|c| c.parse::<f64>().is_err()).filter_map(|c| parse_time(c).ok()).collect();
    !cells.is_empty() && times.len() == cells.len() && times.is_sorted()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_judged_by_their_values() {
        let many = |f: &dyn Fn(usize) -> String| (0..100).map(f).collect::<Vec<_>>();
        let kind = |v: Vec<String>| kind_of(&v.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(kind(many(&|i| format!("{}", i % 2))), FieldKind::Category, "a class");
        assert_eq!(kind(many(&|i| format!("{}.0", i % 2))), FieldKind::Number, "readings");
        assert_eq!(kind(many(&|i| format!("{}", i * i))), FieldKind::Number, "a count");
        assert_eq!(
            kind(many(&|i| if i % 3 == 0 { "NA".into() } else { format!("{}", i * i) })),
            FieldKind::Number,
            "holes"
        );
        assert_eq!(kind(many(&|i| format!("host-{}", i % 7))), FieldKind::Category);
        assert_eq!(kind(many(&|i| format!("request {i} took {} ms", i * 3))), FieldKind::Text);
        assert_eq!(kind_of(&["1", "2", "3"]), FieldKind::Number, "too few to tell names");
        assert!(is_time(&["2016-07-01 00:00:00", "2016-07-01 01:00:00"]) && !is_time(&["1", "2"]) && !is_time(&["x"]));
        assert!(!is_time(&["2016-07-02", "2016-07-01"]));
    }
}
