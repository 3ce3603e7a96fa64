//! Numbers, bars, curves and tables for people.

use std::io::{IsTerminal, Write};

/// Colours, where standard output shows them.
#[derive(Clone, Copy)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    pub(crate) fn stdout() -> Paint {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Paint { on: !plain && std::io::stdout().is_terminal() }
    }
    fn with(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
    pub(crate) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
    pub(crate) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }
    pub(crate) fn green(self, text: &str) -> String {
        self.with("32", text)
    }
    /// From calm to alarming, by a score from 0 to 1.
    pub(crate) fn alarm(self, score: f64, text: &str) -> String {
        match score {
            s if s >= 0.9 => self.with("1;31", text),
            s if s >= 0.7 => self.with("31", text),
            s if s >= 0.5 => self.with("33", text),
            _ => text.to_owned(),
        }
    }
}

/// Writes to standard output; a reader that has seen enough ends the command quietly.
pub(crate) fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// A bar of at most `width` characters, in eighths of one.
pub(crate) fn bar(share: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// A whole number with its thousands apart.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A size in binary units.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut x, mut u) = (bytes as f64, 0);
    while x >= 1024.0 && u + 1 < UNITS.len() {
        x /= 1024.0;
        u += 1;
    }
    if u == 0 { format!("{bytes} B") } else { format!("{x:.1} {}", UNITS[u]) }
}

/// A number with four significant digits or so.
pub(crate) fn number(x: f64) -> String {
    match x.abs() {
        _ if !x.is_finite() => x.to_string(),
        a if a == 0.0 || (0.001..1e6).contains(&a) => {
            let decimals = (3 - a.max(1e-9).log10().floor() as i32).clamp(0, 6) as usize;
            let s = format!("{x:.decimals$}");
            if s.contains('.') { s.trim_end_matches('0').trim_end_matches('.').to_owned() } else { s }
        }
        _ => format!("{x:.3e}"),
    }
}

/// Columns of text: the first one to the left, the others to the right.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    left: usize,
}

impl Table {
    /// A table with these headings, of which the first `left` columns stand to the left.
    pub(crate) fn new<const N: usize>(left: usize, head: [&str; N]) -> Table {
        Table::with_head(left, head.map(str::to_owned).into())
    }
    /// The same, with as many columns as there are headings.
    pub(crate) fn with_head(left: usize, head: Vec<String>) -> Table {
        Table { rows: vec![head], left }
    }
    pub(crate) fn cells(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }
    /// The lines, indented; the heading dim.
    pub(crate) fn lines(&self, paint: Paint) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let wide = |c: usize| self.rows.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(wide).collect();
        let line = |(i, r): (usize, &Vec<String>)| {
            let mut s = String::new();
            for (c, cell) in r.iter().enumerate() {
                let pad = " ".repeat(widths[c] - cell.chars().count());
                s += &if c < self.left { format!("  {cell}{pad}") } else { format!("  {pad}{cell}") };
            }
            let s = s.trim_end();
            if i == 0 { paint.dim(s) } else { s.to_owned() }
        };
        self.rows.iter().enumerate().map(line).collect()
    }
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
    fn tables_line_up() {
        let mut t = Table::new(1, ["name", "bits"]);
        t.row(["größe".into(), "1.5".into()]);
        assert_eq!(t.lines(Paint { on: false }), ["  name   bits", "  größe   1.5"]);
    }
}
