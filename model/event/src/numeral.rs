//! Numbers as people write them: separators, signs, units, and the words for a value that is missing.

/// How the numbers of a text are written.
///
/// The other mark, blanks, apostrophes and underscores may divide the digits before the decimal mark into groups of
/// three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numerals {
    /// Whether the decimal mark is a comma instead of a point.
    pub decimal_comma: bool,
}

/// A number that was read from a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Numeral<'a> {
    /// The number, in its own unit; infinite where it is written so.
    pub value: f64,
    /// The unit or the percent sign behind it; empty if there is none.
    pub unit: &'a str,
    /// Whether it is a whole number that 64 bits of floating point do not hold exactly.
    pub rounded: bool,
}

/// Words for a value that is missing, in lower case.
const MISSING: [&str; 19] = [
    "na",
    "n/a",
    "nan",
    "null",
    "none",
    "?",
    "-",
    "nil",
    "--",
    "---",
    "–",
    "—",
    ".",
    "-nan",
    "#n/a",
    "\\n",
    "(null)",
    "missing",
    "unavailable",
];

/// Bytes of the longest of [`MISSING`].
const MISSING_BYTES_MAX: usize = 11;

/// Characters of a unit at most.
const UNIT_CHARS_MAX: usize = 8;

/// Signs of currencies, which may stand before or behind a number.
const CURRENCIES: [char; 5] = ['$', '€', '£', '¥', '₹'];

/// Units that are multiples of one another: the unit, the base that it is of, and how many of the base it is.
const UNITS: [(&str, &str, f64); 38] = [
    ("ns", "s", 1e-9),
    ("us", "s", 1e-6),
    ("µs", "s", 1e-6),
    ("μs", "s", 1e-6),
    ("ms", "s", 1e-3),
    ("s", "s", 1.0),
    ("sec", "s", 1.0),
    ("secs", "s", 1.0),
    ("second", "s", 1.0),
    ("seconds", "s", 1.0),
    ("min", "s", 60.0),
    ("mins", "s", 60.0),
    ("minutes", "s", 60.0),
    ("h", "s", 3600.0),
    ("hr", "s", 3600.0),
    ("hours", "s", 3600.0),
    ("d", "s", 86400.0),
    ("days", "s", 86400.0),
    ("B", "B", 1.0),
    ("bytes", "B", 1.0),
    ("kB", "B", 1e3),
    ("KB", "B", 1e3),
    ("MB", "B", 1e6),
    ("GB", "B", 1e9),
    ("TB", "B", 1e12),
    ("KiB", "B", 1024.0),
    ("MiB", "B", 1_048_576.0),
    ("GiB", "B", 1_073_741_824.0),
    ("TiB", "B", 1_099_511_627_776.0),
    ("", "", 1.0),
    ("k", "", 1e3),
    ("K", "", 1e3),
    ("M", "", 1e6),
    ("G", "", 1e9),
    ("T", "", 1e12),
    ("W", "W", 1.0),
    ("kW", "W", 1e3),
    ("MW", "W", 1e6),
];

