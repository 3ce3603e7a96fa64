//! What a prediction may depend on: hashes of the key's past, one per context.

use crate::followers::Followers;
use crate::key::SymbolKey;

/// One context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// The last n symbols.
    Order(u8),
    /// The symbols at the lags whose bits are set (bit 0: the last).
    Skip(u16),
    /// The current word: bytes since the last that is no letter or digit.
    Word,
    /// The current and the previous word.
    Words,
    /// The current word and the last but one.
    SkipWord,
    /// The current word and the bytes between it and the previous one.
    GapWord,
    /// Within a number, how many of its digits have come, the previous word and the last byte; elsewhere the last two
    /// bytes but one.
    Number,
    /// The kinds of bytes since the line began, runs of one kind as one.
    Shape,
    /// What followed the last two bytes the last times that they came, with the last byte.
    Followers,
    /// The column and the byte above.
    Above,
    /// The number of the field in the line, and the field so far.
    Field,
    /// The multiset of the session's symbols so far, as long as they are no more than this; with the last symbol if set.
    Bag(u16, bool),
    /// The position in the session.
    Position,
    /// Other fields of the event: those whose bits are set, with the last n symbols of this one.
    Side(u16, u8),
}

/// Mixes a word into a hash.
#[inline(always)]
pub fn mix(h: u32, x: u32) -> u32 {
    let h = h.wrapping_add(x).wrapping_mul(0x2F0B_4C47);
    let h = (h ^ h >> 15).wrapping_mul(0x9E37_79B1);
    h ^ h >> 13
}

impl Context {
    /// The context's hash for a key's next symbol; `lane` sets contexts of equal content apart.
    #[inline]
    pub fn hash(self, lane: usize, key: &SymbolKey, follow: &Followers, side: &[u32]) -> u32 {
        let order = |h: u32, n: u8| (1..=n as usize).fold(h, |h, k| mix(h, key.at(k)));
        let h = match self {
            Context::Order(n) => order(0, n),
            Context::Skip(lags) => (1..=16)
                .filter(|k| lags >> (k - 1) & 1 == 1)
                .fold(0, |h, k| mix(h, key.at(k).wrapping_add(k as u32 * 977))),
            Context::Word => mix(key.line.word, 0),
            Context::Words => mix(key.line.word, key.line.previous_word),
            Context::SkipWord => mix(mix(key.line.word, key.line.word_before), 77),
            Context::GapWord => mix(mix(key.line.word, key.line.gap), 5),
            Context::Number => match key.line.digits {
                0 => mix(mix(key.at(2), key.at(3)), 1),
                n => mix(mix(n + 300, key.line.previous_word), key.at(1)),
            },
            Context::Shape => mix(key.line.shape, key.line.field),
            Context::Followers => mix(follow.after(key.at(1), key.at(2)), key.at(1) + 300),
            Context::Above => mix(key.line.column(), key.line.above()),
            Context::Field => mix(mix(key.line.field, key.line.field_hash), 3),
            Context::Bag(max, last) => {
                // a bag that goes on growing is new at every event, and would fill the tables of a quiet stream
                let bag = if key.length() <= u32::from(max) { key.bag } else { 0 };
                mix(bag, if last { key.at(1) } else { 0 })
            }
            Context::Position => mix(key.length.min(255), 0),
            Context::Side(fields, n) => {
                let h = side
                    .iter()
                    .enumerate()
                    .filter(|(i, _)| fields >> i & 1 == 1)
                    .fold(0x51DE, |h, (i, x)| mix(h, x.wrapping_add(i as u32 * 0x6d2b)));
                order(h, n)
            }
        };
        mix(h, (lane as u32 + 1).wrapping_mul(0x3C6E_F372))
    }
}
