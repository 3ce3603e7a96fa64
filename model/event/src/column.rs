//! What a column holds, guessed from its first values, and how its numbers are written.

use crate::numeral::{Numerals, is_missing, unit_base};
use crate::schema::FieldKind;
use serde::Serialize;

/// Distinct values up to which whole numbers may be names of classes, not readings.
const CLASS_NAMES_MAX: usize = 12;
/// How often each value of a class is there at least, on average.
const CLASS_USES_MIN: usize = 4;
/// Share of numbers from which the texts among them are exceptions.
const NUMBERS_SHARE_MIN: f64 = 0.9;
/// Distinct texts up to which they are exceptions, whatever the share.
const EXCEPTIONS_MAX: usize = 8;
/// Share of numbers from which few distinct texts are exceptions.
const MIXED_SHARE_MIN: f64 = 0.5;
/// Distinct whole numbers from which the shape of their counts tells an order.
const SHAPE_VALUES_MIN: usize = 5;
/// Steps between neighbours that are as long as this share of what chance gives, or longer, are no order.
const STEPS_SHARE_MAX: f64 = 0.75;
/// Steps from which their length tells an order.
const STEPS_MIN: usize = 24;

/// Words in the names of columns that hold names of classes, though these are numbers.
const CLASS_WORDS: &str = "class type id code status label category kind group flag state port zip pid";
/// Words in the names of columns that hold counts or readings: what is counted or measured, and units.
const COUNT_WORDS: &str = "count counts volume num total amount quantity qty size length sum n load visits ns us ms sec \
    secs seconds minutes hours duration latency elapsed bytes kb mb gb kib mib percent pct rate temp temperature \
    pressure humidity speed price cost age depth";

/// The unit of a column of numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnUnit {
    /// The unit's name.
    pub name: String,
    /// What it is a multiple of, and how many of these it is, where it is.
    base: Option<(&'static str, f64)>,
}

/// How the cells of a column are read.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnReading {
    /// What the column holds.
    pub kind: FieldKind,
    /// How its numbers are written.
    pub numerals: Numerals,
    /// The unit of its numbers, if they have one.
    pub unit: Option<ColumnUnit>,
    /// What is not seen at a glance.
    pub why: Option<String>,
}

impl ColumnReading {
    /// A column of this kind.
    pub fn of(kind: FieldKind, numerals: Numerals) -> ColumnReading {
        ColumnReading { kind, numerals, unit: None, why: None }
    }

    /// A number of a unit in the column's own; none if the units do not go together.
    pub fn in_unit(&self, value: f64, unit: &str) -> Option<f64> {
        match &self.unit {
            Some(own) if own.name == unit || unit.is_empty() => Some(value),
            Some(ColumnUnit { base: Some((base, scale)), .. }) => {
                unit_base(unit).filter(|(other, _)| other == base).map(|(_, other)| value * other / scale)
            }
            Some(_) => None,
            // a column without units may have some written with multiples
            None if unit.is_empty() || unit == "%" => Some(value),
            None => unit_base(unit).map(|(_, scale)| value * scale),
        }
    }
}

/// Whether the numbers of a table are written with a decimal comma: where some are that can be nothing else, and none
/// that has a decimal point.
pub fn table_numerals<'a>(cells: impl Iterator<Item = &'a str>) -> Numerals {
    let (mut comma, mut point) = (0, 0);
    for cell in cells.filter(|c| c.contains([',', '.'])) {
        let by = |decimal_comma| Numerals { decimal_comma }.read(cell).map(|n| n.value);
        match (by(true), by(false)) {
            (Some(_), None) => comma += 1,
            (None, Some(_)) => point += 1,
            // both read a single point that does not divide groups of three
            (Some(a), Some(b)) if a == b => point += 1,
            _ => {}
        }
    }
    Numerals { decimal_comma: comma > point }
}