/// Whether a text is a word for a missing value, or empty.
///
/// ```
/// use surmise_event::is_missing;
/// assert!(["", "NA", "n/a", "-", "null"].into_iter().all(is_missing) && !is_missing("0"));
/// ```
pub fn is_missing(text: &str) -> bool {
    text.is_empty() || text.len() <= MISSING_BYTES_MAX && MISSING.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// The base of a unit and how many of the base it is; none of a unit that has no multiples here.
///
/// ```
/// assert_eq!(surmise_event::unit_base("ms"), Some(("s", 1e-3)));
/// ```
pub fn unit_base(unit: &str) -> Option<(&'static str, f64)> {
    UNITS.iter().find(|(name, ..)| *name == unit).map(|(_, base, scale)| (*base, *scale))
}

impl Numerals {
    /// Reads a number as people write it: `1,234.5`, `1 234,5` (with a decimal comma), `-3e5`, `(12)`, `12 %`, `€5`,
    /// `3.5ms`, `inf`. None of a text that is something else.
    ///
    /// ```
    /// use surmise_event::Numerals;
    /// let read = |comma, text| Numerals { decimal_comma: comma }.read(text).map(|n| (n.value, n.unit));
    /// assert_eq!(read(false, "1,234.5 ms"), Some((1234.5, "ms")));
    /// assert_eq!(read(true, "1.234,5"), Some((1234.5, "")));
    /// assert_eq!(read(false, "10.0.0.1"), None);
    /// ```
    pub fn read(self, text: &str) -> Option<Numeral<'_>> {
        let text = text.trim();
        if !self.decimal_comma
            && text.ends_with(|c: char| c.is_ascii_digit())
            && let Ok(value) = text.parse::<f64>()
        {
            return Some(Numeral { value, unit: "", rounded: is_rounded(text, value) });
        }
        let (negative, rest) = sign(text);
        if let Some(value) = infinity(rest) {
            return Some(Numeral { value: if negative { -value } else { value }, unit: "", rounded: false });
        }
        let rest = rest.strip_prefix(CURRENCIES).unwrap_or(rest).trim_start();
        let (later_sign, rest) = if negative { (false, rest) } else { sign(rest) };
        let (digits, unit) = split_unit(rest);
        let plain = self.plain(digits)?;
        let unit = unit.trim_start();
        if !is_unit(unit) {
            return None;
        }
        let value: f64 = plain.parse().ok()?;
        let rounded = is_rounded(&plain, value);
        let unit = unit.strip_prefix(CURRENCIES).unwrap_or(unit);
        Some(Numeral { value: if negative || later_sign { -value } else { value }, unit, rounded })
    }

    /// The digits without separators and with a point as the decimal mark; none if they are no number.
    fn plain(self, digits: &str) -> Option<String> {
        let (mantissa, exponent) = match digits.find(['e', 'E']) {
            Some(e) => digits.split_at(e),
            None => (digits, ""),
        };
        let (decimal, group) = if self.decimal_comma { (',', '.') } else { ('.', ',') };
        let (whole, fraction) = match mantissa.split_once(decimal) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            // a single mark that does not divide groups of three is a decimal mark all the same
            None => match mantissa.split_once(group) {
                Some((whole, fraction))
                    if self.decimal_comma && (fraction.len() != 3 || whole == "0") && !fraction.contains(group) =>
                {
                    (whole, Some(fraction))
                }
                _ => (mantissa, None),
            },
        };
        let is_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if !fraction.is_none_or(is_digits) || whole.is_empty() && fraction.is_none_or(str::is_empty) {
            return None;
        }
        let whole = ungrouped(whole, group)?;
        let mut plain = if whole.is_empty() { "0".to_owned() } else { whole };
        if let Some(fraction) = fraction.filter(|f| !f.is_empty()) {
            plain.push('.');
            plain.push_str(fraction);
        }
        plain.push_str(exponent);
        Some(plain)
    }
}

/// A sign before the number, brackets around it, or a minus behind it; and what is signed.
fn sign(text: &str) -> (bool, &str) {
    if let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        return (true, inner.trim());
    }
    if let Some(rest) = text.strip_prefix(['-', '\u{2212}']) {
        return (true, rest.trim_start());
    }
    if let Some(rest) = text.strip_suffix('-').filter(|rest| rest.ends_with(|c: char| c.is_ascii_digit())) {
        return (true, rest);
    }
    (false, text.strip_prefix('+').unwrap_or(text))
}

fn infinity(text: &str) -> Option<f64> {
    let is = |word: &&str| text.eq_ignore_ascii_case(word);
    ["inf", "infinity", "∞", "1.#INF"].iter().any(is).then_some(f64::INFINITY)
}

/// The digits, separators and exponent at the beginning of a text, and the rest.
fn split_unit(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let mut end = 0;
    for (i, c) in text.char_indices() {
        let next = i + c.len_utf8();
        // blanks and the like are separators only between digits
        let within = match c {
            '0'..='9' | '.' | ',' => true,
            ' ' | '\u{a0}' | '\u{202f}' | '\'' | '’' | '_' => i > 0 && digit(i - 1) && digit(next),
            'e' | 'E' => i > 0 && (digit(next) || matches!(bytes.get(next), Some(b'+' | b'-')) && digit(next + 1)),
            '+' | '-' => i > 0 && matches!(bytes[i - 1], b'e' | b'E') && digit(next),
            _ => false,
        };
        if !within {
            break;
        }
        end = next;
    }
    text.split_at(end)
}

