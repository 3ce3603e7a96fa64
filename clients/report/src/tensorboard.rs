//! Event files of TensorBoard.
//!
//! A file is a row of records: the length of the bytes, a checksum of the length, the bytes and their checksum
//! (TFRecord). The bytes are an `Event` of `tensorflow/core/util/event.proto` in the encoding of protocol buffers, of
//! which a scalar needs a handful of fields; they are written out here rather than by a crate that would bring the
//! whole of TensorFlow's messages.

use std::io::{Result, Write};
use surmise_evaluation::{CourseMeasure, CourseSeries, LearningCourse};

/// What is added to a rotated checksum, so that a checksum of bytes that hold one is another (TFRecord).
const MASK_DELTA: u32 = 0xa282_ead8;

/// CRC-32C (Castagnoli), which TFRecord takes, bit by bit reflected.
const fn castagnoli_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
}

const CASTAGNOLI: [u32; 256] = castagnoli_table();

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |sum, b| CASTAGNOLI[((sum ^ u32::from(*b)) & 0xff) as usize] ^ (sum >> 8))
}

fn masked(bytes: &[u8]) -> [u8; 4] {
    crc32c(bytes).rotate_right(15).wrapping_add(MASK_DELTA).to_le_bytes()
}

fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// A field of variable length: its number, its length and its bytes.
fn put_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Writes an event file of TensorBoard. What is written can be read while the file grows.
pub struct EventsFile<W> {
    out: W,
}

impl<W: Write> EventsFile<W> {
    /// Begins a file, at a time in seconds since 1970.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn begin(out: W, time: f64) -> Result<EventsFile<W>> {
        let mut file = EventsFile { out };
        let mut event = vec![1 << 3 | 1];
        event.extend_from_slice(&time.to_le_bytes());
        put_bytes(&mut event, 3, b"brain.Event:2");
        file.record(&event)?;
        Ok(file)
    }

    /// Writes the values that scalars have at a step; those that are not finite are left out.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn scalars(&mut self, time: f64, step: u64, values: &[(String, f64)]) -> Result<()> {
        let mut summary = Vec::new();
        for (tag, value) in values.iter().filter(|(_, value)| value.is_finite()) {
            let mut one = Vec::new();
            put_bytes(&mut one, 1, tag.as_bytes());
            one.push(2 << 3 | 5);
            one.extend_from_slice(&(*value as f32).to_le_bytes());
            put_bytes(&mut summary, 1, &one);
        }
        if summary.is_empty() {
            return Ok(());
        }
        let mut event = vec![1 << 3 | 1];
        event.extend_from_slice(&time.to_le_bytes());
        event.push(2 << 3);
        put_varint(&mut event, step);
        put_bytes(&mut event, 5, &summary);
        self.record(&event)
    }

    /// Writes the course of a replay that began at a time in seconds since 1970: losses of the mixture and of every
    /// expert, errors and hits, within spans that grow with the number of events.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn course(&mut self, course: &LearningCourse, begun: f64) -> Result<()> {
        let mut before: Option<usize> = None;
        for mark in 0..course.rows.len() {
            let values: Vec<(String, f64)> =
                course.series.iter().map(|s| (tag(s), mean(course, s, before, mark))).collect();
            self.scalars(begun + course.seconds[mark], course.rows[mark], &values)?;
            before = Some(mark);
        }
        Ok(())
    }

    /// Hands on what is written so far.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        self.out.flush()
    }

    fn record(&mut self, bytes: &[u8]) -> Result<()> {
        let length = (bytes.len() as u64).to_le_bytes();
        self.out.write_all(&length)?;
        self.out.write_all(&masked(&length))?;
        self.out.write_all(bytes)?;
        self.out.write_all(&masked(bytes))
    }
}

/// The mean of a series within the span up to a mark; not a number where nothing counts.
fn mean(course: &LearningCourse, series: &CourseSeries, before: Option<usize>, mark: usize) -> f64 {
    let at = |mark: usize| (series.sums[mark], course.count(series, mark));
    let (from, to) = (before.map_or((0.0, 0.0), at), at(mark));
    if to.1 > from.1 { (to.0 - from.0) / (to.1 - from.1) } else { f64::NAN }
}

/// The name of a series in TensorBoard, which groups by what stands before the first stroke.
fn tag(series: &CourseSeries) -> String {
    let field = series.field.as_deref().unwrap_or("whole events");
    match (&series.expert, series.measure) {
        (Some(expert), _) => format!("experts of {field}/{expert}"),
        (None, CourseMeasure::Bits) => format!("bits per event/{field}"),
        (None, CourseMeasure::Squared) => format!("squared error/{field}"),
        (None, CourseMeasure::Absolute) => format!("absolute error/{field}"),
        (None, CourseMeasure::Hits) => format!("top 1/{field}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checksums of RFC 3720, B.4, and the record that TensorFlow writes for the beginning of a file.
    #[test]
    fn checksums_are_those_of_the_standard() {
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_file_is_records_whose_checksums_hold() {
        let mut out = Vec::new();
        let mut file = EventsFile::begin(&mut out, 1.5).unwrap();
        file.scalars(2.5, 300, &[("a/b".into(), 0.25), ("not a number".into(), f64::NAN)]).unwrap();
        file.scalars(3.5, 301, &[("nothing".into(), f64::INFINITY)]).unwrap();
        file.flush().unwrap();
        let (mut rest, mut records) = (&out[..], Vec::new());
        while let Some((length, after)) = rest.split_first_chunk::<8>() {
            let n = u64::from_le_bytes(*length) as usize;
            assert_eq!((&after[..4], &after[4 + n..8 + n]), (&masked(length)[..], &masked(&after[4..4 + n])[..]));
            records.push(&after[4..4 + n]);
            rest = &after[8 + n..];
        }
        assert_eq!(records.len(), 2, "what is not finite is not written");
        assert!(records[0].ends_with(b"brain.Event:2") && records[0][0] == 9);
        let step = [0x10, 0xac, 0x02];
        assert!(
            records[1].windows(3).any(|w| w == step) && records[1].ends_with(&0.25f32.to_le_bytes()),
            "{records:?}"
        );
    }
}
