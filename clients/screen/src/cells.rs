//! Text in cells of a terminal: a wide character takes two of them, a mark over another one none.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// The cells that a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// A text cut to so many cells; what is cut off is told by an ellipsis.
pub fn cut(text: &str, cells: usize) -> String {
    if text.width() <= cells {
        return text.to_owned();
    }
    let (mut out, mut used) = (String::new(), 0);
    for cluster in text.graphemes(true) {
        let wide = cluster.width();
        // a cell is left for the ellipsis
        if used + wide + 1 > cells {
            break;
        }
        out.push_str(cluster);
        used += wide;
    }
    if cells > 0 {
        out.push('…');
    }
    out
}

/// A text of exactly so many cells, from the left.
pub fn left(text: &str, cells: usize) -> String {
    let text = cut(text, cells);
    let blank = " ".repeat(cells.saturating_sub(text.width()));
    text + &blank
}

/// A text of exactly so many cells, to the right.
pub fn right(text: &str, cells: usize) -> String {
    let text = cut(text, cells);
    format!("{}{text}", " ".repeat(cells.saturating_sub(text.width())))
}

/// The latest values as a line of blocks between their least and their largest; a blank where there is none.
pub fn spark(values: &[Option<f64>], cells: usize) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let shown = &values[values.len().saturating_sub(cells)..];
    let known = || shown.iter().flatten().copied().filter(|v| v.is_finite());
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    let flat = high - low < 1e-9;
    let block = |v: f64| if flat { BLOCKS[3] } else { BLOCKS[((v - low) / (high - low) * 7.0).round() as usize % 8] };
    let drawn: String = shown.iter().map(|v| v.filter(|v| v.is_finite()).map_or(' ', block)).collect();
    right(&drawn, cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fit_their_cells_whatever_is_in_them() {
        for text in ["", "web", "東京東京東京", "👩👧👧👧", "עברית ועוד", "e\u{301}e\u{301}", "x".repeat(1000).as_str()]
        {
            for cells in 0..12 {
                assert_eq!((width(&left(text, cells)), width(&right(text, cells))), (cells, cells), "{text:?}");
            }
        }
        assert_eq!([cut("access.log", 7), cut("東京東", 5), cut("ab", 0)], ["access…", "東京…", ""]);
    }

    #[test]
    fn sparks_have_gaps() {
        assert_eq!(spark(&[Some(1.0), None, Some(8.0)], 5), "  ▁ █");
        assert_eq!(spark(&[Some(2.0), Some(2.0)], 2), "▄▄");
        assert_eq!(spark(&[Some(0.0), Some(1.0), Some(f64::NAN)], 2), "▄ ");
        assert_eq!(spark(&[], 2), "  ");
    }
}
