//! Lines that go on with what the line before began: stack traces, and texts that are broken over several lines.

use surmise_state::{Persist, State, StateError};

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

/// Lines that are looked at before one without a time may go on with the one before.
const LINES_MIN: f64 = 50.0;

/// Lines that the share of lines with a time is taken over.
const LINES_MEMORY: f64 = 512.0;

/// The share of lines with a time from which on one without it goes on with the line before. Half of the lines of a
/// stream with long traces have none, but no stream without times has as many by chance.
const STAMPED_MIN: f64 = 0.3;

/// How a line belongs to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// It does not: it begins an event.
    Begins,
    /// It goes on with the event, and says what is new by itself, as the name of an exception does.
    GoesOn,
    /// It is a frame, or another line that says little by itself.
    Frame,
}

/// Whether lines continue each other, from the lines of one stream in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TraceJoiner {
    /// Whether the last line was in a trace, so that the name of an error may end it.
    is_inside: bool,
    /// Lines so far, up to a bound, and the share of those with a time among them, fading.
    lines: f64,
    stamped: f64,
}

impl TraceJoiner {
    /// Learns a line, of which `is_stamped` says whether a time stands at its beginning; returns how it belongs to the
    /// event of the line before. Indented lines are frames, `Caused by:` and its like, and what Go and Java write. The
    /// last line of a traceback of Python goes on with it, and so does a line without a time where lines have times.
    pub fn learn(&mut self, line: &[u8], is_stamped: bool) -> Continuation {
        let is_indented = line.first().is_some_and(|b| matches!(b, b' ' | b'\t')) && !line.trim_ascii().is_empty();
        let is_frame = !is_stamped && (is_indented || BEGINNINGS.iter().any(|beginning| line.starts_with(beginning)));
        let is_last = self.is_inside && is_error_name(line);
        let is_bare = !is_stamped && self.lines >= LINES_MIN && self.stamped > STAMPED_MIN && !line.is_empty();
        self.is_inside = is_frame || line.starts_with(b"Traceback (most recent call last)");
        self.lines = (self.lines + 1.0).min(LINES_MEMORY);
        self.stamped += (f64::from(u8::from(is_stamped)) - self.stamped) / self.lines;
        match (is_frame, is_last || is_bare) {
            (true, _) => Continuation::Frame,
            (false, true) => Continuation::GoesOn,
            (false, false) => Continuation::Begins,
        }
    }
}

impl Persist for TraceJoiner {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.bool("inside", &mut self.is_inside)?;
        s.f64("trace lines", &mut self.lines)?;
        s.f64("stamped", &mut self.stamped)
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
            assert_eq!(joiner.learn(line.as_bytes(), false) != Continuation::Begins, expected, "{line}");
        }
    }

    #[test]
    fn where_lines_have_times_one_without_goes_on() {
        let mut joiner = TraceJoiner::default();
        let mut told = Vec::new();
        for i in 0..60 {
            told.push(joiner.learn(b"2026-03-02 12:00:00 ERROR job failed", true));
            if i % 10 == 9 {
                told.push(joiner.learn(b"java.lang.IllegalStateException: no", false));
                told.push(joiner.learn(b"\tat com.example.A.b(A.java:7)", false));
            }
        }
        let (begins, goes_on, frame) = (Continuation::Begins, Continuation::GoesOn, Continuation::Frame);
        assert_eq!(&told[..12], &[[begins; 10].as_slice(), &[begins, frame]].concat(), "nothing is known at first");
        assert_eq!(&told[told.len() - 3..], &[begins, goes_on, frame]);
        // a stream without times has no bare lines
        let mut joiner = TraceJoiner::default();
        assert!((0..200).all(|_| joiner.learn(b"ready", false) == begins));
    }
}
