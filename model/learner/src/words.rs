//! The words of a text as it is observed byte by byte: what each of them cost, and which was the oddest.
//!
//! A text is as random as its most random parts, so that its whole surprise says little: an id of thirty digits costs a
//! hundred bits in every line. Word by word, and by excess instead of surprise, ids weigh nothing, and one word that
//! was expected to be another stands out. A word is a run of letters and digits (and `_`, and bytes beyond ASCII) with
//! all that follows before the next one: which mark ends it belongs to it, and so does that the text ends there.

use crate::surprise::Surprise;
use surmise_event::{Expected, OddWord};

/// A word of a text, with what it cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Word {
    /// The place of its first byte in the text.
    pub(crate) start: u32,
    /// The place after its last letter or digit.
    pub(crate) end: u32,
    /// The place where the next word starts: marks in between belong to this one.
    pub(crate) close: u32,
    /// What it cost.
    pub(crate) cost: Surprise,
}

/// What was expected of a part of an event, and by what.
#[derive(Clone, Debug, Default)]
pub(crate) struct PartExpectation {
    pub(crate) expected: Option<Expected>,
    pub(crate) by: Option<String>,
}

/// The words of one text, as its bytes come. It allocates nothing but the list, if one is kept.
#[derive(Debug, Default)]
pub(crate) struct Words {
    /// The word that is not over yet.
    current: Word,
    /// The word that says most of how unusual the text is so far, if a word is over.
    oddest: Option<OddWord>,
    /// All words that are over, if they are listed.
    pub(crate) list: Vec<Word>,
    /// What was expected of each word, if that was asked.
    pub(crate) expectations: Vec<PartExpectation>,
    /// Whether they are listed.
    pub(crate) listing: bool,
}

/// Whether a byte belongs inside of a word.
pub(crate) fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl Words {
    /// The words of a text that is about to be observed; they are listed if `listing`.
    pub(crate) fn new(listing: bool) -> Words {
        Words { listing, ..Words::default() }
    }

    /// Whether a word begins with the next byte of the text.
    pub(crate) fn begins(&self, byte: u8) -> bool {
        self.current.close == 0 || is_of_word(byte) && self.current.close > self.current.end
    }

    /// Takes in the next byte of the text, and what it cost.
    pub(crate) fn push(&mut self, byte: u8, cost: Surprise) {
        let word = &mut self.current;
        if is_of_word(byte) {
            // after a mark, or after marks at the very beginning, another word starts
            if word.close > word.end {
                self.close();
            }
            self.current.end = self.current.close + 1;
        }
        self.current.close += 1;
        self.current.cost += cost;
    }

    /// Takes in what is no byte of the text itself: where it ends, or that a line feed does not end it.
    pub(crate) fn push_mark(&mut self, cost: Surprise) {
        self.current.cost += cost;
    }

    /// Closes the current word; the next one starts behind it.
    fn close(&mut self) {
        let next =
            Word { start: self.current.close, end: self.current.close, close: self.current.close, ..Word::default() };
        let word = std::mem::replace(&mut self.current, next);
        let odd = word.as_odd();
        if self.oddest.is_none_or(|oddest| odd.evidence_bits() > oddest.evidence_bits()) {
            self.oddest = Some(odd);
        }
        if self.listing {
            self.list.push(word);
        }
    }

    /// Closes the last word. Returns the oddest one.
    pub(crate) fn finish(&mut self) -> Option<OddWord> {
        self.close();
        self.oddest
    }
}

impl Word {
    /// The word as outcomes have it.
    pub(crate) fn as_odd(&self) -> OddWord {
        OddWord {
            start: self.start,
            // marks alone are a word where there is no other
            end: if self.end > self.start { self.end } else { self.close },
            excess_bits: self.cost.excess.bits(),
            excess_variance: self.cost.excess.variance_bits(),
            surprise_bits: self.cost.bits(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_symbol::Excess;

    /// The words of a text whose every byte has the excess that `excess` says.
    fn words(text: &str, excess: impl Fn(usize) -> f64) -> (Vec<String>, String) {
        let mut words = Words::new(true);
        for (i, byte) in text.bytes().enumerate() {
            words.push(byte, Surprise { nats: 1.0, excess: Excess { nats: excess(i), variance: 0.0 } });
        }
        let odd = words.finish().unwrap();
        let all: f64 = words.list.iter().map(|word| word.cost.nats).sum();
        assert_eq!(all, text.len() as f64, "every byte is in one word");
        let spelt = words.list.iter().map(|w| text[w.start as usize..w.close as usize].to_owned()).collect();
        (spelt, text[odd.start as usize..odd.end as usize].to_owned())
    }

    #[test]
    fn marks_belong_to_the_word_before_them() {
        let line = "GET /a_1?x=ä HTTP\" 502 -";
        let (spelt, odd) = words(line, |i| if line.as_bytes()[i] == b'5' { 3.0 } else { 0.0 });
        assert_eq!(spelt, ["GET /", "a_1?", "x=", "ä ", "HTTP\" ", "502 -"]);
        assert_eq!(odd, "502");
    }

    #[test]
    fn marks_at_the_beginning_and_alone_are_words() {
        assert_eq!(words("[x] y", |_| 0.0).0, ["[", "x] ", "y"]);
        assert_eq!(words("--", |_| 1.0), (vec!["--".to_owned()], "--".to_owned()));
        assert_eq!(words("", |_| 0.0), (vec![String::new()], String::new()));
    }
}
