//! The commit groups of one stream: events are appended as they are learnt, until the group goes to the committer.

use surmise_event::Record;
use surmise_store::group::{EventId, Group, GroupBuilder, Mark, Origin};

/// The open group of a stream, and the closed ones that wait to be sent to the committer.
pub(super) struct GroupGatherer {
    stream: u32,
    group_bytes_max: u64,
    open: Option<GroupBuilder>,
    closed: Vec<Group>,
}

impl GroupGatherer {
    /// A gatherer for stream number `stream` whose groups are closed at `group_bytes_max` bytes.
    pub fn new(stream: u32, group_bytes_max: u64) -> GroupGatherer {
        GroupGatherer { stream, group_bytes_max, open: None, closed: Vec::new() }
    }

    /// Appends an event that is about to be learnt at an offset. The mark takes it back.
    pub fn append(&mut self, record: &Record, origin: Option<&Origin>, id: Option<EventId>, offset: u64) -> Mark {
        let stream = self.stream;
        self.open.get_or_insert_with(|| GroupBuilder::new(stream, offset)).push(record, origin, id)
    }

    /// Takes the last event back, because learning it failed.
    pub fn undo(&mut self, mark: Mark) {
        if let Some(group) = &mut self.open {
            group.undo(mark);
        }
    }

    /// Whether the open group is as large as a group should become.
    pub fn is_full(&self) -> bool {
        self.open.as_ref().is_some_and(|group| group.size_bytes() as u64 >= self.group_bytes_max)
    }

    /// Whether nothing waits to be sent to the committer.
    pub fn is_empty(&self) -> bool {
        self.open.is_none() && self.closed.is_empty()
    }

    /// Closes the open group, which ends before `end_offset`. Returns its bytes; 0 if there was none.
    pub fn close(&mut self, end_offset: u64) -> u64 {
        let Some(group) = self.open.take().filter(|group| group.records() > 0) else { return 0 };
        let group = group.finish(end_offset);
        let bytes = group.bytes.len() as u64;
        self.closed.push(group);
        bytes
    }

    /// The closed groups, in order.
    pub fn closed(&self) -> &[Group] {
        &self.closed
    }

    /// Takes the closed groups, in order.
    pub fn take_closed(&mut self) -> impl Iterator<Item = Group> + '_ {
        self.closed.drain(..)
    }
}
