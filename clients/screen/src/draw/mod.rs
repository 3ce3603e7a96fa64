//! Frames: what is known and what is looked at, drawn. Nothing here asks, waits or changes anything.

mod incidents;
mod ink;
mod scene;
mod stream;
mod streams;

use crate::cells::{cut, right, width};
use crate::overview::{DaemonLink, Overview};
use crate::viewer::{ViewKind, Viewer};
use crate::words::{num, plural};
pub use ink::Ink;
use ink::{line, styled};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
pub use scene::Scene;
use surmise_event::words::{count, span};
use surmise_terminal::plain;

/// Rows from which a screen has room for the headline.
const HEADLINE_ROWS_MIN: usize = 10;

/// Rows of a screen that are above and below the view.
fn frame_rows(rows: usize) -> (usize, usize) {
    match rows {
        0..3 => (0, 0),
        3..HEADLINE_ROWS_MIN => (1, 1),
        _ => (3, 1),
    }
}

/// How many steps of the cursor a page has, on a screen of so many rows.
pub fn page_rows(viewer: &Viewer, rows: usize) -> usize {
    let (above, below) = frame_rows(rows);
    let view = rows - above - below;
    match viewer.view {
        ViewKind::Streams => view.saturating_sub(1),
        ViewKind::Incidents => view / incidents::CARD_ROWS,
        ViewKind::Stream => view,
    }
    .max(1)
}

/// Draws a frame.
pub fn draw(buffer: &mut Buffer, area: Rect, overview: &Overview, viewer: &Viewer, scene: &Scene<'_>) {
    let (cells, rows) = (area.width as usize, area.height as usize);
    let (above, below) = frame_rows(rows);
    let view = rows - above - below;
    let mut lines: Vec<Line<'static>> = headline(overview, scene, cells).into_iter().take(above).collect();
    lines.resize(above, Line::default());
    let shown = match viewer.view {
        _ if viewer.is_helping => help(scene.ink),
        ViewKind::Streams => streams::lines(overview, viewer, scene, cells, view),
        ViewKind::Incidents => incidents::lines(overview, viewer, scene, cells, view),
        ViewKind::Stream => stream::lines(overview, viewer, scene, cells, view),
    };
    lines.extend(shown.into_iter().take(view));
    lines.resize(above + view, Line::default());
    lines.extend((below > 0).then(|| footer(viewer, scene.ink, cells)));
    for (row, line) in lines.iter().enumerate().take(rows) {
        buffer.set_line(area.x, area.y + row as u16, line, area.width);
    }
}

/// Whether all is well, and the daemon there.
fn headline(overview: &Overview, scene: &Scene<'_>, cells: usize) -> Vec<Line<'static>> {
    let ink = scene.ink;
    let open = overview.open_incidents() as u64;
    let rows = || overview.rows.values();
    let (title, style) = match open {
        _ if overview.rows.is_empty() => ("No stream yet".to_owned(), ink.title()),
        0 => ("Nothing is odd now".to_owned(), ink.well()),
        open => (format!("{} now", plural(open, "incident")), ink.odd()),
    };
    let link = match &overview.link {
        DaemonLink::Starting => format!("asking {}", scene.server),
        DaemonLink::Open => scene.server.to_owned(),
        DaemonLink::Lost { since, .. } => {
            format!("surmised is gone for {}; trying again", span(scene.now - since))
        }
    };
    let is_lost = matches!(overview.link, DaemonLink::Lost { .. });
    let name = "surmise top";
    let link = right(&plain(&link), cells.saturating_sub(width(name) + 1));
    let first = vec![
        Span::styled(name, ink.title()),
        Span::raw(" "),
        Span::styled(link, if is_lost { ink.odd() } else { ink.dim() }),
    ];
    let events: u64 = rows().map(|row| row.offset).sum();
    let promised: f64 = rows().map(|row| row.promised).sum();
    let begun: u64 = rows().map(|row| row.incidents).sum();
    let rates = match &overview.link {
        DaemonLink::Lost { reason, .. } => plain(reason),
        _ if overview.rows.is_empty() => "A stream begins with its first event: tail -f FILE | surmise send".into(),
        _ => format!(
            "{} events of {}: at most {} false alarms promised, {} came",
            count(events),
            plural(overview.rows.len() as u64, "stream"),
            num(promised),
            plural(begun, "incident")
        ),
    };
    let state = vec![Span::styled("● ", style), Span::styled(title, style)];
    vec![line(first), line(state), styled(cut(&rates, cells), ink.dim())]
}

/// What keys do here, or the filter that is typed.
fn footer(viewer: &Viewer, ink: Ink, cells: usize) -> Line<'static> {
    if viewer.is_typing {
        let typed = format!("/{}▏", plain(&viewer.filter));
        let hidden = width(&typed).saturating_sub(cells);
        let shown: String = typed.chars().skip(hidden).collect();
        return styled(shown, ink.title());
    }
    let keys = match viewer.view {
        _ if viewer.is_helping => "any key: back",
        ViewKind::Streams => "Enter open  ←→ sort  r reverse  / filter  Tab incidents  ? help  q quit",
        ViewKind::Incidents => "Enter open stream  ↑↓ move  Tab streams  Esc back  ? help  q quit",
        ViewKind::Stream => "Esc back  ↑↓ scroll  t time span  Tab incidents  ? help  q quit",
    };
    styled(cut(keys, cells), ink.dim())
}

/// The keys, and what signs mean.
fn help(ink: Ink) -> Vec<Line<'static>> {
    let lines = [
        "  ↑ ↓ j k PgUp PgDn Home End   move, or scroll",
        "  Enter                        open the stream under the cursor",
        "  Esc                          back; in the list of streams: no filter",
        "  Tab                          incidents, or streams",
        "  ← → < >                      sort by another column   r  the other way round",
        "  /                            filter by words of the name, is:odd, is:live,",
        "                               is:drifting, is:failed",
        "  t                            of an open stream: seconds, minutes, hours, days",
        "  q  Ctrl-C                    quit",
        "",
        "  ● something is odd   ○ learning   · no events now   ✗ does not learn any more",
        "  Events/s    over the latest ten seconds",
        "  Bits/event  mean surprise of the latest events, and of each of 30 minutes",
        "  Skill       1 − loss / loss of the best simple predictor, over about an hour",
        "  Drift       the latest lasting change since the daemon started",
    ];
    let title = std::iter::once(styled("Keys and signs", ink.title()));
    title.chain(lines.iter().map(|text| Line::from(*text))).collect()
}
