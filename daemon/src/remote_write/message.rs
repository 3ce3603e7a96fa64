//! The requests of remote write 1.0: protocol buffers in a block of snappy.

use prost::Message;

/// The label that has the name of a metric.
const NAME: &str = "__name__";

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
        Ok(WriteRequest::decode(unpacked.as_slice())?)
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
    fn a_request_is_read_from_the_bytes_that_prometheus_writes() {
        // `up{job="x"} 1.5 @7`, field by field: series, label, label, sample
        let text = b"\x0a\x27\x0a\x0e\x0a\x08__name__\x12\x02up\x0a\x08\x0a\x03job\x12\x01x\x12\x0b\x09\0\0\0\0\0\0\xf8\x3f\x10\x07";
        let packed = snap::raw::Encoder::new().compress_vec(text).unwrap();
        let read = WriteRequest::read(&packed, 1000).unwrap();
        assert_eq!(read.series[0].labels, request().series[0].labels);
        assert_eq!(read.series[0].samples, [Sample { value: 1.5, time_ms: 7 }]);
    }
}
