//! How answers find their way back: replies of a connection, and tickets that say when its events are durable.
//!
//! A connection cuts its lines into chunks and holds a ticket for each. Parts of a chunk go to the owners of their
//! streams; each part is [`Pending`] until the committer has made it durable. An [`Outbox`] never makes anyone wait
//! who puts something into it: it is bounded by the connection, which reads no further line before there is room for
//! that line's answers.

use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use surmise_protocol::Reply;
use surmise_store::ProducerMark;
use tokio::sync::Notify;

/// The largest of some sequence numbers; none at first.
#[derive(Default)]
pub struct HighestSeq(AtomicU64);

impl HighestSeq {
    /// Takes in another.
    pub fn raise(&self, seq: Option<u64>) {
        if let Some(seq) = seq {
            self.0.fetch_max(seq.saturating_add(1), Ordering::AcqRel);
        }
    }
    /// The largest so far.
    pub fn get(&self) -> Option<u64> {
        self.0.load(Ordering::Acquire).checked_sub(1)
    }
}

/// What became of events.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChunkCounts {
    /// Learnt.
    pub accepted: u64,
    /// Recognised as sent before.
    pub duplicates: u64,
    /// Refused.
    pub rejected: u64,
    /// The largest number among those learnt or recognised.
    pub high: Option<u64>,
}

/// A chunk of lines on its way.
pub struct Ticket {
    lines: usize,
    pending: AtomicUsize,
    failed: AtomicBool,
    duplicates: AtomicU64,
    accepted: AtomicU64,
    rejected: AtomicU64,
    high: HighestSeq,
    outbox: Arc<Outbox>,
}

impl Ticket {
    fn note(&self, counts: ChunkCounts) {
        self.accepted.fetch_add(counts.accepted, Ordering::Relaxed);
        self.duplicates.fetch_add(counts.duplicates, Ordering::Relaxed);
        self.rejected.fetch_add(counts.rejected, Ordering::Relaxed);
        self.high.raise(counts.high);
    }
}

/// One part of a chunk that is not durable yet. Dropping it undone tells the connection that it never will be.
pub struct Pending {
    ticket: Arc<Ticket>,
    applied: bool,
    done: bool,
}

impl Pending {
    /// The owner has seen to the part's events; they are not durable yet.
    pub fn mark_learnt(&mut self, counts: ChunkCounts) {
        self.ticket.note(counts);
        self.ticket.outbox.learnt.raise(counts.high);
        self.signal_learnt();
    }

    /// The part is durable (or wholly refused).
    pub fn done(mut self) {
        self.done = true;
    }

    /// Where replies go.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.ticket.outbox
    }

    fn signal_learnt(&mut self) {
        if !std::mem::replace(&mut self.applied, true) {
            self.ticket.outbox.unlearnt.fetch_sub(1, Ordering::AcqRel);
            self.ticket.outbox.applied.notify_one();
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.done {
            self.ticket.failed.store(true, Ordering::Release);
        }
        self.signal_learnt();
        if self.ticket.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.ticket.outbox.changed.notify_one();
        }
    }
}

/// ReplyOptions of one connection that are not written yet.
#[derive(Default)]
pub struct Outbox {
    inner: Mutex<Inner>,
    changed: Notify,
    /// Parts that no owner has seen to.
    unlearnt: AtomicUsize,
    applied: Notify,
    learnt: HighestSeq,
    marking: OnceLock<(Arc<str>, u64)>,
}

#[derive(Default)]
struct Inner {
    replies: Vec<Reply>,
    tickets: VecDeque<Arc<Ticket>>,
    closed: bool,
}

/// What could be taken out of an outbox.
#[derive(Default)]
pub struct Drained {
    /// Replies, in order.
    pub replies: Vec<Reply>,
    /// Lines that are wholly answered.
    pub lines: usize,
    /// What became of the events of those lines. The largest number is what may be acknowledged.
    pub counts: ChunkCounts,
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

