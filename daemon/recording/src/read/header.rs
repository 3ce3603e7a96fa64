//! Where the columns of a table have their names from, and what divides its cells.

use csv::StringRecord;
use std::collections::{HashSet, VecDeque};
use surmise_event::{CivilTime, Numerals, is_missing};
use surmise_protocol::is_time_name;

/// The characters that divide cells; of equally frequent ones the first counts.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Lines by which the separator is told.
const LINES_SAMPLED: usize = 50;

/// Bytes of a column's name at most.
const NAME_BYTES_MAX: usize = 256;

/// The separator: a tab in files that are named so, what a line `sep=;` says, or the one of which the first line has
/// most, those first that divide the lines after it alike.
pub(crate) fn separator(name: &str, head: &[u8]) -> u8 {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let mut lines = head.split(|b| *b == b'\n').filter(|l| !l.trim_ascii().is_empty() && !is_remark(l)).peekable();
    if let Some([s]) = lines.peek().and_then(|l| l.trim_ascii_end().strip_prefix(b"sep=")) {
        return *s;
    }
    if name.ends_with(".tsv") || name.contains(".tsv.") {
        return b'\t';
    }
    let lines: Vec<&[u8]> = lines.take(LINES_SAMPLED).collect();
    let Some((header, rows)) = lines.split_first() else { return b',' };
    let count = |line: &[u8], separator: u8| {
        let mut quoted = false;
        let outside = line.iter().filter(|b| {
            quoted ^= **b == b'"';
            !quoted && **b == separator
        });
        outside.count()
    };
    let rank = |separator: u8| {
        let columns = count(header, separator);
        let alike = rows.iter().filter(|row| count(row, separator) == columns).count();
        (columns > 0 && alike * 2 >= rows.len(), columns)
    };
    SEPARATORS.into_iter().rev().max_by_key(|s| rank(*s)).unwrap_or(b',')
}

/// Whether a line before the header is a remark.
pub(crate) fn is_remark(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"#")
}

/// Whether a record is the line in which a spreadsheet names its separator.
pub(crate) fn is_separator_line(first_cell: &str) -> bool {
    first_cell.starts_with("sep=") && first_cell.len() <= 5
}

/// Whether the first row of a table names its columns: not where it holds numbers or times as the rows below it do.
pub(crate) fn is_header(first: &StringRecord, rows: &VecDeque<StringRecord>) -> bool {
    let is_value = |cell: &str| {
        let cell = cell.trim();
        !is_missing(cell)
            && (is_number(cell) || CivilTime::parse(cell, Some(surmise_event::DateOrder::DayFirst)).is_some())
    };
    let valued: Vec<usize> = (0..first.len()).filter(|i| is_value(&first[*i])).collect();
    if valued.is_empty() || is_count(first) || are_years(first, &valued) {
        return true;
    }
    // numbers over texts may be names
    let below = |i: usize| rows.iter().filter(|row| row.get(i).is_some_and(is_value)).count() * 2 >= rows.len();
    !valued.iter().all(|i| below(*i))
}

fn is_number(cell: &str) -> bool {
    [false, true]
        .into_iter()
        .any(|decimal_comma| Numerals { decimal_comma }.read(cell).is_some_and(|n| n.unit.len() <= 1))
}

/// Whether the cells count: 0, 1, 2 and so on, or from 1, behind an empty one or far enough to be no chance.
fn is_count(first: &StringRecord) -> bool {
    const CHANCE_MAX: usize = 4;
    let cells: Vec<&str> = first.iter().map(str::trim).collect();
    let has_index = cells.first().is_some_and(|c| c.is_empty());
    let cells = if has_index { &cells[1..] } else { &cells[..] };
    let from = |start: usize| cells.iter().enumerate().all(|(i, c)| c.parse() == Ok(i + start));
    (has_index || cells.len() > CHANCE_MAX) && (from(0) || from(1))
}

/// Whether the numbers are years that rise, and something else stands before them.
fn are_years(first: &StringRecord, valued: &[usize]) -> bool {
    let years: Vec<u32> = valued.iter().filter_map(|i| first[*i].trim().parse().ok()).collect();
    let rise = years.windows(2).all(|w| w[1] > w[0]) && years.iter().all(|y| (1900..2100).contains(y));
    valued.len() >= 2 && years.len() == valued.len() && rise && valued.len() < first.len()
}

