//! The events that are not acknowledged yet.

use std::collections::VecDeque;

/// An event that waits for its acknowledgement.
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) line: Box<[u8]>,
}

/// The events that are not acknowledged yet, in order; the first `written` of them went into the current connection.
pub(crate) struct Window {
    entries: VecDeque<Entry>,
    written: usize,
    bytes: usize,
    last: Option<u64>,
    events_max: usize,
    bytes_max: usize,
}

impl Window {
    pub(crate) fn new(events_max: usize, bytes_max: usize) -> Window {
        Window {
            entries: VecDeque::new(),
            written: 0,
            bytes: 0,
            last: None,
            events_max: events_max.max(1),
            bytes_max: bytes_max.max(1),
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.entries.len() < self.events_max && self.bytes < self.bytes_max
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn push(&mut self, e: Entry) {
        self.last = Some(e.seq);
        self.bytes += e.line.len();
        self.entries.push_back(e);
    }

    /// The next event that this connection has not seen.
    pub(crate) fn next_unwritten(&mut self) -> Option<&[u8]> {
        let e = self.entries.get(self.written)?;
        self.written += 1;
        Some(&e.line)
    }

    /// A new connection has seen nothing.
    pub(crate) fn rewind(&mut self) {
        self.written = 0;
    }

    /// Every event up to this one is durable or was refused; the last that was waiting.
    pub(crate) fn acknowledge(&mut self, seq: u64) -> Option<u64> {
        let mut last = None;
        while let Some(e) = self.entries.front().filter(|e| e.seq <= seq) {
            last = Some(e.seq);
            self.remove(0);
        }
        last
    }

    /// One event was refused; whether it was waiting at all.
    pub(crate) fn refuse(&mut self, seq: u64) -> bool {
        match self.entries.binary_search_by_key(&seq, |e| e.seq) {
            Ok(i) => {
                self.remove(i);
                true
            }
            Err(_) => false,
        }
    }

    fn remove(&mut self, i: usize) {
        if let Some(e) = self.entries.remove(i) {
            self.bytes -= e.line.len();
            self.written -= usize::from(i < self.written);
        }
    }

    /// Everything up to and with this sequence number is acknowledged or refused.
    pub(crate) fn settled(&self) -> Option<u64> {
        match self.entries.front() {
            Some(e) => e.seq.checked_sub(1),
            None => self.last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_leave_when_they_are_settled() {
        let mut w = Window::new(3, 100);
        for seq in [1, 2, 5] {
            w.push(Entry { seq, line: vec![b'x'; 10].into() });
        }
        assert!(!w.has_room());
        assert_eq!((w.settled(), w.next_unwritten().is_some(), w.next_unwritten().is_some()), (Some(0), true, true));
        assert!(w.refuse(2) && !w.refuse(3));
        assert_eq!((w.written, w.bytes), (1, 20));
        assert_eq!(w.acknowledge(1), Some(1));
        assert_eq!((w.written, w.settled()), (0, Some(4)));
        assert!(w.next_unwritten().is_some() && w.next_unwritten().is_none());
        assert_eq!((w.acknowledge(9), w.acknowledge(9)), (Some(5), None));
        assert_eq!((w.is_empty(), w.bytes, w.settled()), (true, 0, Some(5)));
    }
}