/// How a column of this name with these values is read.
///
/// A column of numbers throughout is a number, and so is one where texts are exceptions. But whole numbers with at
/// most twelve distinct values, each there several times, are a category unless they have an order, by their name or
/// by how they follow each other, and numbers with leading zeros or beyond 2⁵³ are identifiers. Long text with blanks
/// that hardly repeats is text; everything else is a category.
pub fn column_reading(name: &str, cells: &[&str], table: Numerals) -> ColumnReading {
    let values: Vec<&str> = cells.iter().copied().filter(|c| !is_missing(c)).collect();
    if values.is_empty() {
        return ColumnReading::of(FieldKind::Category, table);
    }
    let own = table_numerals(values.iter().copied());
    let numerals = if own.decimal_comma || values.iter().all(|v| own.read(v).is_some()) && !table.decimal_comma {
        own
    } else {
        table
    };
    if let Some(reading) = as_numbers(name, &values, numerals) {
        return reading;
    }
    // text is long, has blanks, and hardly repeats
    let with_blanks = values.iter().filter(|v| v.contains(' ')).count();
    let bytes: usize = values.iter().map(|v| v.len()).sum();
    let long = with_blanks * 2 > values.len() && bytes > 16 * values.len();
    // what programs write has numbers in it, what people write hardly any
    let with_digits = values.iter().filter(|v| v.bytes().any(|b| b.is_ascii_digit())).count();
    let kind = match (long && distinct(&values) * 2 > values.len(), with_digits * 2 > values.len()) {
        (true, true) => FieldKind::Line,
        (true, false) => FieldKind::Text,
        (false, _) => FieldKind::Category,
    };
    ColumnReading::of(kind, numerals)
}

fn distinct(values: &[&str]) -> usize {
    let mut all = values.to_vec();
    all.sort_unstable();
    all.dedup();
    all.len()
}

/// The reading of a column that holds numbers; none of one that does not.
fn as_numbers(name: &str, values: &[&str], numerals: Numerals) -> Option<ColumnReading> {
    let read: Vec<_> = values.iter().map(|v| (*v, numerals.read(v))).collect();
    let texts: Vec<&str> = read.iter().filter(|(_, n)| n.is_none()).map(|(v, _)| *v).collect();
    let numbers: Vec<_> = read.iter().filter_map(|(v, n)| n.map(|n| (*v, n))).collect();
    let share = numbers.len() as f64 / values.len() as f64;
    let exceptions = distinct(&texts);
    let many = distinct(&numbers.iter().map(|(v, _)| *v).collect::<Vec<_>>()) > CLASS_NAMES_MAX;
    // one text does not make names of readings
    let readings = many || numbers.iter().any(|(_, n)| n.value.fract() != 0.0);
    let may_mix = readings && (share >= NUMBERS_SHARE_MIN || share >= MIXED_SHARE_MIN && exceptions <= EXCEPTIONS_MAX);
    if !texts.is_empty() && !may_mix {
        return None;
    }
    let unit = column_unit(&numbers.iter().map(|(_, n)| n.unit).collect::<Vec<_>>())?;
    let identifiers = |why: &str| {
        let why = Some(format!("column {name:?} holds identifiers: {why}"));
        Some(ColumnReading { why, ..ColumnReading::of(FieldKind::Category, numerals) })
    };
    if numbers.iter().any(|(_, n)| n.rounded) {
        return identifiers("whole numbers beyond 2^53");
    }
    let digits = |v: &str| v.bytes().all(|b| b.is_ascii_digit());
    if numbers.iter().any(|(v, _)| v.len() > 1 && v.starts_with('0') && digits(v)) {
        return identifiers("digits with leading zeros");
    }
    let whole = numbers.iter().all(|(v, _)| v.bytes().all(|b| b.is_ascii_digit() || b == b'-' || b == b'+'));
    let sequence: Vec<i64> = numbers.iter().map(|(_, n)| n.value as i64).collect();
    let classes = if whole { distinct(values) } else { usize::MAX };
    let mut why = unit.as_ref().map(|u| format!("column {name:?} is in {}", u.name));
    if classes <= CLASS_NAMES_MAX && classes * CLASS_USES_MIN <= values.len() {
        if !has_order(name, &sequence) {
            return Some(ColumnReading::of(FieldKind::Category, numerals));
        }
        let of_few = "has few distinct values, but they are in an order, or its name tells: a number";
        why = why.or_else(|| (classes > 1).then(|| format!("column {name:?} {of_few}")));
    }
    if !texts.is_empty() {
        why = Some(format!("column {name:?} holds numbers and, as {name}.text, some texts"));
    } else if numerals.decimal_comma {
        why = why.or_else(|| Some(format!("column {name:?} has decimal commas")));
    }
    Some(ColumnReading { unit, why, ..ColumnReading::of(FieldKind::Number, numerals) })
}

