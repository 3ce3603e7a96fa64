//! An event as a producer sends it.

use crate::line_value::SentId;
use surmise_event::Record;

/// An event as a producer sends it: a record with its number and its stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventLine {
    /// The producer's own number of the event, by which a repetition is recognised.
    pub seq: Option<u64>,
    /// The id of the event, by which a repetition is recognised where nobody numbers events.
    pub id: Option<SentId>,
    /// The name of the event's stream; without it the event belongs to the stream of the hello or of the listener.
    pub stream: Option<String>,
    /// The values, key and time of the event.
    pub record: Record,
}
