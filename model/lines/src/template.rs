//! A template: the pieces that lines of a kind have in common, and where they differ.

use crate::piece::{BLANK_HASH, PieceKind};
use crate::table::{Text, mix};
use surmise_state::{Persist, State, StateError};

/// No slot.
pub(crate) const NO_SLOT: u32 = u32::MAX;

/// Bytes of a literal that are kept for people.
const LITERAL_BYTES_MAX: usize = 80;

/// A piece of a template.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TemplatePiece {
    /// What kind of piece stands here; [`PieceKind::Word`] is a literal unless it is `starred`.
    pub kind: u8,
    /// Whether a word that stood here proved variable.
    pub is_starred: bool,
    /// The hash of the literal.
    pub hash: u64,
    /// The literal, cut to 80 bytes; empty for what varies.
    pub text: Text,
    /// The slot of what varies, made when it is first needed.
    pub slot: u32,
}

impl TemplatePiece {
    /// A piece with this literal.
    pub fn new(kind: PieceKind, hash: u64, literal: &[u8]) -> TemplatePiece {
        let kept = if is_literal(kind) { &literal[..literal.len().min(LITERAL_BYTES_MAX)] } else { &[] };
        TemplatePiece { kind: kind as u8, is_starred: false, hash, text: Text(kept.into()), slot: NO_SLOT }
    }

    /// Whether this is a word that has not proved variable.
    pub fn is_plain_word(&self) -> bool {
        self.kind == PieceKind::Word as u8 && !self.is_starred
    }

    /// Whether the piece is blanks.
    pub fn is_blank(&self) -> bool {
        self.hash == BLANK_HASH
    }

    /// Whether the piece varies and is no time.
    pub fn has_slot(&self) -> bool {
        self.is_starred || self.kind == PieceKind::Value as u8 || self.kind == PieceKind::Quoted as u8
    }
}

/// Whether pieces of this kind are part of a template's key as they are.
#[inline]
pub(crate) fn is_literal(kind: PieceKind) -> bool {
    matches!(kind, PieceKind::Word | PieceKind::Mark)
}

/// What lines of a kind have in common.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Template {
    /// The sum of the hashes of its places, which is how a line finds it.
    pub key: u64,
    /// Whose inside it is a template of, 0 for lines.
    pub frame: u64,
    /// The pieces in their order.
    pub pieces: Vec<TemplatePiece>,
    /// Lines that were of it.
    pub count: u64,
    /// When it was last seen, in lines.
    pub seen: u64,
    /// Whether its literals have a word of alarm.
    pub is_severe: bool,
}

impl Template {
    /// What the word `hash` at `place` adds to a key.
    #[inline]
    pub fn place_key(place: usize, hash: u64) -> u64 {
        mix(hash ^ (place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// What a variable at `place` adds to a key.
    #[inline]
    pub fn star_key(place: usize) -> u64 {
        Template::place_key(place, 0x2a)
    }

    /// The key with the place `place` starred.
    pub fn starred_key(&self, place: usize) -> u64 {
        starred(self.key, place, self.pieces[place].hash)
    }
}

/// `key` with the word `hash` at `place` replaced by a variable.
#[inline]
pub(crate) fn starred(key: u64, place: usize, hash: u64) -> u64 {
    key.wrapping_sub(Template::place_key(place, hash)).wrapping_add(Template::star_key(place))
}

impl Persist for TemplatePiece {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u8("kind", &mut self.kind)?;
        s.bool("starred", &mut self.is_starred)?;
        s.u64("hash", &mut self.hash)?;
        s.u32("slot", &mut self.slot)?;
        self.text.persist(s)
    }
}

impl Persist for Template {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u64("key", &mut self.key)?;
        s.u64("frame", &mut self.frame)?;
        s.u64("count", &mut self.count)?;
        s.u64("seen", &mut self.seen)?;
        s.bool("severe", &mut self.is_severe)?;
        s.list("pieces", &mut self.pieces, TemplatePiece::default)
    }
}
