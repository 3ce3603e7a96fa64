//! Names in the place of names: what a stream is like without what it says. Equal texts get equal names under one key,
//! so that a stream of symbols is predicted as well as before; without the key, nobody gets the texts back.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::borrow::Cow;
use surmise_event::{Data, Datum, FieldKind, Record, Schema, VALUE};

/// Letters of a name: 48 bits, so that two of a million texts share a name in one of 500 recordings.
const NAME_LETTERS: usize = 12;
/// Letters that may stand among digits in a word that stays: those of a unit, or of a time.
const UNIT_LETTERS_MAX: usize = 2;
/// Words that stay, in small letters, as a line is read by them: parts of times, units, levels, and nouns before names.
const KEPT_WORDS: &str = "jan feb mar apr may jun jul aug sep oct nov dec mon tue wed thu fri sat sun am pm utc gmt \
    b kb mb gb tb kib mib gib tib bytes ns us ms s sec secs seconds second min minutes minute h hours hour hz khz mhz \
    ghz msec usec trace debug info notice warn warning error err critical crit alert emergency emerg fatal panic fail \
    failed failure user host account group service unit device interface database table topic queue node pod container \
    namespace volume job task worker domain zone";

/// Hashes of texts under one key.
#[derive(Clone)]
pub struct SymbolHashes {
    mac: Hmac<Sha256>,
}

impl SymbolHashes {
    /// Hashes under a key, of any length.
    pub fn new(key: &[u8]) -> SymbolHashes {
        SymbolHashes { mac: Hmac::new_from_slice(key).expect("invariant: a key of any length will do") }
    }

    /// Puts names in the place of the key, of the label, and of every text of a record: a symbol gets one, and a text
    /// that the schema has as a line or a text one for each word. Numbers, truth values and times stay, and so do
    /// general words of lines.
    pub fn hide(&self, record: &mut Record, schema: &Schema) {
        if let Some(key) = &mut record.key {
            *key = self.name_of(key);
        }
        match &mut record.data {
            Data::None => {}
            Data::One(datum) => self.hide_datum(VALUE, datum, schema),
            Data::Fields(fields) => fields.iter_mut().for_each(|(name, datum)| self.hide_datum(name, datum, schema)),
            Data::Feedback(feedback) => {
                if let Some(label) = feedback.label.as_mut().filter(|label| !label.is_empty()) {
                    *label = self.name_of(label);
                }
            }
        }
    }

    fn hide_datum(&self, field: &str, datum: &mut Datum, schema: &Schema) {
        let has_words = schema.position(field).is_some_and(|place| match schema.fields[place].kind {
            FieldKind::Line | FieldKind::Text | FieldKind::Byte => true,
            FieldKind::Category | FieldKind::Number | FieldKind::Gap => false,
        });
        let text = match &*datum {
            Datum::Text(text) => Cow::Borrowed(&**text),
            Datum::Bytes(bytes) => String::from_utf8_lossy(bytes),
            Datum::Null | Datum::Bool(_) | Datum::Number(_) | Datum::Numbers(_) => return,
        };
        *datum = Datum::Text(match has_words {
            true => self.words_of(&text).into(),
            false if text.is_empty() => "".into(),
            false => self.name_of(&text),
        });
    }

    /// The name of a text. It has letters alone, so that no reader takes it for a number.
    fn name_of(&self, text: &str) -> Box<str> {
        let mut mac = self.mac.clone();
        mac.update(text.as_bytes());
        let hash = mac.finalize().into_bytes();
        let letters = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|n| char::from(b'a' + n));
        letters.take(NAME_LETTERS).collect::<String>().into()
    }

    /// A text with a name in the place of each of its words.
    fn words_of(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() * 2);
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let is_word = c.is_alphanumeric();
            let end = rest.find(|c: char| c.is_alphanumeric() != is_word).unwrap_or(rest.len());
            let (part, after) = rest.split_at(end);
            match is_word && !stays(part) {
                true => out.push_str(&self.name_of(part)),
                false => out.push_str(part),
            }
            rest = after;
        }
        out
    }
}

/// Whether a word says a number, perhaps with its unit, or is one of those that stay.
fn stays(word: &str) -> bool {
    let letters = word.chars().filter(|c| !c.is_ascii_digit()).count();
    let begins_as_number = word.starts_with(|c: char| c.is_ascii_digit());
    letters == 0
        || (begins_as_number && letters <= UNIT_LETTERS_MAX)
        || KEPT_WORDS.split_ascii_whitespace().any(|kept| kept.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::Field;

    #[test]
    fn symbols_have_one_name_and_lines_keep_their_numbers() {
        let schema = Schema::new([Field::new("line", FieldKind::Line), Field::new("page", FieldKind::Category)]);
        let line = "Nov 23T12:00:01Z alice@web-7 took 12ms for user alice";
        let text = |text: &str| Datum::Text(text.into());
        let data = Data::Fields(vec![
            ("line".into(), text(line)),
            ("page".into(), text("alice")),
            ("ms".into(), Datum::Number(2.5)),
            ("new".into(), text("")),
        ]);
        let record = Record { key: Some("alice".into()), time_us: Some(7), data, ..Record::default() };
        let hidden = |key: &[u8]| {
            let mut record = record.clone();
            SymbolHashes::new(key).hide(&mut record, &schema);
            record
        };
        let told = hidden(b"k");
        let key = told.key.clone().unwrap();
        assert!(key.len() == NAME_LETTERS && key.bytes().all(|b| b.is_ascii_lowercase()));
        let Data::Fields(fields) = &told.data else { unreachable!() };
        assert_eq!(fields[1].1, Datum::Text(key.clone()));
        assert_eq!((&fields[2].1, &fields[3].1, told.time_us), (&Datum::Number(2.5), &text(""), Some(7)));
        let Datum::Text(words) = &fields[0].1 else { unreachable!() };
        assert!(words.starts_with("Nov 23T12:00:01Z ") && words.ends_with(&format!(" user {key}")), "{words}");
        assert!(words.contains(" 12ms ") && words.contains("-7 ") && !words.contains("alice"), "{words}");
        assert_eq!(words.matches(&*key).count(), 2);
        assert_eq!(told, hidden(b"k"));
        assert_ne!(told, hidden(b"other"));
    }
}
