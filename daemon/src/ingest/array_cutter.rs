//! Cutting a body that is one JSON array into its items, so that a long one is learnt as it comes. Where the body tells
//! itself whether it is one, its first bytes are looked at.

use super::cutter::CutLine;

/// What is wrong with a body that has to be an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArrayFault {
    /// It begins otherwise.
    #[error("the body is no JSON array; a batch begins with [")]
    NoArray,
    /// There is no item where one should be.
    #[error("an item of the array is missing: commas stand between two items")]
    NoItem,
    /// Something follows the array.
    #[error("something follows the array; send one array in a request")]
    Rest,
    /// It is not whole.
    #[error("the array has no end; a batch ends with ]")]
    NoEnd,
}

/// Where in the array the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ArrayPlace {
    Before,
    BeforeFirst,
    BeforeNext,
    Item,
    Text,
    Escaped,
    After,
}

/// What the first bytes of a body of events say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyStart {
    /// Each line is an event.
    Lines,
    /// It is an array of objects, or of nothing, which begins after so many bytes.
    Array(usize),
    /// It is an object that begins with such an array, which begins after so many bytes: Telegraf's batch has no more.
    Wrapped(usize),
    /// More bytes have to come to tell.
    Unknown,
}

/// The name of the array in an object that has nothing else.
const WRAPPED_NAME: &[u8] = b"\"metrics\"";

impl BodyStart {
    /// Tells it from the bytes so far. A list of numbers is a line with one event, and no array of events.
    pub fn of(bytes: &[u8]) -> BodyStart {
        let mut place = 0;
        // the next byte that is no blank; it stays the next one
        let next = |at: &mut usize| {
            *at += bytes[*at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            bytes.get(*at).copied()
        };
        let is_wrapped = match next(&mut place) {
            None => return BodyStart::Unknown,
            Some(b'{') => true,
            Some(b'[') => false,
            Some(_) => return BodyStart::Lines,
        };
        if is_wrapped {
            place += 1;
            let Some(_) = next(&mut place) else { return BodyStart::Unknown };
            let named = &bytes[place..];
            if !named.starts_with(WRAPPED_NAME) {
                return if WRAPPED_NAME.starts_with(named) { BodyStart::Unknown } else { BodyStart::Lines };
            }
            place += WRAPPED_NAME.len();
            for wanted in [b':', b'['] {
                match next(&mut place) {
                    None => return BodyStart::Unknown,
                    Some(byte) if byte == wanted => place += usize::from(wanted == b':'),
                    Some(_) => return BodyStart::Lines,
                }
            }
        }
        let array = place;
        place += 1;
        match next(&mut place) {
            None => BodyStart::Unknown,
            Some(b'{' | b']') if is_wrapped => BodyStart::Wrapped(array),
            Some(b'{' | b']') => BodyStart::Array(array),
            Some(_) => BodyStart::Lines,
        }
    }
}

/// Bytes of an array that were read and are not cut into items yet.
pub struct ArrayCutter {
    buffer: Vec<u8>,
    /// The first byte of the item that is next.
    start: usize,
    /// The first byte that was not looked at.
    searched: usize,
    place: ArrayPlace,
    /// Objects and arrays that the next byte is in, within its item.
    depth: usize,
    /// Whether the item was reported as too long.
    skipping: bool,
    fault: Option<ArrayFault>,
    /// Whether a brace has to follow the array.
    wrapped: bool,
    item_bytes_max: usize,
}

impl ArrayCutter {
    /// A cutter without bytes. Items of more than `item_bytes_max` bytes are skipped.
    pub fn new(item_bytes_max: usize) -> ArrayCutter {
        ArrayCutter {
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            place: ArrayPlace::Before,
            depth: 0,
            skipping: false,
            fault: None,
            wrapped: false,
            item_bytes_max,
        }
    }

    /// A cutter of an array that an object has, from the array on.
    pub fn wrapped(item_bytes_max: usize) -> ArrayCutter {
        ArrayCutter { wrapped: true, ..ArrayCutter::new(item_bytes_max) }
    }