/// Digits without the separators between their groups of three; none if other groups are divided.
fn ungrouped(whole: &str, group: char) -> Option<String> {
    let is_separator = |c: char| c == group || matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'' | '’' | '_');
    let mut groups = whole.split(is_separator);
    let first = groups.next().unwrap_or_default();
    let mut plain = first.to_owned();
    let mut later = 0;
    for digits in groups {
        if digits.len() != 3 {
            return None;
        }
        plain.push_str(digits);
        later += 1;
    }
    let fits = plain.bytes().all(|b| b.is_ascii_digit()) && (later == 0 || (1..=3).contains(&first.len()));
    fits.then_some(plain)
}

/// Whether a text can be a unit: a few letters, signs and slashes, not digits.
fn is_unit(text: &str) -> bool {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return true };
    let begins = first.is_alphabetic() || "%‰°²³".contains(first) || CURRENCIES.contains(&first);
    let goes_on = |c: char| c.is_alphabetic() || "%/°²³·".contains(c);
    begins && chars.clone().all(goes_on) && text.chars().count() <= UNIT_CHARS_MAX
}

/// Whether a text of digits is a whole number that the number read of it is not.
fn is_rounded(text: &str, value: f64) -> bool {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.abs() >= EXACT
        && text.strip_prefix(['-', '+']).unwrap_or(text).bytes().all(|b| b.is_ascii_digit())
        && text.trim_start_matches('+').parse::<i128>().is_ok_and(|whole| value as i128 != whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(decimal_comma: bool, text: &str) -> Option<(f64, &str)> {
        Numerals { decimal_comma }.read(text).map(|n| (n.value, n.unit))
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, want) in [
            ("1", Some((1.0, ""))),
            ("-.5", Some((-0.5, ""))),
            ("5.", Some((5.0, ""))),
            ("+1.5e-3", Some((0.0015, ""))),
            ("1,234", Some((1234.0, ""))),
            ("1,234,567.25", Some((1_234_567.25, ""))),
            ("1 234 567", Some((1_234_567.0, ""))),
            ("1\u{202f}234.5", Some((1234.5, ""))),
            ("1'234.5", Some((1234.5, ""))),
            ("12,34", None),
            ("1,2,3", None),
            ("(12.5)", Some((-12.5, ""))),
            ("\u{2212}3", Some((-3.0, ""))),
            ("7-", Some((-7.0, ""))),
            ("$1,234.50", Some((1234.5, ""))),
            ("-$5", Some((-5.0, ""))),
            ("5 €", Some((5.0, ""))),
            ("12.5%", Some((12.5, "%"))),
            ("12 ms", Some((12.0, "ms"))),
            ("21.5°C", Some((21.5, "°C"))),
            ("3 km/h", Some((3.0, "km/h"))),
            ("inf", Some((f64::INFINITY, ""))),
            ("-Infinity", Some((f64::NEG_INFINITY, ""))),
            ("1e400", Some((f64::INFINITY, ""))),
            ("", None),
            (".", None),
            ("abc", None),
            ("10.0.0.1", None),
            ("2016-07-01", None),
            ("12:30", None),
            ("0x1F", None),
            ("1e", Some((1.0, "e"))),
            ("12 apples and pears", None),
        ] {
            assert_eq!(read(false, text), want, "{text:?}");
        }
        for (text, want) in [
            ("1,5", Some((1.5, ""))),
            ("1.234,5", Some((1234.5, ""))),
            ("1.234.567", Some((1_234_567.0, ""))),
            ("1.234", Some((1234.0, ""))),
            ("0.125", Some((0.125, ""))),
            ("12.5", Some((12.5, ""))),
            ("1 234,5 kWh", Some((1234.5, "kWh"))),
            ("1,234,5", None),
            ("-7", Some((-7.0, ""))),
        ] {
            assert_eq!(read(true, text), want, "{text:?} with a decimal comma");
        }
    }

    #[test]
    fn whole_numbers_that_floating_point_does_not_hold_are_told() {
        let rounded = |text: &str| Numerals::default().read(text).unwrap().rounded;
        assert!(!rounded("9007199254740992") && rounded("9007199254740993") && rounded("-18446744073709551615"));
        assert!(!rounded("18446744073709551616") && !rounded("1e300") && !rounded("9007199254740993.5"));
    }
}
