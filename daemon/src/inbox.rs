//! The inbox of an owner: the only place that makes a sender wait. It is bounded in messages, events and bytes.
//!
//! Only connections may wait here. An owner, the committer or the checkpointer must never send into an inbox: it is
//! emptied by an owner, which may be waiting for exactly that thread, and both would wait for ever.

use crate::ticket::Pending;
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;
use surmise_event::Record;
use surmise_store::group::Origin;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Messages that may wait for one owner.
const INBOX_MESSAGES_MAX: usize = 1024;

/// One event on its way to its owner.
pub struct InboxEvent {
    /// The event.
    pub record: Record,
    /// Its producer, epoch and sequence number, if the producer has a name.
    pub origin: Option<Origin>,
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

/// Events of one stream from one connection, in order.
pub struct Batch {
    /// The name of the stream.
    pub stream: Arc<str>,
    /// The events.
    pub items: Vec<InboxEvent>,
    /// What is replied about them.
    pub answers: ReplyOptions,
    /// The part of the connection's chunk that they are: where replies go, and where it is noted that they are durable.
    pub pending: Pending,
}

/// A batch in an inbox. The room that it takes there is free again when this is dropped.
pub struct Delivered {
    /// The batch.
    pub batch: Batch,
    _permits: [OwnedSemaphorePermit; 3],
}

/// The error of an inbox that takes no more events.
#[derive(Debug, thiserror::Error)]
#[error("the daemon is shutting down")]
pub struct Closed;

/// The sending end of an inbox.
pub struct Inbox {
    sender: Sender<Delivered>,
    messages: Arc<Semaphore>,
    events: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    events_max: usize,
    bytes_max: usize,
}

impl Inbox {
    /// An inbox for at most `events_max` events and `bytes_max` bytes of lines, and its receiving end.
    pub fn new(events_max: usize, bytes_max: usize) -> (Inbox, Receiver<Delivered>) {
        let (sender, receiver) = crossbeam_channel::bounded(INBOX_MESSAGES_MAX);
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        let inbox = Inbox {
            sender,
            messages: semaphore(INBOX_MESSAGES_MAX),
            events: semaphore(events_max),
            bytes: semaphore(bytes_max),
            events_max,
            bytes_max,
        };
        (inbox, receiver)
    }

    /// Puts a batch in as soon as there is room. A batch larger than the whole inbox waits until the inbox is empty.
    ///
    /// # Errors
    /// The inbox is closed.
    pub async fn send(&self, batch: Batch) -> Result<(), Closed> {
        let events = batch.items.len().min(self.events_max) as u32;
        let bytes = batch.items.iter().map(|i| i.bytes).sum::<usize>().min(self.bytes_max) as u32;
        let acquire = |semaphore: &Arc<Semaphore>, permits| semaphore.clone().acquire_many_owned(permits);
        // always in this order, so that two senders never hold what the other one waits for
        let permits = [
            acquire(&self.messages, 1).await.map_err(|_| Closed)?,
            acquire(&self.events, events).await.map_err(|_| Closed)?,
            acquire(&self.bytes, bytes).await.map_err(|_| Closed)?,
        ];
        self.sender.try_send(Delivered { batch, _permits: permits }).map_err(|_| Closed)
    }

    /// Refuses everything from now on, including what waits for room.
    pub fn close(&self) {
        for semaphore in [&self.messages, &self.events, &self.bytes] {
            semaphore.close();
        }
    }

    /// The number of events in the inbox.
    pub fn events(&self) -> usize {
        self.events_max - self.events.available_permits().min(self.events_max)
    }
}
