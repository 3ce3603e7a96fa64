//! Queues of batches, one for each stream, and whose turn it is: deficit round robin in bytes and events.
//!
//! In a round every active stream may have so much learnt. One that becomes active and has not had its share of the
//! round comes before those that wait for their next turn, so a stream that sends less than its share hardly waits.
//!
//! Source: Shreedhar and Varghese, "Efficient fair queuing using deficit round robin" (1996); new streams first as in
//! Hoeiland-Joergensen et al., RFC 8290 (2018).
//! How much a stream may hold of what all share is Choudhury and Hahne's dynamic threshold (1998).

use crate::batch::Batch;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What an event counts for beside the bytes of its line.
const EVENT_COST: usize = 200;
/// What a stream may have learnt in one turn while others wait: some 60 short events, or one long one.
const TURN_COST: usize = 16 << 10;
/// What a stream may have learnt in one turn while no other waits.
const LONE_TURN_COST: usize = 64 << 10;

/// Streams that hold nothing and are remembered for the rest of a round, at most, beyond twice the active ones.
const IDLE_FLOWS_MAX: usize = 64;

/// Room in an inbox: what is taken of it, or how much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct InboxRoom {
    pub batches: usize,
    pub events: usize,
    pub bytes: usize,
}

impl InboxRoom {
    /// The room that a batch takes.
    fn of(batch: &Batch) -> InboxRoom {
        InboxRoom { batches: 1, events: batch.items.len(), bytes: batch.items.iter().map(|i| i.bytes).sum() }
    }

    fn plus(self, other: InboxRoom) -> InboxRoom {
        InboxRoom {
            batches: self.batches + other.batches,
            events: self.events + other.events,
            bytes: self.bytes + other.bytes,
        }
    }

