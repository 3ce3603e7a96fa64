//! How many bytes of replies a connection has not read, and how many a line may be expected to bring.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of the replies of one line as long as none was seen.
const FIRST_LINE_BYTES: usize = 64 << 10;

/// The bytes of replies that a connection has not read, under a bound.
pub struct UnreadBytes {
    unread: AtomicUsize,
    bytes_max: usize,
    /// The largest reply since the last settling.
    largest: AtomicUsize,
    /// What is expected of a line.
    expected: AtomicUsize,
}

impl Default for UnreadBytes {
    fn default() -> UnreadBytes {
        UnreadBytes::new(usize::MAX)
    }
}

impl UnreadBytes {
    /// No bytes yet, of `bytes_max` at most.
    pub fn new(bytes_max: usize) -> UnreadBytes {
        let (unread, largest) = (AtomicUsize::new(0), AtomicUsize::new(0));
        UnreadBytes { unread, bytes_max, largest, expected: AtomicUsize::new(FIRST_LINE_BYTES) }
    }

    /// Counts a reply.
    pub fn add(&self, bytes: usize) {
        self.unread.fetch_add(bytes, Ordering::AcqRel);
        self.largest.fetch_max(bytes, Ordering::AcqRel);
    }

    /// Counts bytes no more.
    pub fn release(&self, bytes: usize) {
        self.unread.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Whether some more bytes stay below the bound.
    pub fn has_room(&self, more: usize) -> bool {
        self.unread.load(Ordering::Acquire).saturating_add(more) < self.bytes_max
    }

    /// Takes the largest reply since the last time into account. What is expected falls slowly and rises at once.
    pub fn settle(&self) {
        let largest = self.largest.swap(0, Ordering::AcqRel);
        if largest > 0 {
            let before = self.expected.load(Ordering::Acquire);
            self.expected.store(largest.max(before / 2), Ordering::Release);
        }
    }

    /// How many bytes the replies of one line are expected to have.
    pub fn line_bytes(&self) -> usize {
        self.expected.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_until_they_are_read_and_lines_are_judged_by_the_latest() {
        let unread = UnreadBytes::new(1000);
        unread.add(900);
        assert!(unread.has_room(99) && !unread.has_room(100));
        unread.release(900);
        assert!(unread.has_room(999));
        unread.settle();
        assert_eq!(unread.line_bytes(), FIRST_LINE_BYTES / 2);
        unread.add(1 << 20);
        unread.settle();
        assert_eq!(unread.line_bytes(), 1 << 20);
        unread.settle();
        assert_eq!(unread.line_bytes(), 1 << 20, "nothing came, so nothing is known");
    }
}
