//! Text from elsewhere, made harmless for a terminal.

use std::fmt::Write;

/// Marks of zero width that may follow one another; more of them than a script needs would pile up on one character.
const MARKS_MAX: usize = 4;

/// A text of an event, or a name, as a terminal can be given it: control characters, characters that turn the direction
/// of writing and invisible ones are written as escapes, so that nothing moves the cursor or hides. A tab becomes a
/// blank. Joiners of emoji are left out, since terminals differ in the width of what they join.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        match c {
            '\t' => out.push(' '),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' => {}
            c if c.is_control() && (c as u32) < 0x100 => {
                // a text has room for what is written to it
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c if is_hidden(c) => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            _ if marks > MARKS_MAX => {}
            c => out.push(c),
        }
    }
    out
}

/// Whether a character shows nothing, or changes how others are shown.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0d}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a character is drawn over the one before it: the blocks of combining marks that are of no one script.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_cursor_or_hides() {
        assert_eq!(plain("GET / 200\tgröße 東京"), "GET / 200 größe 東京");
        assert_eq!(plain("\u{1b}[2J\u{7}\r\n\u{9b}31m"), "\\x1b[2J\\x07\\r\\n\\x9b31m");
        assert_eq!(plain("user\u{202e}gpj.exe\u{200b}"), "user\\u{202e}gpj.exe\\u{200b}");
        assert_eq!(plain("👩\u{200d}👧 ❤\u{fe0f}"), "👩👧 ❤");
        assert_eq!(plain(&format!("e{}", "\u{301}".repeat(1000))), "e\u{301}\u{301}\u{301}\u{301}");
    }
}
