//! The list of streams.

use super::ink::line;
use super::scene::Scene;
use crate::cells::{left, right, spark, width};
use crate::overview::{Overview, is_odd};
use crate::viewer::{SortColumn, Viewer};
use crate::words::{bits, percent, rate, short_ago};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use surmise_protocol::StreamRow;
use surmise_terminal::format::count;
use surmise_terminal::plain;

/// Cells of the sign of a stream's state, with the blank behind it.
const SIGN_CELLS: usize = 2;
/// Cells that a name has at least.
const NAME_CELLS_MIN: usize = 14;
/// Cells of a trend.
const TREND_CELLS: usize = 12;

/// Columns and their cells with the blanks before them, in the order in which they are given up where there is no room,
/// the last first.
const COLUMNS: [(SortColumn, usize); 6] = [
    (SortColumn::Bits, 7),
    (SortColumn::Rate, 10),
    (SortColumn::Incident, 20),
    (SortColumn::Skill, 8),
    (SortColumn::Events, 14),
    (SortColumn::Drift, 32),
];

/// How many of them come before the trend.
const BEFORE_TREND: usize = 3;

/// The columns that a screen has room for, in the order in which they stand, with their cells; and the cells of the
/// name. The one that rows are sorted by has room before all others.
fn columns(cells: usize, sort: SortColumn) -> (Vec<(SortColumn, usize)>, usize) {
    let mut room = cells.saturating_sub(SIGN_CELLS + NAME_CELLS_MIN);
    let mut chosen = Vec::new();
    let sorted = COLUMNS.iter().filter(|(column, _)| *column == sort);
    let others = COLUMNS.iter().filter(|(column, _)| *column != sort);
    let before_trend = BEFORE_TREND + usize::from(COLUMNS[BEFORE_TREND..].iter().any(|(column, _)| *column == sort));
    for (column, wide) in sorted.chain(others).copied() {
        if wide > room {
            break;
        }
        room -= wide;
        chosen.push((column, wide));
        // the trend stands before the figure
        if chosen.len() == before_trend
            && room > TREND_CELLS
            && let Some((_, wide)) = chosen.iter_mut().find(|(column, _)| *column == SortColumn::Bits)
        {
            room -= TREND_CELLS + 1;
            *wide += TREND_CELLS + 1;
        }
    }
    chosen.sort_by_key(|(column, _)| SortColumn::ALL.iter().position(|c| c == column));
    let taken: usize = chosen.iter().map(|(_, wide)| wide).sum();
    (chosen, cells.saturating_sub(SIGN_CELLS + taken))
}

/// The heading and the rows in sight.
pub fn lines(
    overview: &Overview,
    viewer: &Viewer,
    scene: &Scene<'_>,
    cells: usize,
    rows_max: usize,
) -> Vec<Line<'static>> {
    let rows = viewer.rows(overview);
    let (columns, name_cells) = columns(cells, viewer.sort);
    let cursor = viewer.cursor(&rows);
    let page = rows_max.saturating_sub(1).max(1);
    // the cursor's page, so that the list stands still while the cursor moves within it
    let first = cursor / page * page;
    let mut out = vec![heading(viewer, scene, &columns, name_cells, rows.len(), overview.rows.len())];
    for (at, row) in rows.iter().enumerate().skip(first).take(page) {
        let drawn = row_line(row, scene, &columns, name_cells);
        out.push(if at == cursor { drawn.style(scene.ink.cursor()) } else { drawn });
    }
    if rows.is_empty() && !overview.rows.is_empty() {
        out.push(Line::from(format!("  No stream fits {:?}; Esc shows all", viewer.filter)));
    }
    out
}

fn heading(
    viewer: &Viewer,
    scene: &Scene<'_>,
    columns: &[(SortColumn, usize)],
    name_cells: usize,
    shown: usize,
    all: usize,
) -> Line<'static> {
    let arrow = if viewer.is_rising { "↑" } else { "↓" };
    let title = |column: SortColumn| {
        let short = if column == SortColumn::Incident { "Incident" } else { column.title() };
        if column == viewer.sort { format!("{short}{arrow}") } else { short.to_owned() }
    };
    let style = |column: SortColumn| if column == viewer.sort { scene.ink.title() } else { scene.ink.dim() };
    let of = if shown == all { count(all as u64) } else { format!("{} of {}", count(shown as u64), count(all as u64)) };
    let name = format!("{} ({of})", title(SortColumn::Name));
    let mut spans = vec![Span::styled(left(&format!("  {name}"), SIGN_CELLS + name_cells), style(SortColumn::Name))];
    for (column, wide) in columns {
        let text = match column {
            SortColumn::Incident | SortColumn::Drift => format!("  {}", left(&title(*column), wide - 2)),
            SortColumn::Bits if width(&title(*column)) > *wide => right("Bits", *wide),
            column => right(&title(*column), *wide),
        };
        spans.push(Span::styled(text, style(*column)));
    }
    line(spans)
}

fn row_line(row: &StreamRow, scene: &Scene<'_>, columns: &[(SortColumn, usize)], name_cells: usize) -> Line<'static> {
    let ink = scene.ink;
    let (sign, style) = match row {
        row if row.failed.is_some() => ("✗ ", ink.odd()),
        row if is_odd(row) => ("● ", ink.odd()),
        row if row.events_per_second > 0.0 => ("○ ", ink.well()),
        _ => ("· ", ink.dim()),
    };
    let mut spans = vec![Span::styled(sign, style), Span::raw(left(&plain(&row.stream), name_cells))];
    for (column, wide) in columns {
        spans.extend(cell(row, *column, *wide, scene));
    }
    line(spans)
}

fn cell(row: &StreamRow, column: SortColumn, wide: usize, scene: &Scene<'_>) -> Vec<Span<'static>> {
    let ink = scene.ink;
    let figure = |text: String| vec![Span::raw(right(&text, wide))];
    match column {
        SortColumn::Name => Vec::new(),
        SortColumn::Rate => figure(rate(row.events_per_second)),
        SortColumn::Skill => figure(percent(row.skill, 0)),
        SortColumn::Events => figure(count(row.offset)),
        SortColumn::Bits if wide > TREND_CELLS => {
            let trend: Vec<Option<f64>> = row.trend.iter().flatten().map(|bits| bits.map(f64::from)).collect();
            let wide = wide - TREND_CELLS - 1;
            let trend = Span::styled(format!(" {}", spark(&trend, TREND_CELLS)), ink.drawn());
            vec![trend, Span::raw(right(&bits(row.recent_bits), wide))]
        }
        SortColumn::Bits => figure(bits(row.recent_bits)),
        SortColumn::Incident => {
            let (text, style) = match &row.last_incident {
                _ if row.failed.is_some() => ("failed".to_owned(), ink.odd()),
                None => ("none".to_owned(), ink.dim()),
                Some(incident) => {
                    let what = incident.kind.short_words(incident.began < row.offset);
                    let text = format!("{what} {}", short_ago(incident.time.as_deref(), scene.now));
                    (text, if is_odd(row) { ink.odd() } else { Style::new() })
                }
            };
            vec![Span::raw("  "), Span::styled(left(&text, wide - 2), style)]
        }
        SortColumn::Drift => {
            let text = row.drift.as_ref().map_or("none".to_owned(), |drift| {
                let field = drift.field.as_deref().map(plain);
                format!("{} at {}", drift.short_words(field.as_deref()), count(drift.began))
            });
            let style = if row.drift.is_some() { Style::new() } else { ink.dim() };
            vec![Span::raw("  "), Span::styled(left(&text, wide - 2), style)]
        }
    }
}
