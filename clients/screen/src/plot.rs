//! Pictures of predictions in plain text: bars of symbols, and fans of quantiles against the values that came before.

use crate::cells::{cut, left, right, width};
use crate::words::{num, percent, symbol};
use std::collections::BTreeMap;

/// How a picture is drawn.
#[derive(Clone, Copy, Debug)]
pub struct PlotStyle {
    /// Its width in cells.
    pub cells: usize,
    /// The rows of a fan.
    pub rows: usize,
    /// Whether it may hold characters of ASCII alone.
    pub is_ascii: bool,
}

/// Rows of a fan, if nobody says otherwise.
const FAN_ROWS: usize = 13;
/// Cells that a picture is drawn for at least, and where the terminal does not tell its width.
const CELLS_MIN: usize = 24;
const CELLS_USUAL: usize = 80;

impl PlotStyle {
    /// As wide as the terminal; in ASCII where that is asked for, or the terminal is a dumb one.
    pub fn of_terminal(is_ascii: bool) -> PlotStyle {
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let told = crossterm::terminal::size().ok().map(|(columns, _)| usize::from(columns));
        let cells = columns.or(told).unwrap_or(CELLS_USUAL).max(CELLS_MIN);
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        PlotStyle { cells, rows: FAN_ROWS, is_ascii: is_ascii || is_dumb }
    }

    /// A label, without what ASCII does not have.
    fn label(self, text: &str) -> String {
        if self.is_ascii { text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect() } else { text.to_owned() }
    }

    fn bar(self, share: f64, cells: usize) -> String {
        if self.is_ascii {
            return "#".repeat((share.clamp(0.0, 1.0) * cells as f64).round() as usize);
        }
        surmise_terminal::format::bar(share, cells)
    }
}

/// Cells of a probability with the blanks around it.
const FIGURE_CELLS: usize = 11;

/// Cells of a label at least, where there is not even room for them.
const LABEL_CELLS_MIN: usize = 8;

/// Bars of probabilities, each after its label.
pub fn bars(labelled: &[(String, f64)], style: PlotStyle) -> Vec<String> {
    let widest = labelled.iter().map(|(label, _)| width(label)).max().unwrap_or(0);
    let most = (style.cells / 2).min(style.cells.saturating_sub(FIGURE_CELLS + 3)).max(LABEL_CELLS_MIN);
    let label_cells = widest.clamp(1, most);
    let room = style.cells.saturating_sub(label_cells + FIGURE_CELLS + 2).max(1);
    let line = |(label, p): &(String, f64)| {
        let label = style.label(&cut(label, label_cells));
        let figure = right(&percent(Some(*p), if *p < 0.1 { 1 } else { 0 }), FIGURE_CELLS - 2);
        format!("  {}{figure}  {}", left(&label, label_cells), style.bar(*p, room)).trim_end().to_owned()
    };
    labelled.iter().map(line).collect()
}

/// Bars of what is expected of a symbol.
pub fn symbol_bars(top: &[(Option<String>, f64)], other: f64, style: PlotStyle) -> Vec<String> {
    let mut labelled: Vec<(String, f64)> = top.iter().map(|(s, p)| (symbol(s.as_deref()), *p)).collect();
    if other > 0.0005 {
        labelled.push(("anything else".into(), other));
    }
    bars(&labelled, style)
}

/// Levels of the wide band, of the narrow one, and of the middle.
const WIDE: [&str; 2] = ["0.05", "0.95"];
const NARROW: [&str; 2] = ["0.25", "0.75"];
const MIDDLE: &str = "0.5";

/// Cells of the numbers at the side of a fan.
const AXIS_CELLS: usize = 10;
/// Columns of one value at most.
const STEP_CELLS_MAX: usize = 6;
/// Share of the past values at either end that the picture does not stretch for.
const OUTLYING_SHARE: f64 = 0.04;

