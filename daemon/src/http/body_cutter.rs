//! Cutting a posted body into events: lines, items of an array, one value, or whichever of them its beginning is of.

use crate::ingest::array_cutter::{ArrayCutter, ArrayFault, BodyStart};
use crate::ingest::cutter::{CutLine, LineCutter};
use crate::ingest::{InputEnd, Intake, ItemForm, LineChunk};
use serde::de::IgnoredAny;

/// Bytes of a body by which it is known whether it is an array: blanks before it are not kept for ever.
const START_BYTES_MAX: usize = 4 << 10;

/// What cuts a body into events.
pub enum BodyCutter {
    /// It is not known yet what the body of JSON is; the bytes so far.
    Unknown(Vec<u8>),
    /// All of it is one value, over several lines.
    Value {
        /// The bytes so far; one more than it may have is kept.
        text: Vec<u8>,
        /// Bytes that it has at most.
        bytes_max: usize,
    },
    /// Each line is one.
    Lines(LineCutter),
    /// Each item of an array is one.
    Array(ArrayCutter, ItemForm),
}

impl BodyCutter {
    /// For a body of lines, of which each has so many bytes at most.
    pub fn lines(line_bytes_max: usize) -> BodyCutter {
        BodyCutter::Lines(LineCutter::new(line_bytes_max))
    }

    /// For a body of JSON; its beginning tells whether it is an array, a value a line, or one value.
    pub fn json() -> BodyCutter {
        BodyCutter::Unknown(Vec::new())
    }

    /// For a body that has to be an array of CloudEvents, of which each has so many bytes at most.
    pub fn cloud_events(line_bytes_max: usize) -> BodyCutter {
        BodyCutter::Array(ArrayCutter::new(line_bytes_max), ItemForm::CloudEvent)
    }

    /// Reads the events that are cut from the body so far, a chunk at a time; one without lines if there are no more.
    pub fn read_chunk(&mut self, intake: &mut Intake, end: InputEnd, arrival_us: i64) -> LineChunk {
        match self {
            BodyCutter::Lines(lines) => intake.read_chunk(lines, end, arrival_us),
            BodyCutter::Array(items, form) => intake.read_items(items, *form, arrival_us),
            BodyCutter::Value { text, bytes_max } if end == InputEnd::Reached && !text.is_empty() => {
                let (text, mut chunk) = (std::mem::take(text), LineChunk::default());
                let line = if text.len() > *bytes_max { CutLine::TooLong } else { CutLine::Whole(&text) };
                intake.read_line(line, arrival_us, &mut chunk);
                chunk
            }
            BodyCutter::Unknown(_) | BodyCutter::Value { .. } => LineChunk::default(),
        }
    }

