//! Numbers as people read them.

pub use surmise_event::words::count;

/// A bar of at most `width` characters, in eighths of one; `share` is the part of it that is filled, from 0 to 1.
pub fn bar(share: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// A size in binary units.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A number with about four significant digits, and in scientific notation where it is very large or very small.
pub fn number(x: f64) -> String {
    match x.abs() {
        _ if !x.is_finite() => x.to_string(),
        a if a == 0.0 || (0.001..1e6).contains(&a) => {
            let decimals = (3 - a.max(1e-9).log10().floor() as i32).clamp(0, 6) as usize;
            let text = format!("{x:.decimals$}");
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
        }
        _ => format!("{x:.3e}"),
    }
}

/// A number as [`number`] prints it, and nothing where there is none.
pub fn number_or_blank(x: Option<f64>) -> String {
    x.map_or(String::new(), number)
}

/// A share from 0 to 1 in percent with one decimal, and nothing where there is none.
pub fn percent_or_blank(share: Option<f64>) -> String {
    share.map_or(String::new(), |s| format!("{:.1} %", s * 100.0))
}

/// Characters before the place where a text differs from others that are shown of it.
const BEFORE_DIFFERENCE_CHARS: usize = 16;

/// Texts cut to `chars_max` characters, so that those that begin alike can still be told apart: a long one that differs
/// from another too late is shown from a word shortly before that place.
pub fn told_apart(texts: &[String], chars_max: usize) -> Vec<String> {
    let alike = |a: &str, b: &str| a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let cut = |(i, text): (usize, &String)| {
        let chars: Vec<char> = text.chars().collect();
        if chars.len() <= chars_max {
            return text.clone();
        }
        let others = texts.iter().enumerate().filter(|(k, _)| *k != i);
        let differs = others.map(|(_, other)| alike(text, other)).max().unwrap_or(0).min(chars.len() - 1);
        let mut from = 0;
        if differs + BEFORE_DIFFERENCE_CHARS > chars_max {
            from = differs.saturating_sub(BEFORE_DIFFERENCE_CHARS);
            // at the word there, if one begins
            from += chars[from..differs].iter().position(|c| *c == ' ').map_or(0, |blank| blank + 1);
        }
        let (head, room) = if from > 0 { ("…", chars_max - 1) } else { ("", chars_max) };
        let rest = &chars[from..];
        let tail: String =
            if rest.len() <= room { rest.iter().collect() } else { rest[..room - 1].iter().chain(&['…']).collect() };
        format!("{head}{tail}")
    };
    texts.iter().enumerate().map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!((count(1234567), count(12), count(123)), ("1,234,567".into(), "12".into(), "123".into()));
        assert_eq!((size(5), size(1536)), ("5 B".into(), "1.5 KiB".into()));
        assert_eq!(number(0.4312345), "0.4312");
        assert_eq!(number(132.5), "132.5");
        assert_eq!(number(0.0), "0");
        assert_eq!(number(20.0), "20");
        assert_eq!(number(1.5e9), "1.500e9");
        assert_eq!(bar(0.5, 4), "██");
        assert_eq!(bar(0.53, 4), "██▏");
    }

    #[test]
    fn texts_that_begin_alike_are_told_apart() {
        let texts = ["ts=<time> level=INFO logger=http msg=request", "ts=<time> level=INFO logger=cache msg=miss", "x"];
        let texts = texts.map(str::to_owned);
        assert_eq!(told_apart(&texts, 30), ["…logger=http msg=request", "…logger=cache msg=miss", "x"]);
        assert_eq!(told_apart(&texts, 20), ["…logger=http msg=re…", "…logger=cache msg=m…", "x"]);
        assert_eq!(told_apart(&texts, 50), texts);
        assert_eq!(told_apart(&[texts[0].clone()], 10), ["ts=<time>…"]);
    }
}
