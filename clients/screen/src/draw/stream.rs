//! One stream: what it expects next, how good it is, its course, and its latest incidents.

use super::incidents::{event_line, facts};
use super::ink::{line, styled};
use super::scene::Scene;
use crate::cells::{cut, left, right, spark, width};
use crate::opened::OpenedStream;
use crate::overview::Overview;
use crate::viewer::{COURSES, Viewer};
use crate::words::{ago, bits, gap, num, percent, plural, rate, symbol};
use ratatui::text::{Line, Span};
use surmise_event::{AlarmPhase, Expected, FieldKind, Prediction};
use surmise_protocol::{HistoryAnswer, LossWindow};
use surmise_terminal::format::{bar, count, size};
use surmise_terminal::{incident_kind, plain};

/// The lines in sight.
pub fn lines(
    overview: &Overview,
    viewer: &Viewer,
    scene: &Scene<'_>,
    cells: usize,
    rows_max: usize,
) -> Vec<Line<'static>> {
    let ink = scene.ink;
    let name = viewer.stream.as_deref().unwrap_or_default();
    let mut out = vec![styled(cut(&plain(name), cells), ink.title())];
    let failed = overview.rows.get(name).and_then(|row| row.failed.as_ref());
    out.extend(viewer.problem.as_ref().or(failed).map(|problem| styled(cut(&plain(problem), cells), ink.odd())));
    match viewer.opened.as_ref().filter(|opened| opened.status.stream == name) {
        None if viewer.problem.is_none() => out.push(styled("asking …", ink.dim())),
        None => {}
        Some(opened) => {
            out.extend(head(opened, overview, scene, cells));
            out.extend(expectations(opened, scene, cells));
            out.extend(losses(&opened.history.windows, scene, cells));
            out.extend(course(&opened.history, COURSES[viewer.course], scene, cells));
            out.extend(incidents(opened, scene, cells));
        }
    }
    let first = viewer.scroll.min(out.len().saturating_sub(rows_max));
    out.drain(..first);
    out
}

