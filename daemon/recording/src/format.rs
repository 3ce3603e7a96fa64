//! The formats of recordings, and how one is recognised.

use serde::{Serialize, Serializer};
use std::str::FromStr;
use surmise_protocol::suggest;

/// How a file is a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Every byte is an event of one sequence.
    Bytes,
    /// Every byte is an event of one sequence, and the file is text.
    Text,
    /// Each line is one key's sequence of symbols separated by blanks, and its end is an event.
    Tokens,
    /// Each line is an event.
    Lines,
    /// A header, then one event a row.
    Csv,
    /// Events as on the wire, one JSON object a line.
    Ndjson,
    /// A Parquet file: one event a row.
    Parquet,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 7] =
        [Format::Bytes, Format::Text, Format::Tokens, Format::Lines, Format::Csv, Format::Ndjson, Format::Parquet];

    /// The name of the format on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Format::Bytes => "bytes",
            Format::Text => "text",
            Format::Tokens => "tokens",
            Format::Lines => "lines",
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
            Format::Parquet => "parquet",
        }
    }

    /// Whether records have columns, which a key or a time can be named by.
    pub fn has_columns(self) -> bool {
        match self {
            Format::Csv | Format::Ndjson | Format::Parquet => true,
            Format::Bytes | Format::Text | Format::Tokens | Format::Lines => false,
        }
    }

    /// Whether every byte is an event, so that losses are bits per byte.
    pub fn is_bytes(self) -> bool {
        match self {
            Format::Bytes | Format::Text => true,
            Format::Tokens | Format::Lines | Format::Csv | Format::Ndjson | Format::Parquet => false,
        }
    }

    /// Whether the mark of byte order that some programs put in front of text is no part of the recording.
    pub(crate) fn skips_byte_order_mark(self) -> bool {
        match self {
            Format::Tokens | Format::Lines | Format::Csv | Format::Ndjson => true,
            Format::Bytes | Format::Text | Format::Parquet => false,
        }
    }

    /// Guesses the format from the file's name and the beginning of its content.
    pub fn detect(name: &str, head: &[u8]) -> Format {
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
        let name = COMPRESSED_NAMES.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_owned());
        match extension.as_deref() {
            _ if head.starts_with(PARQUET_MAGIC) => Format::Parquet,
            Some("parquet") => Format::Parquet,
            Some("csv" | "tsv") => Format::Csv,
            Some("ndjson" | "jsonl") => Format::Ndjson,
            Some("tokens" | "seq") => Format::Tokens,
            // every line of a log is an event, JSON or not, so that offsets are lines
            Some("log") => Format::Lines,
            _ if is_rotated_log(name) => Format::Lines,
            Some("txt" | "text" | "md") if is_text(head) => Format::Text,
            _ => by_content(head),
        }
    }

    /// Guesses the format of what comes by a pipe from what is there of it. Of text each line is an event: the first
    /// one may be all that is there yet, and does not tell prose from a log.
    pub(crate) fn detect_piped(name: &str, head: &[u8]) -> Format {
        match Format::detect(name, head) {
            Format::Text => Format::Lines,
            told => told,
        }
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A word that is no [`Format`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not a format; {hint}formats are {}", Format::ALL.map(Format::name).join(", "))]
pub struct UnknownFormat {
    /// The word.
    pub word: String,
    /// A format that may be meant, as a question; empty if there is none.
    pub hint: String,
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(s: &str) -> Result<Format, UnknownFormat> {
        Format::ALL.into_iter().find(|f| f.name() == s).ok_or_else(|| UnknownFormat {
            word: s.to_owned(),
            hint: suggest(s, Format::ALL.map(Format::name)).map_or(String::new(), |n| format!("did you mean {n}? ")),
        })
    }
}

/// The first bytes of a Parquet file, and the last ones.
pub(crate) const PARQUET_MAGIC: &[u8] = b"PAR1";

/// How the names of compressed files end, which says nothing of what is in them.
const COMPRESSED_NAMES: [&str; 5] = [".gz", ".zst", ".zstd", ".bz2", ".gzip"];

/// Lines at the beginning of a file by which its format is guessed.
const LINES_SAMPLED: usize = 100;

/// Share of characters that text can lack: bytes that are not UTF-8, and NUL bytes.
const DAMAGE_MAX: f64 = 0.05;

/// Whether the beginning of a file is text, even where some of it is damaged; a character may be cut at its end.
fn is_text(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let mut damaged = text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER || *c == '\0').count();
    if damaged == 1 && text.ends_with(char::REPLACEMENT_CHARACTER) {
        damaged = 0;
    }
    let control = |c: char| c.is_control() && !matches!(c, '\0' | '\t' | '\n' | '\r' | '\x1b' | '\x0b' | '\x0c');
    damaged as f64 <= DAMAGE_MAX * text.chars().count() as f64 && !text.chars().any(control)
}

/// Whether the content begins as JSON does: an object, or an array of them.
fn is_json(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let inner = head.strip_prefix(b"[").unwrap_or(head).trim_ascii_start();
    inner.starts_with(b"{") && matches!(inner[1..].trim_ascii_start().first(), Some(b'"' | b'}') | None)
}

/// Guesses the format from the beginning of a file alone: the first rule that fits decides, the surest come first.
fn by_content(head: &[u8]) -> Format {
    if !is_text(head) {
        return Format::Bytes;
    }
    let text = String::from_utf8_lossy(head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head));
    let mut lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).take(LINES_SAMPLED + 1).collect();
    // the last line may be cut where the beginning of the file ends
    if lines.len() > 1 {
        lines.pop();
    }
    let share = |is: &dyn Fn(&str) -> bool| lines.iter().filter(|l| is(l)).count() as f64 / lines.len().max(1) as f64;
    let integers = |l: &str| l.split_whitespace().all(|word| word.parse::<i64>().is_ok());
    let words = |l: &str| l.split_whitespace().count();
    match lines.as_slice() {
        [] => Format::Text,
        [first, ..] if is_json(first.as_bytes()) => Format::Ndjson,
        _ if share(&integers) == 1.0 && share(&|l| words(l) > 1) > 0.2 => Format::Tokens,
        [first, rest @ ..] if !rest.is_empty() && is_table(first, rest) => Format::Csv,
        _ if share(&|l| words(l) == 1) > 0.95 => Format::Lines,
        _ if share(&is_like_a_log) > 0.8 => Format::Lines,
        _ => Format::Text,
    }
}

