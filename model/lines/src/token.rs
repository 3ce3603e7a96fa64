//! Values that are more than a word: addresses with colons, lengths of time, and hexadecimal numbers of letters alone.

/// Digits of a hexadecimal number that may be letters alone, such as `ffffffff`; no word of a language is one.
const HEX_LETTERS_MIN: usize = 8;

/// Whether a word goes on with this byte.
fn goes_on(byte: Option<&u8>) -> bool {
    byte.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// The end of an address of MAC or IPv6 that begins at `at`, where a word begins: `00:11:43:e3:ba:c3`, `fe80::1`,
/// `::ffff:10.0.0.1`, or `[fe80::1]` before a port.
pub(crate) fn address_end(text: &[u8], at: usize) -> Option<usize> {
    if text.get(at) == Some(&b'[') {
        let inside = address_end(text, at + 1)?;
        return text[inside..].starts_with(b"]:").then_some(inside + 1);
    }
    let (mut to, mut colons, mut group, mut groups, mut is_short, mut has_digit) = (at, 0, 0, 0, false, false);
    while let Some(byte) = text.get(to) {
        match byte {
            b':' => {
                is_short |= to > at && text[to - 1] == b':';
                (colons, group) = (colons + 1, 0);
            }
            b if b.is_ascii_hexdigit() && group < 4 => {
                groups += usize::from(group == 0);
                group += 1;
                has_digit |= b.is_ascii_digit();
            }
            // an address of version 4 ends one of version 6
            b'.' if is_short && group > 0 => {
                to += text[to..].iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
                break;
            }
            _ => break,
        }
        to += 1;
    }
    // a mark of the sentence may follow
    to -= usize::from(to > at + 1 && text[to - 1] == b':' && text[to - 2] != b':');
    let is_whole = (is_short && (has_digit || groups > 2) && groups > 0) || (colons >= 5 && groups >= 6);
    (is_whole && !goes_on(text.get(to))).then_some(to)
}

/// The end of a length of time that begins at `at`: minutes and seconds, or hours, minutes and seconds, as in `02:45`.
pub(crate) fn length_end(text: &[u8], at: usize) -> Option<usize> {
    let digits = |from: usize| text.get(from..).map_or(0, |t| t.iter().take_while(|b| b.is_ascii_digit()).count());
    let first = digits(at);
    let mut to = at + first;
    let mut parts = 0;
    while text.get(to) == Some(&b':') && digits(to + 1) == 2 {
        (to, parts) = (to + 3, parts + 1);
    }
    let is_whole = !goes_on(text.get(to)) && text.get(to) != Some(&b':');
    ((1..=3).contains(&first) && (1..=2).contains(&parts) && is_whole).then_some(to)
}

/// The end of a length of time below the least that is told, such as `<1 sec`, which stands where others have numbers.
pub(crate) fn below_end(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at + 1..)?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let blank = usize::from(rest.get(digits) == Some(&b' '));
    let unit = rest[digits + blank..].iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let word = &rest[digits + blank..digits + blank + unit];
    (text[at] == b'<' && digits > 0 && is_unit(word)).then_some(at + 1 + digits + blank + unit)
}

/// Whether a word after a number is its unit, as in `93.0 KB`.
pub(crate) fn is_unit(word: &[u8]) -> bool {
    const UNITS: &[&str] = &[
        "B", "KB", "MB", "GB", "TB", "kB", "KiB", "MiB", "GiB", "TiB", "b", "bytes", "ns", "us", "ms", "s", "sec",
        "secs", "seconds", "second", "min", "minutes", "minute", "h", "hours", "hour", "Hz", "kHz", "MHz", "GHz",
        "msec", "usec",
    ];
    UNITS.iter().any(|unit| unit.as_bytes() == word)
}