/// A fan: the quantiles of the next values, by their level, behind the values that came before.
pub fn fan(past: &[f64], steps: &[BTreeMap<String, f64>], style: PlotStyle) -> Vec<String> {
    let room = style.cells.saturating_sub(AXIS_CELLS + 2).max(8);
    let steps = &steps[..steps.len().min(room * 2 / 3)];
    let past = &past[past.len().saturating_sub(room.saturating_sub(steps.len()))..];
    let step_cells = (room / (past.len() + steps.len()).max(1)).clamp(1, STEP_CELLS_MAX);
    let (low, high) = range(past, steps);
    let rows = style.rows.max(3);
    // the row of a value, from above; what lies beyond the picture is on its edge
    let row = |x: f64| ((high - x.clamp(low, high)) / (high - low) * (rows - 1) as f64).round() as usize;
    let [wide, narrow, middle, came] = if style.is_ascii { ['.', ':', '-', '*'] } else { ['░', '▒', '─', '•'] };
    let mut grid = vec![vec![' '; (past.len() + steps.len()) * step_cells]; rows];
    for (at, value) in past.iter().enumerate().filter(|(_, value)| value.is_finite()) {
        grid[row(*value)][at * step_cells + step_cells / 2] = came;
    }
    for (at, quantiles) in steps.iter().enumerate() {
        let columns = (past.len() + at) * step_cells..(past.len() + at + 1) * step_cells;
        for (levels, drawn) in [(WIDE, wide), (NARROW, narrow), ([MIDDLE; 2], middle)] {
            let [Some(from), Some(to)] = levels.map(|level| quantiles.get(level)) else { continue };
            for line in &mut grid[row(*to).min(row(*from))..=row(*from).max(row(*to))] {
                line[columns.clone()].fill(drawn);
            }
        }
    }
    let edge = if style.is_ascii { '|' } else { '│' };
    let labels = [(0, high), (rows / 2, (high + low) / 2.0), (rows - 1, low)];
    let mut out: Vec<String> = Vec::with_capacity(rows + 1);
    for (at, line) in grid.iter().enumerate() {
        let label = labels.iter().find(|(row, _)| *row == at).map_or(String::new(), |(_, value)| num(*value));
        let drawn: String = line.iter().collect();
        out.push(format!("{} {edge}{drawn}", right(&style.label(&label), AXIS_CELLS)).trim_end().to_owned());
    }
    out.push(time_axis(past.len(), steps.len(), step_cells));
    out
}

/// The quantiles of one value on a line from the lowest to the highest, where there is nothing to hold them against.
pub fn interval(quantiles: &BTreeMap<String, f64>, style: PlotStyle) -> Vec<String> {
    let [Some(from), Some(to)] = WIDE.map(|level| quantiles.get(level).copied()) else { return Vec::new() };
    let room = style.cells.saturating_sub(2 * (AXIS_CELLS + 1)).max(3);
    let place = |x: f64| {
        let share = if to > from { (x.clamp(from, to) - from) / (to - from) } else { 0.5 };
        (share * (room - 1) as f64).round() as usize
    };
    let [wide, narrow, middle] = if style.is_ascii { ['.', ':', '|'] } else { ['░', '▒', '┃'] };
    let mut line = vec![wide; room];
    if let [Some(low), Some(high)] = NARROW.map(|level| quantiles.get(level).copied()) {
        line[place(low).min(place(high))..=place(high).max(place(low))].fill(narrow);
    }
    if let Some(median) = quantiles.get(MIDDLE) {
        line[place(*median)] = middle;
    }
    let drawn: String = line.into_iter().collect();
    vec![format!("{} {drawn} {}", right(&num(from), AXIS_CELLS), num(to))]
}

/// How many values are behind, where now is, and how many are ahead.
fn time_axis(past: usize, steps: usize, step_cells: usize) -> String {
    let (before, after) = (past * step_cells, steps * step_cells);
    // a label that has no room is left out
    let fitting = |text: String, cells: usize| if width(&text) < cells { text } else { String::new() };
    let (first, last) = (fitting(format!("-{past}"), before), fitting(format!("+{steps}"), after));
    let next = fitting("+1".to_owned(), after.saturating_sub(width(&last) + 1));
    let ahead = format!("{next}{}", right(&last, after - width(&next)));
    format!("{}{}{ahead}", " ".repeat(AXIS_CELLS + 2), left(&first, before)).trim_end().to_owned()
}