    /// Takes in bytes; `line_bytes_max` is the most that an event has.
    pub fn feed(&mut self, bytes: &[u8], line_bytes_max: usize) {
        match self {
            BodyCutter::Unknown(so_far) => {
                so_far.extend_from_slice(bytes);
                // however the network cuts it, the same bytes decide
                match BodyStart::of(&so_far[..so_far.len().min(START_BYTES_MAX)]) {
                    BodyStart::Unknown if so_far.len() <= START_BYTES_MAX => {}
                    BodyStart::Lines => match first_line(so_far) {
                        None if so_far.len() <= line_bytes_max => {}
                        // a line that is no JSON at all is refused alone; one that breaks off may go on in the next
                        Some(line) if serde_json::from_slice::<IgnoredAny>(line).is_err_and(|e| e.is_eof()) => {
                            let so_far = std::mem::take(so_far);
                            *self = BodyCutter::Value { text: Vec::new(), bytes_max: line_bytes_max };
                            self.feed(&so_far, line_bytes_max);
                        }
                        None | Some(_) => self.begin(BodyStart::Lines, line_bytes_max),
                    },
                    start => self.begin(start, line_bytes_max),
                }
            }
            BodyCutter::Value { text, bytes_max } => {
                let room = (*bytes_max + 1).saturating_sub(text.len());
                text.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            BodyCutter::Lines(lines) => lines.buffer().extend_from_slice(bytes),
            BodyCutter::Array(items, _) => items.feed(bytes),
        }
    }

    /// Takes in the end of the body: what said nothing until then are lines.
    pub fn end(&mut self, line_bytes_max: usize) {
        self.begin(BodyStart::Lines, line_bytes_max);
    }

    /// Begins to cut the bytes so far, if that has not begun.
    fn begin(&mut self, start: BodyStart, line_bytes_max: usize) {
        let BodyCutter::Unknown(so_far) = self else { return };
        let so_far = std::mem::take(so_far);
        let (cutter, from) = match start {
            BodyStart::Array(from) => (ArrayCutter::new(line_bytes_max), from),
            BodyStart::Wrapped(from) => (ArrayCutter::wrapped(line_bytes_max), from),
            BodyStart::Lines | BodyStart::Unknown => {
                *self = BodyCutter::Lines(LineCutter::new(line_bytes_max));
                return self.feed(&so_far, line_bytes_max);
            }
        };
        *self = BodyCutter::Array(cutter, ItemForm::Line);
        self.feed(&so_far[from..], line_bytes_max);
    }

    /// Whether what comes next cannot be cut any more.
    pub fn is_broken(&self) -> bool {
        matches!(self, BodyCutter::Array(items, _) if items.is_broken())
    }

    /// Why the body, as far as it has come, is not what it should be.
    pub fn fault(&self) -> Option<ArrayFault> {
        match self {
            BodyCutter::Unknown(_) | BodyCutter::Value { .. } | BodyCutter::Lines(_) => None,
            BodyCutter::Array(items, _) => items.fault(),
        }
    }
}

/// The first line of a body that is not blank, once it is whole.
fn first_line(bytes: &[u8]) -> Option<&[u8]> {
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let length = bytes[start..].iter().position(|byte| *byte == b'\n')?;
    Some(&bytes[start..start + length])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::{Door, LineSyntax};
    use surmise_config::{ByteSize, LimitsTable};

    const LINE_BYTES_MAX: usize = 40;

    /// How many events a body of JSON has that comes in pieces, and the codes of those that are refused.
    fn read(body: &str, piece: usize) -> (usize, Vec<&'static str>) {
        let limits = LimitsTable { line_bytes: ByteSize(LINE_BYTES_MAX as u64), ..LimitsTable::default() };
        let mut intake = Intake::new(Door::Http, LineSyntax::JsonBody, "s".into(), &limits);
        let mut cutter = BodyCutter::json();
        let (mut events, mut refused) = (0, Vec::new());
        let mut take = |cutter: &mut BodyCutter, end| {
            loop {
                let chunk = cutter.read_chunk(&mut intake, end, 0);
                if chunk.lines == 0 {
                    break;
                }
                events += chunk.events.len();
                refused.extend(chunk.refusals.iter().map(|refused| refused.refusal.code.name()));
            }
        };
        for bytes in body.as_bytes().chunks(piece) {
            cutter.feed(bytes, LINE_BYTES_MAX);
            take(&mut cutter, InputEnd::Open);
        }
        cutter.end(LINE_BYTES_MAX);
        take(&mut cutter, InputEnd::Reached);
        (events, refused)
    }

    #[test]
    fn a_body_of_json_is_its_values_and_nothing_else() {
        let long = format!("{{\n\"a\":\"{}\"}}", "x".repeat(LINE_BYTES_MAX));
        for (body, events, refused) in [
            ("[]", 0, &[][..]),
            (" [ ]\n", 0, &[]),
            ("", 0, &[]),
            ("{\"a\":1}", 1, &[]),
            ("{\"a\":1}\n\n{\"a\":2}\n", 2, &[]),
            ("[{\"a\":1},{\"a\":2}]", 2, &[]),
            ("[1,2]", 1, &[]),
            ("\"up\"\n\"down\"\n", 2, &[]),
            ("{\n  \"a\": 1,\n  \"b\": 2\n}\n", 1, &[]),
            ("null", 0, &["empty"]),
            ("up", 0, &["bad_json"]),
            ("{\"a\":", 0, &["bad_json"]),
            ("{\n\"a\":\n", 0, &["bad_json"]),
            ("1\nup\n", 1, &["bad_json"]),
            ("[{\"a\":1},up]", 1, &["bad_json"]),
            (&long, 0, &["line_too_long"]),
        ] {
            for piece in 1..=body.len().max(1) {
                assert_eq!(read(body, piece), (events, refused.to_vec()), "{body:?} in pieces of {piece}");
            }
        }
    }
}