    /// Appends bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        // what was cut makes room for what comes
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// What is wrong with the array, once the body is read to its end or to the fault.
    pub fn fault(&self) -> Option<ArrayFault> {
        let has_ended = self.place == ArrayPlace::After && !self.wrapped;
        self.fault.or_else(|| (!has_ended).then_some(ArrayFault::NoEnd))
    }

    /// Whether the body is read in vain from here on.
    pub fn is_broken(&self) -> bool {
        self.fault.is_some()
    }

    /// The next item, if its end has been read or it is known to be too long.
    pub fn next_item(&mut self) -> Option<CutLine<'_>> {
        while self.fault.is_none() && self.searched < self.buffer.len() {
            let at = self.searched;
            self.searched += 1;
            if let Some(fault) = self.step(self.buffer[at]) {
                self.fault = Some(fault);
            }
            let is_in_item = matches!(self.place, ArrayPlace::Item | ArrayPlace::Text | ArrayPlace::Escaped);
            if is_in_item {
                if !self.skipping && self.searched - self.start > self.item_bytes_max {
                    self.skipping = true;
                    return Some(CutLine::TooLong);
                }
            } else {
                let from = std::mem::replace(&mut self.start, self.searched);
                let was_skipped = std::mem::take(&mut self.skipping);
                // what ends an item is not a part of it, and blanks and the first bracket end none
                if matches!(self.buffer[at], b',' | b']')
                    && !was_skipped
                    && !self.buffer[from..at].trim_ascii().is_empty()
                {
                    return Some(CutLine::Whole(self.buffer[from..at].trim_ascii()));
                }
            }
        }
        if self.skipping {
            self.start = self.searched;
        }
        None
    }

