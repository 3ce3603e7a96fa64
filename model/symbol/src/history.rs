//! The stream's symbols in order of arrival, each linked to its neighbours within its own key.

use surmise_lanes::prefetch;
use surmise_state::{Persist, SnapshotVec, State, StateError, incremental_copy};

/// No position.
pub const NOWHERE: u32 = u32::MAX;

/// A ring of the latest symbols. Positions count all symbols ever (modulo 2³²); old ones fall out.
#[derive(Clone)]
pub struct History {
    symbols: SnapshotVec<u32>,
    /// Previous and next position within the same key, where keys interleave.
    links: Option<SnapshotVec<[u32; 2]>>,
    end: u32,
    max: u32,
}

impl History {
    /// A history of at most `max` symbols (a power of two); `keyed` if several keys may interleave.
    pub fn new(max: usize, keyed: bool) -> Self {
        History { symbols: SnapshotVec::default(), links: keyed.then(SnapshotVec::default), end: 0, max: max as u32 }
    }

    /// Whether the symbol at a position is still held.
    #[inline(always)]
    pub fn holds(&self, at: u32) -> bool {
        let age = self.end.wrapping_sub(at);
        at != NOWHERE && age >= 1 && age <= self.symbols.len() as u32
    }

    #[inline(always)]
    fn slot(&self, at: u32) -> usize {
        (at & (self.max - 1)) as usize
    }

    /// The symbol at a position that is held.
    #[inline(always)]
    pub fn symbol(&self, at: u32) -> u32 {
        self.symbols[self.slot(at)]
    }

    /// Asks the processor for the symbol at a position, and for its neighbours.
    #[inline(always)]
    pub fn prefetch(&self, at: u32) {
        if self.holds(at) {
            prefetch(&self.symbols[self.slot(at)]);
            if let Some(l) = &self.links {
                prefetch(&l[self.slot(at)]);
            }
        }
    }

    /// The position of the next symbol of the same key, if it has come and is held.
    #[inline(always)]
    pub fn next(&self, at: u32) -> u32 {
        let n = match &self.links {
            Some(l) => l[self.slot(at)][1],
            None => at.wrapping_add(1),
        };
        if self.holds(n) { n } else { NOWHERE }
    }

    /// The position of the previous symbol of the same key, if it is held.
    #[inline(always)]
    pub fn previous(&self, at: u32) -> u32 {
        let p = match &self.links {
            Some(l) => l[self.slot(at)][0],
            None => at.wrapping_sub(1),
        };
        if self.holds(p) { p } else { NOWHERE }
    }

    /// Appends a symbol of the key whose last symbol stands at `last`; returns its position.
    #[inline]
    pub fn push(&mut self, symbol: u32, last: u32) -> u32 {
        let at = self.end;
        // NOWHERE is no position: it is skipped when the count comes round
        let at = if at == NOWHERE { 0 } else { at };
        let slot = self.slot(at);
        let known = self.holds(last);
        if slot == self.symbols.len() {
            self.symbols.push(symbol);
            if let Some(l) = &mut self.links {
                l.push([last, NOWHERE]);
            }
        } else {
            self.symbols[slot] = symbol;
            if let Some(l) = &mut self.links {
                l[slot] = [last, NOWHERE];
            }
        }
        if known {
            let s = self.slot(last);
            if let Some(l) = &mut self.links {
                l[s][1] = at;
            }
        }
        self.end = at.wrapping_add(1);
        at
    }
}

incremental_copy!(History { large: symbols, links; small: end, max });

impl Persist for History {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32s("history", self.symbols.walk(s))?;
        s.u32("history end", &mut self.end)?;
        if self.symbols.len() > self.max as usize {
            return Err(StateError::Invalid("history"));
        }
        if let Some(l) = &mut self.links {
            let n = self.symbols.len();
            if s.is_reading() {
                l.replace(vec![[NOWHERE; 2]; n]);
            }
            l.walk(s).iter_mut().try_for_each(|x| s.u32s_fixed("history link", x))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaved_keys_keep_their_order_and_old_symbols_fall_out() {
        let mut h = History::new(8, true);
        let (mut a, mut b) = (NOWHERE, NOWHERE);
        for i in 0..6 {
            if i % 2 == 0 { a = h.push(i, a) } else { b = h.push(i, b) }
        }
        assert_eq!((h.symbol(a), h.symbol(h.previous(a)), h.symbol(h.next(h.previous(a)))), (4, 2, 4));
        assert_eq!(h.next(b), NOWHERE);
        for i in 6..13 {
            a = h.push(i, a);
        }
        assert_eq!(h.previous(h.previous(a)), 10);
        assert!(!h.holds(4) && h.holds(5) && h.holds(12) && !h.holds(13));
    }
}
