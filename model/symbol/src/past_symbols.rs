//! The latest symbols of all keys in order of arrival, each linked to its neighbours within its own key.

use surmise_lanes::prefetch;
use surmise_state::{Persist, SnapshotVec, State, StateError, incremental_copy};

/// Stands for "no position" where an `Option` would double the size of a link.
pub const NO_POSITION: u32 = u32::MAX;

/// A ring of the latest symbols. Positions count all symbols ever (modulo 2³²); the oldest symbols give way.
#[derive(Clone)]
pub struct PastSymbols {
    symbols: SnapshotVec<u32>,
    /// Previous and next position within the same key, where keys interleave.
    links: Option<SnapshotVec<[u32; 2]>>,
    /// The position of the next symbol.
    end: u32,
    /// Symbols that it holds at most, a power of two; it falls to what it holds where there is no room for more.
    symbols_max: u32,
    /// Bytes that it may still grow by.
    room: usize,
}

/// Symbols that a ring may hold however little room there is.
const SYMBOLS_MIN: usize = 1 << 10;

impl PastSymbols {
    /// A ring of at most `symbols_max` symbols (a power of two); they are linked if several keys may interleave
    /// (`keyed`).
    pub fn new(symbols_max: usize, keyed: bool) -> Self {
        PastSymbols {
            symbols: SnapshotVec::default(),
            links: keyed.then(SnapshotVec::default),
            end: 0,
            symbols_max: symbols_max as u32,
            room: usize::MAX,
        }
    }

    /// Bytes of the symbols and their links.
    pub fn bytes(&self) -> usize {
        let links = self.links.as_ref().map_or(0, |links| links.len() * size_of::<[u32; 2]>());
        self.symbols.len() * size_of::<u32>() + links
    }

    /// Sets by how many bytes the ring may still grow.
    pub fn set_room(&mut self, room: usize) {
        self.room = room;
    }

    /// Closes the ring at what it holds, if that is a power of two and there is no room to double it.
    fn close_if_full(&mut self) {
        let held = self.symbols.len();
        if held >= SYMBOLS_MIN && held.is_power_of_two() && self.bytes() > self.room {
            self.symbols_max = self.symbols_max.min(held as u32);
        }
    }

    /// How many symbols ago the one at a position came: 1 for the newest.
    #[inline(always)]
    pub fn age(&self, at: u32) -> u32 {
        self.end.wrapping_sub(at)
    }

    /// Whether the symbol at a position is still held.
    #[inline(always)]
    pub fn holds(&self, at: u32) -> bool {
        let age = self.age(at);
        at != NO_POSITION && age >= 1 && age <= self.symbols.len() as u32
    }

    #[inline(always)]
    fn slot(&self, at: u32) -> usize {
        (at & (self.symbols_max - 1)) as usize
    }

    /// The symbol at a position that is held.
    #[inline(always)]
    pub fn symbol(&self, at: u32) -> u32 {
        self.symbols[self.slot(at)]
    }

    /// Prefetches the symbol at a position, and its links.
    #[inline(always)]
    pub fn prefetch(&self, at: u32) {
        if self.holds(at) {
            prefetch(&self.symbols[self.slot(at)]);
            if let Some(links) = &self.links {
                prefetch(&links[self.slot(at)]);
            }
        }
    }

    /// The position of the next symbol of the same key, if it has come and is held.
    #[inline(always)]
    pub fn next(&self, at: u32) -> u32 {
        let next = match &self.links {
            Some(links) => links[self.slot(at)][1],
            None => at.wrapping_add(1),
        };
        if self.holds(next) { next } else { NO_POSITION }
    }

    /// The position of the previous symbol of the same key, if it is held.
    #[inline(always)]
    pub fn previous(&self, at: u32) -> u32 {
        let previous = match &self.links {
            Some(links) => links[self.slot(at)][0],
            None => at.wrapping_sub(1),
        };
        if self.holds(previous) { previous } else { NO_POSITION }
    }

    /// Appends a symbol of the key whose last symbol is at position `last`; returns its position.
    #[inline]
    pub fn push(&mut self, symbol: u32, last: u32) -> u32 {
        let at = self.end;
        // NO_POSITION is no position: it is skipped when the count comes round
        let at = if at == NO_POSITION { 0 } else { at };
        if self.slot(at) == self.symbols.len() {
            self.close_if_full();
        }
        let slot = self.slot(at);
        // asked before the new symbol takes the place of the oldest
        let is_last_held = self.holds(last);
        if slot == self.symbols.len() {
            self.symbols.push(symbol);
            if let Some(links) = &mut self.links {
                links.push([last, NO_POSITION]);
            }
        } else {
            self.symbols[slot] = symbol;
            if let Some(links) = &mut self.links {
                links[slot] = [last, NO_POSITION];
            }
        }
        if is_last_held {
            let slot = self.slot(last);
            if let Some(links) = &mut self.links {
                links[slot][1] = at;
            }
        }
        self.end = at.wrapping_add(1);
        at
    }
}

incremental_copy!(PastSymbols { large: symbols, links; small: end, symbols_max, room });

impl Persist for PastSymbols {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32s("history", self.symbols.walk(s))?;
        s.u32("history end", &mut self.end)?;
        let most = self.symbols_max;
        s.u32("history most", &mut self.symbols_max)?;
        // a history that is not full ends where its symbols do
        let (held, held_max) = (self.symbols.len(), self.symbols_max as usize);
        if held > held_max
            || held < held_max && held != self.end as usize
            || self.symbols_max > most
            || !self.symbols_max.is_power_of_two()
        {
            self.symbols_max = most;
            return Err(StateError::Invalid("history"));
        }
        if let Some(links) = &mut self.links {
            if s.is_reading() {
                links.replace(vec![[NO_POSITION; 2]; self.symbols.len()]);
            }
            links.walk(s).iter_mut().try_for_each(|link| s.u32s_fixed("history link", link))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaved_keys_keep_their_order_and_old_symbols_fall_out() {
        let mut past = PastSymbols::new(8, true);
        let (mut a, mut b) = (NO_POSITION, NO_POSITION);
        for i in 0..6 {
            if i % 2 == 0 { a = past.push(i, a) } else { b = past.push(i, b) }
        }
        assert_eq!(
            (past.symbol(a), past.symbol(past.previous(a)), past.symbol(past.next(past.previous(a)))),
            (4, 2, 4)
        );
        assert_eq!(past.next(b), NO_POSITION);
        for i in 6..13 {
            a = past.push(i, a);
        }
        assert_eq!(past.previous(past.previous(a)), 10);
        assert!(!past.holds(4) && past.holds(5) && past.holds(12) && !past.holds(13));
    }
}