/// The names of the columns, each once: those of the header, or `c1`, `c2` and so on where there is none. Notes tell
/// of those that had to be made.
pub(crate) fn column_names(first: &StringRecord, is_header: bool, notes: &mut Vec<String>) -> Vec<Box<str>> {
    let mut names: Vec<Box<str>> = Vec::with_capacity(first.len());
    let mut taken: HashSet<Box<str>> = HashSet::new();
    let mut renamed: Vec<String> = Vec::new();
    for (i, cell) in first.iter().enumerate() {
        let cell = cell.trim();
        let length = (0..=cell.len().min(NAME_BYTES_MAX)).rev().find(|n| cell.is_char_boundary(*n)).unwrap_or(0);
        let base = if is_header && !cell.is_empty() { cell[..length].to_owned() } else { format!("c{}", i + 1) };
        let mut name: Box<str> = base.clone().into();
        let mut uses = 1;
        while !taken.insert(name.clone()) {
            uses += 1;
            name = format!("{base}.{uses}").into();
        }
        if is_header && *name != *cell {
            renamed.push(format!("{cell:?} is {name:?}"));
        }
        names.push(name);
    }
    if !is_header {
        notes.push(format!("the table has no header: columns are c1 to c{}, as --header no would say", first.len()));
    } else if !renamed.is_empty() {
        notes.push(format!("columns without a name of their own: {}", renamed.join(", ")));
    }
    names
}

/// The only name of those that can be one of times, if there is one.
pub(crate) fn only_time_name<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut named = names.filter(|name| is_time_name(name) || name.eq_ignore_ascii_case("date"));
    named.next().filter(|_| named.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(cells: &[&str], rows: &[&[&str]]) -> bool {
        let rows = rows.iter().map(|r| StringRecord::from(r.to_vec())).collect();
        is_header(&StringRecord::from(cells.to_vec()), &rows)
    }

    #[test]
    fn a_header_is_told_from_a_row() {
        assert!(first(&["a", "b"], &[&["1", "2"]]));
        assert!(!first(&["1", "2"], &[&["1", "2"]]));
        assert!(!first(&["2016-07-01", "x", "5"], &[&["2016-07-02", "y", "6"]]));
        assert!(first(&["", "0", "1"], &[&["0", "5.5", "6.5"]]), "a data frame's");
        assert!(first(&["country", "2019", "2020"], &[&["de", "5.5", "6.5"]]));
        assert!(first(&["name", "5"], &[&["x", "y"], &["z", "w"]]), "a number over texts");
        assert!(first(&["up", "down"], &[&["up", "up"]]), "texts throughout tell nothing");
    }

    #[test]
    fn separators_are_told() {
        for (name, head, want) in [
            ("a.csv", "a,b;c\n1,2\n", b','),
            ("a.csv", "a;b;c\n1,5;2,5;3,5\n", b';'),
            ("a.csv", "a|b\n1|2\n", b'|'),
            ("a.csv", "sep=;\na;b\n", b';'),
            ("a.tsv", "a,b\n", b'\t'),
            ("a.csv", "# made by x, y, z\na;b\n", b';'),
            ("a.csv", "\"a,b,c\";d\n1;2\n", b';'),
            ("a.csv", "a\n1\n", b','),
        ] {
            assert_eq!(separator(name, head.as_bytes()) as char, want as char, "{head:?}");
        }
    }

    #[test]
    fn names_are_there_once() {
        let names = |cells: &[&str], header| {
            let mut notes = Vec::new();
            let names = column_names(&StringRecord::from(cells.to_vec()), header, &mut notes);
            (names.iter().map(|n| n.to_string()).collect::<Vec<_>>(), notes.len())
        };
        assert_eq!(names(&["a", "b"], true), (vec!["a".into(), "b".into()], 0));
        assert_eq!(
            names(&["a", "a", "", "a.2"], true),
            (vec!["a".into(), "a.2".into(), "c3".into(), "a.2.2".into()], 1)
        );
        assert_eq!(names(&["5", "6"], false), (vec!["c1".into(), "c2".into()], 1));
    }
}
