//! The window of unacknowledged events: what has to be sent again if the connection breaks.

use std::collections::VecDeque;

/// An event that is not acknowledged yet.
pub(crate) struct UnackedEvent {
    /// The sequence number of the event.
    pub(crate) seq: u64,
    /// The line that is sent, with its line end.
    pub(crate) line: Box<[u8]>,
}

/// The events that are not acknowledged yet, in the order of their numbers, within bounds of their count and bytes.
pub(crate) struct SendWindow {
    events: VecDeque<UnackedEvent>,
    /// How many of the events, from the front, were written to the current connection.
    written: usize,
    bytes: usize,
    /// The largest number that ever was in the window.
    last_seq: Option<u64>,
    events_max: usize,
    bytes_max: usize,
}

impl SendWindow {
    /// An empty window, which takes at least one event.
    pub(crate) fn new(events_max: usize, bytes_max: usize) -> SendWindow {
        SendWindow {
            events: VecDeque::new(),
            written: 0,
            bytes: 0,
            last_seq: None,
            events_max: events_max.max(1),
            bytes_max: bytes_max.max(1),
        }
    }

    /// Whether another event may be added.
    pub(crate) fn has_room(&self) -> bool {
        self.events.len() < self.events_max && self.bytes < self.bytes_max
    }

    /// Whether every event is acknowledged or refused.
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Adds the event that comes next.
    pub(crate) fn push(&mut self, event: UnackedEvent) {
        self.last_seq = Some(event.seq);
        self.bytes += event.line.len();
        self.events.push_back(event);
    }

    /// The line of the next event that was not written to this connection; it counts as written from now on.
    pub(crate) fn next_unwritten(&mut self) -> Option<&[u8]> {
        let event = self.events.get(self.written)?;
        self.written += 1;
        Some(&event.line)
    }

    /// Has every event written again, to a new connection.
    pub(crate) fn rewind(&mut self) {
        self.written = 0;
    }

    /// Removes every event up to `seq`, which are durable or were refused; returns the last one removed.
    pub(crate) fn acknowledge(&mut self, seq: u64) -> Option<u64> {
        let mut last = None;
        // acknowledgements are cumulative
        while let Some(event) = self.events.front().filter(|event| event.seq <= seq) {
            last = Some(event.seq);
            self.remove(0);
        }
        last
    }

    /// Removes one event, which was refused; returns whether it was there.
    pub(crate) fn refuse(&mut self, seq: u64) -> bool {
        match self.events.binary_search_by_key(&seq, |event| event.seq) {
            Ok(index) => {
                self.remove(index);
                true
            }
            Err(_) => false,
        }
    }

    fn remove(&mut self, index: usize) {
        if let Some(event) = self.events.remove(index) {
            self.bytes -= event.line.len();
            // events before the mark were written; the mark moves with them
            self.written -= usize::from(index < self.written);
        }
    }

    /// The sequence number up to which every event is acknowledged or refused.
    pub(crate) fn settled(&self) -> Option<u64> {
        match self.events.front() {
            Some(event) => event.seq.checked_sub(1),
            None => self.last_seq,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_leave_when_they_are_settled() {
        let mut window = SendWindow::new(3, 100);
        for seq in [1, 2, 5] {
            window.push(UnackedEvent { seq, line: vec![b'x'; 10].into() });
        }
        assert!(!window.has_room());
        assert_eq!(
            (window.settled(), window.next_unwritten().is_some(), window.next_unwritten().is_some()),
            (Some(0), true, true)
        );
        assert!(window.refuse(2) && !window.refuse(3));
        assert_eq!((window.written, window.bytes), (1, 20));
        assert_eq!(window.acknowledge(1), Some(1));
        assert_eq!((window.written, window.settled()), (0, Some(4)));
        assert!(window.next_unwritten().is_some() && window.next_unwritten().is_none());
        assert_eq!((window.acknowledge(9), window.acknowledge(9)), (Some(5), None));
        assert_eq!((window.is_empty(), window.bytes, window.settled()), (true, 0, Some(5)));
    }
}