/// Facts, one after the other, on as many lines as they need.
fn head(opened: &OpenedStream, overview: &Overview, scene: &Scene<'_>, cells: usize) -> Vec<Line<'static>> {
    let status = &opened.status;
    let row = overview.rows.get(&status.stream);
    let mut facts = vec![
        format!("{} events", count(status.offset)),
        format!("{} events/s", rate(row.map_or(0.0, |row| row.events_per_second))),
        format!("{} bits/event", bits(row.and_then(|row| row.recent_bits))),
        format!("skill {}", percent(row.and_then(|row| row.skill), 0)),
        plural(status.keys, "key"),
        format!("last event {}", ago(status.last_event_time.as_deref(), scene.now)),
        format!("alarms: {} for {} promised", count(status.alarms.begun), num(status.alarms.promised)),
        format!("memory {}", size(status.state_bytes)),
    ];
    facts.extend(row.and_then(|row| row.drift.as_ref()).map(|drift| {
        let field = drift.field.as_deref().map(plain);
        format!("since event {}, {}", count(drift.began), drift.words(field.as_deref(), num))
    }));
    let mut lines: Vec<String> = vec![String::new()];
    for fact in facts {
        let last = lines.last_mut().expect("invariant: there is a line");
        match last {
            last if last.is_empty() => *last = fact,
            last if width(last) + 3 + width(&fact) <= cells => *last += &format!(" · {fact}"),
            _ => lines.push(fact),
        }
    }
    lines.iter().map(|text| styled(cut(text, cells), scene.ink.dim())).collect()
}

/// Cells of the bars of probabilities.
const BAR_CELLS: usize = 24;

fn expectations(opened: &OpenedStream, scene: &Scene<'_>, cells: usize) -> Vec<Line<'static>> {
    let Some(prediction) = &opened.prediction else { return Vec::new() };
    let of = prediction.key.as_deref().map_or(String::new(), |key| format!(", of {}", plain(key)));
    let mut out = vec![Line::default(), styled(cut(&format!("What it expects next{of}"), cells), scene.ink.title())];
    for (name, expected) in &prediction.fields {
        let kind = opened.status.schema.fields.iter().find(|field| *field.name == **name).map(|field| field.kind);
        let is_gap = kind == Some(FieldKind::Gap);
        let title = if is_gap { "time to the next event".into() } else { plain(name) };
        out.extend(field(&title, expected, if is_gap { gap } else { num }, scene, cells));
    }
    out.extend(ending(prediction, scene, cells));
    out
}

/// What is expected of a field: bars of its symbols, or a number's quantiles.
fn field(
    name: &str,
    expected: &Expected,
    say: fn(f64) -> String,
    scene: &Scene<'_>,
    cells: usize,
) -> Vec<Line<'static>> {
    match expected {
        Expected::Symbols { top, other } => {
            let mut lines: Vec<Line<'static>> =
                (name != "value").then(|| styled(cut(name, cells), scene.ink.dim())).into_iter().collect();
            lines.extend(top.iter().map(|(s, p)| bar_line(&symbol(s.as_deref()), *p, scene, cells)));
            lines.extend((*other > 0.0005).then(|| bar_line("anything else", *other, scene, cells)));
            lines
        }
        Expected::Number { median, quantiles, missing, .. } => {
            let within = |low: &str, high: &str| match (quantiles.get(low), quantiles.get(high)) {
                (Some(low), Some(high)) => format!("{} – {}", say(*low), say(*high)),
                _ => "–".into(),
            };
            let missing = missing.map_or(String::new(), |p| format!(", missing {}", percent(Some(p), 1)));
            let text = format!(
                "{name}  median {}, half within {}, 90 % within {}{missing}",
                say(*median),
                within("0.25", "0.75"),
                within("0.05", "0.95")
            );
            vec![Line::from(cut(&format!("  {text}"), cells))]
        }
    }
}

fn ending(prediction: &Prediction, scene: &Scene<'_>, cells: usize) -> Option<Line<'static>> {
    prediction.end.map(|p| bar_line("the key ends", p, scene, cells))
}

/// A label, a probability, and its bar.
fn bar_line(label: &str, p: f64, scene: &Scene<'_>, cells: usize) -> Line<'static> {
    let label_cells = cells.saturating_sub(BAR_CELLS + 14).clamp(8, 56);
    let figure = right(&percent(Some(p), if p < 0.1 { 1 } else { 0 }), 8);
    let text = format!("  {}{figure}  ", left(label, label_cells));
    let room = cells.saturating_sub(width(&text)).min(BAR_CELLS);
    line(vec![Span::raw(cut(&text, cells)), Span::styled(bar(p, room), scene.ink.drawn())])
}

/// The losses of the mixture and of the best simple experts by windows of time.
fn losses(windows: &[LossWindow], scene: &Scene<'_>, cells: usize) -> Vec<Line<'static>> {
    let Some(ever) = windows.last() else { return Vec::new() };
    // a stream that is younger than an hour has no other hour than its whole life
    let is_shown = |(at, window): &(usize, &LossWindow)| {
        *at == 0 || window.name == ever.name || window.seconds > windows[at - 1].seconds * 1.01
    };
    let shown: Vec<&LossWindow> = windows.iter().enumerate().filter(is_shown).map(|(_, window)| window).collect();
    let label_cells = cells.saturating_sub(shown.len() * 9).clamp(10, 30);
    let row = |label: &str, figure: &dyn Fn(&LossWindow) -> String| {
        let figures: String = shown.iter().map(|window| right(&figure(window), 9)).collect();
        cut(&format!("{}{figures}", left(label, label_cells)), cells)
    };
    let fixed = |x: f64| format!("{x:.3}");
    vec![
        Line::default(),
        styled(row("Loss in bits per event", &|window| window.name.clone()), scene.ink.title()),
        Line::from(row("  mixture: what is predicted", &|window| fixed(window.loss_bits_per_event))),
        Line::from(row("  best simple predictors", &|window| fixed(window.simple_bits_per_event))),
    ]
}

/// Cells before a curve, and behind it.
const CURVE_LABEL_CELLS: usize = 14;
const CURVE_FIGURE_CELLS: usize = 12;

fn course(history: &HistoryAnswer, name: &str, scene: &Scene<'_>, cells: usize) -> Vec<Line<'static>> {
    let room = cells.saturating_sub(CURVE_LABEL_CELLS + CURVE_FIGURE_CELLS).clamp(4, 120);
    let span = history.span_seconds.max(1);
    let now = history.now as i64 / span as i64;
    // spans without events have no point
    let mut surprise: Vec<Option<f64>> = vec![None; room];
    let mut events: Vec<Option<f64>> = vec![Some(0.0); room];
    for point in &history.points {
        let Ok(back) = usize::try_from(now - point.time / span as i64) else { continue };
        let Some(place) = room.checked_sub(back + 1) else { continue };
        surprise[place] = (point.events > 0).then(|| point.bits / point.events as f64);
        events[place] = Some(point.events as f64 / span as f64);
    }
    let largest = |values: &[Option<f64>]| values.iter().flatten().copied().fold(0.0, f64::max);
    let curve = |label: &str, values: &[Option<f64>], figure: String| {
        line(vec![
            Span::raw(left(&format!("  {label}"), CURVE_LABEL_CELLS)),
            Span::styled(spark(values, room), scene.ink.drawn()),
            Span::styled(cut(&format!(" ≤ {figure}"), CURVE_FIGURE_CELLS), scene.ink.dim()),
        ])
    };
    vec![
        Line::default(),
        styled(cut(&format!("Its course, in {name}: {room} of them"), cells), scene.ink.title()),
        curve("bits/event", &surprise, bits(Some(largest(&surprise)))),
        curve("events/s", &events, rate(largest(&events))),
    ]
}

fn incidents(opened: &OpenedStream, scene: &Scene<'_>, cells: usize) -> Vec<Line<'static>> {
    let ink = scene.ink;
    let mut out = vec![Line::default(), styled("Latest incidents", ink.title())];
    if opened.incidents.alarms.is_empty() {
        out.push(styled("  none", ink.dim()));
    }
    for incident in &opened.incidents.alarms {
        let alarm = &incident.alarm;
        let since = ago(incident.time.as_deref(), scene.now);
        let is_open = alarm.phase != AlarmPhase::Ended;
        let kind = incident_kind(incident);
        let head = format!(
            "  {kind}, {}, event {}",
            if is_open { since } else { format!("{}, {since}", alarm.over_words()) },
            incident.event_offset
        );
        out.push(styled(cut(&head, cells), if is_open { ink.odd() } else { ratatui::style::Style::new() }));
        let mut event = event_line(incident, scene, cells.saturating_sub(4));
        event.spans.insert(0, Span::raw("    "));
        out.push(event);
        out.push(styled(cut(&format!("    {}", facts(incident)), cells), ink.dim()));
    }
    out
}