/// The unit of numbers that have these: the one that all have, or the base that theirs are multiples of. None inside
/// where there is no unit, none outside where they do not go together.
fn column_unit(units: &[&str]) -> Option<Option<ColumnUnit>> {
    let mut named: Vec<&str> = units.iter().copied().filter(|u| !u.is_empty()).collect();
    named.sort_unstable();
    named.dedup();
    match named.as_slice() {
        [] => Some(None),
        // multiples without a unit, as 1.2k and 3M, are numbers
        _ if named.iter().all(|u| unit_base(u).is_some_and(|(base, _)| base.is_empty())) => Some(None),
        [one] => Some(Some(ColumnUnit { name: (*one).to_owned(), base: unit_base(one) })),
        [first, rest @ ..] => {
            let (base, _) = unit_base(first)?;
            let alike = rest.iter().all(|u| unit_base(u).is_some_and(|(other, _)| other == base));
            alike.then(|| Some(ColumnUnit { name: base.to_owned(), base: Some((base, 1.0)) }))
        }
    }
}

/// Whether few distinct whole numbers have an order, as counts do, or are names of classes.
///
/// The name of the column may tell. Else, one value is a reading that stands still, and two are a class. Of more,
/// values that leave most of their range out (200, 404, 500) are names. What is left are counts where neighbours that
/// differ are nearer to each other than chance would put them, or where five or more values become ever less frequent
/// to both sides of the most frequent one.
fn has_order(name: &str, sequence: &[i64]) -> bool {
    let mut counts: std::collections::BTreeMap<i64, usize> = std::collections::BTreeMap::new();
    for x in sequence {
        *counts.entry(*x).or_default() += 1;
    }
    let values: Vec<i64> = counts.keys().copied().collect();
    if has_word(name, CLASS_WORDS) {
        return false;
    }
    if values.len() == 1 || has_word(name, COUNT_WORDS) {
        return true;
    }
    if values.len() == 2 {
        return false;
    }
    let steps: Vec<i64> = values.windows(2).map(|w| w[1] - w[0]).collect();
    let step = steps.iter().copied().fold(0, gcd).max(1);
    let range = (values[values.len() - 1] - values[0]) / step + 1;
    if (values.len() as i64) * 2 < range {
        return false;
    }
    moves_in_steps(&values, &counts, sequence) || values.len() >= SHAPE_VALUES_MIN && has_one_hill(&counts)
}

/// Whether a column of this name holds names of classes, though these may be numbers.
pub(crate) fn names_classes(name: &str) -> bool {
    has_word(name, CLASS_WORDS)
}

