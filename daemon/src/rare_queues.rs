//! Rare events on their way to sinks: a bounded queue for each sink that asks for them.
//!
//! Owners offer events and never wait: what finds a queue full, or no room for its bytes, is dropped and counted. An
//! event that no sink wants costs its owner one comparison.

use crate::following::{FollowedOutcome, FollowerRoom};
use crate::telemetry;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::Arc;
use surmise_config::SinkFilter;

/// Rare events that wait for one sink at most.
const QUEUE_EVENTS_MAX: usize = 1024;
/// Bytes of rare events that wait for all sinks at most.
const QUEUE_BYTES_MAX: usize = 16 << 20;

/// A rare event, as sinks are told of it.
#[derive(Clone, Debug)]
pub struct RareMessage {
    /// The number of its stream in the log.
    pub number: u32,
    /// The event with its outcome.
    pub told: Arc<FollowedOutcome>,
}

/// The queue of one sink.
struct RareQueue {
    sink: String,
    filter: SinkFilter,
    rarer_than: f64,
    sender: Sender<RareMessage>,
    receiver: Receiver<RareMessage>,
}

/// The queues of all sinks that ask for rare events.
pub struct RareQueues {
    queues: Vec<RareQueue>,
    room: Arc<FollowerRoom>,
}

impl RareQueues {
    /// The queues of those of these sinks that ask for rare events.
    pub fn new(sinks: Vec<(String, SinkFilter)>) -> RareQueues {
        let queue = |(sink, filter): (String, SinkFilter)| {
            let rarer_than = filter.rarer_than? as f64;
            let (sender, receiver) = bounded(QUEUE_EVENTS_MAX);
            Some(RareQueue { sink, filter, rarer_than, sender, receiver })
        };
        RareQueues { queues: sinks.into_iter().filter_map(queue).collect(), room: FollowerRoom::new(QUEUE_BYTES_MAX) }
    }

    /// Beyond which rarity events of a stream are wanted; infinite if none are.
    pub fn rarer_than(&self, stream: &str) -> f64 {
        let wanting = self.queues.iter().filter(|queue| queue.filter.covers(stream));
        wanting.map(|queue| queue.rarer_than).fold(f64::INFINITY, f64::min)
    }

    /// The room for events that wait.
    pub fn room(&self) -> &Arc<FollowerRoom> {
        &self.room
    }

    /// Puts an event of some rarity into the queue of each sink that wants it.
    pub fn offer(&self, stream: &str, rarity_events: f64, message: &RareMessage) {
        for queue in self.queues.iter().filter(|queue| rarity_events > queue.rarer_than) {
            if queue.filter.covers(stream)
                && (message.told.outcome.is_none() || queue.sender.try_send(message.clone()).is_err())
            {
                let sink = queue.sink.clone();
                metrics::counter!(telemetry::SINK_MESSAGES, "sink" => sink, "result" => "dropped").increment(1);
            }
        }
    }

    /// The end of a sink's queue; none if it asks for no rare events.
    pub fn receiver(&self, sink: &str) -> Option<Receiver<RareMessage>> {
        self.queues.iter().find(|queue| queue.sink == sink).map(|queue| queue.receiver.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_protocol::OutcomeReply;

    fn filter(streams: &str, rarer_than: Option<u64>) -> SinkFilter {
        SinkFilter { streams: vec![streams.into()], ended: false, rarer_than }
    }

    #[test]
    fn each_sink_gets_what_is_rarer_than_it_asks_and_a_full_queue_lets_the_owner_go_on() {
        let sinks = [("syslog", filter("web*", Some(1000))), ("stdout", filter("*", Some(100)))];
        let none = ("webhooks.ops", filter("*", None));
        let queues = RareQueues::new(sinks.into_iter().chain([none]).map(|(name, f)| (name.into(), f)).collect());
        assert_eq!((queues.rarer_than("web-1"), queues.rarer_than("db")), (100.0, 100.0));
        assert!(RareQueues::new(Vec::new()).rarer_than("web-1").is_infinite());
        let message = |offset| {
            let outcome = OutcomeReply { offset, ..OutcomeReply::default() };
            RareMessage { number: 1, told: queues.room().put(Some(outcome), 1) }
        };
        let of = |sink: &str| queues.receiver(sink).unwrap();
        for (stream, rarity) in [("web-1", 500.0), ("web-1", 1000.0), ("db", 1e6), ("web-1", 1e6), ("web-1", 100.0)] {
            queues.offer(stream, rarity, &message(0));
        }
        assert_eq!((of("syslog").len(), of("stdout").len()), (1, 4));
        assert!(queues.receiver("webhooks.ops").is_none());
        (0..2 * QUEUE_EVENTS_MAX as u64).for_each(|offset| queues.offer("web-1", 1e6, &message(offset)));
        assert_eq!(of("syslog").len(), QUEUE_EVENTS_MAX);
        // what there was no room for is no message
        of("syslog").try_iter().for_each(drop);
        queues.offer("web-1", 1e6, &RareMessage { number: 1, told: queues.room().put(None, 1) });
        assert_eq!(of("syslog").len(), 0);
    }
}
