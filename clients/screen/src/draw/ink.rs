//! Styles, with colours and without.

use crate::cells::width;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use surmise_terminal::{EventPiece, EventPieceKind, plain};

/// How things are set off from each other: by colours too, or by weight alone where colours are not wanted.
#[derive(Clone, Copy, Debug)]
pub struct Ink {
    /// Whether colours are wanted.
    pub has_colours: bool,
}

impl Ink {
    /// Colours, unless `NO_COLOR` is set.
    pub fn of_environment() -> Ink {
        Ink { has_colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    fn coloured(self, colour: Color, modifier: Modifier) -> Style {
        let style = Style::new().add_modifier(modifier);
        if self.has_colours { style.fg(colour) } else { style }
    }

    /// What is odd now.
    pub fn odd(self) -> Style {
        let modifier = if self.has_colours { Modifier::BOLD } else { Modifier::BOLD | Modifier::UNDERLINED };
        self.coloured(Color::Red, modifier)
    }

    /// What is well.
    pub fn well(self) -> Style {
        self.coloured(Color::Green, Modifier::empty())
    }

    /// A title.
    pub fn title(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What steps back.
    pub fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// The row of the cursor.
    pub fn cursor(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// A bar, or a curve.
    pub fn drawn(self) -> Style {
        self.coloured(Color::Cyan, Modifier::empty())
    }

    /// The pieces of an event, its odd parts marked, in at most so many cells.
    pub fn event(self, pieces: &[EventPiece], cells: usize) -> Vec<Span<'static>> {
        let (mut spans, mut left) = (Vec::new(), cells);
        // an odd part far behind is shown all the same: what comes long before it is left out
        let odd = pieces.iter().position(|piece| piece.kind == EventPieceKind::Odd);
        let before: usize = odd.map_or(0, |odd| pieces[..odd].iter().map(|piece| width(&plain(&piece.text))).sum());
        let mut skip = before.saturating_sub(cells / 2);
        if before + ODD_CELLS_MIN <= cells {
            skip = 0;
        }
        if skip > 0 && left > 0 {
            spans.push(Span::styled("…", self.dim()));
            left -= 1;
        }
        for piece in pieces {
            let text = plain(&piece.text);
            let text = without_first(&text, &mut skip);
            let text = crate::cells::cut(&text, left);
            left -= width(&text);
            let style = match piece.kind {
                EventPieceKind::Name => self.dim(),
                EventPieceKind::Usual => Style::new(),
                EventPieceKind::Odd => self.odd(),
            };
            spans.push(Span::styled(text, style));
            if left == 0 {
                break;
            }
        }
        spans
    }
}

/// Cells of an odd part that have to be in sight.
const ODD_CELLS_MIN: usize = 12;

/// A text without as many cells as are still to be skipped.
fn without_first(text: &str, skip: &mut usize) -> String {
    if *skip == 0 {
        return text.to_owned();
    }
    let mut rest = String::new();
    for c in text.chars() {
        if *skip == 0 {
            rest.push(c);
        } else {
            *skip = skip.saturating_sub(width(c.encode_utf8(&mut [0; 4])));
        }
    }
    rest
}

/// A line of spans.
pub fn line(spans: Vec<Span<'static>>) -> Line<'static> {
    Line::from(spans)
}

/// A line of one style.
pub fn styled(text: impl Into<String>, style: Style) -> Line<'static> {
    Line::from(Span::styled(text.into(), style))
}
