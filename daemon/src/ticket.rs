//! The way back of answers: the replies of a connection, and tickets that say when its events are durable.
//!
//! A connection cuts its lines into chunks and holds a ticket for each. The parts of a chunk go to the owners of their
//! streams; each part is [`Pending`] until the committer has made it durable. An [`Outbox`] has no bound of its own, so
//! an owner that puts a reply into it never waits. The connection bounds it: it reads no further line before there is
//! room for that line's answers.

use crate::highest_seq::HighestSeq;
use crate::journey::{CallerSpan, Journey, Milestone};
use crate::unread_bytes::UnreadBytes;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use surmise_protocol::Reply;
use surmise_store::ProducerMark;
use tokio::sync::Notify;

/// What became of the events of a chunk, or of a part of one.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChunkCounts {
    /// Events learnt.
    pub accepted: u64,
    /// Events recognised as sent before.
    pub duplicates: u64,
    /// Events refused.
    pub rejected: u64,
    /// The largest sequence number among events learnt or recognised.
    pub high: Option<u64>,
}

/// A chunk of lines under way, with the counts of those of its parts that their owners have handled.
pub struct Ticket {
    lines: usize,
    pending: AtomicUsize,
    failed: AtomicBool,
    duplicates: AtomicU64,
    accepted: AtomicU64,
    rejected: AtomicU64,
    high: HighestSeq,
    /// Journeys of events whose parts are done, and which only the answer is missing of.
    journeys: Mutex<Vec<Journey>>,
    outbox: Arc<Outbox>,
}

impl Ticket {
    fn journeys(&self) -> std::sync::MutexGuard<'_, Vec<Journey>> {
        self.journeys.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Adds the counts of a part.
    fn add(&self, counts: ChunkCounts) {
        self.accepted.fetch_add(counts.accepted, Ordering::Relaxed);
        self.duplicates.fetch_add(counts.duplicates, Ordering::Relaxed);
        self.rejected.fetch_add(counts.rejected, Ordering::Relaxed);
        self.high.raise(counts.high);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // whoever would have been answered has gone
        let journeys = self.journeys.get_mut().unwrap_or_else(|e| e.into_inner());
        journeys.drain(..).for_each(Journey::tell);
    }
}

/// One part of a chunk, on its way through an owner and the committer. If it is dropped before it is done, its
/// connection learns that the part will never be durable.
pub struct Pending {
    ticket: Arc<Ticket>,
    is_learnt: bool,
    is_done: bool,
    /// The journey of one of the part's events, if one is followed.
    journey: Option<Box<Journey>>,
}

impl Pending {
    fn new(ticket: Arc<Ticket>) -> Pending {
        Pending { ticket, is_learnt: false, is_done: false, journey: None }
    }

    /// Follows one of the part's events.
    pub fn follow(&mut self, journey: Option<Box<Journey>>) {
        self.journey = journey;
    }

    /// The journey of the part's event of this index, if it is followed.
    pub fn journey_of(&mut self, index: usize) -> Option<&mut Journey> {
        self.journey.as_deref_mut().filter(|journey| journey.index == index)
    }

    /// Notes that the owner has learnt, recognised or refused the part's events. They are not durable yet.
    pub fn mark_learnt(&mut self, counts: ChunkCounts) {
        self.ticket.add(counts);
        self.ticket.outbox.learnt.raise(counts.high);
        self.signal_learnt();
    }

    /// Notes that the part is durable, or wholly refused.
    pub fn done(mut self) {
        if let Some(mut journey) = self.journey.take() {
            journey.pass(Milestone::Committed);
            self.ticket.journeys().push(*journey);
        }
        self.is_done = true;
    }

    /// Splits off a part of the first `count` events, which is to be learnt and done by itself.
    pub fn split_off_first(&mut self, count: usize) -> Pending {
        self.ticket.pending.fetch_add(1, Ordering::AcqRel);
        self.ticket.outbox.unlearnt.fetch_add(1, Ordering::AcqRel);
        let mut first = Pending::new(self.ticket.clone());
        match &mut self.journey {
            Some(journey) if journey.index >= count => journey.index -= count,
            journey => first.journey = journey.take(),
        }
        first
    }