fn has_word(name: &str, list: &str) -> bool {
    let among = |word: &str| list.split_ascii_whitespace().any(|other| other == word);
    name.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(among)
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Whether neighbours that differ are nearer to each other, by rank, than chance would put them.
fn moves_in_steps(values: &[i64], counts: &std::collections::BTreeMap<i64, usize>, sequence: &[i64]) -> bool {
    let rank = |x: i64| values.partition_point(|v| *v < x) as f64;
    let moves: Vec<f64> =
        sequence.windows(2).filter(|w| w[0] != w[1]).map(|w| (rank(w[0]) - rank(w[1])).abs()).collect();
    let (mut expected, mut weight) = (0.0, 0.0);
    for (i, (_, a)) in counts.iter().enumerate() {
        for (k, (_, b)) in counts.iter().enumerate().filter(|(k, _)| *k != i) {
            let pairs = (*a as f64) * (*b as f64);
            expected += pairs * i.abs_diff(k) as f64;
            weight += pairs;
        }
    }
    let mean = moves.iter().sum::<f64>() / moves.len().max(1) as f64;
    moves.len() >= STEPS_MIN && mean < STEPS_SHARE_MAX * expected / weight.max(1.0)
}

/// Whether the counts rise to one value and fall from it, as far as chance allows to tell.
fn has_one_hill(counts: &std::collections::BTreeMap<i64, usize>) -> bool {
    let heights: Vec<f64> = counts.values().map(|n| *n as f64).collect();
    let top = heights.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(i, _)| i);
    // twice the deviation of a difference of counts
    let falls = |from: f64, to: f64| to <= from + 2.0 * (from + to).sqrt();
    let spread = heights[top] > 2.0 * heights.iter().copied().fold(f64::INFINITY, f64::min);
    spread
        && heights[top..].windows(2).all(|w| falls(w[0], w[1]))
        && heights[..=top].windows(2).all(|w| falls(w[1], w[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str, values: &[String]) -> FieldKind {
        column_reading(name, &values.iter().map(String::as_str).collect::<Vec<_>>(), Numerals::default()).kind
    }

    fn many(f: impl Fn(usize) -> String) -> Vec<String> {
        (0..200).map(f).collect()
    }

    /// Numbers that look random, below a bound.
    fn noise(i: usize, below: usize) -> usize {
        let mixed = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 33) as usize % below
    }

    #[test]
    fn columns_are_judged_by_their_values() {
        assert_eq!(kind("x", &many(|i| format!("{}", i % 2))), FieldKind::Category, "a class");
        assert_eq!(kind("x", &many(|i| format!("{}.0", i % 2))), FieldKind::Number, "readings");
        assert_eq!(kind("x", &many(|i| format!("{}", i * i))), FieldKind::Number, "a count");
        let holes = many(|i| if i % 3 == 0 { "NA".into() } else { format!("{}", i * i) });
        assert_eq!(kind("x", &holes), FieldKind::Number, "holes");
        assert_eq!(kind("x", &many(|i| format!("host-{}", i % 7))), FieldKind::Category);
        assert_eq!(kind("x", &many(|i| format!("request {i} took {} ms", i * 3))), FieldKind::Line);
        let letter = |i: usize| char::from(b'a' + (i % 26) as u8);
        let prose = |i: usize| format!("{} said that it was time for {} to go", letter(i), letter(i / 26));
        assert_eq!(kind("x", &many(prose)), FieldKind::Text);
        assert_eq!(kind("x", &["1", "2", "3"].map(String::from)), FieldKind::Number, "too few to tell names");
        let ids = many(|i| format!("{}", 9_007_199_254_740_993u64 + 2 * i as u64));
        assert_eq!(kind("x", &ids), FieldKind::Category, "identifiers");
        assert_eq!(kind("x", &many(|i| format!("{i:05}"))), FieldKind::Category, "postal codes");
        let mixed = many(|i| if i % 20 == 7 { "timeout".into() } else { format!("{}.5", i) });
        assert_eq!(kind("x", &mixed), FieldKind::Number, "texts are exceptions");
        assert_eq!(
            kind("x", &many(|i| if i % 2 == 0 { "a".into() } else { format!("{}", i % 3) })),
            FieldKind::Category
        );
    }

    #[test]
    fn few_whole_numbers_are_counts_where_they_have_an_order() {
        // sums of throws have a hill, walks have steps
        let thrown = many(|i| {
            format!("{}", (0..4).filter(|k| noise(i * 4 + k, 3) == 0).count() + noise(i + 7, 2) + noise(i + 11, 2))
        });
        assert_eq!(kind("x", &thrown), FieldKind::Number, "counts around a mean");
        let walk = many(|i| format!("{}", [0, 1, 2, 3, 3, 2, 1, 0][i % 8]));
        assert_eq!(kind("x", &walk), FieldKind::Number, "a level that moves by one");
        let classes = many(|i| format!("{}", noise(i, 4)));
        assert_eq!(kind("x", &classes), FieldKind::Category, "classes in any order");
        let codes = many(|i| ["200", "200", "200", "304", "404", "500"][noise(i, 6)].to_owned());
        assert_eq!(kind("x", &codes), FieldKind::Category, "codes leave most of their range out");
        assert_eq!(kind("order_type", &walk), FieldKind::Category, "the name tells");
        assert_eq!(kind("visits", &classes), FieldKind::Number, "the name tells");
        let cycle = |name| kind(name, &many(|i| format!("{}", 10 + i % 3)));
        assert_eq!(
            (cycle("ms"), cycle("took_ms"), cycle("x")),
            (FieldKind::Number, FieldKind::Number, FieldKind::Category)
        );
        let still = |name| kind(name, &many(|_| "7".into()));
        assert_eq!((still("x"), still("code")), (FieldKind::Number, FieldKind::Category), "one value tells little");
    }

    #[test]
    fn numbers_have_their_own_marks_and_units() {
        let read = |cells: &[&str]| column_reading("x", cells, table_numerals(cells.iter().copied()));
        let german = read(&["1,5", "1.234,5", "2.000"]);
        assert_eq!((german.kind, german.numerals.decimal_comma), (FieldKind::Number, true));
        assert!(!read(&["1,234", "2,345", "0.5"]).numerals.decimal_comma);
        let ms = read(&["12 ms", "15 ms", "7"]);
        assert_eq!((ms.kind, ms.in_unit(2.0, "s"), ms.in_unit(2.0, "kB")), (FieldKind::Number, Some(2000.0), None));
        let mixed = read(&["12 ms", "1.5 s"]);
        assert_eq!((mixed.in_unit(12.0, "ms"), mixed.in_unit(1.5, "s")), (Some(0.012), Some(1.5)));
        let multiples = read(&["1.2k", "950", "3M"]);
        assert_eq!((multiples.unit.is_none(), multiples.in_unit(1.2, "k")), (true, Some(1200.0)));
        assert_eq!(read(&["3a", "4b", "5c"]).kind, FieldKind::Category);
        assert_eq!(read(&["12%", "13.5%"]).unit.unwrap().name, "%");
    }
}
