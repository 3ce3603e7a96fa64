//! Values that are well known each and were never seen together.

use crate::table::{KeyTable, log2, pair, persist_table};
use surmise_state::{Persist, State, StateError};

/// Settled values of a line that are paired.
const SETTLED_MAX: usize = 8;

/// Lines of a pair of slots before new pairs of values are news.
const LINES_MIN: f64 = 200.0;

/// Lines of a pair of slots before new pairs of values are counted.
const LINES_COUNTED: f64 = 50.0;

/// Pairs of values that are remembered; beyond it everything is forgotten.
const PAIRS_MAX: usize = 100_000;

/// Lines and new pairs of values of a pair of slots.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct PairCount {
    lines: f64,
    new: f64,
}

/// A settled value of the current line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SettledValue {
    pub slot: u32,
    pub hash: u64,
    pub place: u32,
}

/// Remembers which settled values came together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pairs {
    counts: KeyTable<PairCount>,
    seen: KeyTable<()>,
    now: Vec<SettledValue>,
}

impl Pairs {
    /// Begins a line.
    pub fn begin(&mut self) {
        self.now.clear();
    }

    /// Adds a settled value of the line.
    pub fn add(&mut self, value: SettledValue) {
        if self.now.len() < SETTLED_MAX {
            self.now.push(value);
        }
    }

    /// Learns the pairs of the line; returns the bits of the newest pair and the place of its second value.
    pub fn end(&mut self) -> (f64, u32) {
        let mut most = (0.0, 0);
        for (i, a) in self.now.iter().enumerate() {
            for b in &self.now[i + 1..] {
                let slots = pair(u64::from(a.slot), u64::from(b.slot));
                let count = self.counts.entry(slots).or_default();
                count.lines += 1.0;
                if self.seen.insert(pair(slots, pair(a.hash, b.hash)), ()).is_none() {
                    let bits = log2((count.lines + 1.0) / (count.new + 0.5));
                    if count.lines > LINES_MIN && bits > most.0 {
                        most = (bits, b.place);
                    }
                    if count.lines > LINES_COUNTED {
                        count.new += 1.0;
                    }
                }
            }
        }
        if self.seen.len() > PAIRS_MAX || self.counts.len() > PAIRS_MAX {
            self.seen.clear();
            self.counts.clear();
        }
        most
    }
}

impl Persist for Pairs {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.section("pairs")?;
        persist_table(s, "counts", &mut self.counts, |s, count| {
            s.f64("lines", &mut count.lines)?;
            s.f64("new", &mut count.new)
        })?;
        persist_table(s, "seen", &mut self.seen, |_, ()| Ok(()))
    }
}
