//! Which messages of a broker were received, so that one that comes again is recognised.
//!
//! A broker sends a message again, under the same packet identifier and marked as such, if it has no acknowledgement of
//! it when a connection begins. What was received is remembered by that identifier until it is certain that the broker
//! has the acknowledgement: until it has answered a ping that was sent after it. An identifier that is used for another
//! message takes the place of the one before.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How far the acknowledgement of a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Acknowledged {
    /// It was not sent.
    No,
    /// It was sent.
    Sent,
    /// It was sent, and a ping after it.
    BeforePing,
}

/// The messages of a broker's session that may come again: 65,535 at most, as many as there are identifiers.
#[derive(Debug, Default)]
pub struct Receipts {
    by_packet: HashMap<u16, (u64, Acknowledged)>,
}

impl Receipts {
    /// Notes that a message was received. Returns whether it is one that was received before, which only a message
    /// that is `marked` as sent again can be.
    pub fn receive(&mut self, packet: u16, topic: &str, payload: &[u8], marked: bool) -> bool {
        let mut hasher = DefaultHasher::new();
        (topic, payload).hash(&mut hasher);
        let content = hasher.finish();
        if marked && self.by_packet.get(&packet).is_some_and(|(known, _)| *known == content) {
            return true;
        }
        self.by_packet.insert(packet, (content, Acknowledged::No));
        false
    }

    /// Notes that the acknowledgement of a message was sent.
    pub fn acknowledge(&mut self, packet: u16) {
        if let Some((_, acknowledged)) = self.by_packet.get_mut(&packet) {
            *acknowledged = Acknowledged::Sent;
        }
    }

    /// Notes that a ping was sent.
    pub fn ping(&mut self) {
        for (_, acknowledged) in self.by_packet.values_mut().filter(|(_, a)| *a == Acknowledged::Sent) {
            *acknowledged = Acknowledged::BeforePing;
        }
    }

    /// Notes that the ping was answered: what was acknowledged before it does not come again.
    pub fn pong(&mut self) {
        self.by_packet.retain(|_, (_, acknowledged)| *acknowledged != Acknowledged::BeforePing);
    }

    /// Notes that the connection has ended: an acknowledgement may not have arrived.
    pub fn disconnect(&mut self) {
        for (_, acknowledged) in self.by_packet.values_mut().filter(|(_, a)| *a == Acknowledged::BeforePing) {
            *acknowledged = Acknowledged::Sent;
        }
    }

    /// Forgets all messages: the session is another one, whose identifiers mean other messages.
    pub fn forget(&mut self) {
        self.by_packet.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_comes_again_is_recognised_until_its_acknowledgement_has_arrived() {
        let mut receipts = Receipts::default();
        assert!(!receipts.receive(1, "a", b"x", false));
        assert!(receipts.receive(1, "a", b"x", true), "not acknowledged yet");
        receipts.acknowledge(1);
        receipts.ping();
        receipts.disconnect();
        receipts.pong();
        assert!(receipts.receive(1, "a", b"x", true), "the ping was of another connection");
        receipts.acknowledge(1);
        receipts.ping();
        assert!(!receipts.receive(2, "a", b"y", false));
        receipts.acknowledge(2);
        receipts.pong();
        assert!(!receipts.receive(1, "a", b"x", true), "the broker had the acknowledgement, so it is another message");
        assert!(receipts.receive(2, "a", b"y", true), "the broker may not have had this one");
    }

    #[test]
    fn another_message_is_not_taken_for_one_that_was_received() {
        let mut receipts = Receipts::default();
        assert!(!receipts.receive(7, "a", b"x", false));
        assert!(!receipts.receive(7, "a", b"x", false), "it is not marked, so it is a new one with the same content");
        assert!(!receipts.receive(7, "b", b"x", true) && !receipts.receive(7, "b", b"z", true));
        assert!(receipts.receive(7, "b", b"z", true));
        receipts.forget();
        assert!(!receipts.receive(7, "b", b"z", true));
    }
}
