//! The formats of recordings, and how one is recognised.

use std::str::FromStr;
use surmise_protocol::suggest;

/// How a file is a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Every byte is an event of one sequence.
    Bytes,
    /// The same, of a file that is text.
    Text,
    /// Each line is one key's sequence of symbols separated by blanks, and its end is an event.
    Tokens,
    /// Each line is an event.
    Lines,
    /// A header, then one event a row.
    Csv,
    /// Events as on the wire, one JSON object a line.
    Ndjson,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 6] =
        [Format::Bytes, Format::Text, Format::Tokens, Format::Lines, Format::Csv, Format::Ndjson];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Format::Bytes => "bytes",
            Format::Text => "text",
            Format::Tokens => "tokens",
            Format::Lines => "lines",
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
        }
    }

    /// Guesses the format from the file's name and the beginning of its content.
    pub fn detect(name: &str, head: &[u8]) -> Format {
        let extension =
            name.rsplit(['/', '\\']).next().and_then(|n| n.rsplit_once('.')).map(|(_, e)| e.to_ascii_lowercase());
        match extension.as_deref() {
            Some("csv" | "tsv") => Format::Csv,
            Some("ndjson" | "jsonl") => Format::Ndjson,
            Some("tokens" | "seq") => Format::Tokens,
            Some("log") => Format::Lines,
            Some("txt" | "text" | "md") if is_text(head) => Format::Text,
            _ => by_content(head),
        }
    }
}

impl FromStr for Format {
    type Err = String;
    fn from_str(s: &str) -> Result<Format, String> {
        Format::ALL.into_iter().find(|f| f.name() == s).ok_or_else(|| {
            let names = Format::ALL.map(Format::name);
            let hint = suggest(s, names).map_or(String::new(), |n| format!("did you mean {n}? "));
            format!("{s:?} is not a format; {hint}formats are {}", names.join(", "))
        })
    }
}

/// Whether the beginning of a file is text; a character may be cut at its end.
fn is_text(head: &[u8]) -> bool {
    let whole = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(e) => e.error_len().is_none(),
    };
    whole && !head.contains(&0)
}

fn by_content(head: &[u8]) -> Format {
    if !is_text(head) {
        return Format::Bytes;
    }
    let text = String::from_utf8_lossy(head);
    let mut lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).take(101).collect();
    if lines.len() > 1 {
        lines.pop(); // perhaps cut
    }
    let share = |is: &dyn Fn(&str) -> bool| lines.iter().filter(|l| is(l)).count() as f64 / lines.len().max(1) as f64;
    let integer = |t: &str| t.parse::<i64>().is_ok();
    let blanks = |l: &str| l.split_whitespace().count();
    match lines.as_slice() {
        [] => Format::Text,
        [first, ..] if first.trim_start().starts_with('{') => Format::Ndjson,
        _ if share(&|l| l.split_whitespace().all(integer)) == 1.0 && share(&|l| blanks(l) > 1) > 0.2 => Format::Tokens,
        [first, rest @ ..] if !rest.is_empty() && is_table(first, rest) => Format::Csv,
        _ if share(&|l| blanks(l) == 1) > 0.95 => Format::Lines,
        _ if share(&|l| l.starts_with(|c: char| c.is_ascii_digit() || c == '[' || c == '<')) > 0.8 => Format::Lines,
        _ => Format::Text,
    }
}

/// A header and rows with as many separators, each of one comma at least.
fn is_table(header: &str, rows: &[&str]) -> bool {
    [',', ';', '\t'].iter().any(|sep| {
        let columns = header.matches(*sep).count();
        let names = header.split(*sep).all(|c| !c.trim().is_empty() && c.trim().parse::<f64>().is_err());
        columns > 0 && names && rows.iter().all(|r| r.matches(*sep).count() == columns)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_recognised() {
        for (name, head, want) in [
            ("a.csv", "", Format::Csv),
            ("dir.csv/hdfs_train", "5 5 22 11\n5 5\n7\n", Format::Tokens),
            ("x", "{\"data\":1}\n{\"data\":2}\n", Format::Ndjson),
            ("x.log", "[Sun Dec 04] a\n", Format::Lines),
            ("x", "date,a,b\n2016-01-01,1,2\n2016-01-02,3,4\n", Format::Csv),
            ("play.txt", "To be, or not\nto be, that\n", Format::Text),
            ("play", "To be, or not\nto be that is\n", Format::Text),
            ("states", "up\ndown\nup\n", Format::Lines),
            ("syslog", "2026-01-01 host a b\n2026-01-02 host c d\n", Format::Lines),
            ("bin", "a\0b", Format::Bytes),
        ] {
            assert_eq!(Format::detect(name, head.as_bytes()), want, "{name}");
        }
        assert_eq!("csv".parse(), Ok(Format::Csv));
        assert!("cvs".parse::<Format>().unwrap_err().contains("did you mean csv?"));
    }
}
