//! What is counted of lines that are learnt, though they are not as they should be.

/// Lines that are learnt, though they are not as they should be.
#[derive(Debug, Default)]
pub struct OddLines {
    /// How many.
    pub count: u64,
    /// What is odd about the latest of them.
    pub last: Option<String>,
}

impl OddLines {
    /// Counts a line, if something is odd about it.
    pub fn note(&mut self, odd: Option<String>) {
        if let Some(odd) = odd {
            (self.count, self.last) = (self.count + 1, Some(odd));
        }
    }
}
