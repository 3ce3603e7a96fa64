//! The channels of evidence that lines have.

use surmise_alarm::Channel;

/// Channels by what they mean; the value is the channel's place in [`LINE_CHANNELS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineChannel {
    New,
    Value,
    Burst,
    Number,
    Drift,
    Missing,
    Rate,
    Order,
    Link,
    Severe,
    Pair,
}

/// What evidence is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidenceSubject {
    /// The value of a slot as it is written, or the template where no slot is named.
    Value,
    /// How large the value of a slot is, or the template where no slot is named.
    Line,
    /// Something that does not come ([`LineOverdue`](crate::LineOverdue)).
    Overdue,
    /// All lines of the stream.
    Stream,
}

/// What the evidence of a channel is about.
pub fn subject_of(channel: u16) -> EvidenceSubject {
    let is = |of: LineChannel| of as u16 == channel;
    if is(LineChannel::Missing) {
        EvidenceSubject::Overdue
    } else if is(LineChannel::Rate) {
        EvidenceSubject::Stream
    } else if is(LineChannel::Value) || is(LineChannel::Burst) || is(LineChannel::Pair) {
        EvidenceSubject::Value
    } else {
        EvidenceSubject::Line
    }
}

/// The channels of lines: what people see of them, and what each shows about once in 500 lines of an ordinary log.
pub const LINE_CHANNELS: &[Channel] = &[
    Channel::new("new template", 5.0),
    Channel::new("value", 5.0),
    Channel::new("burst", 15.0),
    Channel::new("number out of range", 2.0),
    Channel::new("numbers moved", 4.0),
    Channel::new("overdue", 3.5),
    Channel::new("rate of lines", 1.0),
    Channel::new("order", 12.0),
    Channel::new("order of one id", 8.0),
    Channel::new("words of alarm", 4.0),
    Channel::new("values together", 9.0),
];

/// What one source shows at most at once, in bits.
pub(crate) const BITS_MAX: f64 = 24.0;
