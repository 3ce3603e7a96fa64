//! Events of one stream from one connection, on their way to the stream's owner.

use crate::ticket::Pending;
use std::sync::Arc;
use surmise_event::{Record, Schema};
use surmise_store::group::{EventId, Origin};

/// One event on its way to its owner.
pub struct InboxEvent {
    /// The event.
    pub record: Record,
    /// Its producer, epoch and sequence number, if the producer has a name.
    pub origin: Option<Origin>,
    /// The id that its sender gave it, if it gave one.
    pub id: Option<EventId>,
    /// Its sequence number, if it has one.
    pub seq: Option<u64>,
    /// The number of its line on its connection.
    pub line: u64,
    /// The length of that line.
    pub bytes: usize,
}

/// What a connection asks to be sent about its events.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplyOptions {
    /// The outcome of each event.
    pub outcome: bool,
    /// The prediction of the next event, with each outcome.
    pub next: bool,
    /// The name of the listener, for metrics.
    pub listener: &'static str,
}

/// What a connection says of the fields of a stream that may not exist yet.
#[derive(Clone, Debug)]
pub struct ToldSchema {
    /// The stream.
    pub stream: Arc<str>,
    /// Its fields, and that there may be more.
    pub schema: Arc<Schema>,
}

impl ToldSchema {
    /// The schema, if it is that of a stream.
    pub fn of(told: Option<&ToldSchema>, stream: &str) -> Option<Arc<Schema>> {
        told.filter(|told| *told.stream == *stream).map(|told| told.schema.clone())
    }
}

/// Events of one stream from one connection, in order.
pub struct Batch {
    /// The name of the stream.
    pub stream: Arc<str>,
    /// The events.
    pub items: Vec<InboxEvent>,
    /// What is replied about them.
    pub answers: ReplyOptions,
    /// The schema that the stream is made with if it does not exist and none is declared for it.
    pub told: Option<Arc<Schema>>,
    /// The part of the connection's chunk that they are: where replies go, and where it is noted that they are durable.
    pub pending: Pending,
}

impl Batch {
    /// Splits off the first `count` events, which are less than all.
    pub(crate) fn split_off_first(&mut self, count: usize) -> Batch {
        let rest = self.items.split_off(count);
        let items = std::mem::replace(&mut self.items, rest);
        let (stream, told) = (self.stream.clone(), self.told.clone());
        Batch { stream, items, answers: self.answers, told, pending: self.pending.split_off_first(count) }
    }
}