    /// The outbox of the connection that sent the part.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.ticket.outbox
    }

    /// Counts the part as learnt once, and wakes a connection that waits for that.
    fn signal_learnt(&mut self) {
        if !std::mem::replace(&mut self.is_learnt, true) {
            self.ticket.outbox.unlearnt.fetch_sub(1, Ordering::AcqRel);
            self.ticket.outbox.part_learnt.notify_one();
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.is_done {
            self.ticket.failed.store(true, Ordering::Release);
        }
        if let Some(mut journey) = self.journey.take() {
            journey.lose();
            journey.tell();
        }
        self.signal_learnt();
        if self.ticket.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.ticket.outbox.changed.notify_one();
        }
    }
}

/// The answers of one connection that are not written yet.
#[derive(Default)]
pub struct Outbox {
    queued: Mutex<QueuedAnswers>,
    changed: Notify,
    /// Parts that no owner has handled yet.
    unlearnt: AtomicUsize,
    part_learnt: Notify,
    /// The largest sequence number that an owner has learnt or recognised.
    learnt: HighestSeq,
    /// The producer and its epoch, once it has sent to several streams.
    marking: OnceLock<(Arc<str>, u64)>,
    /// The span of the sender that the journey of its first event belongs to, until that begins.
    caller: Mutex<Option<CallerSpan>>,
    unread: UnreadBytes,
}

#[derive(Default)]
struct QueuedAnswers {
    replies: Vec<Reply>,
    tickets: VecDeque<Arc<Ticket>>,
    closed: bool,
}

/// What was taken out of an outbox.
#[derive(Default)]
pub struct Drained {
    /// Replies, in order.
    pub replies: Vec<Reply>,
    /// About how many bytes those replies have; they count as unread until [`Outbox::release`].
    pub bytes: usize,
    /// The number of lines that are wholly answered.
    pub lines: usize,
    /// What became of the events of those lines. Its largest sequence number may be acknowledged.
    pub counts: ChunkCounts,
    /// Whether something could not be made durable.
    pub failed: bool,
    /// Whether nothing more will come.
    pub finished: bool,
}

impl Outbox {
    fn lock(&self) -> std::sync::MutexGuard<'_, QueuedAnswers> {
        self.queued.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// An outbox whose replies have at most `bytes_max` bytes that the other side has not read, as far as its users
    /// hold to [`Outbox::has_room`].
    pub fn bounded(bytes_max: usize) -> Outbox {
        Outbox { unread: UnreadBytes::new(bytes_max), ..Outbox::default() }
    }

    /// An outbox of a request whose sender traces it, or not.
    pub fn called_by(caller: Option<CallerSpan>) -> Outbox {
        Outbox { caller: Mutex::new(caller), ..Outbox::default() }
    }

    /// Takes the span of the sender that the journey of its first event belongs to.
    pub fn take_caller(&self) -> Option<CallerSpan> {
        self.caller.lock().unwrap_or_else(|e| e.into_inner()).take()
    }

    /// Whether there is room for replies of some more bytes.
    pub fn has_room(&self, more: usize) -> bool {
        self.unread.has_room(more)
    }

    /// How many bytes the replies of one line had lately.
    pub fn line_bytes(&self) -> usize {
        self.unread.line_bytes()
    }

    /// Notes that replies were read, or will never be.
    pub fn release(&self, bytes: usize) {
        self.unread.release(bytes);
    }

    /// Appends replies, in order.
    pub fn push(&self, replies: impl IntoIterator<Item = Reply>) {
        let counted = replies.into_iter().inspect(|reply| self.unread.add(reply.bytes()));
        self.lock().replies.extend(counted);
        self.changed.notify_one();
    }

