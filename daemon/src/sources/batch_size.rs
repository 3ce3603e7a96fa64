//! How many messages or entries are asked for at once, by how large those before were.

/// How many are asked for at first, while it is not known how large they are.
const MESSAGES_FIRST: usize = 64;
/// How many are asked for at once at most.
const MESSAGES_MAX: usize = 4096;
/// Bytes that are asked for at once, if messages are as large as those before.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// How many messages or entries are asked for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSize(pub usize);

impl Default for BatchSize {
    fn default() -> BatchSize {
        BatchSize(MESSAGES_FIRST)
    }
}

impl BatchSize {
    /// Chooses how many are asked for next, by how many came and how large they were: more, unless that took too long.
    pub fn choose(&mut self, count: usize, bytes: usize, is_slow: bool) {
        let Some(mean) = bytes.checked_div(count) else { return };
        let most = if is_slow && count > 1 { count / 2 } else { self.0 * 4 };
        self.0 = (MESSAGE_BYTES_MAX / mean.max(1)).clamp(1, MESSAGES_MAX).min(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_are_asked_for_while_they_are_small_and_come_soon() {
        let mut size = BatchSize::default();
        let mut chosen = |count, bytes, is_slow| {
            size.choose(count, bytes, is_slow);
            size.0
        };
        assert_eq!([chosen(64, 6400, false), chosen(0, 0, false), chosen(9, 900, false)], [256, 256, 1024]);
        assert_eq!([chosen(1024, 9999, false), chosen(4096, 9999, true)], [4096, 2048]);
        assert_eq!([chosen(10, 10 << 20, false), chosen(1, 64 << 20, true)], [4, 1]);
    }
}