/// How many of the least unit of its kind a unit is: nanoseconds of time, bytes of memory.
pub(crate) fn unit_scale(unit: &[u8]) -> Option<f64> {
    Some(match unit {
        b"ns" | b"B" | b"bytes" => 1.0,
        b"us" | b"usec" | b"\xc2\xb5s" | b"\xce\xbcs" | b"k" | b"K" | b"kB" | b"KB" => 1e3,
        b"ms" | b"msec" | b"M" | b"MB" => 1e6,
        b"s" | b"sec" | b"secs" | b"second" | b"seconds" | b"G" | b"GB" => 1e9,
        b"m" | b"min" | b"minute" | b"minutes" => 60e9,
        b"h" | b"hour" | b"hours" => 3600e9,
        b"KiB" => 1024.0,
        b"MiB" => 1024.0 * 1024.0,
        b"GiB" => 1024.0 * 1024.0 * 1024.0,
        b"TB" => 1e12,
        b"TiB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    })
}

/// The unit after a number that ends at `at`, where a blank is between the two, as in `93.0 KB`.
pub(crate) fn unit_after(text: &[u8], at: usize) -> Option<f64> {
    let rest = text.get(at..)?.strip_prefix(b" ")?;
    let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b >= 0x80).count();
    unit_scale(&rest[..length])
}

/// Whether a word varies by its shape though it has no digit: hexadecimal letters, or stars in place of a number.
pub(crate) fn is_masked(word: &[u8]) -> bool {
    (word.len() >= HEX_LETTERS_MIN && word.iter().all(u8::is_ascii_hexdigit))
        || (word.len() >= 2 && word.iter().all(|b| *b == b'*'))
}

/// Where a run of points that leads to a value, as in `enable......0`, begins and ends in a word.
pub(crate) fn leader(word: &[u8]) -> Option<(usize, usize)> {
    let begin = word.windows(3).position(|three| three == b"...")?;
    let length = word[begin..].iter().take_while(|b| **b == b'.').count();
    Some((begin, begin + length))
}

/// Whether a word is the name of a host before its port, as in `db.example:5432`; files of source code have lines
/// there.
pub(crate) fn is_host(word: &[u8]) -> bool {
    const CODE: &[&str] =
        &["c", "cc", "cpp", "h", "go", "py", "rs", "js", "ts", "java", "kt", "rb", "php", "cs", "scala"];
    let mut parts = word.rsplitn(2, |b| *b == b'.');
    let (Some(last), Some(first)) = (parts.next(), parts.next()) else { return false };
    !first.is_empty() && !last.is_empty() && !CODE.iter().any(|code| code.as_bytes() == last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_with_colons_are_whole() {
        let told = |text: &str| {
            let bytes = text.as_bytes();
            address_end(bytes, 0).or_else(|| length_end(bytes, 0)).map(|end| text[..end].to_owned())
        };
        for whole in ["00:11:43:e3:ba:c3", "ba:be:fa:ce:de:ad", "fe80::1", "::ffff:10.0.0.1", "2001:db8:0:0:1:2:3:4"] {
            assert_eq!(told(&format!("{whole} via")).as_deref(), Some(whole));
            assert_eq!(told(&format!("{whole}: x")).as_deref(), Some(whole));
        }
        for whole in ["02:45", "1:02:03"] {
            assert_eq!(told(&format!("{whole}, x")).as_deref(), Some(whole));
        }
        assert_eq!(told("[fe80::1]:80").as_deref(), Some("[fe80::1]"));
        for none in ["::", ":", "std::vec", "add::fee", "10:1", "12:34x", "1:2:3", "[fe80::1]", "a:b:c", "dead", "7"] {
            assert_eq!(told(none), None, "{none}");
        }
    }

    #[test]
    fn units_are_told_after_a_number() {
        assert_eq!(unit_after(b"took 3.25 ms.", 9), unit_scale(b"ms"));
        assert_eq!(unit_scale("\u{b5}s".as_bytes()), unit_scale(b"us"));
        for none in ["3 msgs", "3ms", "3", "3  s", "3 "] {
            assert_eq!(unit_after(none.as_bytes(), 1), None, "{none}");
        }
    }

    #[test]
    fn shapes_without_digits_vary_too() {
        assert!(is_masked(b"ffffffff") && is_masked(b"****") && !is_masked(b"facade") && !is_masked(b"*"));
        assert_eq!(leader(b"enable......0"), Some((6, 12)));
        assert!(is_host(b"db.example") && !is_host(b"kubelet.go") && !is_host(b"mail") && !is_host(b".x"));
        let below = |text: &str| below_end(text.as_bytes(), 0);
        assert_eq!((below("<1 sec"), below("<34>1"), below("< 1")), (Some(6), None, None));
    }
}
