//! What a miner looks up for a line, and what it finds.

use crate::piece::{BLANK_HASH, Piece, PieceKind};
use crate::table::{Text, mix};
use crate::template::{Template, is_literal, starred};

/// Different words that make a place variable.
const WORDS_VARIABLE: usize = 5;

/// The same after a noun that names follow.
const WORDS_NAMED: usize = 2;

/// Nouns that names follow.
const NOUNS: &str = "user User host Host account group service unit device interface database table topic queue node \
                     pod container namespace volume job task worker domain zone";

/// The same for the first word, and where one literal would be left.
pub(crate) const WORDS_VARIABLE_BARE: usize = 4 * WORDS_VARIABLE;

/// No template.
pub(crate) const NO_TEMPLATE: u32 = u32::MAX;

/// A template that another one has taken in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Joined {
    /// The number of the template that is no more.
    pub number: u32,
    /// The template that is no more.
    pub template: Template,
    /// Where the two differed.
    pub place: usize,
}

/// A word of a template that is a value from now on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Starred {
    /// Where it stood.
    pub place: usize,
    /// Its hash.
    pub word: u64,
    /// The word.
    pub text: Text,
    /// Lines that had it.
    pub count: u64,
}

/// The template of a line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FoundTemplate {
    /// The number of the template.
    pub template: u32,
    /// Whether it was made for this line.
    pub is_new: bool,
    /// Of the starred key that knows most of this line: different words that were seen there, and lines.
    pub near: Option<(u64, u64)>,
    /// If the line joined templates: what the survivor had at the places that became variable.
    pub starred: Vec<Starred>,
    /// The templates that were joined to this one.
    pub joined: Vec<Joined>,
    /// Templates that made room.
    pub evicted: Vec<(u32, Template)>,
}

/// What is looked up for one line.
pub(crate) struct Search<'a> {
    pub text: &'a [u8],
    pub pieces: &'a [Piece],
    /// The places of words, and whether each is starred by now.
    pub words: Vec<(usize, bool)>,
    pub key: u64,
    pub frame: u64,
}

impl Search<'_> {
    /// Plain words by place, with their hashes.
    pub fn plain(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.words.iter().filter(|(_, is_starred)| !is_starred).map(|(place, _)| (*place, self.pieces[*place].hash))
    }
    /// Makes the word at a place variable.
    pub fn star(&mut self, place: usize) {
        self.key = starred(self.key, place, self.pieces[place].hash);
        self.words.iter_mut().filter(|(p, _)| *p == place).for_each(|(_, is_starred)| *is_starred = true);
    }
}

/// How many different words make the word at a place of a line variable, where `left` literals would be left.
pub(crate) fn words_needed(search: &Search<'_>, place: usize, left: usize) -> usize {
    let is_first = search.words.first().is_some_and(|word| word.0 == place);
    match left {
        _ if is_after_noun(search, place) => WORDS_NAMED,
        0 | 1 => WORDS_VARIABLE_BARE,
        _ if is_first => WORDS_VARIABLE_BARE,
        _ => WORDS_VARIABLE,
    }
}

/// Whether a word stands after a noun that names follow, as in `user anna`.
fn is_after_noun(search: &Search<'_>, place: usize) -> bool {
    place >= 2
        && search.pieces[place - 1].hash == BLANK_HASH
        && search.pieces[place - 2].kind == PieceKind::Word
        && NOUNS.split(' ').any(|noun| noun.as_bytes() == search.pieces[place - 2].of(search.text))
}

/// The key of a line with all its words.
pub(crate) fn whole_key(frame: u64, pieces: &[Piece]) -> u64 {
    let place = |(i, piece): (usize, &Piece)| {
        if is_literal(piece.kind) { Template::place_key(i, piece.hash) } else { Template::star_key(i) }
    };
    pieces.iter().enumerate().map(place).fold(mix(frame ^ 0x7e), u64::wrapping_add)
}

/// The key with the variable at `place` replaced by a word.
#[inline]
pub(crate) fn unstarred(key: u64, place: usize, word: u64) -> u64 {
    key.wrapping_sub(Template::star_key(place)).wrapping_add(Template::place_key(place, word))
}
