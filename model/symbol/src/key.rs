//! The private state of one key: its recent symbols and where it stands.

use crate::context::mix;
use crate::history::NOWHERE;
use surmise_network::{Hidden, Sequence, Shape};
use surmise_state::{Persist, State, StateError};

/// How many recent symbols a key remembers.
pub const RECENT: usize = 64;

/// Longest line whose bytes are remembered for the line below.
const LINE: usize = 1024;

/// The private state of one key within one symbol model.
#[derive(Clone, Default)]
pub struct SymbolKey {
    /// Symbols + 1, a ring once it is full.
    recent: Vec<u32>,
    /// Symbols so far.
    pub(crate) length: u32,
    /// Sum of the hashes of the session's symbols.
    pub(crate) bag: u32,
    /// Where the key stands within lines and words, if its symbols are bytes.
    pub(crate) line: LinePlace,
    /// Each match model's expectation: position of the expected symbol, and how long the match is.
    pub(crate) matches: [(u32, u32); 2],
    /// Position of the key's last symbol in the history.
    pub(crate) last: u32,
    /// The network's hidden state.
    pub(crate) sequence: Option<Sequence>,
    /// Which of the model's networks that is.
    pub(crate) network: u64,
    /// The number of the challenger that was on trial at the key's last symbol, and its hidden state.
    pub(crate) challenger: Option<(u64, Sequence)>,
}

/// Words, columns and fields of a text.
#[derive(Clone, Default)]
pub struct LinePlace {
    pub(crate) word: u32,
    pub(crate) previous_word: u32,
    pub(crate) word_before: u32,
    /// The bytes between the previous word and the current one.
    pub(crate) gap: u32,
    /// Digits since the last byte that is none.
    pub(crate) digits: u32,
    pub(crate) shape: u32,
    kind: u32,
    pub(crate) field: u32,
    pub(crate) field_hash: u32,
    column: u32,
    current: Vec<u8>,
    previous: Vec<u8>,
}

impl LinePlace {
    pub(crate) fn column(&self) -> u32 {
        self.column
    }

    pub(crate) fn place(&self) -> u32 {
        self.column.min(15) * 16 + self.field.min(15)
    }

    pub(crate) fn above(&self) -> u32 {
        self.previous.get(self.column as usize).map_or(0, |b| u32::from(*b))
    }

    fn push(&mut self, b: u8) {
        if b.is_ascii_alphanumeric() || b >= 128 {
            self.word = mix(self.word, u32::from(b) + 1);
        } else {
            if self.word != 0 {
                self.word_before = self.previous_word;
                self.previous_word = self.word;
                (self.word, self.gap) = (0, 0);
            }
            self.gap = mix(self.gap, u32::from(b) + 1);
        }
        self.digits = if b.is_ascii_digit() { (self.digits + 1).min(255) } else { 0 };
        let kind = match b {
            b'0'..=b'9' => 1,
            b'a'..=b'z' => 2,
            b'A'..=b'Z' => 3,
            128.. => 4,
            _ => 256 + u32::from(b),
        };
        if kind != self.kind {
            self.kind = kind;
            self.shape = mix(self.shape, kind);
        }
        if b == b'\n' {
            (self.shape, self.kind) = (0, 0);
            std::mem::swap(&mut self.previous, &mut self.current);
            self.current.clear();
            (self.column, self.field, self.field_hash) = (0, 0, 0);
            return;
        }
        if self.current.len() < LINE {
            self.current.push(b);
        }
        self.column += 1;
        if matches!(b, b' ' | b'\t' | b',' | b'|') {
            self.field += 1;
            self.field_hash = 0;
        } else {
            self.field_hash = mix(self.field_hash, u32::from(b) + 1);
        }
    }
}

impl SymbolKey {
    /// A key without a past.
    pub fn new() -> Self {
        SymbolKey { last: NOWHERE, matches: [(NOWHERE, 0); 2], ..SymbolKey::default() }
    }

