//! A log that is written anew: the events of a stream that are not forgotten, under the number of the stream that comes
//! in its place.

use crate::clock::now_us;
use crate::storage::Storage;
use surmise_event::Record;
use surmise_store::StoreError;
use surmise_store::group::{EventId, GroupBuilder, Origin};

/// Bytes of a group at which it is written.
const GROUP_BYTES: usize = 256 << 10;

/// The log of a stream that is being made.
pub struct RewrittenLog {
    number: u32,
    open: GroupBuilder,
    /// Bytes written.
    bytes: u64,
}

impl RewrittenLog {
    /// An empty log of the stream of a number, whose entry the store has.
    pub fn new(number: u32) -> RewrittenLog {
        RewrittenLog { number, open: GroupBuilder::new(number, 0), bytes: 0 }
    }

    /// Appends an event, with where it comes from.
    pub fn push(&mut self, record: &Record, origin: Option<&Origin>, id: Option<EventId>) {
        let _mark = self.open.push(record, origin, id);
    }

    /// Whether there is enough to be written.
    pub fn is_due(&self) -> bool {
        self.open.size_bytes() >= GROUP_BYTES
    }

    /// Makes durable what was appended, where the next event has an offset.
    ///
    /// # Errors
    /// The store refuses, or has no room.
    pub fn write(&mut self, storage: &dyn Storage, next: u64) -> Result<(), StoreError> {
        if self.open.records() == 0 {
            return Ok(());
        }
        let open = std::mem::replace(&mut self.open, GroupBuilder::new(self.number, next));
        let group = open.finish(next);
        storage.commit(&[], std::slice::from_ref(&group), &[], now_us())?;
        self.bytes += group.bytes.len() as u64;
        Ok(())
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}
