//! The inbox of an owner: the only place that makes a sender wait. It is bounded in batches, events and bytes, and
//! [`Flows`] shares both its room and its owner's time among the streams.
//!
//! Only connections may wait here. An owner, the committer or the checkpointer must never send into an inbox: it is
//! emptied by an owner, which may be waiting for exactly that thread, and both would wait for ever.

pub use crate::batch::{Batch, InboxEvent, ReplyOptions};
use crate::flows::{Flows, InboxRoom, Portion};
use crossbeam_channel::{Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard};

/// Batches that may wait for one owner.
const INBOX_BATCHES_MAX: usize = 1024;

/// A batch in an inbox, or a part of one. The room that it takes there is free again when this is dropped.
pub struct Delivered {
    /// The batch.
    pub batch: Batch,
    _room: HeldRoom,
}

/// The room that a batch takes until it is learnt.
struct HeldRoom {
    shared: Arc<SharedFlows>,
    stream: Arc<str>,
    room: InboxRoom,
}

impl Drop for HeldRoom {
    fn drop(&mut self) {
        self.shared.lock().flows.release(&self.stream, self.room);
    }
}

/// The error of an inbox that takes no more events.
#[derive(Debug, thiserror::Error)]
#[error("the daemon is shutting down")]
pub struct Closed;

/// What both ends of an inbox share. Its lock is held for the moment in which a batch goes in or out.
struct SharedFlows(Mutex<InboxState>);

struct InboxState {
    flows: Flows,
    closed: bool,
    /// Whether the sending end is gone.
    is_orphaned: bool,
}

impl SharedFlows {
    fn lock(&self) -> MutexGuard<'_, InboxState> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// The sending end of an inbox.
pub struct Inbox {
    shared: Arc<SharedFlows>,
    bell: Sender<()>,
}

/// The receiving end of an inbox.
pub struct InboxReader {
    shared: Arc<SharedFlows>,
    bell: Receiver<()>,
}

impl Inbox {
    /// An inbox for at most `events_max` events and `bytes_max` bytes of lines, and its receiving end.
    pub fn new(events_max: usize, bytes_max: usize) -> (Inbox, InboxReader) {
        let flows = Flows::new(InboxRoom { batches: INBOX_BATCHES_MAX, events: events_max, bytes: bytes_max });
        let shared = Arc::new(SharedFlows(Mutex::new(InboxState { flows, closed: false, is_orphaned: false })));
        // one ring says that there is something, however much it is
        let (bell, rings) = crossbeam_channel::bounded(1);
        (Inbox { shared: shared.clone(), bell }, InboxReader { shared, bell: rings })
    }

    /// Puts a batch in as soon as there is room for it. A stream may take as much as it leaves free, so that there is
    /// room for others; a batch larger than the whole inbox waits until the inbox is empty.
    ///
    /// # Errors
    /// The inbox is closed.
    pub async fn send(&self, batch: Batch) -> Result<(), Closed> {
        let told = {
            let mut state = self.shared.lock();
            if state.closed {
                return Err(Closed);
            }
            state.flows.push(batch)
        };
        match told {
            Some(told) => told.await.map_err(|_| Closed),
            None => {
                let _ = self.bell.try_send(());
                Ok(())
            }
        }
    }

    /// Refuses everything from now on, including what waits for room.
    pub fn close(&self) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.flows.drop_waiting();
    }

    /// How many events there are in the inbox, and bytes of lines.
    pub fn taken(&self) -> (usize, usize) {
        let taken = self.shared.lock().flows.taken();
        (taken.events, taken.bytes)
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.shared.lock().is_orphaned = true;
    }
}

impl InboxReader {
    /// Takes out what is to be learnt next: a batch, or a part of one where other streams wait.
    ///
    /// # Errors
    /// There is nothing; or nothing is left and nothing will come.
    pub fn try_recv(&self) -> Result<Delivered, TryRecvError> {
        // whoever puts a batch in after this rings again
        let _ = self.bell.try_recv();
        let mut state = self.shared.lock();
        match state.flows.pop() {
            Some(Portion { batch, room }) => {
                let _room = HeldRoom { shared: self.shared.clone(), stream: batch.stream.clone(), room };
                Ok(Delivered { batch, _room })
            }
            None if state.is_orphaned => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Whether so many batches with so many events together are most of what there is room for.
    pub fn is_most(&self, batches: usize, events: usize) -> bool {
        self.shared.lock().flows.is_most(batches, events)
    }

    /// Rings when something may be there.
    pub fn bell(&self) -> &Receiver<()> {
        &self.bell
    }
}
