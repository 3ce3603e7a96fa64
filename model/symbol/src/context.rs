//! Contexts: hashes of what a prediction may depend on, one per lane.
//!
//! A context is one line of the table below. [`Context`], its hash, its name and the component under which it is
//! ablated are made from that line. A recipe of [`Spec`](crate::Spec) decides which models have the context.

use crate::component::SymbolComponent;
use crate::followers::Followers;
use crate::hash::mix;
use crate::key::SymbolKey;
use std::fmt;

/// Makes [`Context`] and its methods of a table. An entry is a variant with its arguments, its component (or `None`),
/// its description in reports, and its hash in terms of the three names at the top.
macro_rules! contexts {
    (|$key:ident, $followers:ident, $side:ident| $(
        $variant:ident $(($($argument:ident: $type:ty),+))?, $component:expr, $about:literal => $hash:expr;
    )+) => {
        /// A context: what a prediction may depend on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Context {
            $(#[doc = $about] $variant $(($($type),+))?,)+
        }

        impl Context {
            /// What the context is, as a phrase for reports.
            pub fn about(self) -> &'static str {
                match self { $(Context::$variant { .. } => $about,)+ }
            }

            /// The component with which ablation leaves the context out; `None` if it is always kept.
            pub fn component(self) -> Option<SymbolComponent> {
                use SymbolComponent::*;
                match self { $(Context::$variant { .. } => $component,)+ }
            }

            /// The context's hash before its lane is mixed in.
            #[inline(always)]
            fn content($key: &SymbolKey, $followers: &Followers, $side: &[u32], context: Context) -> u32 {
                match context { $(Context::$variant $(($($argument),+))? => $hash,)+ }
            }
        }
    };
}

contexts! { |key, followers, side|
    Order(n: u8), None, "The last n symbols." =>
        order(0, n, key);
    Skip(lags: u16), Some(Skips), "The symbols at the lags whose bits are set (bit 0: the last)." =>
        skipped(lags, key);
    Word, Some(Words), "The current word: bytes since the last that is no letter or digit." =>
        mix(key.line.word, 0);
    Words, Some(Words), "The current and the previous word." =>
        mix(key.line.word, key.line.previous_word);
    SkipWord, Some(Words), "The current word and the last but one." =>
        mix(mix(key.line.word, key.line.word_before), 77);
    GapWord, Some(Words), "The current word and the bytes between it and the previous one." =>
        mix(mix(key.line.word, key.line.gap), 5);
    Number, Some(Words),
        "Within a number its digits so far, the previous word and the last byte; elsewhere the last two bytes but one." =>
        number(key);
    Shape, Some(Columns), "The kinds of bytes since the line began, runs of one kind as one." =>
        mix(key.line.shape, key.line.field);
    Followers, Some(Followers), "What followed the last two bytes the last times that they came, with the last byte." =>
        mix(followers.after(key.at(1), key.at(2)), key.at(1) + 300);
    Above, Some(Columns), "The column and the byte above." =>
        mix(key.line.column(), key.line.above());
    Field, Some(Columns), "The number of the field in the line, and the field so far." =>
        mix(mix(key.line.field, key.line.field_hash), 3);
    Bag(length_max: u16, with_last: bool), Some(Session),
        "The multiset of the session's symbols while they are no more than this; with the last symbol if set." =>
        bag(length_max, with_last, key);
    Position, Some(Session), "The position in the session." =>
        mix(key.length.min(255), 0);
    Side(fields: u16, n: u8), Some(Sides),
        "Other fields of the event, those whose bits are set, with the last n symbols of this one." =>
        order(sides(fields, side), n, key);
}

impl fmt::Display for Context {
    /// What the prediction depends on, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Context::Order(0) => "how often each comes",
            Context::Order(1) => "the last symbol",
            Context::Order(n) => return write!(f, "the last {n} symbols"),
            Context::Skip(lags) => {
                let lags: Vec<_> = (1..=16).filter(|k| lags >> (k - 1) & 1 == 1).map(|k| k.to_string()).collect();
                return write!(f, "the symbols {} back", lags.join(" and "));
            }
            Context::Word => "the current word",
            Context::Words => "the current and the previous word",
            Context::SkipWord => "the current word and the last but one",
            Context::GapWord => "the current word and what is before it",
            Context::Number => "the number so far",
            Context::Shape => "the shape of the line so far",
            Context::Followers => "what followed the last two bytes",
            Context::Above => "what is above in the column",
            Context::Field => "the place in the line, and the field so far",
            Context::Bag(..) => "the symbols of the session, in any order",
            Context::Position => "the position in the session",
            Context::Side(_, 0) => "other fields",
            Context::Side(_, 1) => "other fields and the last symbol",
            Context::Side(_, n) => return write!(f, "other fields and the last {n} symbols"),
        })
    }
}

impl Context {
    /// The context's hash for a key's next symbol. `lane` sets contexts of equal content apart; `side` are the hashes
    /// of the event's other fields.
    #[inline]
    pub fn hash(self, lane: usize, key: &SymbolKey, followers: &Followers, side: &[u32]) -> u32 {
        mix(Context::content(key, followers, side, self), (lane as u32 + 1).wrapping_mul(0x3C6E_F372))
    }
}

fn order(hash: u32, n: u8, key: &SymbolKey) -> u32 {
    (1..=n as usize).fold(hash, |hash, k| mix(hash, key.at(k)))
}

fn skipped(lags: u16, key: &SymbolKey) -> u32 {
    let lags = (1..=16).filter(|k| lags >> (k - 1) & 1 == 1);
    lags.fold(0, |hash, k| mix(hash, key.at(k).wrapping_add(k as u32 * 977)))
}

fn number(key: &SymbolKey) -> u32 {
    match key.line.digits {
        0 => mix(mix(key.at(2), key.at(3)), 1),
        digits => mix(mix(digits + 300, key.line.previous_word), key.at(1)),
    }
}

fn bag(length_max: u16, with_last: bool, key: &SymbolKey) -> u32 {
    // a bag that grows without end is new at every event, and would fill the tables of a quiet stream
    let bag = if key.length() <= u32::from(length_max) { key.bag } else { 0 };
    mix(bag, if with_last { key.at(1) } else { 0 })
}

fn sides(fields: u16, side: &[u32]) -> u32 {
    let chosen = side.iter().enumerate().filter(|(i, _)| fields >> i & 1 == 1);
    chosen.fold(0x51DE, |hash, (i, x)| mix(hash, x.wrapping_add(i as u32 * 0x6d2b)))
}