/// The least and the largest value of a picture: all quantiles, and all but the most outlying past values.
fn range(past: &[f64], steps: &[BTreeMap<String, f64>]) -> (f64, f64) {
    let mut sorted: Vec<f64> = past.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let cut = (sorted.len() as f64 * OUTLYING_SHARE).floor() as usize;
    let shown = sorted[cut..sorted.len() - cut].iter().copied();
    let quantiles = steps.iter().flat_map(|step| WIDE.iter().filter_map(|level| step.get(*level).copied()));
    let all: Vec<f64> = shown.chain(quantiles).filter(|value| value.is_finite()).collect();
    let (low, high) = all.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
    match () {
        () if all.is_empty() => (0.0, 1.0),
        () if high - low > 0.0 => (low, high),
        () => (low - low.abs().max(1.0) * 0.1, high + high.abs().max(1.0) * 0.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(cells: usize, is_ascii: bool) -> PlotStyle {
        PlotStyle { cells, rows: 7, is_ascii }
    }

    fn step(middle: f64, spread: f64) -> BTreeMap<String, f64> {
        let levels = [("0.05", -2.0), ("0.25", -1.0), ("0.5", 0.0), ("0.75", 1.0), ("0.95", 2.0)];
        levels.map(|(level, by)| (level.to_owned(), middle + by * spread)).into()
    }

    #[test]
    fn symbols_have_bars() {
        let top = [(Some("/home".to_owned()), 0.61), (Some(" ".to_owned()), 0.2), (None, 0.05)];
        assert_eq!(
            symbol_bars(&top, 0.14, style(40, false)),
            [
                "  /home             61 %  ████████▌",
                "  \" \"               20 %  ██▊",
                "  missing          5.0 %  ▊",
                "  anything else     14 %  ██",
            ]
        );
        let ascii = symbol_bars(&[(Some("größe".to_owned()), 1.0)], 0.0, style(40, true));
        assert_eq!(ascii, ["  gr??e    100 %  ######################"]);
    }

    #[test]
    fn numbers_have_a_fan_behind_what_came() {
        let past = [1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0];
        let steps: Vec<_> = (0..4).map(|i| step(2.0, 0.25 + 0.125 * f64::from(i))).collect();
        let drawn = fan(&past, &steps, style(40, false));
        let wanted = [
            "      3.25 │                      ░░",
            "           │     •       •    ░░░░░░",
            "           │                ▒▒▒▒▒▒▒▒",
            "         2 │   •   •   •   •────────",
            "           │                ▒▒▒▒▒▒▒▒",
            "           │ •       •        ░░░░▒▒",
            "      0.75 │                      ░░",
            "            -8              +1    +4",
        ];
        assert_eq!(drawn, wanted);
        let ascii = fan(&past, &steps, style(40, true)).join("\n");
        assert!(ascii.is_ascii() && ascii.contains('*') && ascii.contains(':'), "{ascii}");
    }

    #[test]
    fn one_value_has_an_interval() {
        assert_eq!(interval(&step(2.0, 0.5), style(40, false)), ["         1 ░░░░▒▒▒▒▒┃▒▒▒▒░░░░ 3"]);
        assert_eq!(interval(&step(2.0, 0.0), style(30, true)), ["         2 ....|... 2"]);
        assert!(interval(&BTreeMap::new(), style(40, false)).is_empty());
    }

    #[test]
    fn no_width_and_no_value_breaks_a_picture() {
        let values = [f64::NAN, f64::INFINITY, 1e300, -1e300, 0.0];
        for cells in 0..60 {
            for past in [&values[..], &[], &[5.0]] {
                for count in [0, 1, 5, 200] {
                    let drawn = fan(past, &vec![step(1.0, 1.0); count], style(cells, false));
                    assert!(drawn.iter().all(|line| width(line) <= cells.max(20)), "{cells} {count}: {drawn:#?}");
                }
            }
            let drawn = bars(&[("東京".repeat(40), 0.5), (String::new(), 2.0)], style(cells, false));
            assert!(drawn.iter().all(|line| width(line) <= cells.max(24)), "{cells}: {drawn:#?}");
        }
    }
}
