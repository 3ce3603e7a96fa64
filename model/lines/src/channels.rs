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

/// Whether evidence of a channel is about the value of a slot as it is written, and not about how large it is.
pub fn is_of_words(channel: u16) -> bool {
    [LineChannel::Value, LineChannel::Burst, LineChannel::Pair].iter().any(|of| *of as u16 == channel)
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