    /// The symbol `k` steps back plus 1 (k = 1: the last); 0 before the key's first.
    #[inline(always)]
    pub fn at(&self, k: usize) -> u32 {
        let n = self.length as usize;
        if k > n || k > RECENT { 0 } else { self.recent[(n - k) % RECENT] }
    }

    /// Hidden states for the networks that there are: a promoted challenger's, which starts from nothing if the key had
    /// no symbol during the trial; none of a challenger that is gone.
    pub(crate) fn settle(&mut self, shape: &Shape, champion: u64, challenger: Option<u64>) {
        if self.network != champion {
            let promoted = self.challenger.take().filter(|c| c.0 == champion);
            self.sequence = Some(promoted.map_or_else(|| Sequence::new(shape), |c| c.1));
            self.network = champion;
        }
        if self.challenger.as_ref().is_some_and(|c| Some(c.0) != challenger) {
            self.challenger = None;
        }
    }

    /// A copy of the champion's hidden state, to look ahead with.
    pub(crate) fn hidden(&self, shape: &Shape, champion: u64) -> Hidden {
        let promoted = || self.challenger.as_ref().filter(|c| c.0 == champion).map(|c| &c.1);
        let it = if self.network == champion { self.sequence.as_ref() } else { promoted() };
        it.map_or_else(|| Sequence::new(shape).hidden(), Sequence::hidden)
    }

    /// Symbols so far.
    pub fn length(&self) -> u32 {
        self.length
    }

    pub(crate) fn push(&mut self, symbol: u32, is_text: bool) {
        let n = self.length as usize;
        if n < RECENT {
            self.recent.push(symbol + 1);
        } else {
            self.recent[n % RECENT] = symbol + 1;
        }
        // a multiple of the ring's length is subtracted before the count could overflow
        self.length = if self.length == u32::MAX - 63 { self.length - (1 << 31) } else { self.length } + 1;
        self.bag = self.bag.wrapping_add(mix(symbol + 1, 1234));
        if is_text {
            self.line.push(symbol as u8);
        }
    }
}

impl Persist for LinePlace {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        for v in [
            &mut self.word,
            &mut self.previous_word,
            &mut self.word_before,
            &mut self.gap,
            &mut self.digits,
            &mut self.shape,
            &mut self.kind,
            &mut self.field,
            &mut self.field_hash,
            &mut self.column,
        ] {
            s.u32("line place", v)?;
        }
        s.u8s("line", &mut self.current)?;
        s.u8s("line above", &mut self.previous)
    }
}

/// Persisted by the model that it belongs to, which knows the network's shape.
impl SymbolKey {
    pub(crate) fn persist(&mut self, s: &mut State<'_>, make: impl Fn() -> Sequence) -> Result<(), StateError> {
        s.u32s("recent", &mut self.recent)?;
        s.u32("length", &mut self.length)?;
        if self.recent.len() > RECENT || self.recent.len() != (self.length as usize).min(RECENT) {
            return Err(StateError::Invalid("recent"));
        }
        s.u32("bag", &mut self.bag)?;
        let mut text = self.line.column > 0
            || self.line.field_hash != 0
            || !self.line.previous.is_empty()
            || self.line.previous_word != 0
            || self.line.word != 0
            || self.line.gap != 0;
        s.bool("has line", &mut text)?;
        if text {
            self.line.persist(s)?;
        } else if s.is_reading() {
            self.line = LinePlace::default();
        }
        for (at, len) in &mut self.matches {
            s.u32("match position", at)?;
            s.u32("match length", len)?;
        }
        s.u32("last", &mut self.last)?;
        s.option("sequence", &mut self.sequence, &make)?;
        s.u64("network", &mut self.network)?;
        let mut number = self.challenger.as_ref().map_or(0, |c| c.0);
        s.u64("challenger", &mut number)?;
        if s.is_reading() {
            self.challenger = (number != 0).then(|| (number, make()));
        }
        self.challenger.as_mut().map_or(Ok(()), |c| c.1.persist(s))
    }
}
