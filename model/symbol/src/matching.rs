//! Match models: what followed the last time that the same few symbols were seen.

use crate::code::{Code, Path};
use crate::context::mix;
use crate::history::{History, NOWHERE};
use crate::key::{RECENT, SymbolKey};
use surmise_lanes::prefetch;
use surmise_state::{Persist, SnapshotVec, State, StateError, incremental_copy};

/// Longest match that is told apart.
pub const LONGEST: u32 = 63;

/// Finds where a key's last symbols stood before, and learns how far such a place can be trusted.
#[derive(Clone)]
pub struct MatchModel {
    /// Which of a key's matches it keeps.
    which: usize,
    /// Symbols that must agree.
    minimum: usize,
    /// Position of the latest symbol that ended such a context, by hash.
    table: SnapshotVec<u32>,
    max: usize,
    inserted: usize,
    /// Probability that the expected bit comes, by match length.
    pub(crate) trust: Vec<f32>,
}

/// What a match model expects of the next symbol.
#[derive(Clone, Copy, Default)]
pub struct Expectation {
    /// Whether the path so far is the expected symbol's.
    pub alive: bool,
    /// The expected symbol's path.
    pub path: Path,
    /// Length of the match; 0 when there is none or it has just failed.
    pub length: u32,
}

impl MatchModel {
    /// A model of matches of at least `minimum` symbols, with an index of at most `max` entries.
    pub fn new(which: usize, minimum: usize, max: usize) -> Self {
        let trust = (0..=LONGEST).map(|l| 1.0 - 0.5 / (l as f32 + 1.5)).collect();
        MatchModel { which, minimum, table: SnapshotVec::new(vec![NOWHERE; 256]), max, inserted: 0, trust }
    }

    /// What is expected of the key's next symbol.
    #[inline]
    pub fn expect(&self, key: &SymbolKey, history: &History, code: Code) -> Expectation {
        let (at, length) = key.matches[self.which];
        if length == 0 || !history.holds(at) {
            return Expectation::default();
        }
        Expectation { alive: true, path: code.path(history.symbol(at)), length }
    }

    /// The hash of the context that ends with a symbol which is about to come; asks the processor for its entry.
    #[inline]
    pub fn ahead(&self, key: &SymbolKey, symbol: u32) -> u32 {
        let h = (1..self.minimum.min(RECENT)).fold(mix(0, symbol + 1), |h, k| mix(h, key.at(k)));
        prefetch(&self.table[self.slot(h)]);
        h
    }

    /// Asks the processor for the symbol at the entry of a hash, which [`MatchModel::ahead`] asked for a while ago.
    #[inline]
    pub fn approach(&self, hash: u32, history: &History) {
        history.prefetch(self.table[self.slot(hash)]);
    }

    #[inline(always)]
    fn slot(&self, h: u32) -> usize {
        (h >> 8) as usize & (self.table.len() - 1)
    }

    /// Follows the key's match over the symbol that has just been pushed at `position`, or looks for a new one; `hash`
    /// is what [`MatchModel::ahead`] said.
    #[inline]
    pub fn follow(
        &mut self,
        key: &mut SymbolKey,
        history: &History,
        failed: bool,
        symbol: u32,
        position: u32,
        hash: u32,
    ) {
        let (at, length) = key.matches[self.which];
        let mut next = (NOWHERE, 0);
        if length > 0 && !failed && history.holds(at) && history.symbol(at) == symbol {
            let n = history.next(at);
            if n != NOWHERE && n != position {
                next = (n, (length + 1).min(LONGEST));
            }
        }
        if key.length as usize >= self.minimum {
            self.grow();
            let slot = self.slot(hash);
            if next.1 == 0 {
                next = self.search(key, history, self.table[slot]);
            }
            self.table[slot] = position;
            self.inserted += 1;
        }
        key.matches[self.which] = next;
    }

    fn search(&self, key: &SymbolKey, history: &History, found: u32) -> (u32, u32) {
        let (mut at, mut n) = (found, 0);
        while n < 48 && history.holds(at) && key.at(n + 1) == history.symbol(at) + 1 {
            n += 1;
            at = history.previous(at);
        }
        let next = if n >= self.minimum { history.next(found) } else { NOWHERE };
        if next == NOWHERE { (NOWHERE, 0) } else { (next, n as u32) }
    }

    fn grow(&mut self) {
        if self.inserted >= self.table.len() && self.table.len() < self.max {
            // the larger index of a hash is its smaller one, with or without one more bit
            self.table.all_mut().extend_from_within(..);
            self.inserted = 0;
        }
    }
}

incremental_copy!(MatchModel { large: table; small: which, minimum, max, inserted, trust });

impl Persist for MatchModel {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32s("match index", self.table.walk(s))?;
        if !self.table.len().is_power_of_two() {
            return Err(StateError::Invalid("match index"));
        }
        s.len("match inserted", &mut self.inserted)?;
        s.f32s_fixed("match trust", &mut self.trust)
    }
}