    fn minus(self, other: InboxRoom) -> InboxRoom {
        InboxRoom {
            batches: self.batches.saturating_sub(other.batches),
            events: self.events.saturating_sub(other.events),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    fn fits(self, within: InboxRoom) -> bool {
        self.batches <= within.batches && self.events <= within.events && self.bytes <= within.bytes
    }
}

/// One stream's part of an inbox.
#[derive(Default)]
struct Flow {
    queue: VecDeque<Batch>,
    /// What the stream holds of the inbox, what is being learnt included.
    taken: InboxRoom,
    /// Batches that have no room yet, with whom to tell when they do.
    waiting: VecDeque<(Batch, oneshot::Sender<()>)>,
    /// What it may still have learnt in the round before others come first.
    deficit: usize,
    /// The round that the deficit is of.
    round: u64,
    /// Whether it is in one of the two lists.
    is_listed: bool,
}

impl Flow {
    fn is_idle(&self) -> bool {
        !self.is_listed && self.queue.is_empty() && self.waiting.is_empty() && self.taken == InboxRoom::default()
    }
}

/// A portion of a batch that is taken out to be learnt. Its room is given back with [`Flows::release`].
pub(crate) struct Portion {
    pub batch: Batch,
    pub room: InboxRoom,
}

/// The queues of all streams of an owner, bounded together.
pub(crate) struct Flows {
    flows: FxHashMap<Arc<str>, Flow>,
    /// Active streams that have not had their share of this round; they come first.
    fresh: VecDeque<Arc<str>>,
    /// The other active streams, in the order of their turns.
    turns: VecDeque<Arc<str>>,
    /// Turns that are left of the round, and its number.
    turns_left: usize,
    round: u64,
    /// Streams with batches that have no room yet.
    blocked: VecDeque<Arc<str>>,
    taken: InboxRoom,
    max: InboxRoom,
}

impl Flows {
    /// Queues that hold so much together.
    pub fn new(max: InboxRoom) -> Flows {
        Flows {
            flows: FxHashMap::default(),
            fresh: VecDeque::new(),
            turns: VecDeque::new(),
            turns_left: 0,
            round: 1,
            blocked: VecDeque::new(),
            taken: InboxRoom::default(),
            max,
        }
    }

    /// What is taken of the inbox.
    pub fn taken(&self) -> InboxRoom {
        self.taken
    }

    /// Whether so many batches with so many events together are more than seven eighths of what there is room for.
    pub fn is_most(&self, batches: usize, events: usize) -> bool {
        batches > self.max.batches / 8 * 7 || events > self.max.events / 8 * 7
    }

    /// Whether a stream that holds `holds` may take `more`: as much as is still free of the inbox, so that no stream
    /// ever takes the last of it. A batch larger than the inbox goes in alone.
    fn admits(&self, holds: InboxRoom, more: InboxRoom) -> bool {
        let free = self.max.minus(self.taken);
        match holds == InboxRoom::default() {
            true => more.fits(free) || self.taken == InboxRoom::default(),
            false => holds.plus(more).fits(free),
        }
    }

    /// Puts a batch in, or has it wait for room: then the receiver is told when it is in.
    pub fn push(&mut self, batch: Batch) -> Option<oneshot::Receiver<()>> {
        let (name, room) = (batch.stream.clone(), InboxRoom::of(&batch));
        let flow = self.flows.entry(name.clone()).or_default();
        let (holds, is_first) = (flow.taken, flow.waiting.is_empty());
        if is_first && self.admits(holds, room) {
            self.enter(&name, batch, room);
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        self.flows.entry(name.clone()).or_default().waiting.push_back((batch, sender));
        if is_first {
            self.blocked.push_back(name);
        }
        Some(receiver)
    }

    fn enter(&mut self, name: &Arc<str>, batch: Batch, room: InboxRoom) {
        self.taken = self.taken.plus(room);
        let flow = self.flows.entry(name.clone()).or_default();
        flow.taken = flow.taken.plus(room);
        flow.queue.push_back(batch);
        if flow.round != self.round {
            (flow.round, flow.deficit) = (self.round, TURN_COST);
        }
        if !std::mem::replace(&mut flow.is_listed, true) {
            if flow.deficit > 0 {
                self.fresh.push_back(name.clone());
            } else {
                flow.deficit = TURN_COST;
                self.turns.push_back(name.clone());
            }
        }
    }

    /// Takes out what is to be learnt next.
    pub fn pop(&mut self) -> Option<Portion> {
        loop {
            let is_alone = self.fresh.len() + self.turns.len() == 1;
            let is_fresh = !self.fresh.is_empty();
            let list = if is_fresh { &mut self.fresh } else { &mut self.turns };
            let Some(name) = list.front().cloned() else {
                self.begin_round();
                return None;
            };
            let flow = self.flows.get_mut(&name)?;
            if is_alone {
                flow.deficit = flow.deficit.max(LONE_TURN_COST);
            }
            let Some(batch) = flow.queue.front_mut().filter(|_| flow.deficit > 0) else {
                list.pop_front();
                match flow.queue.is_empty() {
                    true => flow.is_listed = false,
                    false => {
                        flow.deficit = TURN_COST;
                        self.turns.push_back(name);
                    }
                }
                if !is_fresh {
                    self.end_turn();
                }
                continue;
            };
            let (count, cost) = affordable(batch, flow.deficit);
            flow.deficit = flow.deficit.saturating_sub(cost);
            let is_whole = count == batch.items.len();
            let batch = if is_whole { flow.queue.pop_front()? } else { batch.split_off_first(count) };
            // the place of a batch is free when the last of it is learnt
            let room = InboxRoom { batches: usize::from(is_whole), ..InboxRoom::of(&batch) };
            return Some(Portion { batch, room });
        }
    }

    fn end_turn(&mut self) {
        self.turns_left = self.turns_left.saturating_sub(1);
        if self.turns_left == 0 {
            self.begin_round();
        }
    }

    fn begin_round(&mut self) {
        (self.turns_left, self.round) = (self.turns.len(), self.round + 1);
        let listed = self.fresh.len() + self.turns.len();
        if self.flows.len() > IDLE_FLOWS_MAX + 2 * listed {
            self.flows.retain(|_, flow| !flow.is_idle());
        }
    }

    /// Gives room back, and puts in what waits for it; returns whether anything was put in.
    pub fn release(&mut self, stream: &Arc<str>, room: InboxRoom) -> bool {
        self.taken = self.taken.minus(room);
        if let Some(flow) = self.flows.get_mut(stream) {
            flow.taken = flow.taken.minus(room);
        }
        let mut entered = false;
        for _ in 0..self.blocked.len() {
            let Some(name) = self.blocked.pop_front() else { break };
            entered |= self.unblock(&name);
        }
        entered
    }

    /// Puts in one batch of a stream that waits for room, if there is some.
    fn unblock(&mut self, name: &Arc<str>) -> bool {
        let front = self.flows.get(name).and_then(|flow| Some((flow.taken, InboxRoom::of(&flow.waiting.front()?.0))));
        let Some((holds, room)) = front else { return false };
        if !self.admits(holds, room) {
            self.blocked.push_back(name.clone());
            return false;
        }
        let Some(flow) = self.flows.get_mut(name) else { return false };
        let Some((batch, sender)) = flow.waiting.pop_front() else { return false };
        if !flow.waiting.is_empty() {
            self.blocked.push_back(name.clone());
        }
        self.enter(name, batch, room);
        // a sender that is gone does not wait any more; its batch is in all the same
        let _ = sender.send(());
        true
    }

    /// Drops everything that has no room yet; who waits learns that it will never have.
    pub fn drop_waiting(&mut self) {
        self.blocked.clear();
        self.flows.values_mut().for_each(|flow| flow.waiting.clear());
    }
}

/// How many events of a batch, at least one, cost no more than `deficit`, and their cost.
fn affordable(batch: &Batch, deficit: usize) -> (usize, usize) {
    let (mut count, mut cost) = (0, 0);
    for item in &batch.items {
        let more = item.bytes + EVENT_COST;
        if count > 0 && cost + more > deficit {
            break;
        }
        (count, cost) = (count + 1, cost + more);
    }
    (count, cost)
}

#[cfg(test)]
#[path = "flows_tests.rs"]
mod tests;
