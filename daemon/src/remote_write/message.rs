//! The requests of remote write 1.0: protocol buffers in a block of snappy.

use prost::Message;

/// The label that has the name of a metric.
const NAME: &str = "__name__";
/// Series, labels and samples of a request at most. One of no bytes takes two on the wire and up to 72 in memory, and
/// is nothing that anybody sends; Prometheus sends some ten thousand at once.
const ITEMS_MAX: usize = 1 << 18;
/// The field of a request that is a series.
const SERIES_FIELD: u64 = 1;

/// A request: samples of some series.
#[derive(Clone, PartialEq, Message)]
pub struct WriteRequest {
    /// The series.
    #[prost(message, repeated, tag = "1")]
    pub series: Vec<SentSeries>,
}

/// A series, with samples in the order of their times.
#[derive(Clone, PartialEq, Message)]
pub struct SentSeries {
    /// The labels, in the order of their names; the name of the metric is one of them.
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
    /// The samples.
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    /// Native histograms, which are only counted.
    #[prost(message, repeated, tag = "4")]
    pub histograms: Vec<Histogram>,
}

/// A label.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Message)]
pub struct Label {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A value at a time. One of the many NaNs says that the series has ended.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Sample {
    /// The value.
    #[prost(double, tag = "1")]
    pub value: f64,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub time_ms: i64,
}

/// A native histogram, of which nothing is read.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Histogram {}

/// Why a body is no request.
#[derive(Debug, thiserror::Error)]
pub enum MessageFault {
    /// It is no block of snappy.
    #[error("the body is no block of snappy: {0}")]
    Snappy(#[from] snap::Error),
    /// It is longer than is taken.
    #[error("the body has {bytes} bytes when it is unpacked; {bytes_max} are the most (max_samples_per_send)")]
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// It has more parts than anybody sends.
    #[error("the body has more than {ITEMS_MAX} series, labels and samples; send fewer at once (max_samples_per_send)")]
    TooMany,
    /// It is another message, or none.
    #[error("the body is no request of remote write 1.0: {0}")]
    Message(#[from] prost::DecodeError),
}

impl WriteRequest {
    /// Reads a body, of at most so many bytes when it is unpacked.
    ///
    /// # Errors
    /// See [`MessageFault`].
    pub fn read(body: &[u8], bytes_max: usize) -> Result<WriteRequest, MessageFault> {
        // the length comes first, so nothing is unpacked that is too long
        let bytes = snap::raw::decompress_len(body)?;
        if bytes > bytes_max {
            return Err(MessageFault::TooLong { bytes, bytes_max });
        }
        let unpacked = snap::raw::Decoder::new().decompress_vec(body)?;
        if items(&unpacked) > ITEMS_MAX {
            return Err(MessageFault::TooMany);
        }
        Ok(WriteRequest::decode(unpacked.as_slice())?)
    }
}

/// How many series, labels and samples a message has, as far as it can be read.
fn items(message: &[u8]) -> usize {
    let parts = PartsOf(message).filter(|(field, _)| *field == SERIES_FIELD);
    parts.map(|(_, series)| 1 + PartsOf(series).count()).sum()
}

/// The parts of a message that have a length, each with the number of its field.
struct PartsOf<'a>(&'a [u8]);

impl<'a> PartsOf<'a> {
    /// A number of seven bits a byte.
    fn number(&mut self) -> Option<u64> {
        let end = self.0.iter().position(|byte| byte & 0x80 == 0).filter(|end| *end < 10)?;
        let (bytes, rest) = self.0.split_at(end + 1);
        self.0 = rest;
        Some(bytes.iter().rev().fold(0, |number: u64, byte| number << 7 | u64::from(byte & 0x7f)))
    }

    /// So many bytes.
    fn bytes(&mut self, length: u64) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(bytes)
    }
}

impl<'a> Iterator for PartsOf<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<(u64, &'a [u8])> {
        loop {
            let key = self.number()?;
            match key & 7 {
                0 => _ = self.number()?,
                1 => _ = self.bytes(8)?,
                2 => {
                    let length = self.number()?;
                    return Some((key >> 3, self.bytes(length)?));
                }
                5 => _ = self.bytes(4)?,
                _ => return None,
            }
        }
    }
}

impl SentSeries {
    /// The name of the metric.
    pub fn metric(&self) -> Option<&str> {
        self.labels.iter().find(|label| label.name == NAME).map(|label| label.value.as_str())
    }

    /// The labels but for the name of the metric.
    pub fn others(&self) -> impl Iterator<Item = &Label> {
        self.labels.iter().filter(|label| label.name != NAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> WriteRequest {
        let label = |name: &str, value: &str| Label { name: name.into(), value: value.into() };
        let samples = vec![Sample { value: 1.5, time_ms: 7 }, Sample { value: f64::NAN, time_ms: 8 }];
        let labels = vec![label(NAME, "up"), label("job", "x")];
        WriteRequest { series: vec![SentSeries { labels, samples, histograms: Vec::new() }] }
    }

    #[test]
    fn a_request_is_read_and_bounded() {
        let packed = snap::raw::Encoder::new().compress_vec(&request().encode_to_vec()).unwrap();
        let read = WriteRequest::read(&packed, 1000).unwrap();
        let series = &read.series[0];
        assert_eq!((series.metric(), series.others().count(), series.samples.len()), (Some("up"), 1, 2));
        assert_eq!((series.samples[0], series.samples[1].value.is_nan()), (Sample { value: 1.5, time_ms: 7 }, true));
        assert!(matches!(WriteRequest::read(&packed, 9), Err(MessageFault::TooLong { bytes_max: 9, .. })));
        assert!(matches!(WriteRequest::read(b"\x05hello", 1000), Err(MessageFault::Snappy(_))));
        let other = snap::raw::Encoder::new().compress_vec(b"not a message").unwrap();
        assert!(matches!(WriteRequest::read(&other, 1000), Err(MessageFault::Message(_))));
    }

    #[test]
    fn parts_of_no_bytes_are_counted_before_they_take_memory() {
        let packed = |parts: usize| {
            let series = [b"\x0a\0".repeat(parts), b"\x49\0\0\0\0\0\0\0\0\x48\x07\x4d\0\0\0\0".to_vec()].concat();
            let mut message = b"\x0a".to_vec();
            prost::encoding::encode_varint(series.len() as u64, &mut message);
            message.extend(series);
            snap::raw::Encoder::new().compress_vec(&message).unwrap()
        };
        assert_eq!(items(&request().encode_to_vec()), 5);
        assert!(WriteRequest::read(&packed(ITEMS_MAX - 1), 1 << 22).is_ok());
        assert!(packed(ITEMS_MAX).len() < 1 << 15, "it is short on the wire");
        assert!(matches!(WriteRequest::read(&packed(ITEMS_MAX), 1 << 22), Err(MessageFault::TooMany)));
    }

    #[test]
    fn a_request_is_read_from_the_bytes_that_prometheus_writes() {
        // `up{job="x"} 1.5 @7`, field by field: series, label, label, sample
        let text = b"\x0a\x27\x0a\x0e\x0a\x08__name__\x12\x02up\x0a\x08\x0a\x03job\x12\x01x\x12\x0b\x09\0\0\0\0\0\0\xf8\x3f\x10\x07";
        let packed = snap::raw::Encoder::new().compress_vec(text).unwrap();
        let read = WriteRequest::read(&packed, 1000).unwrap();
        assert_eq!(read.series[0].labels, request().series[0].labels);
        assert_eq!(read.series[0].samples, [Sample { value: 1.5, time_ms: 7 }]);
    }
}
