//! How answers find their way back: replies of a connection, and tickets that say when its events are durable.
//!
//! A connection cuts its lines into chunks and holds a ticket for each. Parts of a chunk go to the owners of their
//! streams; each part is [`Pending`] until the committer has made it durable. An [`Outbox`] never makes anyone wait
//! who puts something into it: it is bounded by the connection, which reads no further line before there is room for
//! that line's answers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use surmise_protocol::Reply;
use tokio::sync::Notify;

/// A chunk of lines on its way.
pub struct Ticket {
    lines: usize,
    last_seq: Option<u64>,
    pending: AtomicUsize,
    failed: AtomicBool,
    duplicates: AtomicU64,
    accepted: AtomicU64,
    rejected: AtomicU64,
    outbox: Arc<Outbox>,
}

/// One part of a chunk that is not durable yet. Dropping it undone tells the connection that it never will be.
pub struct Pending(Arc<Ticket>);

impl Pending {
    /// Counts what became of the events.
    pub fn count(&self, accepted: u64, duplicates: u64, rejected: u64) {
        self.0.accepted.fetch_add(accepted, Ordering::Relaxed);
        self.0.duplicates.fetch_add(duplicates, Ordering::Relaxed);
        self.0.rejected.fetch_add(rejected, Ordering::Relaxed);
    }

    /// Another part of the same chunk.
    pub fn another(&self) -> Pending {
        self.0.pending.fetch_add(1, Ordering::AcqRel);
        Pending(self.0.clone())
    }

    /// The part is durable (or wholly refused).
    pub fn done(self) {
        self.finish();
        std::mem::forget(self);
    }

    /// Where replies go.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.0.outbox
    }

    fn finish(&self) {
        if self.0.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.outbox.changed.notify_one();
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.failed.store(true, Ordering::Release);
        self.finish();
    }
}

/// Answers of one connection that are not written yet.
#[derive(Default)]
pub struct Outbox {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    replies: Vec<Reply>,
    tickets: VecDeque<Arc<Ticket>>,
    closed: bool,
}

/// What could be taken out of an outbox.
#[derive(Default)]
pub struct Taken {
    /// Replies, in order.
    pub replies: Vec<Reply>,
    /// Everything up to this number is durable.
    pub ack: Option<u64>,
    /// Lines that are wholly answered.
    pub lines: usize,
    /// Events that are durable now.
    pub accepted: u64,
    /// Events that were recognised as sent before.
    pub duplicates: u64,
    /// Events that were refused.
    pub rejected: u64,
    /// Whether something could not be made durable.
    pub failed: bool,
    /// Whether nothing more will come.
    pub finished: bool,
}

impl Outbox {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Puts replies in, in order.
    pub fn push(&self, replies: impl IntoIterator<Item = Reply>) {
        self.lock().replies.extend(replies);
        self.changed.notify_one();
    }

    /// A ticket for a chunk of so many lines, the last of which has this number. It is pending until the returned
    /// part and all others are done.
    pub fn ticket(self: &Arc<Self>, lines: usize, last_seq: Option<u64>) -> Pending {
        let ticket = Arc::new(Ticket {
            lines,
            last_seq,
            pending: AtomicUsize::new(1),
            failed: AtomicBool::new(false),
            duplicates: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            outbox: self.clone(),
        });
        self.lock().tickets.push_back(ticket.clone());
        Pending(ticket)
    }

    /// No more tickets will be asked for.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Waits until something may have changed.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes what there is.
    pub fn take(&self) -> Taken {
        let mut inner = self.lock();
        let mut t = Taken::default();
        while inner.tickets.front().is_some_and(|t| t.pending.load(Ordering::Acquire) == 0) {
            let ticket = inner.tickets.pop_front().expect("invariant: there is a front");
            t.failed |= ticket.failed.load(Ordering::Acquire);
            if t.failed {
                t.lines += ticket.lines;
                continue;
            }
            t.ack = ticket.last_seq.max(t.ack);
            t.lines += ticket.lines;
            t.accepted += ticket.accepted.load(Ordering::Relaxed);
            t.duplicates += ticket.duplicates.load(Ordering::Relaxed);
            t.rejected += ticket.rejected.load(Ordering::Relaxed);
        }
        // replies were put in before their ticket was done, so they are here and come before the acknowledgement
        t.replies = std::mem::take(&mut inner.replies);
        t.finished = inner.closed && inner.tickets.is_empty();
        t
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_are_cumulative_and_in_order() {
        let outbox = Arc::new(Outbox::default());
        let first = outbox.ticket(2, Some(2));
        let second = outbox.ticket(1, Some(3));
        let part = first.another();
        first.done();
        second.done();
        assert_eq!(outbox.take().ack, None, "the first chunk is not durable yet");
        part.count(1, 1, 0);
        part.done();
        let t = outbox.take();
        assert_eq!((t.ack, t.lines, t.accepted, t.duplicates, t.failed, t.finished), (Some(3), 3, 1, 1, false, false));
        outbox.close();
        assert!(outbox.take().finished);
    }

    #[test]
    fn what_is_dropped_is_never_acknowledged() {
        let outbox = Arc::new(Outbox::default());
        drop(outbox.ticket(1, Some(1)));
        outbox.ticket(1, Some(2)).done();
        let t = outbox.take();
        assert!(t.failed && t.ack.is_none() && t.lines == 2);
    }
}
