//! Tests of the queues of an inbox.

use super::*;
use crate::batch::{InboxEvent, ReplyOptions};
use crate::ticket::{ChunkCounts, Outbox};
use surmise_event::Record;

const MAX: InboxRoom = InboxRoom { batches: 64, events: 1000, bytes: 1 << 20 };

fn batch(stream: &str, events: usize, bytes: usize) -> Batch {
    let event = |line| InboxEvent { record: Record::default(), origin: None, id: None, seq: None, line, bytes };
    let pending = Arc::<Outbox>::default().ticket(events, 1, ChunkCounts::default()).pop().unwrap();
    Batch {
        stream: stream.into(),
        items: (0..events as u64).map(event).collect(),
        answers: ReplyOptions::default(),
        told: None,
        pending,
    }
}

/// Learns everything, and returns the order of streams with the numbers of events.
fn drain(flows: &mut Flows) -> Vec<(String, usize)> {
    let mut order = Vec::new();
    while let Some(Portion { batch, room }) = flows.pop() {
        order.push((batch.stream.to_string(), batch.items.len()));
        let stream = batch.stream.clone();
        batch.pending.done();
        flows.release(&stream, room);
    }
    order
}

#[test]
fn events_of_a_stream_keep_their_order_and_none_is_lost() {
    let mut flows = Flows::new(MAX);
    for _ in 0..3 {
        assert!(flows.push(batch("a", 90, 100)).is_none());
    }
    flows.push(batch("b", 1, 100));
    let mut lines = Vec::new();
    while let Some(Portion { batch, room }) = flows.pop() {
        if &*batch.stream == "a" {
            lines.extend(batch.items.iter().map(|item| item.line));
        }
        flows.release(&batch.stream.clone(), room);
    }
    assert_eq!(lines, (0..3).flat_map(|_| 0..90).collect::<Vec<u64>>());
    assert_eq!(flows.taken(), InboxRoom::default());
}

#[test]
fn a_quiet_stream_comes_before_what_floods() {
    let mut flows = Flows::new(MAX);
    for flood in 0..10 {
        flows.push(batch(&format!("flood-{flood}"), 80, 100));
    }
    // all have had their share of the round
    for _ in 0..20 {
        let portion = flows.pop().unwrap();
        flows.release(&portion.batch.stream.clone(), portion.room);
    }
    flows.push(batch("quiet", 1, 100));
    assert_eq!(&*flows.pop().unwrap().batch.stream, "quiet");
}

#[test]
fn streams_share_in_bytes_and_events() {
    let mut flows = Flows::new(InboxRoom { batches: 1000, events: 100_000, bytes: 1 << 30 });
    for _ in 0..20 {
        flows.push(batch("long lines", 100, 8000));
        flows.push(batch("short lines", 100, 100));
    }
    let mut cost = [0usize; 2];
    for _ in 0..40 {
        let Portion { batch, room } = flows.pop().unwrap();
        cost[usize::from(&*batch.stream == "short lines")] += room.bytes + EVENT_COST * room.events;
        flows.release(&batch.stream.clone(), room);
    }
    let ratio = cost[0] as f64 / cost[1] as f64;
    assert!((0.7..1.4).contains(&ratio), "{cost:?}");
}

#[test]
fn no_stream_takes_the_last_room() {
    let mut flows = Flows::new(MAX);
    let mut waiting = Vec::new();
    for _ in 0..40 {
        waiting.extend(flows.push(batch("flood", 50, 100)));
    }
    assert!(!waiting.is_empty());
    assert!(flows.taken().events <= MAX.events / 2, "{:?}", flows.taken());
    assert!(flows.push(batch("quiet", 50, 100)).is_none(), "there is room for others");
    let order = drain(&mut flows);
    assert_eq!(order.iter().filter(|(name, _)| name == "flood").map(|(_, n)| n).sum::<usize>(), 40 * 50);
    assert!(waiting.iter_mut().all(|told| told.try_recv().is_ok()));
    assert_eq!(flows.taken(), InboxRoom::default());
}

#[test]
fn what_is_larger_than_the_inbox_goes_in_alone() {
    let mut flows = Flows::new(MAX);
    assert!(flows.push(batch("large", 5000, 100)).is_none());
    let mut other = flows.push(batch("other", 1, 1)).expect("there is no room");
    assert!(other.try_recv().is_err());
    drain(&mut flows);
    assert!(other.try_recv().is_ok());
    assert_eq!(flows.taken(), InboxRoom::default());
}
