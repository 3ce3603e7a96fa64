//! Cutting a posted body into events: lines, items of an array, or whichever of them its first bytes are of.

use crate::ingest::array_cutter::{ArrayCutter, ArrayFault, BodyStart};
use crate::ingest::cutter::LineCutter;
use crate::ingest::{InputEnd, Intake, ItemForm, LineChunk};

/// Bytes of a body by which it is known whether it is an array: blanks before it are not kept for ever.
const START_BYTES_MAX: usize = 4 << 10;

/// What cuts a body into events.
pub enum BodyCutter {
    /// It is not known yet whether the body is an array; the bytes so far.
    Unknown(Vec<u8>),
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

    /// For a body of lines, or of an array of objects; its first bytes tell.
    pub fn lines_or_array() -> BodyCutter {
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
            BodyCutter::Unknown(_) => LineChunk::default(),
        }
    }

    /// Takes in bytes; `line_bytes_max` is the most that an event has.
    pub fn feed(&mut self, bytes: &[u8], line_bytes_max: usize) {
        match self {
            BodyCutter::Unknown(so_far) => {
                so_far.extend_from_slice(bytes);
                // however the network cuts it, the same bytes decide
                let start = BodyStart::of(&so_far[..so_far.len().min(START_BYTES_MAX)]);
                if start != BodyStart::Unknown || so_far.len() > START_BYTES_MAX {
                    self.begin(start, line_bytes_max);
                }
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
            BodyCutter::Unknown(_) | BodyCutter::Lines(_) => None,
            BodyCutter::Array(items, _) => items.fault(),
        }
    }
}
