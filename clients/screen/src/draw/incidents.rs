//! The incidents of all streams, the latest first.

use super::ink::{line, styled};
use super::scene::Scene;
use crate::cells::{cut, left, width};
use crate::overview::Overview;
use crate::viewer::Viewer;
use crate::words::{ago, expected_words, plural};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use surmise_event::words::rarity;
use surmise_event::{AlarmPhase, Part};
use surmise_protocol::AlarmEvent;
use surmise_terminal::{event_pieces, incident_kind, plain};

/// Rows of an incident, with the empty one behind it.
pub const CARD_ROWS: usize = 4;

/// The incidents in sight.
pub fn lines(
    overview: &Overview,
    viewer: &Viewer,
    scene: &Scene<'_>,
    cells: usize,
    rows_max: usize,
) -> Vec<Line<'static>> {
    let latest = overview.latest();
    if latest.is_empty() {
        return vec![styled("  No incident so far.", scene.ink.dim())];
    }
    let page = (rows_max / CARD_ROWS).max(1);
    let cursor = viewer.incident.min(latest.len() - 1);
    let mut out = Vec::new();
    for (at, incident) in latest.iter().enumerate().skip(cursor / page * page).take(page) {
        let edge = if at == cursor { "▌ " } else { "  " };
        for mut drawn in card(incident, scene, cells.saturating_sub(width(edge))) {
            drawn.spans.insert(0, Span::styled(edge, scene.ink.drawn()));
            out.push(drawn);
        }
        out.push(Line::default());
    }
    out
}

/// What is unusual and since when; the event; how rare it is, and what was expected instead.
fn card(incident: &AlarmEvent, scene: &Scene<'_>, cells: usize) -> [Line<'static>; 3] {
    let (ink, alarm) = (scene.ink, &incident.alarm);
    let is_open = alarm.phase != AlarmPhase::Ended;
    let since = ago(incident.time.as_deref(), scene.now);
    let since = if is_open { format!("began {since}") } else { format!("{}, began {since}", alarm.over_words()) };
    let kind = incident_kind(incident);
    let room = cells.saturating_sub(width(&since) + 2);
    let kind = cut(&kind, room);
    let stream = cut(&format!("  {}", plain(&incident.stream)), room.saturating_sub(width(&kind)));
    let pad = room.saturating_sub(width(&kind) + width(&stream));
    let head = vec![
        Span::styled(kind, if is_open { ink.odd() } else { Style::new() }),
        Span::styled(stream, ink.title()),
        Span::raw(" ".repeat(pad + 2)),
        Span::styled(cut(&since, cells), if is_open { Style::new() } else { ink.dim() }),
    ];
    [line(head), event_line(incident, scene, cells), styled(cut(&facts(incident), cells), ink.dim())]
}

/// The event of an incident, its odd part marked.
pub fn event_line(incident: &AlarmEvent, scene: &Scene<'_>, cells: usize) -> Line<'static> {
    if incident.event.is_null() {
        return styled(left("no event came", cells), scene.ink.odd());
    }
    line(scene.ink.event(&event_pieces(&incident.event, &incident.parts), cells))
}

/// How rare, how many, and what was expected instead.
pub fn facts(incident: &AlarmEvent) -> String {
    let alarm = &incident.alarm;
    let mut facts = vec![rarity(alarm.rarity_events, alarm.rarity_seconds)];
    facts.extend((alarm.count > 1).then(|| plural(alarm.count, "unusual event")));
    let expected = oddest(&incident.parts).and_then(|part| Some((part, part.expected.as_ref()?)));
    facts.extend(expected.map(|(part, expected)| {
        let of = if &*part.name == "value" { String::new() } else { format!(" of {}", plain(&part.name)) };
        format!("expected{of}: {}", expected_words(expected))
    }));
    facts.join(" · ")
}

/// The part with the largest excess; the end of a key only where there is no other.
fn oddest(parts: &[Part]) -> Option<&Part> {
    let most = |named: &dyn Fn(&&Part) -> bool| {
        parts.iter().filter(|part| named(part)).max_by(|a, b| a.excess_bits.total_cmp(&b.excess_bits))
    };
    most(&|part| &*part.name != "end").or_else(|| most(&|_| true))
}
