//! The vocabulary of a category: its symbols, numbered by order of arrival (PREDICTOR §2).

use std::collections::HashMap;
use std::sync::Arc;
use surmise_state::{IncrementalCopy, Persist, State, StateError};

/// The most symbols of a vocabulary; all further values share one more, [`Token::Others`].
const SYMBOLS_MAX: usize = 1 << 20;

/// The most bytes of text of a vocabulary; beyond it, further values share [`Token::Others`].
const TEXT_BYTES_MAX: usize = 64 << 20;

/// What adding one symbol to a copy costs in time, as the bytes that could be copied meanwhile.
const SYMBOL_COPY_BYTES: usize = 512;

/// What a symbol stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Token {
    /// A value, by its text.
    Text(Arc<str>),
    /// A missing value.
    Missing,
    /// The end of a key.
    End,
    /// Every value beyond the bounds of the vocabulary.
    Others,
}

impl Token {
    /// The text of a value.
    pub fn text(&self) -> Option<&str> {
        match self {
            Token::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The symbols of a category by order of arrival, which is what the code tree of its symbol model is built for.
#[derive(Clone, Default)]
pub struct Vocabulary {
    tokens: Vec<Token>,
    texts: HashMap<Arc<str>, u32>,
    missing: Option<u32>,
    end: Option<u32>,
    others: Option<u32>,
    text_bytes: usize,
    /// Whether the stream has no room for more texts.
    full: bool,
}

/// What a symbol takes beside its text.
const TOKEN_BYTES: usize = 80;
/// Symbols that a vocabulary may have however little room there is.
const SYMBOLS_MIN: usize = 1024;

impl Vocabulary {
    /// Bytes that the vocabulary takes, nearly.
    pub fn bytes(&self) -> usize {
        self.text_bytes + self.tokens.len() * TOKEN_BYTES
    }

    /// Sets by how many bytes the vocabulary may still grow; without room, new texts share one symbol.
    pub fn set_room(&mut self, room: usize) {
        self.full = room < TOKEN_BYTES;
    }

    /// How many symbols have arrived.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// What each symbol stands for, in the order of their numbers.
    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.iter()
    }

    /// What a symbol stands for, if it has arrived.
    pub fn token(&self, id: u32) -> Option<&Token> {
        self.tokens.get(id as usize)
    }

    /// The symbol of a key's end; `None` until a key has ended.
    pub fn end(&self) -> Option<u32> {
        self.end
    }

    /// The symbol of a text, if it has arrived.
    pub fn known(&self, text: &str) -> Option<u32> {
        self.texts.get(text).copied()
    }

    /// The symbol of a missing value, if one has arrived.
    pub fn missing(&self) -> Option<u32> {
        self.missing
    }

    /// The symbol of a text, which arrives with it if it is new.
    pub fn symbol(&mut self, s: &str) -> u32 {
        if let Some(id) = self.texts.get(s) {
            return *id;
        }
        // a vocabulary that grew for ever would take all memory
        let is_full = self.full && self.tokens.len() >= SYMBOLS_MIN;
        if is_full || self.tokens.len() >= SYMBOLS_MAX || self.text_bytes + s.len() > TEXT_BYTES_MAX {
            return Self::special(&mut self.others, &mut self.tokens, Token::Others);
        }
        let id = self.tokens.len() as u32;
        let text: Arc<str> = s.into();
        self.tokens.push(Token::Text(text.clone()));
        self.texts.insert(text, id);
        self.text_bytes += s.len();
        id
    }

    /// The symbol of a missing value, which arrives with the first one.
    pub fn missing_symbol(&mut self) -> u32 {
        Self::special(&mut self.missing, &mut self.tokens, Token::Missing)
    }

    /// The symbol of a key's end, which arrives with the first one.
    pub fn end_symbol(&mut self) -> u32 {
        Self::special(&mut self.end, &mut self.tokens, Token::End)
    }

    /// The symbol of a token that is no text.
    fn special(at: &mut Option<u32>, tokens: &mut Vec<Token>, token: Token) -> u32 {
        *at.get_or_insert_with(|| {
            tokens.push(token);
            tokens.len() as u32 - 1
        })
    }
}

impl Vocabulary {
    /// Adds the next symbols of the vocabulary that this is a copy of, `symbols_max` at most; texts are shared.
    fn follow(&mut self, of: &Vocabulary, symbols_max: usize) {
        // symbols only ever arrive, so an earlier copy is a beginning of this vocabulary
        if self.tokens.last().is_some_and(|last| of.tokens.get(self.len() - 1) != Some(last)) {
            *self = Vocabulary::default();
        }
        let more = &of.tokens[self.len()..];
        self.tokens.reserve(more.len());
        self.texts.reserve(more.len());
        for token in &more[..symbols_max.min(more.len())] {
            if let Token::Text(text) = token {
                self.texts.insert(text.clone(), self.tokens.len() as u32);
            }
            self.tokens.push(token.clone());
        }
        (self.missing, self.end, self.others, self.text_bytes) = (of.missing, of.end, of.others, of.text_bytes);
    }
}

impl IncrementalCopy for Vocabulary {
    fn empty_copy(&self) -> Self {
        Vocabulary::default()
    }
    fn reserve(&self, copy: &mut Self, room: &mut usize) -> bool {
        let before = copy.len();
        copy.follow(self, *room / SYMBOL_COPY_BYTES);
        *room -= copy.len().saturating_sub(before) * SYMBOL_COPY_BYTES;
        copy.len() == self.len()
    }
    fn begin_copy(&mut self, copy: &mut Self) {
        copy.follow(self, usize::MAX);
    }
    fn copy_some(&mut self, _: &mut usize) -> bool {
        true
    }
    fn finish_copy(&mut self) {}
}

impl Persist for Vocabulary {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        let n = s.begin("vocabulary", self.tokens.len(), 1)?;
        let mut read = if s.is_reading() { Some(Vocabulary::default()) } else { None };
        for i in 0..n {
            let (mut kind, mut text) = match self.tokens.get(i).filter(|_| read.is_none()) {
                None => (0, String::new()),
                Some(Token::Text(t)) => (0u8, t.to_string()),
                Some(Token::Missing) => (1, String::new()),
                Some(Token::End) => (2, String::new()),
                Some(Token::Others) => (3, String::new()),
            };
            s.u8("token kind", &mut kind)?;
            if kind == 0 {
                s.string("token", &mut text)?;
            }
            if let Some(v) = &mut read {
                match kind {
                    0 => v.symbol(&text),
                    1 => v.missing_symbol(),
                    2 => v.end_symbol(),
                    3 => Self::special(&mut v.others, &mut v.tokens, Token::Others),
                    _ => return Err(StateError::Invalid("token kind")),
                };
                // a token that was there before would shift all numbers after it
                if v.len() != i + 1 {
                    return Err(StateError::Invalid("vocabulary"));
                }
            }
        }
        if let Some(v) = read {
            *self = v;
        }
        Ok(())
    }
}
