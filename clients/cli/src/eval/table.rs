//! Evaluations as tables for people: on a terminal, and as Markdown.

use super::cells::{value, what};
use super::notes::notes;
use surmise_evaluation::{Compared, Evaluation, Measure, Score};
use surmise_terminal::format::{count, size};
use surmise_terminal::{Paint, Table};

/// Baselines that are shown beside each measure; JSON has all.
const BASELINES_SHOWN_MAX: usize = 3;
/// Baselines that a cell of Markdown has room for.
const BASELINES_IN_CELL_MAX: usize = 2;

fn baseline(measure: Measure, score: &Score) -> String {
    format!("{} {}", score.name, value(measure, score.value))
}

/// The skill against the best baseline, and how far it may be off.
fn skill(c: &Compared) -> String {
    let margin = c.interval.as_ref().and_then(|i| i.skill_margin).map(|m| format!(" ± {:.1}", 100.0 * m));
    c.skill.map_or(String::new(), |s| format!("{:+.1}{} %", 100.0 * s, margin.unwrap_or_default()))
}

/// The skill on what is held out.
fn held_out(c: &Compared) -> String {
    let told = c.held_out.as_ref().and_then(|h| Some((h.skill?, &h.baseline)));
    told.map_or(String::new(), |(s, baseline)| format!("{:+.1} % against {baseline}", 100.0 * s))
}

/// What the best baselines reached, and the best one of each recording where there are several.
fn baselines(c: &Compared, most: usize) -> Vec<String> {
    let single = c.baselines.iter().take(most).map(|s| baseline(c.measure, s));
    let best = c.by_file.iter().map(|f| format!("best of each file {}", value(c.measure, f.best_of_each)));
    single.chain(best).collect()
}

/// The measures of each stream as a table, and a last table of what all took.
pub(super) fn text(all: &[Evaluation], with_held_out: bool, paint: Paint) -> Vec<String> {
    let mut out = vec![String::new()];
    for e in all {
        let mut t = Table::with_head(1, head(e, with_held_out));
        for c in &e.measures {
            let mut row = vec![what(e, c), value(c.measure, c.surmise), skill(c)];
            if with_held_out {
                row.push(held_out(c));
            }
            row.extend(c.baselines.iter().take(BASELINES_SHOWN_MAX).map(|s| baseline(c.measure, s)));
            t.cells(row);
        }
        out.push(paint.bold(&e.title));
        if e.measures.is_empty() {
            out.push(format!("  {:.4} bits per event; no simple predictor is made for its fields", e.bits_per_event));
        } else {
            out.extend(t.lines(paint));
        }
        out.extend(notes(e, with_held_out));
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

fn head(e: &Evaluation, with_held_out: bool) -> Vec<String> {
    let most = e.measures.iter().map(|c| c.baselines.len()).max().unwrap_or(0).min(BASELINES_SHOWN_MAX);
    let held_out = with_held_out.then_some("skill, held out");
    let names = ["", "surmise", "skill"].into_iter().chain(held_out);
    let names = names.chain(["best simple one", "next", "next"].into_iter().take(most));
    names.map(str::to_owned).collect()
}

/// One table with a line for every stream.
pub(super) fn markdown(all: &[Evaluation], with_held_out: bool) -> Vec<String> {
    let cell = |s: String| s.replace('|', "\\|");
    let mut head = vec!["stream", "measure", "surmise", "best simple predictors", "skill"];
    head.extend(with_held_out.then_some("skill, held out"));
    head.extend(["known", "tuned on", "regret ≤ bound", "events/s"]);
    let mut out = vec![format!("| {} |", head.join(" | ")), format!("|{}", "---|".repeat(head.len()))];
    for e in all {
        let each = |of: &dyn Fn(&Compared) -> String| e.measures.iter().map(of).collect::<Vec<_>>().join("<br>");
        let mut cells = vec![
            format!("{}, {} events", e.title, count(e.events)),
            each(&|c| what(e, c)),
            each(&|c| format!("**{}**", value(c.measure, c.surmise))),
            each(&|c| baselines(c, BASELINES_IN_CELL_MAX).join("; ")),
            each(&skill),
        ];
        if with_held_out {
            cells.push(each(&held_out));
        }
        cells.extend([
            e.references.join("; "),
            e.tuned_on.clone().unwrap_or_default(),
            if e.within_bound { "yes" } else { "**no**" }.into(),
            count(e.events_per_second as u64),
        ]);
        out.push(format!("| {} |", cells.into_iter().map(cell).collect::<Vec<_>>().join(" | ")));
    }
    out
}