    /// Takes one byte. Returns what is wrong with it.
    fn step(&mut self, byte: u8) -> Option<ArrayFault> {
        let is_blank = byte.is_ascii_whitespace();
        match (self.place, byte) {
            (ArrayPlace::Before | ArrayPlace::BeforeFirst | ArrayPlace::BeforeNext | ArrayPlace::After, _)
                if is_blank => {}
            (ArrayPlace::Before, b'[') => self.place = ArrayPlace::BeforeFirst,
            (ArrayPlace::Before, _) => return Some(ArrayFault::NoArray),
            (ArrayPlace::BeforeFirst, b']') => self.place = ArrayPlace::After,
            (ArrayPlace::BeforeFirst | ArrayPlace::BeforeNext, b',' | b']') => return Some(ArrayFault::NoItem),
            (ArrayPlace::After, b'}') if self.wrapped => self.wrapped = false,
            (ArrayPlace::After, _) => return Some(ArrayFault::Rest),
            (ArrayPlace::BeforeFirst | ArrayPlace::BeforeNext | ArrayPlace::Item, b'"') => {
                self.place = ArrayPlace::Text
            }
            (ArrayPlace::BeforeFirst | ArrayPlace::BeforeNext | ArrayPlace::Item, b'{' | b'[') => {
                (self.place, self.depth) = (ArrayPlace::Item, self.depth + 1);
            }
            (ArrayPlace::Item, b',') if self.depth == 0 => self.place = ArrayPlace::BeforeNext,
            (ArrayPlace::Item, b']') if self.depth == 0 => self.place = ArrayPlace::After,
            (ArrayPlace::Item, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
            (ArrayPlace::BeforeFirst | ArrayPlace::BeforeNext | ArrayPlace::Item, _) => self.place = ArrayPlace::Item,
            (ArrayPlace::Text, b'\\') => self.place = ArrayPlace::Escaped,
            (ArrayPlace::Text, b'"') => self.place = ArrayPlace::Item,
            (ArrayPlace::Text, _) => {}
            (ArrayPlace::Escaped, _) => self.place = ArrayPlace::Text,
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The items of an array that comes in pieces, `None` for one that is too long, and what is wrong with the array.
    fn cut(text: &str, piece: usize, item_bytes_max: usize) -> (Vec<Option<String>>, Option<ArrayFault>) {
        let mut cutter = ArrayCutter::new(item_bytes_max);
        let mut items = Vec::new();
        for bytes in text.as_bytes().chunks(piece) {
            cutter.feed(bytes);
            while let Some(item) = cutter.next_item() {
                items.push(match item {
                    CutLine::Whole(bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
                    CutLine::TooLong => None,
                });
            }
        }
        (items, cutter.fault())
    }

    #[test]
    fn items_are_cut_wherever_the_bytes_are() {
        let items = [r#"{"a":"],[\"}","b":[1,[2]]}"#, "1", r#""x\\""#, "{}"];
        let text = format!(" [ {} , {},{} ,\n{}\n] \n", items[0], items[1], items[2], items[3]);
        for piece in 1..text.len() {
            let want: Vec<_> = items.iter().map(|item| Some((*item).to_owned())).collect();
            assert_eq!(cut(&text, piece, 100), (want, None), "in pieces of {piece}");
            assert_eq!(cut("[ ]", piece, 100), (vec![], None));
        }
    }

    #[test]
    fn long_items_are_reported_once_and_skipped() {
        let text = format!(r#"["a","{}",2,"{}"]"#, "x".repeat(50), "y".repeat(60));
        for piece in 1..text.len() {
            let want = vec![Some("\"a\"".to_owned()), None, Some("2".to_owned()), None];
            assert_eq!(cut(&text, piece, 20), (want, None), "in pieces of {piece}");
        }
    }

    #[test]
    fn a_body_tells_itself_whether_it_is_an_array() {
        let telegraf = r#" { "metrics" : [ {"name":"cpu"}, {"name":"mem"} ] } "#;
        for (text, want) in [
            ("", BodyStart::Unknown),
            (" [ {\"a\":1},{}]", BodyStart::Array(1)),
            ("[1,2]", BodyStart::Lines),
            ("[]", BodyStart::Array(0)),
            ("{\"metrics\":[]}", BodyStart::Wrapped(11)),
            ("[\"a\"]", BodyStart::Lines),
            ("{\"a\":1}", BodyStart::Lines),
            ("{}", BodyStart::Lines),
            ("plain", BodyStart::Lines),
            (telegraf, BodyStart::Wrapped(telegraf.find('[').unwrap())),
            ("{\"metrics\":[1]}", BodyStart::Lines),
            ("{\"metrics\":{}}", BodyStart::Lines),
            ("{\"metrics_too\":[{}]}", BodyStart::Lines),
        ] {
            assert_eq!(BodyStart::of(text.as_bytes()), want, "{text}");
            // what has come so far says the same, or nothing yet
            for end in 0..text.len() {
                let so_far = BodyStart::of(&text.as_bytes()[..end]);
                assert!(so_far == want || so_far == BodyStart::Unknown, "{text}, {end} bytes: {so_far:?}");
            }
        }
        let mut cutter = ArrayCutter::wrapped(100);
        let BodyStart::Wrapped(start) = BodyStart::of(telegraf.as_bytes()) else { panic!("it is wrapped") };
        cutter.feed(&telegraf.as_bytes()[start..]);
        assert_eq!(cutter.next_item().map(|item| item.bytes().to_vec()), Some(b"{\"name\":\"cpu\"}".to_vec()));
        assert!(cutter.next_item().is_some() && cutter.next_item().is_none());
        assert_eq!(cutter.fault(), None);
        cutter.feed(b"}");
        assert!(cutter.next_item().is_none());
        assert_eq!(cutter.fault(), Some(ArrayFault::Rest));
    }

    #[test]
    fn what_is_no_array_is_told() {
        for (text, count, fault) in [
            ("{}", 0, ArrayFault::NoArray),
            ("[1,2", 1, ArrayFault::NoEnd),
            ("", 0, ArrayFault::NoEnd),
            ("[1,,2]", 1, ArrayFault::NoItem),
            ("[1,]", 1, ArrayFault::NoItem),
            ("[,1]", 0, ArrayFault::NoItem),
            ("[1] [2]", 1, ArrayFault::Rest),
        ] {
            for piece in 1..=text.len().max(1) {
                let (items, found) = cut(text, piece, 100);
                assert_eq!((items.len(), found), (count, Some(fault)), "{text} in pieces of {piece}");
            }
        }
    }
}