/// Whether a name is one of a log that was put aside under a number or a date, as `app.log.1` and `app.log-20261025`.
fn is_rotated_log(name: &str) -> bool {
    let rest = name.rsplit_once(".log").map(|(_, rest)| rest);
    rest.is_some_and(|rest| rest.len() > 1 && rest.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | '_')))
}

/// Months as the lines of a system's log begin with them.
const MONTHS: [&str; 12] =
    ["Jan ", "Feb ", "Mar ", "Apr ", "May ", "Jun ", "Jul ", "Aug ", "Sep ", "Oct ", "Nov ", "Dec "];

/// Whether a line begins with a time or a level, as those of logs do: `2026-…`, `[…`, `<34>…`, `Oct 25 …`, `I1025 …`.
fn is_like_a_log(line: &str) -> bool {
    let rest = MONTHS.iter().find_map(|month| line.strip_prefix(month));
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    line.starts_with(|c: char| c.is_ascii_digit() || c == '[' || c == '<')
        || rest.is_some_and(|rest| digits(rest.trim_start()) > 0)
        || line.starts_with(['I', 'W', 'E', 'F']) && digits(&line[1..]) == 4
}

/// Words and bytes that the name of a column has at most.
const NAME_WORDS_MAX: usize = 6;
const NAME_BYTES_MAX: usize = 80;

/// Whether a cell may be the name of a column: short, and no number.
fn is_name(cell: &str) -> bool {
    let cell = cell.trim();
    !cell.is_empty()
        && cell.len() <= NAME_BYTES_MAX
        && cell.split_whitespace().count() <= NAME_WORDS_MAX
        && cell.parse::<f64>().is_err()
}

/// Whether a line begins with a time of day or a date, which a header does not.
fn begins_with_time(line: &str) -> bool {
    let line = line.trim_start_matches(['"', '[']);
    let first = line.split_whitespace().next().unwrap_or_default();
    first.starts_with(|c: char| c.is_ascii_digit())
        && (first.contains(':') || first.matches(['-', '/', '.']).count() >= 2)
}

