//! Evaluations for people: on a terminal, and as Markdown.

use surmise_evaluation::{Compared, Evaluated, Measure, Score};
use surmise_terminal::format::{count, size};
use surmise_terminal::{Paint, Table};

/// Simple predictors that are shown beside each measure; JSON has all.
const SHOWN: usize = 3;

/// A value with three decimals, or more where it is small.
fn value(measure: Measure, x: f64) -> String {
    match measure {
        Measure::Nab | Measure::NabLowFp | Measure::NabLowFn => format!("{x:.1}"),
        _ if !(0.01..1000.0).contains(&x.abs()) && x != 0.0 => format!("{x:.2e}"),
        _ => format!("{x:.3}"),
    }
}

fn beside(measure: Measure, s: &Score) -> String {
    format!("{} {}", s.name, value(measure, s.value))
}

/// What a measure is of: `gap, bits per event`.
fn what(e: &Evaluated, c: &Compared) -> String {
    let name = match c.measure {
        Measure::Bits if matches!(e.format.as_str(), "bytes" | "text") => "bits per byte",
        Measure::Bits => "bits per event",
        m => m.name(),
    };
    if c.field.is_empty() { name.to_owned() } else { format!("{}: {name}", c.field) }
}

fn skill(c: &Compared) -> String {
    c.skill.map_or(String::new(), |s| format!("{:+.1} %", 100.0 * s))
}

/// Two tables: the measures, and what it took.
pub(crate) fn text(all: &[Evaluated], paint: Paint) -> Vec<String> {
    let mut out = vec![String::new()];
    for e in all {
        let mut t = Table::with_head(1, head(e));
        for c in &e.measures {
            let mut row = vec![what(e, c), value(c.measure, c.surmise), skill(c)];
            row.extend(c.baselines.iter().take(SHOWN).map(|s| beside(c.measure, s)));
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
    let mut t = Table::new(1, ["stream", "events", "regret, bits", "at most", "holds", "events/s", "CPU s", "state"]);
    for e in all {
        t.row([
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
    out.extend(t.lines(paint));
    out
}

fn head(e: &Evaluated) -> Vec<String> {
    let most = e.measures.iter().map(|c| c.baselines.len()).max().unwrap_or(0).min(SHOWN);
    let names = ["", "surmise", "skill", "best simple one", "next", "next"];
    names.into_iter().take(3 + most).map(str::to_owned).collect()
}

/// One table, a line a stream.
pub(crate) fn markdown(all: &[Evaluated]) -> Vec<String> {
    let cell = |s: String| s.replace('|', "\\|");
    let mut out = vec![
        "| stream | measure | surmise | best simple predictors | skill | known | regret ≤ bound | events/s |"
            .to_owned(),
        "|---|---|---|---|---|---|---|---|".to_owned(),
    ];
    for e in all {
        let each = |of: &dyn Fn(&Compared) -> String| e.measures.iter().map(of).collect::<Vec<_>>().join("<br>");
        let beside =
            |c: &Compared| c.baselines.iter().take(2).map(|s| beside(c.measure, s)).collect::<Vec<_>>().join("; ");
        let cells = [
            format!("{}, {} events", e.title, count(e.events)),
            each(&|c| what(e, c)),
            each(&|c| format!("**{}**", value(c.measure, c.surmise))),
            each(&beside),
            each(&skill),
            e.references.join("; "),
            if e.within_bound { "yes" } else { "**no**" }.into(),
            count(e.events_per_second as u64),
        ];
        out.push(format!("| {} |", cells.map(cell).join(" | ")));
    }
    out
}
