//! What Prometheus writes to the daemon: its requests, its series, and the events that they become.
//!
//! A metric is a stream, as one unit and one meaning is what a model of numbers can learn and what can be said to be
//! odd, and a series is a key of it. Each series is a producer, too, which numbers its events by their times: so what
//! Prometheus sends again is recognised as any repetition is, and the log needs nothing of its own for it.

pub mod message;
pub mod samples;
pub mod written_series;