/// Whether the lines are a header of names and rows with as many separators, at least one. Lines of a log that all have
/// a comma, as before the milliseconds of their times, are none.
fn is_table(header: &str, rows: &[&str]) -> bool {
    [',', ';', '\t', '|'].iter().any(|separator| {
        let columns = header.matches(*separator).count();
        let names = !begins_with_time(header) && header.split(*separator).all(is_name);
        columns > 0 && names && rows.iter().all(|r| r.matches(*separator).count() == columns)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_recognised() {
        for (name, head, want) in [
            ("a.csv", "", Format::Csv),
            ("a.LOG.gz", "a b", Format::Lines),
            ("dir.csv/hdfs_train", "5 5 22 11\n5 5\n7\n", Format::Tokens),
            ("x", "{\"data\":1}\n{\"data\":2}\n", Format::Ndjson),
            ("x.log", "[Sun Dec 04] a\n", Format::Lines),
            ("x", "date,a,b\n2016-01-01,1,2\n2016-01-02,3,4\n", Format::Csv),
            ("play.txt", "To be, or not\nto be, that\n", Format::Text),
            ("play", "To be, or not\nto be that is\n", Format::Text),
            ("states", "up\ndown\nup\n", Format::Lines),
            ("syslog", "2026-01-01 host a b\n2026-01-02 host c d\n", Format::Lines),
            ("bin", "a\0b", Format::Bytes),
            ("app.out", "2026-10-25 00:00:02,563 INFO a\n2026-10-25 00:00:03,001 WARN b\n", Format::Lines),
            ("app.log.1", "a,b\nc,d\n", Format::Lines),
            ("app.log-20261025.gz", "a,b\nc,d\n", Format::Lines),
            ("x.log.csv", "a,b\nc,d\n", Format::Csv),
            ("messages", "Oct 25 00:00:02 web1 sshd[12]: a b\nOct  5 00:00:03 web1 sshd[12]: a c\n", Format::Lines),
            ("kubelet", "I1025 00:00:02.1 12 a.go:5] b c\nW1025 00:00:02.1 12 a.go:5] b d\n", Format::Lines),
            ("play", "May I go, he said\nDecember is cold\n", Format::Text),
            ("x", "station,00:00,01:00\nA,1,2\nB,3,4\n", Format::Csv),
        ] {
            assert_eq!(Format::detect(name, head.as_bytes()), want, "{name}");
        }
        assert_eq!("csv".parse(), Ok(Format::Csv));
    }

    #[test]
    fn text_that_comes_by_a_pipe_is_lines() {
        for (head, want) in [
            ("Nov 30 16:00:00 host app: starting up\n", Format::Lines),
            ("hello world\n", Format::Lines),
            ("To be, or not\nto be that is\n", Format::Lines),
            ("", Format::Lines),
            ("{\"data\":1}\n", Format::Ndjson),
            ("date,a\n2016-01-01,1\n2016-01-02,2\n", Format::Csv),
            (
                "10.0.0.1 - - [25/Oct/2026:00:00:02 +0200] \"GET /a HTTP/1.1\" 200 634 \"-\" \"Mozilla/5.0 (X11; Linux)\"\n\
                 10.0.0.2 - - [25/Oct/2026:00:00:03 +0200] \"GET /b HTTP/1.1\" 200 635 \"-\" \"Mozilla/5.0 (X11; Linux)\"\n\
                 10.0.0.3 - - [25/Oct/2026:00:00:04 +0200] \"GET /c HTTP/1.1\" 200 636 \"-\" \"Mozilla/5.0 (X11; Linux)\"\n",
                Format::Lines,
            ),
            ("5 5 22 11\n", Format::Tokens),
            ("PAR1", Format::Parquet),
            ("a\0b", Format::Bytes),
        ] {
            assert_eq!(Format::detect_piped("standard input", head.as_bytes()), want, "{head:?}");
        }
    }

    #[test]
    fn words_that_are_no_format_have_a_hint() {
        assert!("cvs".parse::<Format>().unwrap_err().to_string().contains("did you mean csv?"));
    }
}
