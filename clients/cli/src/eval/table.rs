//! Evaluations as tables for people: on a terminal, and as Markdown.

use surmise_evaluation::{Compared, Evaluation, Measure, Score};
use surmise_recording::Format;
use surmise_terminal::format::{count, size};
use surmise_terminal::{Paint, Table};

/// Baselines that are shown beside each measure; JSON has all.
const BASELINES_SHOWN_MAX: usize = 3;
/// Baselines that a cell of Markdown has room for.
const BASELINES_IN_CELL_MAX: usize = 2;

/// A value with three decimals, or in scientific notation where these would not tell it.
fn value(measure: Measure, x: f64) -> String {
    match measure {
        Measure::Nab | Measure::NabLowFp | Measure::NabLowFn => format!("{x:.1}"),
        Measure::Bits
        | Measure::Top1
        | Measure::Top20
        | Measure::Mse
        | Measure::Mae
        | Measure::AheadMse
        | Measure::AheadMae => {
            let readable = x == 0.0 || (0.01..1000.0).contains(&x.abs());
            if readable { format!("{x:.3}") } else { format!("{x:.2e}") }
        }
    }
}

fn baseline(measure: Measure, score: &Score) -> String {
    format!("{} {}", score.name, value(measure, score.value))
}

/// The name of a measure of a stream of this format.
pub(super) fn measure_name(format: Format, measure: Measure) -> &'static str {
    match measure {
        Measure::Bits if format.is_bytes() => "bits per byte",
        Measure::Bits => "bits per event",
        named => named.name(),
    }
}

/// What a measure is of: `gap: bits per event`.
fn what(e: &Evaluation, c: &Compared) -> String {
    let name = measure_name(e.format, c.measure);
    if c.field.is_empty() { name.to_owned() } else { format!("{}: {name}", c.field) }
}

fn skill(c: &Compared) -> String {
    c.skill.map_or(String::new(), |s| format!("{:+.1} %", 100.0 * s))
}

/// The measures of each stream as a table, and a last table of what all took.
pub(super) fn text(all: &[Evaluation], paint: Paint) -> Vec<String> {
    let mut out = vec![String::new()];
    for e in all {
        let mut t = Table::with_head(1, head(e));
        for c in &e.measures {
            let mut row = vec![what(e, c), value(c.measure, c.surmise), skill(c)];
            row.extend(c.baselines.iter().take(BASELINES_SHOWN_MAX).map(|s| baseline(c.measure, s)));
            t.cells(row);
        }
        out.push(paint.bold(&e.title));
        if e.measures.is_empty() {
            out.push(format!("  {:.4} bits per event; no simple predictor is made for its fields", e.bits_per_event));
        } else {
            out.extend(t.lines(paint));
        }
        if !e.references.is_empty() {
            out.push(format!("  known: {}", e.references.join("; ")));
        }
        out.push(String::new());
    }
    let mut summary =
        Table::new(1, ["stream", "events", "regret, bits", "at most", "holds", "events/s", "CPU s", "state"]);
    for e in all {
        summary.row([
            e.title.clone(),
            count(e.events),
            format!("{:+.1}", e.regret_bits),
            format!("{:.1}", e.regret_bound_bits),
            if e.within_bound { "yes" } else { "NO" }.into(),
            count(e.events_per_second as u64),
            format!("{:.1}", e.cpu_seconds),
            size(e.state_bytes),
        ]);
    }
    out.extend(summary.lines(paint));
    out
}

fn head(e: &Evaluation) -> Vec<String> {
    let most = e.measures.iter().map(|c| c.baselines.len()).max().unwrap_or(0).min(BASELINES_SHOWN_MAX);
    let names = ["", "surmise", "skill", "best simple one", "next", "next"];
    names.into_iter().take(3 + most).map(str::to_owned).collect()
}

/// One table with a line for every stream.
pub(super) fn markdown(all: &[Evaluation]) -> Vec<String> {
    let cell = |s: String| s.replace('|', "\\|");
    let mut out = vec![
        "| stream | measure | surmise | best simple predictors | skill | known | regret ≤ bound | events/s |"
            .to_owned(),
        "|---|---|---|---|---|---|---|---|".to_owned(),
    ];
    for e in all {
        let each = |of: &dyn Fn(&Compared) -> String| e.measures.iter().map(of).collect::<Vec<_>>().join("<br>");
        let best = |c: &Compared| {
            c.baselines
                .iter()
                .take(BASELINES_IN_CELL_MAX)
                .map(|s| baseline(c.measure, s))
                .collect::<Vec<_>>()
                .join("; ")
        };
        let cells = [
            format!("{}, {} events", e.title, count(e.events)),
            each(&|c| what(e, c)),
            each(&|c| format!("**{}**", value(c.measure, c.surmise))),
            each(&best),
            each(&skill),
            e.references.join("; "),
            if e.within_bound { "yes" } else { "**no**" }.into(),
            count(e.events_per_second as u64),
        ];
        out.push(format!("| {} |", cells.map(cell).join(" | ")));
    }
    out
}
