//! What carries the messages of a sink to the other side.

use super::message::SinkMessage;

/// What came of sending a message.
#[derive(Debug, PartialEq, Eq)]
pub enum SendResult {
    /// It was taken, as far as the other side says so.
    Taken,
    /// It was refused for good.
    Refused(String),
    /// It did not come through, and may be sent again.
    Failed(String),
}

impl SendResult {
    /// The names of all of them.
    pub const NAMES: [&'static str; 3] = ["taken", "refused", "failed"];

    /// Its name in metrics.
    pub fn name(&self) -> &'static str {
        let index = match self {
            SendResult::Taken => 0,
            SendResult::Refused(_) => 1,
            SendResult::Failed(_) => 2,
        };
        Self::NAMES[index]
    }
}

/// Sends messages one by one. A thread that may wait calls it, though for a bounded time.
pub trait Carrier: Send {
    /// Sends a message at a time in microseconds since 1970. One that failed is sent again before any other.
    fn send(&mut self, message: &SinkMessage, now_us: i64) -> SendResult;
}
