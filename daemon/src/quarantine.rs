//! The events of a stream whose learning failed inside, kept aside for a look.

use std::collections::VecDeque;
use surmise_protocol::QuarantinedEvent;
use surmise_store::bytes::{Cursor, Damaged, put_bytes, put_varint};

/// Events of one stream that are kept; the oldest make room for new ones.
const QUARANTINED_EVENTS_MAX: usize = 16;

/// The quarantine of one stream. It is a part of the summary in the stream's checkpoints, and has no part in what is
/// learnt: an event in it was never appended to the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quarantine {
    /// Events that were ever put in.
    pub count: u64,
    /// The latest of them, the oldest first.
    pub latest: VecDeque<QuarantinedEvent>,
}

impl Quarantine {
    /// Puts an event in; the oldest makes room if need be.
    pub fn put(&mut self, event: QuarantinedEvent) {
        self.count += 1;
        if self.latest.len() >= QUARANTINED_EVENTS_MAX {
            self.latest.pop_front();
        }
        self.latest.push_back(event);
    }

    /// The quarantine without its events, of which the count is left.
    pub fn emptied(&self) -> Quarantine {
        Quarantine { count: self.count, latest: VecDeque::new() }
    }

    /// Appends the encoded quarantine.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.count);
        let events = serde_json::to_string(&self.latest).expect("invariant: JSON values can be written as JSON");
        put_bytes(out, events.as_bytes());
    }

    /// Reads a quarantine that [`Quarantine::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are damaged.
    pub fn decode(cursor: &mut Cursor<'_>) -> Result<Quarantine, Damaged> {
        let count = cursor.varint("quarantined")?;
        let latest =
            serde_json::from_str(cursor.text("quarantine")?).map_err(|_| Damaged("a checkpoint's quarantine"))?;
        Ok(Quarantine { count, latest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept_all_are_counted_and_they_come_back() {
        let mut quarantine = Quarantine::default();
        for offset in 0..40 {
            let event = serde_json::json!({"data": {"page": "/a", "ms": 1.5}});
            quarantine.put(QuarantinedEvent { offset, event, ..QuarantinedEvent::default() });
        }
        assert_eq!((quarantine.count, quarantine.latest.len()), (40, QUARANTINED_EVENTS_MAX));
        assert_eq!(quarantine.latest.back().map(|event| event.offset), Some(39));
        let mut bytes = Vec::new();
        quarantine.encode(&mut bytes);
        assert_eq!(Quarantine::decode(&mut Cursor(&bytes)), Ok(quarantine));
    }
}
