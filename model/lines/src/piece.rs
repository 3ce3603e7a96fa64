//! Pieces of a line: words, marks between them, values, quoted texts and times, as places in one text.

use crate::table::hash;
use std::ops::Range;

/// What a piece of a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PieceKind {
    /// A word without digits: a literal of the template until its place proves variable.
    Word,
    /// Blanks, punctuation, and names of fields of JSON: always literal.
    Mark,
    /// A word that varies by its shape, such as a number: a slot from the start.
    Value,
    /// A quoted text with blanks, or a path: a slot whose inside is mined apart.
    Quoted,
    /// A time stamp.
    Time,
}

/// A piece of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub kind: PieceKind,
    /// Where it begins in the text of its line.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
    /// The hash of what it says; of blanks the same however many there are.
    pub hash: u64,
}

impl Piece {
    /// The bytes that the piece has in its text.
    #[inline]
    pub fn of<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        &text[self.start as usize..self.end as usize]
    }
}

/// Pieces that a line has at most; the rest of a longer line is passed over.
pub(crate) const PIECES_MAX: usize = 256;

/// A list of pieces of one text, with a bound.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pieces(pub Vec<Piece>);

impl Pieces {
    /// Whether no further piece fits.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.0.len() >= PIECES_MAX
    }

    /// Adds a piece of `text`; beyond the bound nothing is added.
    #[inline]
    pub fn push(&mut self, kind: PieceKind, text: &[u8], place: Range<usize>) {
        if !self.is_full() {
            let hash = hash(&text[place.clone()]);
            self.0.push(Piece { kind, start: place.start as u32, end: place.end as u32, hash });
        }
    }

    /// Adds blanks.
    #[inline]
    pub fn push_blank(&mut self, place: Range<usize>) {
        if !self.is_full() {
            self.0.push(Piece {
                kind: PieceKind::Mark,
                start: place.start as u32,
                end: place.end as u32,
                hash: BLANK_HASH,
            });
        }
    }
}

/// The hash of blanks of any length.
pub(crate) const BLANK_HASH: u64 = 0x2020_2020_2020_2020;
