//! The inbox of an owner: the only place that makes a sender wait. Bounded in messages, events and bytes.

use crate::ticket::Pending;
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;
use surmise_event::Record;
use surmise_store::group::Origin;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Messages that wait for one owner.
const MESSAGES: usize = 1024;

/// One event on its way to its owner.
pub struct InboxEvent {
    /// The event.
    pub record: Record,
    /// Who sent it, if its producer has a name.
    pub origin: Option<Origin>,
    /// Its number, if it has one.
    pub seq: Option<u64>,
    /// Its line on its connection.
    pub line: u64,
    /// How long that line was.
    pub bytes: usize,
}

/// What a connection wants to be told about its events.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplyOptions {
    /// What each was worth.
    pub outcome: bool,
    /// And what is expected next.
    pub next: bool,
    /// Where it came in, for metrics.
    pub listener: &'static str,
}

/// Events of one stream from one connection, in order.
pub struct Batch {
    /// Their stream.
    pub stream: Arc<str>,
    /// The events.
    pub items: Vec<InboxEvent>,
    /// What is told about them.
    pub answers: ReplyOptions,
    /// Where that is told, and that they are durable.
    pub pending: Pending,
}

/// A batch in an inbox, with the room that it takes there.
pub struct Delivered {
    /// The batch.
    pub batch: Batch,
    _room: [OwnedSemaphorePermit; 3],
}

/// The owner does not take events any more.
#[derive(Debug, thiserror::Error)]
#[error("the daemon is shutting down")]
pub struct Closed;

/// The way into an inbox.
pub struct Inbox {
    sender: Sender<Delivered>,
    messages: Arc<Semaphore>,
    events: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    events_max: usize,
    bytes_max: usize,
}

impl Inbox {
    /// An inbox for so many events and bytes, and its other end.
    pub fn new(events_max: usize, bytes_max: usize) -> (Inbox, Receiver<Delivered>) {
        let (sender, receiver) = crossbeam_channel::bounded(MESSAGES);
        let room = |n| Arc::new(Semaphore::new(n));
        let inbox = Inbox {
            sender,
            messages: room(MESSAGES),
            events: room(events_max),
            bytes: room(bytes_max),
            events_max,
            bytes_max,
        };
        (inbox, receiver)
    }

    /// Puts a batch in, as soon as there is room. A batch larger than the whole inbox waits until that is empty.
    ///
    /// # Errors
    /// The inbox is closed.
    pub async fn send(&self, batch: Batch) -> Result<(), Closed> {
        let events = batch.items.len().min(self.events_max) as u32;
        let bytes = batch.items.iter().map(|i| i.bytes).sum::<usize>().min(self.bytes_max) as u32;
        let room = |s: &Arc<Semaphore>, n| s.clone().acquire_many_owned(n);
        let room = [
            room(&self.messages, 1).await.map_err(|_| Closed)?,
            room(&self.events, events).await.map_err(|_| Closed)?,
            room(&self.bytes, bytes).await.map_err(|_| Closed)?,
        ];
        self.sender.try_send(Delivered { batch, _room: room }).map_err(|_| Closed)
    }

    /// Refuses everything from now on, what waits for room included.
    pub fn close(&self) {
        for s in [&self.messages, &self.events, &self.bytes] {
            s.close();
        }
    }

    /// Events in it.
    pub fn events(&self) -> usize {
        self.events_max - self.events.available_permits().min(self.events_max)
    }
}