    /// Makes a ticket for a chunk of `lines` lines and returns its `parts` parts. `counts` has the events that the
    /// connection has already recognised or refused itself.
    pub fn ticket(self: &Arc<Self>, lines: usize, parts: usize, counts: ChunkCounts) -> Vec<Pending> {
        let ticket = Arc::new(Ticket {
            lines,
            pending: AtomicUsize::new(parts),
            failed: AtomicBool::new(false),
            duplicates: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            high: HighestSeq::default(),
            journeys: Mutex::default(),
            outbox: self.clone(),
        });
        ticket.add(counts);
        self.unlearnt.fetch_add(parts, Ordering::AcqRel);
        self.lock().tickets.push_back(ticket.clone());
        if parts == 0 {
            self.changed.notify_one();
        }
        (0..parts).map(|_| Pending::new(ticket.clone())).collect()
    }

    /// Notes that the connection will make no more tickets.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Waits until something may have changed.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Waits until owners have handled everything that was sent. Returns the largest number that was learnt.
    pub async fn all_learnt(&self) -> Option<u64> {
        while self.unlearnt.load(Ordering::Acquire) > 0 {
            self.part_learnt.notified().await;
        }
        self.learnt.get()
    }

    /// Has every commit write down how far the producer of this connection is durable. That is needed once a producer
    /// sends to several streams, as then none of them can tell.
    pub fn mark(&self, producer: &Arc<str>, epoch: u64) {
        self.marking.get_or_init(|| (producer.clone(), epoch));
    }

    /// Takes the replies, and the counts of the chunks that are durable, in the order of the chunks.
    pub fn drain(&self) -> Drained {
        let mut queued = self.lock();
        let (mut drained, mut answered) = (Drained::default(), Vec::new());
        while queued.tickets.front().is_some_and(|ticket| ticket.pending.load(Ordering::Acquire) == 0) {
            let ticket = queued.tickets.pop_front().expect("invariant: there is a front");
            drained.lines += ticket.lines;
            answered.append(&mut ticket.journeys());
            drained.failed |= ticket.failed.load(Ordering::Acquire);
            // once a part is lost, nothing after it may be acknowledged
            if !drained.failed {
                drained.counts.high = ticket.high.get().max(drained.counts.high);
                drained.counts.accepted += ticket.accepted.load(Ordering::Relaxed);
                drained.counts.duplicates += ticket.duplicates.load(Ordering::Relaxed);
                drained.counts.rejected += ticket.rejected.load(Ordering::Relaxed);
            }
        }
        // replies were put in before their ticket was done, so they are here and come before the acknowledgement
        drained.replies = std::mem::take(&mut queued.replies);
        drained.bytes = drained.replies.iter().map(Reply::bytes).sum();
        self.unread.settle();
        drained.finished = queued.closed && queued.tickets.is_empty();
        // the committer waits for the lock, and telling takes a while
        drop(queued);
        for mut journey in answered {
            journey.pass(Milestone::Answered);
            journey.tell();
        }
        drained
    }
}

/// Computes how far producers of several streams will be durable once these parts are. The marks are written with the
/// parts, so that an acknowledgement is never ahead of what the log remembers.
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
            let in_parts = counted.get(&Arc::as_ptr(ticket)).copied().unwrap_or(0);
            // a chunk with parts elsewhere will not be whole, and neither counts anything after it
            if ticket.pending.load(Ordering::Acquire) > in_parts || ticket.failed.load(Ordering::Acquire) {
                break;
            }
            high = ticket.high.get().max(high);
        }
        Some(ProducerMark { producer: producer.clone(), epoch: *epoch, seq: high? })
    };
    outboxes.values().filter_map(|outbox| mark(outbox)).collect()
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
        let drained = outbox.drain();
        assert_eq!(
            (drained.counts.high, drained.lines, drained.counts.accepted, drained.failed, drained.finished),
            (Some(3), 3, 3, false, false)
        );
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
        let drained = outbox.drain();
        assert!(drained.failed && drained.counts.high.is_none() && drained.lines == 2);
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
