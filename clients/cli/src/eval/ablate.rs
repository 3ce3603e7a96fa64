//! What each part of the predictor is worth, as a table.

use super::{Error, EvalArgs, Progress, ended, for_all};
use crate::global::Global;
use serde::Serialize;
use surmise_evaluation::{Ablation, Measure, Stream, ablate};
use surmise_learner::{Component, Options};
use surmise_terminal::format::count;
use surmise_terminal::{Exit, Failure, Paint, Table, print_line};

/// The JSON object of `surmise eval --ablate --output json`.
#[derive(Serialize)]
struct All {
    ablations: Vec<Ablation>,
    errors: Vec<Error>,
    options: Options,
    version: &'static str,
    kernel: &'static str,
}

pub(super) fn run(
    global: &Global,
    args: &EvalArgs,
    streams: &[Stream],
    options: &Options,
    parts: &[Component],
    progress: &Progress,
) -> Result<(), Failure> {
    let parts = if parts.is_empty() { &Component::ALL } else { parts };
    let one = |s: &Stream| ablate(s, options, parts, |part, p| progress.tell_without(&s.title, part, p));
    let (mut done, mut faults) = (Vec::new(), Vec::new());
    for result in for_all(streams, usize::from(args.jobs), progress, one) {
        match result {
            Ok(a) => done.push(a),
            Err(f) => faults.push(f),
        }
    }
    if global.json() {
        let errors = faults.iter().map(Error::of).collect();
        let kernel = surmise_learner::kernel();
        let all = All { ablations: done, errors, options: options.clone(), version: env!("CARGO_PKG_VERSION"), kernel };
        print_line(&serde_json::to_string(&all).map_err(|e| Failure::new(Exit::Internal, e))?)?;
    } else if args.markdown {
        markdown(&done, parts).iter().try_for_each(|l| print_line(l))?;
    } else {
        text(&done, Paint::stdout()).iter().try_for_each(|l| print_line(l))?;
    }
    ended(faults)
}

fn measure(a: &Ablation, m: Measure) -> &'static str {
    match m {
        Measure::Bits if matches!(a.format.as_str(), "bytes" | "text") => "bits per byte",
        Measure::Bits => "bits per event",
        m => m.name(),
    }
}

/// A difference with four decimals, or none.
fn signed(x: f64) -> String {
    if x.abs() < 5e-5 { "0".into() } else { format!("{x:+.4}") }
}

/// A table for every stream.
fn text(all: &[Ablation], paint: Paint) -> Vec<String> {
    let mut out = Vec::new();
    for a in all {
        out.push(String::new());
        out.push(paint.bold(&format!("{}, {} events", a.title, count(a.events))));
        let names = a.measures.iter().map(|m| measure(a, *m).to_owned());
        let mut t = Table::with_head(1, ["without".to_owned()].into_iter().chain(names).collect());
        let whole = a.whole.iter().map(|x| format!("{x:.4}         "));
        t.cells(["nothing".to_owned()].into_iter().chain(whole).collect());
        for w in &a.ablated {
            let cells = w.more.iter().zip(&a.whole).map(|(d, x)| format!("{} {:>+6.1} %", signed(*d), 100.0 * d / x));
            t.cells([w.part.name().to_owned()].into_iter().chain(cells).collect());
        }
        out.extend(t.lines(paint));
    }
    out
}

/// One table: a line for every part, a column for every measure of every stream.
fn markdown(all: &[Ablation], parts: &[Component]) -> Vec<String> {
    let columns: Vec<(&Ablation, usize)> =
        all.iter().flat_map(|a| (0..a.measures.len()).map(move |i| (a, i))).collect();
    let line = |first: &str, of: &dyn Fn(&Ablation, usize) -> String| {
        let cells: Vec<String> = columns.iter().map(|(a, i)| of(a, *i).replace('|', "\\|")).collect();
        format!("| {first} | {} |", cells.join(" | "))
    };
    let head =
        |a: &Ablation, i: usize| format!("{}, {} events, {}", a.title, count(a.events), measure(a, a.measures[i]));
    let mut out = vec![line("without", &head), format!("|---|{}", "---|".repeat(columns.len()))];
    out.push(line("nothing", &|a, i| format!("**{:.4}**", a.whole[i])));
    for p in parts.iter().filter(|p| all.iter().any(|a| a.ablated.iter().any(|w| w.part == **p))) {
        let more = |a: &Ablation, i: usize| {
            let found = a.ablated.iter().find(|w| w.part == *p);
            found.map_or(String::new(), |w| signed(w.more[i]))
        };
        out.push(line(p.name(), &more));
    }
    out
}
