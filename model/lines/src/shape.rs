//! What a value looks like: the kind of placeholder that people see for a slot.

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueShape {
    /// Letters alone, such as a user's name.
    Word,
    /// A whole number.
    Number,
    /// A number with a point or an exponent.
    Decimal,
    /// A number with a unit, such as `12ms` or `80%`.
    Quantity,
    /// Six or more hexadecimal digits.
    Hex,
    /// A universally unique identifier.
    Uuid,
    /// An address of IP, version 4 or 6, with or without a port.
    Ip,
    /// A path.
    Path,
    /// A text of several words.
    Text,
    /// Anything else, such as `blk_17` or `worker-3`.
    Id,
}

impl ValueShape {
    /// All shapes, in the order of their numbers.
    pub const ALL: [ValueShape; ValueShape::COUNT] = [
        ValueShape::Word,
        ValueShape::Number,
        ValueShape::Decimal,
        ValueShape::Quantity,
        ValueShape::Hex,
        ValueShape::Uuid,
        ValueShape::Ip,
        ValueShape::Path,
        ValueShape::Text,
        ValueShape::Id,
    ];

    /// How many shapes there are.
    pub const COUNT: usize = 10;

    /// The name that stands in templates between angle brackets.
    pub fn name(self) -> &'static str {
        match self {
            ValueShape::Word => "word",
            ValueShape::Number => "number",
            ValueShape::Decimal => "decimal",
            ValueShape::Quantity => "quantity",
            ValueShape::Hex => "hex",
            ValueShape::Uuid => "uuid",
            ValueShape::Ip => "ip",
            ValueShape::Path => "path",
            ValueShape::Text => "text",
            ValueShape::Id => "id",
        }
    }

    /// The shape of a value.
    pub fn of(value: &[u8]) -> ValueShape {
        let count = |what: fn(&u8) -> bool| value.iter().filter(|b| what(b)).count();
        let digits = count(u8::is_ascii_digit);
        if value.iter().any(u8::is_ascii_whitespace) {
            return ValueShape::Text;
        }
        if value.first() == Some(&b'/') {
            return ValueShape::Path;
        }
        if digits == 0 {
            return ValueShape::Word;
        }
        let body = value.strip_prefix(b"-").or(value.strip_prefix(b"+")).unwrap_or(value);
        if digits == body.len() {
            return ValueShape::Number;
        }
        if number_of(value).is_some_and(|n| n.text_end == value.len()) {
            return ValueShape::Decimal;
        }
        let (points, colons, dashes) = (count(|b| *b == b'.'), count(|b| *b == b':'), count(|b| *b == b'-'));
        let hex = count(u8::is_ascii_hexdigit);
        if points == 3 && digits + points + colons == value.len() && colons <= 1 && digits >= 4 {
            return ValueShape::Ip;
        }
        if colons >= 2 && hex + colons == value.len() {
            return ValueShape::Ip;
        }
        if value.len() == 36 && dashes == 4 && hex == 32 {
            return ValueShape::Uuid;
        }
        let hex_body = value.strip_prefix(b"0x").unwrap_or(value);
        if (hex_body.len() >= 6 || hex_body.len() < value.len()) && hex_body.iter().all(u8::is_ascii_hexdigit) {
            return ValueShape::Hex;
        }
        if number_of(value).is_some_and(|n| value[n.text_end..].iter().all(|b| b.is_ascii_alphabetic() || *b == b'%')) {
            return ValueShape::Quantity;
        }
        ValueShape::Id
    }
}

/// A number at the beginning of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LeadingNumber {
    /// The number.
    pub number: f64,
    /// Whether it has a point.
    pub has_point: bool,
    /// Where it ends.
    pub text_end: usize,
}

/// The number that a value begins with.
pub(crate) fn number_of(value: &[u8]) -> Option<LeadingNumber> {
    let digits = |from: usize| value[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = usize::from(matches!(value.first(), Some(b'-' | b'+')));
    let whole = digits(end);
    end += whole;
    let mut has_point = false;
    let mut part = 0;
    if value.get(end) == Some(&b'.') {
        part = digits(end + 1);
        if part > 0 {
            has_point = true;
            end += 1 + part;
        }
    }
    if whole + part == 0 || whole + part > 300 {
        return None;
    }
    if matches!(value.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(value.get(end + 1), Some(b'-' | b'+')));
        let exponent = if end + 1 + sign <= value.len() { digits(end + 1 + sign) } else { 0 };
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    let number = std::str::from_utf8(&value[..end]).ok()?.parse().ok()?;
    Some(LeadingNumber { number, has_point, text_end: end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_told_apart() {
        for (text, shape) in [
            ("anna", ValueShape::Word),
            ("-17", ValueShape::Number),
            ("0.25", ValueShape::Decimal),
            ("1.5e-3", ValueShape::Decimal),
            ("12ms", ValueShape::Quantity),
            ("80%", ValueShape::Quantity),
            ("deadbeef01", ValueShape::Hex),
            ("0x1f", ValueShape::Hex),
            ("05ee26ee-9a6b-4e5c-81c8-45eed5c58242", ValueShape::Uuid),
            ("10.0.0.1", ValueShape::Ip),
            ("10.0.0.1:8080", ValueShape::Ip),
            ("fe80::1", ValueShape::Ip),
            ("/var/log", ValueShape::Path),
            ("query served", ValueShape::Text),
            ("blk_-17", ValueShape::Id),
            ("1.2.3-rc4", ValueShape::Id),
        ] {
            assert_eq!(ValueShape::of(text.as_bytes()), shape, "{text}");
        }
        assert!((0..ValueShape::COUNT).all(|i| ValueShape::ALL[i] as usize == i));
    }
}
