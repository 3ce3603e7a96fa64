//! When a thing like a part of an event was last seen: found by going over the events before it.

use crate::expected::Expected;
use crate::part::Part;
use crate::record::{Data, Datum, Record};
use crate::schema::{FieldKind, Schema};

/// Level of the quantile below which a number is low, and of that above which it is high.
const LOW: &str = "0.05";
const HIGH: &str = "0.95";

/// What is like a part: what a record's field has to hold for that.
enum Alike {
    /// The same text, or the same truth value or number written as text.
    Same(String),
    /// A text with the same word.
    Word(String),
    /// A number at most this.
    AtMost(f64),
    /// A number at least this.
    AtLeast(f64),
    /// Nothing is: the part is as expected, or no record shows it.
    Nothing,
}

/// Goes over the records before an event, and notes the latest that had a part like one of the event's.
pub struct LastSeen {
    sought: Vec<(Part, Alike)>,
}

impl LastSeen {
    /// Begins a search for the like of these parts of an event of a schema. Those of a line are not sought: the like of
    /// what stands in a slot is what stood in that slot, which the line alone does not tell.
    pub fn new(parts: Vec<Part>, schema: &Schema) -> LastSeen {
        let is_sought = |part: &Part| schema.fields.iter().any(|f| *f.name == *part.name && f.kind != FieldKind::Line);
        let with_alike = |part: Part| {
            let alike = if is_sought(&part) { Alike::of(&part) } else { Alike::Nothing };
            (part, alike)
        };
        LastSeen { sought: parts.into_iter().map(with_alike).collect() }
    }

    /// Looks at the record of the event at `offset`; records come in order.
    pub fn look(&mut self, offset: u64, record: &Record) {
        for (part, alike) in &mut self.sought {
            let found = match &record.data {
                Data::None | Data::Feedback(_) => false,
                // one value without a name is of the stream's one field
                Data::One(datum) => alike.holds(datum),
                Data::Fields(fields) => fields.iter().any(|(name, datum)| *part.name == **name && alike.holds(datum)),
            };
            if found {
                part.last_seen = Some(offset);
            }
        }
    }

    /// The parts, each with what was found of it.
    pub fn finish(self) -> Vec<Part> {
        self.sought.into_iter().map(|(part, _)| part).collect()
    }
}

impl Alike {
    fn of(part: &Part) -> Alike {
        let Some(value) = &part.value else { return Alike::Nothing };
        if part.place.is_some() {
            return Alike::Word(value.clone());
        }
        let Some(Expected::Number { quantiles, .. }) = &part.expected else { return Alike::Same(value.clone()) };
        let (Ok(x), Some(low), Some(high)) = (value.parse::<f64>(), quantiles.get(LOW), quantiles.get(HIGH)) else {
            return Alike::Nothing;
        };
        match x {
            x if x < *low => Alike::AtMost(x),
            x if x > *high => Alike::AtLeast(x),
            _ => Alike::Nothing,
        }
    }

    fn holds(&self, datum: &Datum) -> bool {
        match (self, datum) {
            (Alike::Same(text), Datum::Text(other)) => **text == **other,
            (Alike::Same(text), Datum::Bytes(other)) => text.as_bytes() == &**other,
            (Alike::Same(text), Datum::Bool(other)) => *text == other.to_string(),
            (Alike::Same(text), Datum::Number(other)) => *text == other.to_string(),
            (Alike::Word(word), Datum::Text(text)) => has_word(text.as_bytes(), word.as_bytes()),
            (Alike::Word(word), Datum::Bytes(text)) => has_word(text, word.as_bytes()),
            (Alike::AtMost(most), Datum::Number(x)) => x <= most,
            (Alike::AtLeast(least), Datum::Number(x)) => x >= least,
            _ => false,
        }
    }
}

/// Whether a text has a word, with no letter or digit beside it.
fn has_word(text: &[u8], word: &[u8]) -> bool {
    let of_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
    if word.is_empty() {
        return false;
    }
    let ends_apart = |before: Option<&u8>, edge: &u8| !(before.is_some_and(of_word) && of_word(edge));
    text.windows(word.len()).enumerate().any(|(i, window)| {
        window == word
            && ends_apart(i.checked_sub(1).and_then(|j| text.get(j)), &word[0])
            && ends_apart(text.get(i + word.len()), &word[word.len() - 1])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Field;

    fn record(line: &str, ms: f64) -> Record {
        let fields = vec![("line".into(), Datum::Text(line.into())), ("ms".into(), Datum::Number(ms))];
        Record { data: Data::Fields(fields), ..Record::default() }
    }

    #[test]
    fn the_latest_of_its_like_is_found() {
        let number = |level: [f64; 2]| Expected::Number {
            mean: 1.0,
            median: 1.0,
            quantiles: [(LOW.to_owned(), level[0]), (HIGH.to_owned(), level[1])].into(),
            missing: None,
        };
        let part = |name: &str, value: &str| Part { name: name.into(), value: Some(value.into()), ..Part::default() };
        let word = Part { place: Some((0, 3)), ..part("line", "502") };
        let high = Part { expected: Some(number([0.0, 10.0])), ..part("ms", "40") };
        let usual = Part { expected: Some(number([0.0, 50.0])), ..part("ms", "40") };
        let field = |name: &str, kind| Field { name: name.into(), kind, required: false };
        let fields =
            vec![field("line", FieldKind::Text), field("ms", FieldKind::Number), field("log", FieldKind::Line)];
        let schema = Schema { fields, closed: false };
        // the slot of a line knows it already
        let slot = Part { last_seen: Some(2), ..part("status", "502") };
        let mut seen = LastSeen::new(vec![word, high, usual, part("line", "GET 5020"), slot], &schema);
        let past = [("GET 502", 1.0), ("GET 5020", 45.0), ("x502 y", 39.0), ("502", 2.0), ("7502", 3.0)];
        for (offset, (line, ms)) in past.into_iter().enumerate() {
            seen.look(offset as u64, &record(line, ms));
        }
        let found: Vec<Option<u64>> = seen.finish().iter().map(|part| part.last_seen).collect();
        assert_eq!(found, [Some(3), Some(1), None, Some(1), Some(2)]);
    }
}
