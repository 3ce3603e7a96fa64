//! How often a session had each symbol.

use surmise_state::{Persist, State, StateError};

/// Distinct symbols that a session counts one by one; events of further ones are counted together.
const SYMBOLS_MAX: usize = 64;

/// A symbol of a field of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionSymbol {
    /// The position of the field in the stream's schema; fields from [`u16::MAX`] on are not counted.
    pub field: u16,
    /// The number of the symbol in the field's vocabulary.
    pub symbol: u32,
}

/// The field of what is counted and is no symbol of a field.
const NO_FIELD: u16 = u16::MAX;

impl SessionSymbol {
    /// Stands for all events of a session.
    pub const EVENTS: SessionSymbol = SessionSymbol { field: NO_FIELD, symbol: 0 };
    /// Stands for all symbols of a session that were rare when it ended: each of them is a kind of its own, but that a
    /// session has some may be usual.
    pub const RARE: SessionSymbol = SessionSymbol { field: NO_FIELD, symbol: 1 };
    /// Stands for events whose symbols found no place in the counts of their session.
    pub const OTHERS: SessionSymbol = SessionSymbol { field: NO_FIELD, symbol: 2 };

    /// Whether this is one of the above, which describe a session as a whole.
    pub(crate) fn is_of_whole(self) -> bool {
        self.field == NO_FIELD
    }

    /// Both parts as one number, in the order of fields and symbols.
    pub(crate) fn code(self) -> u64 {
        u64::from(self.field) << 32 | u64::from(self.symbol)
    }

    /// The inverse of [`SessionSymbol::code`].
    pub(crate) fn of_code(code: u64) -> SessionSymbol {
        SessionSymbol { field: (code >> 32) as u16, symbol: code as u32 }
    }
}

/// The counts of a session's symbols, within bounds: 64 symbols, each counted up to 65,535.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SymbolCounts {
    /// In the order of arrival.
    symbols: Vec<SessionSymbol>,
    /// `[symbols]`: how often each came.
    counts: Vec<u16>,
    /// Events of symbols that found no place.
    others: u16,
}

impl SymbolCounts {
    /// Counts a symbol. The cost is a walk over the symbols so far, at most 64.
    pub fn add(&mut self, symbol: SessionSymbol) {
        if symbol.field == NO_FIELD {
            return;
        }
        let count = match self.symbols.iter().position(|s| *s == symbol) {
            Some(place) => &mut self.counts[place],
            None if self.symbols.len() < SYMBOLS_MAX => {
                self.symbols.push(symbol);
                self.counts.push(1);
                return;
            }
            None => &mut self.others,
        };
        *count = count.saturating_add(1);
    }

    /// How often a symbol came; 0 if it did not, or found no place.
    pub fn of(&self, symbol: SessionSymbol) -> u16 {
        self.iter().find(|(s, _)| *s == symbol).map_or(0, |(_, count)| count)
    }

    /// About how many bytes of memory the counts take.
    pub(crate) fn bytes(&self) -> u64 {
        let room = self.symbols.len().next_power_of_two().max(4);
        (room * (size_of::<SessionSymbol>() + size_of::<u16>())) as u64
    }

    /// The symbols and their counts, those that found no place together as [`SessionSymbol::OTHERS`].
    pub fn iter(&self) -> impl Iterator<Item = (SessionSymbol, u16)> + '_ {
        let others = (self.others > 0).then_some((SessionSymbol::OTHERS, self.others));
        self.symbols.iter().copied().zip(self.counts.iter().copied()).chain(others)
    }
}

impl Persist for SymbolCounts {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let mut codes: Vec<u64> = self.symbols.iter().map(|symbol| symbol.code()).collect();
        s.u64s("session symbols", &mut codes)?;
        if s.is_reading() {
            if codes.len() > SYMBOLS_MAX {
                return Err(StateError::Invalid("session symbols"));
            }
            self.symbols = codes.iter().map(|code| SessionSymbol::of_code(*code)).collect();
            self.counts.resize(codes.len(), 0);
        }
        s.u16s_fixed("session counts", &mut self.counts)?;
        s.u16("session others", &mut self.others)
    }
}

/// The first count of each level but 0, which is that of none: counts are told apart as finely as people would.
const LEVEL_COUNTS: [u16; LEVELS - 1] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192];
/// Levels of counts.
pub(crate) const LEVELS: usize = 16;

/// The level of a count.
pub(crate) fn level(count: u16) -> u8 {
    LEVEL_COUNTS.partition_point(|first| *first <= count) as u8
}

/// The first count of a level.
pub(crate) fn first_count(level: u8) -> u16 {
    if level == 0 { 0 } else { LEVEL_COUNTS[usize::from(level - 1).min(LEVELS - 2)] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_bounded_and_levels_rise() {
        let mut counts = SymbolCounts::default();
        for i in 0..70_000u32 {
            counts.add(SessionSymbol { field: 0, symbol: i % 70 });
            counts.add(SessionSymbol { field: 3, symbol: 1 });
        }
        assert_eq!(counts.iter().count(), SYMBOLS_MAX + 1);
        assert_eq!(counts.of(SessionSymbol { field: 0, symbol: 2 }), 1000);
        assert_eq!(counts.of(SessionSymbol { field: 3, symbol: 1 }), u16::MAX);
        assert_eq!(counts.of(SessionSymbol::OTHERS), 7000);
        for count in 0..300u16 {
            assert!(level(count) <= level(count + 1) && first_count(level(count)) <= count);
            assert!(level(first_count(level(count))) == level(count));
        }
        assert_eq!(usize::from(level(u16::MAX)), LEVELS - 1);
    }

    #[test]
    fn counts_survive_being_written() {
        let mut counts = SymbolCounts::default();
        (0..200).for_each(|i| counts.add(SessionSymbol { field: (i % 3) as u16, symbol: i * i % 50 }));
        let mut read = SymbolCounts::default();
        read.decode(&counts.encode()).unwrap();
        assert_eq!(read, counts);
    }
}
