//! Outcomes on their way to followers. They are bounded in number for each stream and in bytes over all of them: what a
//! follower does not read must not fill the memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use surmise_protocol::OutcomeReply;

/// The room for outcomes that followers have not read, of all streams.
#[derive(Debug)]
pub struct FollowerRoom {
    bytes: AtomicUsize,
    bytes_max: usize,
}

/// An outcome on its way to followers, or the place of one that there was no room for. Its bytes are free again when
/// the last follower has read it.
#[derive(Debug)]
pub struct FollowedOutcome {
    /// The outcome; none if there was no room.
    pub outcome: Option<OutcomeReply>,
    /// The outcome in JSON, once the first follower was sent it.
    json: OnceLock<String>,
    bytes: usize,
    room: Arc<FollowerRoom>,
}

impl FollowerRoom {
    /// Room for `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Arc<FollowerRoom> {
        Arc::new(FollowerRoom { bytes: AtomicUsize::new(0), bytes_max })
    }

    /// The bytes of outcomes that followers have not read.
    pub fn taken(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    /// Whether an outcome of some bytes fits.
    pub fn fits(&self, bytes: usize) -> bool {
        self.bytes.load(Ordering::Acquire).saturating_add(bytes) <= self.bytes_max
    }

    /// An outcome of about so many bytes, or the place of one.
    pub fn put(self: &Arc<Self>, outcome: Option<OutcomeReply>, bytes: usize) -> Arc<FollowedOutcome> {
        let bytes = if outcome.is_some() { bytes } else { 0 };
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        Arc::new(FollowedOutcome { outcome, json: OnceLock::new(), bytes, room: self.clone() })
    }
}

impl FollowedOutcome {
    /// The outcome in JSON. It is written once for all followers, and takes room as the outcome does.
    pub fn json(&self) -> &str {
        self.json.get_or_init(|| {
            let json =
                self.outcome.as_ref().and_then(|outcome| serde_json::to_string(outcome).ok()).unwrap_or_default();
            self.room.bytes.fetch_add(json.len(), Ordering::AcqRel);
            json
        })
    }
}

impl Drop for FollowedOutcome {
    fn drop(&mut self) {
        let json = self.json.get().map_or(0, String::len);
        self.room.bytes.fetch_sub(self.bytes + json, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_makes_room() {
        let room = FollowerRoom::new(1000);
        let one = room.put(Some(OutcomeReply::default()), 800);
        assert!(one.outcome.is_some() && !room.fits(300));
        let written = one.json().len();
        assert!(written > 0 && one.json().len() == written && !room.fits(200 - written + 1));
        let left_out = room.put(None, 300);
        assert!(left_out.outcome.is_none() && room.fits(200 - written));
        drop(one);
        assert!(room.fits(1000));
    }
}
