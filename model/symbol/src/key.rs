//! The private state of one key: its recent symbols, its place in a text, its matches and its networks' hidden states.

use crate::code::Code;
use crate::hash::mix;
use crate::past_symbols::NO_POSITION;
use surmise_network::{Hidden, Sequence, Shape};
use surmise_state::{Persist, State, StateError};

/// Lengths of matches beyond this count as this; a counter of trust stands for each length.
pub const MATCH_SYMBOLS_MAX: u32 = 63;
/// Recent symbols that a key remembers.
pub const RECENT_SYMBOLS_MAX: usize = 64;

/// Bytes of a line that are remembered for the line below.
const LINE_BYTES_MAX: usize = 1024;

/// The private state of one key within one symbol model.
#[derive(Clone, Default)]
pub struct SymbolKey {
    /// Recent symbols, each plus 1; a ring once it is full.
    recent: Vec<u32>,
    /// Symbols so far.
    pub(crate) length: u32,
    /// Sum of the hashes of the session's symbols.
    pub(crate) bag: u32,
    /// The key's place within lines and words, if its symbols are bytes.
    pub(crate) line: LinePlace,
    /// Of each match model: position of the expected symbol, and length of the match, 0 if there is none.
    pub(crate) matches: [(u32, u32); 2],
    /// Position of the key's last symbol in the history.
    pub(crate) last: u32,
    /// The network's hidden state.
    pub(crate) sequence: Option<Sequence>,
    /// The number of the network that it belongs to.
    pub(crate) network: u64,
    /// The number of the challenger that was on trial at the key's last symbol, and its hidden state.
    pub(crate) challenger: Option<(u64, Sequence)>,
}

/// The place in a text: words, columns and fields of the current line. Words, shapes and fields are hashes.
#[derive(Default)]
pub struct LinePlace {
    /// The current word; 0 between words.
    pub(crate) word: u32,
    pub(crate) previous_word: u32,
    /// The word before the previous one.
    pub(crate) word_before: u32,
    /// The bytes between the previous word and the current one.
    pub(crate) gap: u32,
    /// Digits since the last byte that is none.
    pub(crate) digits: u32,
    /// The kinds of bytes since the line began, runs of one kind as one.
    pub(crate) shape: u32,
    /// The kind of the latest byte.
    kind: u32,
    /// The number of the current field in the line.
    pub(crate) field: u32,
    /// The bytes of the current field so far.
    pub(crate) field_hash: u32,
    column: u32,
    /// The bytes of the current line so far.
    current: Vec<u8>,
    /// The bytes of the line above.
    previous: Vec<u8>,
}

impl Clone for LinePlace {
    fn clone(&self) -> Self {
        LinePlace { current: self.current.clone(), previous: self.previous.clone(), ..*self }
    }

    /// Copies `other` into the memory that the lines already have.
    fn clone_from(&mut self, other: &Self) {
        let (mut current, mut previous) = (std::mem::take(&mut self.current), std::mem::take(&mut self.previous));
        current.clone_from(&other.current);
        previous.clone_from(&other.previous);
        *self = LinePlace { current, previous, ..*other };
    }
}

impl LinePlace {
    /// The column of the next byte.
    pub(crate) fn column(&self) -> u32 {
        self.column
    }

    /// The column and the field, four bits each.
    pub(crate) fn place(&self) -> u32 {
        self.column.min(15) * 16 + self.field.min(15)
    }

    /// The byte above the next one; 0 if the line above is shorter.
    pub(crate) fn above(&self) -> u32 {
        self.previous.get(self.column as usize).map_or(0, |byte| u32::from(*byte))
    }

    fn push(&mut self, byte: u8) {
        self.push_word(byte);
        self.digits = if byte.is_ascii_digit() { (self.digits + 1).min(255) } else { 0 };
        self.push_shape(byte);
        if byte == b'\n' {
            self.end_line();
        } else {
            self.push_column(byte);
        }
    }

    fn push_word(&mut self, byte: u8) {
        if byte.is_ascii_alphanumeric() || byte >= 128 {
            self.word = mix(self.word, u32::from(byte) + 1);
            return;
        }
        if self.word != 0 {
            self.word_before = self.previous_word;
            self.previous_word = self.word;
            (self.word, self.gap) = (0, 0);
        }
        self.gap = mix(self.gap, u32::from(byte) + 1);
    }

    fn push_shape(&mut self, byte: u8) {
        let kind = match byte {
            b'0'..=b'9' => 1,
            b'a'..=b'z' => 2,
            b'A'..=b'Z' => 3,
            128.. => 4,
            _ => 256 + u32::from(byte),
        };
        if kind != self.kind {
            self.kind = kind;
            self.shape = mix(self.shape, kind);
        }
    }

    fn end_line(&mut self) {
        (self.shape, self.kind) = (0, 0);
        std::mem::swap(&mut self.previous, &mut self.current);
        self.current.clear();
        (self.column, self.field, self.field_hash) = (0, 0, 0);
    }

