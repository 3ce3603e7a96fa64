//! Text as HTML: nothing that it contains has any effect on the page around it.

use std::fmt::Write;
use surmise_event::words::count;

/// A text within HTML or SVG, between tags or as the value of an attribute.
///
/// What HTML reads is escaped. Control characters and the marks that change the direction of what follows are shown by
/// name, so that no text can hide, reorder or break what stands around it.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push(&mut out, text);
    out
}

/// Appends a text as [`escape`] gives it.
pub(crate) fn push(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('↵'),
            '\t' => out.push('⇥'),
            // the pictures of other control characters stand in their order
            c if c < ' ' => out.extend(char::from_u32(0x2400 + c as u32)),
            '\u{7f}' => out.push('\u{2421}'),
            c if is_invisible(c) => {
                let _ = write!(out, "⟨U+{:04X}⟩", c as u32);
            }
            c => out.push(c),
        }
    }
}

/// Whether a character is not seen itself, but changes what is.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// A text whose direction does not reach beyond it.
pub(crate) fn isolated(text: &str) -> String {
    format!("<bdi>{}</bdi>", escape(text))
}

/// A number with about four significant digits.
pub(crate) fn number(x: f64) -> String {
    match x.abs() {
        _ if !x.is_finite() => "–".into(),
        0.0 => "0".into(),
        a if !(1e-4..1e15).contains(&a) => format!("{x:.2e}"),
        a if a >= 1000.0 => format!("{}{}", if x < 0.0 { "−" } else { "" }, count(a.round() as u64)),
        a if a >= 100.0 => signed(format!("{x:.1}")),
        a if a >= 10.0 => signed(format!("{x:.2}")),
        a if a >= 0.1 => signed(format!("{x:.3}")),
        _ => signed(format!("{x:.4}")),
    }
}

/// A number with a minus sign instead of a hyphen.
fn signed(text: String) -> String {
    text.replacen('-', "−", 1)
}

/// A difference, always with its sign.
pub(crate) fn difference(x: f64) -> String {
    if x > 0.0 { format!("+{}", number(x)) } else { number(x) }
}

/// A share in per cent.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// So many bytes in the unit that fits.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut x = bytes as f64;
    let mut unit = 0;
    while x >= 1024.0 && unit + 1 < UNITS.len() {
        x /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{x:.1} {}", UNITS[unit]) }
}

/// A rate or a large count in short: 12k, 3.4M.
pub(crate) fn brief(x: f64) -> String {
    let (scaled, unit) = match x.abs() {
        a if a >= 1e9 => (x / 1e9, "G"),
        a if a >= 1e6 => (x / 1e6, "M"),
        a if a >= 1e4 => (x / 1e3, "k"),
        _ => (x, ""),
    };
    let text = if scaled.abs() >= 100.0 || scaled.fract().abs() < 0.05 {
        format!("{scaled:.0}")
    } else if scaled.abs() >= 1.0 {
        format!("{scaled:.1}")
    } else {
        format!("{scaled:.2}")
    };
    signed(text + unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_read_as_html_or_changes_a_direction() {
        let hostile = "<script>alert(1)</script>\n\u{202e}abc\u{0}\u{1b}[31m\"'&\u{200b}\u{85}é漢";
        let shown = escape(hostile);
        assert_eq!(shown, "&lt;script&gt;alert(1)&lt;/script&gt;↵⟨U+202E⟩abc␀␛[31m&quot;&#39;&amp;⟨U+200B⟩⟨U+0085⟩é漢");
        assert!(isolated("עברית").starts_with("<bdi>"));
    }

    #[test]
    fn numbers_are_short_and_signed() {
        assert_eq!((count(1_234_567), count(12)), ("1,234,567".into(), "12".into()));
        assert_eq!(number(-0.012_34), "−0.0123");
        assert_eq!((number(1234.6), number(f64::NAN), number(2.0)), ("1,235".into(), "–".into(), "2.000".into()));
        assert_eq!((difference(0.5), difference(-0.5)), ("+0.500".into(), "−0.500".into()));
        assert_eq!((brief(12_345.0), brief(3.4e6), brief(950.0)), ("12.3k".into(), "3.4M".into(), "950".into()));
        assert_eq!((size(900), size(3 << 20)), ("900 B".into(), "3.0 MiB".into()));
    }
}
