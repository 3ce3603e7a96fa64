//! An event on one line, its odd words and values marked.

use serde_json::Value;
use surmise_event::Part;

/// Bits of excess from which a part stands out.
pub const ODD_BITS: f64 = 3.0;

/// How a piece of an event's line is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventPieceKind {
    /// The key of the event, or the name of a field: of less weight.
    Name,
    /// What is as usual.
    Usual,
    /// What is odd.
    Odd,
}

/// A piece of an event's line. Its text is as it was sent: [`plain`](crate::plain) makes it fit for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPiece {
    /// The text.
    pub text: String,
    /// How it is to be shown.
    pub kind: EventPieceKind,
}

impl EventPiece {
    fn new(text: impl Into<String>, kind: EventPieceKind) -> EventPiece {
        EventPiece { text: text.into(), kind }
    }
}

/// The line of an event, `{"key":…,"data":…}`, in pieces.
pub fn event_pieces(event: &Value, parts: &[Part]) -> Vec<EventPiece> {
    let mut pieces = Vec::new();
    if let Some(key) = event["key"].as_str() {
        pieces.extend([EventPiece::new(key, EventPieceKind::Name), EventPiece::new("  ", EventPieceKind::Usual)]);
    }
    match &event["data"] {
        Value::Null if event["end"] == true => pieces.push(EventPiece::new("(the key ends)", EventPieceKind::Usual)),
        // a key of which nothing more is told
        Value::Null if event.get("key").is_some() && event.get("data").is_none() => {}
        Value::Object(fields) => {
            for (i, (name, value)) in fields.iter().enumerate() {
                let blank = if i > 0 { " " } else { "" };
                pieces.push(EventPiece::new(blank, EventPieceKind::Usual));
                pieces
                    .extend([EventPiece::new(name, EventPieceKind::Name), EventPiece::new("=", EventPieceKind::Usual)]);
                pieces.extend(value_pieces(name, value, parts));
            }
        }
        Value::String(line) => pieces.extend(odd_pieces(line, &odd_places(line, parts))),
        value => pieces.extend(value_pieces("value", value, parts)),
    }
    pieces.retain(|piece| !piece.text.is_empty());
    pieces
}

/// A field's value: odd as a whole, or in the words of it that are.
fn value_pieces(name: &str, value: &Value, parts: &[Part]) -> Vec<EventPiece> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let odd = || parts.iter().filter(|part| *part.name == *name && part.excess_bits >= ODD_BITS);
    if odd().any(|part| part.place.is_none()) {
        return vec![EventPiece::new(text, EventPieceKind::Odd)];
    }
    let mut places: Vec<(usize, usize)> = odd()
        .filter_map(|part| part.place.zip(part.value.as_ref()))
        .map(|((start, _), value)| (start as usize, start as usize + value.len()))
        .collect();
    places.sort_unstable();
    odd_pieces(&text, &places)
}

/// Where the odd parts of an event of one text are in it: words by their place, what stands in slots of a line by what
/// it is.
fn odd_places(text: &str, parts: &[Part]) -> Vec<(usize, usize)> {
    let odd = parts.iter().filter(|part| part.excess_bits >= ODD_BITS);
    let place = |part: &Part| {
        let value = part.value.as_deref().filter(|value| !value.is_empty())?;
        let start = match part.place {
            Some((start, _)) => start as usize,
            None => text.find(value)?,
        };
        Some((start, start + value.len()))
    };
    let mut places: Vec<(usize, usize)> = odd.filter_map(place).collect();
    places.sort_unstable();
    places
}

/// A text cut at odd places, from byte to byte.
fn odd_pieces(text: &str, places: &[(usize, usize)]) -> Vec<EventPiece> {
    let (mut out, mut at) = (Vec::new(), 0);
    for (start, end) in places {
        let (Some(before), Some(odd)) = (text.get(at..*start), text.get(*start..*end)) else { continue };
        out.extend([EventPiece::new(before, EventPieceKind::Usual), EventPiece::new(odd, EventPieceKind::Odd)]);
        at = *end;
    }
    out.push(EventPiece::new(text.get(at..).unwrap_or_default(), EventPieceKind::Usual));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, value: &str, excess_bits: f64) -> Part {
        Part { name: name.into(), value: Some(value.into()), excess_bits, ..Part::default() }
    }

    #[test]
    fn what_is_odd_in_a_line_has_a_place_in_it() {
        let line = "10.0.0.7 GET / 502 curl";
        let parts = [part("slot 1", "10.0.0.7", 0.2), part("slot 4", "502", 10.0), part("value", "<ip> GET", 5.0)];
        assert_eq!(odd_places(line, &parts), [(15, 18)]);
        let word = Part { place: Some((19, 23)), ..part("value", "curl", 4.0) };
        assert_eq!(odd_places(line, &[word]), [(19, 23)]);
    }

    #[test]
    fn an_event_is_one_line_with_its_odd_part_marked() {
        let event = serde_json::json!({"key": "k", "data": {"page": "/home", "ms": 912}});
        let pieces = event_pieces(&event, &[part("ms", "912", 9.0)]);
        let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(text, "k  ms=912 page=/home");
        let odd: Vec<&str> = pieces.iter().filter(|p| p.kind == EventPieceKind::Odd).map(|p| p.text.as_str()).collect();
        assert_eq!(odd, ["912"]);
        assert_eq!(event_pieces(&Value::Null, &[]), [EventPiece::new("null", EventPieceKind::Usual)]);
        let silent: String = event_pieces(&serde_json::json!({"key": "k"}), &[]).into_iter().map(|p| p.text).collect();
        assert_eq!(silent, "k  ");
    }
}