    /// A ticket for a chunk of so many lines in so many parts. What is known about its events already is its counts.
    pub fn ticket(self: &Arc<Self>, lines: usize, parts: usize, counts: ChunkCounts) -> Vec<Pending> {
        let ticket = Arc::new(Ticket {
            lines,
            pending: AtomicUsize::new(parts),
            failed: AtomicBool::new(false),
            duplicates: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            high: HighestSeq::default(),
            outbox: self.clone(),
        });
        ticket.note(counts);
        self.unlearnt.fetch_add(parts, Ordering::AcqRel);
        self.lock().tickets.push_back(ticket.clone());
        if parts == 0 {
            self.changed.notify_one();
        }
        (0..parts).map(|_| Pending { ticket: ticket.clone(), applied: false, done: false }).collect()
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

    /// Waits until owners have seen to everything that was sent; returns the largest number that was learnt.
    pub async fn all_learnt(&self) -> Option<u64> {
        while self.unlearnt.load(Ordering::Acquire) > 0 {
            self.applied.notified().await;
        }
        self.learnt.get()
    }

    /// Has the log remember how far the producer of this connection is durable, as its streams cannot tell: it sends
    /// to several.
    pub fn mark(&self, producer: &Arc<str>, epoch: u64) {
        self.marking.get_or_init(|| (producer.clone(), epoch));
    }

    /// Takes what there is.
    pub fn drain(&self) -> Drained {
        let mut inner = self.lock();
        let mut t = Drained::default();
        while inner.tickets.front().is_some_and(|t| t.pending.load(Ordering::Acquire) == 0) {
            let ticket = inner.tickets.pop_front().expect("invariant: there is a front");
            t.lines += ticket.lines;
            t.failed |= ticket.failed.load(Ordering::Acquire);
            if !t.failed {
                t.counts.high = ticket.high.get().max(t.counts.high);
                t.counts.accepted += ticket.accepted.load(Ordering::Relaxed);
                t.counts.duplicates += ticket.duplicates.load(Ordering::Relaxed);
                t.counts.rejected += ticket.rejected.load(Ordering::Relaxed);
            }
        }
        // replies were put in before their ticket was done, so they are here and come before the acknowledgement
        t.replies = std::mem::take(&mut inner.replies);
        t.finished = inner.closed && inner.tickets.is_empty();
        t
    }
}

/// How far producers of several streams will be durable once these parts are: to be written with them, so that an
/// acknowledgement is never ahead of what the log remembers.
pub fn marks(parts: &[Pending]) -> Vec<ProducerMark> {
    let mut counted: FxHashMap<*const Ticket, usize> = FxHashMap::default();
    let mut outboxes: FxHashMap<*const Outbox, &Arc<Outbox>> = FxHashMap::default();
    for part in parts.iter().filter(|p| p.outbox().marking.get().is_some()) {
        *counted.entry(Arc::as_ptr(&part.ticket)).or_default() += 1;
        outboxes.insert(Arc::as_ptr(part.outbox()), part.outbox());
    }
    let mark = |outbox: &Arc<Outbox>| {
        let (producer, epoch) = outbox.marking.get()?;
        let mut high = None;
        for ticket in &outbox.lock().tickets {
            let here = counted.get(&Arc::as_ptr(ticket)).copied().unwrap_or(0);
            if ticket.pending.load(Ordering::Acquire) > here || ticket.failed.load(Ordering::Acquire) {
                break;
            }
            high = ticket.high.get().max(high);
        }
        Some(ProducerMark { producer: producer.clone(), epoch: *epoch, seq: high? })
    };
    outboxes.values().filter_map(|o| mark(o)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn high(seq: u64) -> ChunkCounts {
        ChunkCounts { accepted: 1, high: Some(seq), ..ChunkCounts::default() }
    }

    #[test]
    fn acknowledgements_are_cumulative_and_in_order() {
        let outbox = Arc::new(Outbox::default());
        let [mut a, mut b] = <[Pending; 2]>::try_from(outbox.ticket(2, 2, ChunkCounts::default())).ok().unwrap();
        let mut c = outbox.ticket(1, 1, ChunkCounts::default()).pop().unwrap();
        for (p, seq) in [(&mut a, 1), (&mut b, 2), (&mut c, 3)] {
            p.mark_learnt(high(seq));
        }
        a.done();
        c.done();
        assert_eq!(outbox.drain().counts.high, None, "the first chunk is not durable yet");
        b.done();
        let t = outbox.drain();
        assert_eq!((t.counts.high, t.lines, t.counts.accepted, t.failed, t.finished), (Some(3), 3, 3, false, false));
        outbox.close();
        assert!(outbox.drain().finished);
    }

    #[test]
    fn what_is_dropped_is_never_acknowledged() {
        let outbox = Arc::new(Outbox::default());
        drop(outbox.ticket(1, 1, ChunkCounts::default()));
        let mut b = outbox.ticket(1, 1, ChunkCounts::default()).pop().unwrap();
        b.mark_learnt(high(2));
        b.done();
        let t = outbox.drain();
        assert!(t.failed && t.counts.high.is_none() && t.lines == 2);
    }

    #[test]
    fn marks_say_what_will_be_durable() {
        let outbox = Arc::new(Outbox::default());
        outbox.mark(&"p".into(), 1);
        let [mut a, mut b] = <[Pending; 2]>::try_from(outbox.ticket(2, 2, ChunkCounts::default())).ok().unwrap();
        let mut c = outbox.ticket(1, 1, ChunkCounts::default()).pop().unwrap();
        for (p, seq) in [(&mut a, 1), (&mut b, 2), (&mut c, 3)] {
            p.mark_learnt(high(seq));
        }
        let first = [a, c];
        assert_eq!(marks(&first), [], "the first chunk will not be whole");
        first.into_iter().for_each(Pending::done);
        assert_eq!(marks(&[b]), [ProducerMark { producer: "p".into(), epoch: 1, seq: 3 }]);
    }
}
