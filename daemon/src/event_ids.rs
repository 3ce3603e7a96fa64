//! The ids of a stream's latest events, by which an event that is sent again is recognised where nobody numbers events.
//!
//! The window is a function of the log alone: a checkpoint holds it, and learning the log after the checkpoint again
//! makes it what it was. Its bound is a number of events, `limits.event_ids`, and no time, so that neither a clock nor
//! how fast events come decides what is learnt.

use rustc_hash::FxHashSet;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use surmise_store::bytes::{Cursor, Damaged, put_varint};
use surmise_store::group::EventId;

/// The id of an event, of what names its sender (empty if nothing does) and of what that calls the event.
///
/// Senders of one stream may not trust each other, so the hash is one for which nobody finds two texts.
pub fn event_id(source: &str, id: &str) -> EventId {
    let mut hash = Sha256::new();
    hash.update((source.len() as u64).to_le_bytes());
    hash.update(source);
    hash.update(id);
    let hash = hash.finalize();
    EventId(hash.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte)))
}

/// The ids of the latest events that had one.
#[derive(Clone, Debug, Default)]
pub struct EventIds {
    /// In the order in which the events were learnt.
    order: VecDeque<EventId>,
    known: FxHashSet<EventId>,
}

impl EventIds {
    /// Whether one of the latest events had this id.
    pub fn contains(&self, id: EventId) -> bool {
        self.known.contains(&id)
    }

    /// Remembers the id of an event that is learnt, and forgets the oldest beyond `ids_max`.
    pub fn note(&mut self, id: EventId, ids_max: usize) {
        // a log that was learnt under a smaller bound may have an id twice
        if self.known.insert(id) {
            self.order.push_back(id);
        }
        while self.order.len() > ids_max
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Takes the ids of an earlier window before its own.
    pub fn merge(&mut self, earlier: &EventIds, ids_max: usize) {
        let later = std::mem::replace(self, earlier.clone());
        later.order.into_iter().for_each(|id| self.note(id, ids_max));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Appends the ids, the oldest first.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.order.len() as u64);
        out.reserve(self.order.len() * 16);
        for EventId(id) in &self.order {
            out.extend_from_slice(&id.to_le_bytes());
        }
    }

    /// Reads what [`EventIds::encode`] wrote, and keeps the latest `ids_max`.
    ///
    /// # Errors
    /// The bytes are damaged.
    pub fn decode(cursor: &mut Cursor<'_>, ids_max: usize) -> Result<EventIds, Damaged> {
        const WHAT: &str = "the ids of events";
        let mut ids = EventIds::default();
        for _ in 0..cursor.count(WHAT)? {
            let bytes = cursor.take(16, WHAT)?;
            ids.note(EventId(u128::from_le_bytes(bytes.try_into().map_err(|_| Damaged(WHAT))?)), ids_max);
        }
        Ok(ids)
    }
}

impl PartialEq for EventIds {
    fn eq(&self, other: &EventIds) -> bool {
        self.order == other.order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(ids: &[u128], ids_max: usize) -> EventIds {
        let mut window = EventIds::default();
        ids.iter().for_each(|id| window.note(EventId(*id), ids_max));
        window
    }

    #[test]
    fn the_latest_ids_are_known_and_no_others() {
        let ids = window(&[1, 2, 3, 2, 4], 3);
        assert_eq!([1, 2, 3, 4].map(|id| ids.contains(EventId(id))), [false, true, true, true]);
        assert!(window(&[1, 2], 0).is_empty());
        let mut later = window(&[3, 4], 3);
        later.merge(&window(&[1, 2, 3], 3), 3);
        assert_eq!(later, window(&[2, 3, 4], 3));
    }

    #[test]
    fn a_window_comes_back_in_its_order() {
        let mut bytes = Vec::new();
        let ids = window(&[9, u128::MAX, 4], 8);
        ids.encode(&mut bytes);
        let mut read = EventIds::decode(&mut Cursor(&bytes), 8).unwrap();
        assert_eq!(read, ids);
        assert_eq!(EventIds::decode(&mut Cursor(&bytes), 2).unwrap(), window(&[u128::MAX, 4], 8));
        assert!(EventIds::decode(&mut Cursor(&bytes[..bytes.len() - 1]), 8).is_err());
        read.note(EventId(1), 3);
        assert!(!read.contains(EventId(9)), "the oldest goes first");
    }

    #[test]
    fn a_source_and_an_id_are_not_confused_with_others_of_the_same_letters() {
        assert_ne!(event_id("a", "bc"), event_id("ab", "c"));
        assert_eq!(event_id("", "x"), event_id("", "x"));
    }
}