    fn push_column(&mut self, byte: u8) {
        if self.current.len() < LINE_BYTES_MAX {
            self.current.push(byte);
        }
        self.column += 1;
        if matches!(byte, b' ' | b'\t' | b',' | b'|') {
            self.field += 1;
            self.field_hash = 0;
        } else {
            self.field_hash = mix(self.field_hash, u32::from(byte) + 1);
        }
    }
}

impl SymbolKey {
    /// A key without a past.
    pub fn new() -> Self {
        SymbolKey { last: NO_POSITION, matches: [(NO_POSITION, 0); 2], ..SymbolKey::default() }
    }

    /// The symbol `k` steps back (1 is the last), plus 1; 0 before the key's first.
    #[inline(always)]
    pub fn at(&self, k: usize) -> u32 {
        let n = self.length as usize;
        if k > n || k > RECENT_SYMBOLS_MAX { 0 } else { self.recent[(n - k) % RECENT_SYMBOLS_MAX] }
    }

    /// Keeps hidden states of the networks that there are now: a promoted challenger's, which starts from nothing if
    /// the key had no symbol during the trial; none of a challenger that was dropped.
    pub(crate) fn match_networks(&mut self, shape: &Shape, champion: u64, challenger: Option<u64>) {
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
        self.sequence_of(champion).map_or_else(|| Sequence::new(shape).hidden(), Sequence::hidden)
    }

    /// Makes `to` what [`hidden`](Self::hidden) returns, in the memory of an earlier copy.
    pub(crate) fn hidden_into(&self, shape: &Shape, champion: u64, to: &mut Hidden) {
        match self.sequence_of(champion) {
            Some(sequence) => sequence.hidden_into(to),
            None => *to = Sequence::new(shape).hidden(),
        }
    }

    /// The hidden state that belongs to the champion, if the key has one.
    fn sequence_of(&self, champion: u64) -> Option<&Sequence> {
        // a challenger that was promoted since the key's last symbol is the champion now
        let promoted = || self.challenger.as_ref().filter(|c| c.0 == champion).map(|c| &c.1);
        if self.network == champion { self.sequence.as_ref() } else { promoted() }
    }

    /// Copies what questions look at of another key, hidden states apart, into the memory that is already there.
    pub(crate) fn copy_from(&mut self, other: &SymbolKey) {
        let SymbolKey { recent, length, bag, line, matches, last, sequence: _, network, challenger: _ } = other;
        self.recent.clone_from(recent);
        (self.length, self.bag, self.matches, self.last) = (*length, *bag, *matches, *last);
        self.line.clone_from(line);
        self.network = *network;
    }

    /// Symbols so far.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Takes in a symbol.
    pub(crate) fn push(&mut self, symbol: u32, code: Code) {
        let n = self.length as usize;
        if n < RECENT_SYMBOLS_MAX {
            self.recent.push(symbol + 1);
        } else {
            self.recent[n % RECENT_SYMBOLS_MAX] = symbol + 1;
        }
        // a multiple of the ring's length is subtracted before the count could overflow
        self.length = if self.length == u32::MAX - 63 { self.length - (1 << 31) } else { self.length } + 1;
        // a sum, so the order of symbols makes no difference
        self.bag = self.bag.wrapping_add(mix(symbol + 1, 1234));
        if code == Code::Byte {
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
        s.u8s("line above", &mut self.previous)?;
        match self.current.len().max(self.previous.len()) > LINE_BYTES_MAX {
            true => Err(StateError::Invalid("line")),
            false => Ok(()),
        }
    }
}

/// The model that a key belongs to persists it, as only the model knows the network's shape.
impl SymbolKey {
    /// Walks over the key's state; `make` makes an empty hidden state.
    pub(crate) fn persist(&mut self, s: &mut State<'_>, make: impl Fn() -> Sequence) -> Result<(), StateError> {
        s.u32s("recent", &mut self.recent)?;
        s.u32("length", &mut self.length)?;
        if self.recent.len() > RECENT_SYMBOLS_MAX || self.recent.len() != (self.length as usize).min(RECENT_SYMBOLS_MAX)
        {
            return Err(StateError::Invalid("recent"));
        }
        s.u32("bag", &mut self.bag)?;
        // a key whose symbols are no text needs no place in one
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
            if *len > MATCH_SYMBOLS_MAX {
                return Err(StateError::Invalid("match length"));
            }
        }
        s.u32("last", &mut self.last)?;
        s.option("sequence", &mut self.sequence, &make)?;
        s.u64("network", &mut self.network)?;
        // 0 stands for no challenger
        let mut number = self.challenger.as_ref().map_or(0, |c| c.0);
        s.u64("challenger", &mut number)?;
        if s.is_reading() {
            self.challenger = (number != 0).then(|| (number, make()));
        }
        self.challenger.as_mut().map_or(Ok(()), |c| c.1.persist(s))
    }
}
