//! Lines that go on with what the line before began: stack traces, and texts that are broken over several lines.

/// Beginnings of lines that belong to the trace before them, though nothing stands before.
const BEGINNINGS: &[&[u8]] = &[
    b"Caused by: ",
    b"Suppressed: ",
    b"The above exception was the direct cause",
    b"During handling of the above exception",
    b"--- End of",
    b"... ",
    b"created by ",
];

/// Whether lines continue each other, from the lines of one stream in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceJoiner {
    /// Whether the last line was in a trace, so that the name of an error may end it.
    is_inside: bool,
}

impl TraceJoiner {
    /// Learns a line; returns whether it belongs to the event of the line before. Indented lines do, `Caused by:` and
    /// its like, frames of Go and Java, and the last line of a traceback of Python.
    pub fn continues(&mut self, line: &[u8]) -> bool {
        let is_indented = line.first().is_some_and(|b| matches!(b, b' ' | b'\t')) && !line.trim_ascii().is_empty();
        let is_more = is_indented || BEGINNINGS.iter().any(|beginning| line.starts_with(beginning));
        let is_last = self.is_inside && is_error_name(line);
        self.is_inside = is_more || line.starts_with(b"Traceback (most recent call last)");
        is_more || is_last
    }

    /// What the joiner remembers, for a checkpoint.
    pub(crate) fn memory(&mut self) -> &mut bool {
        &mut self.is_inside
    }
}

/// Whether a line is the name of an error and what it says, as `ValueError: bad` or `java.io.IOException`.
fn is_error_name(line: &[u8]) -> bool {
    let name = line.split(|b| *b == b':').next().unwrap_or(line);
    let is_plain = name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_'));
    is_plain && [b"Error".as_slice(), b"Exception", b"Interrupt", b"Exit"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_joined_to_their_first_line() {
        let lines = [
            ("2026-03-02 12:00:00 ERROR job failed", false),
            ("Traceback (most recent call last):", false),
            ("  File \"a.py\", line 3, in run", true),
            ("    raise ValueError(x)", true),
            ("ValueError: bad value", true),
            ("ValueError: told by a line of its own", false),
            ("java.lang.IllegalStateException: no", false),
            ("\tat com.example.A.b(A.java:7)", true),
            ("Caused by: java.io.IOException: gone", true),
            ("... 17 more", true),
            ("", false),
        ];
        let mut joiner = TraceJoiner::default();
        for (line, expected) in lines {
            assert_eq!(joiner.continues(line.as_bytes()), expected, "{line}");
        }
    }
}
