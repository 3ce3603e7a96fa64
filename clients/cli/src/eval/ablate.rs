//! `surmise eval --ablate`: what each component of the predictor is worth, as a table.

use super::args::EvalArgs;
use super::cells::measure_name;
use super::faults::{FaultReport, exit_of};
use super::parallel::for_all;
use super::progress::EvalProgress;
use crate::global::Global;
use serde::Serialize;
use surmise_evaluation::{Ablation, RecordedStream, ablate};
use surmise_learner::{Component, Options};
use surmise_terminal::format::count;
use surmise_terminal::{Failure, Paint, Table, print_line, print_lines};

/// Differences that are smaller are printed as 0.
const DIFFERENCE_MIN: f64 = 5e-5;

/// The JSON object of `surmise eval --ablate --output json`.
#[derive(Serialize)]
struct AblationOutput {
    ablations: Vec<Ablation>,
    errors: Vec<FaultReport>,
    options: Options,
    version: &'static str,
    kernel: &'static str,
}

/// Ablates the components, or all of them if none are named.
pub(super) fn run(
    global: &Global,
    args: &EvalArgs,
    streams: &[RecordedStream],
    options: &Options,
    components: &[Component],
    progress: &EvalProgress,
) -> Result<(), Failure> {
    let components = if components.is_empty() { &Component::ALL } else { components };
    let one = |s: &RecordedStream| ablate(s, options, components, |c, p| progress.report_ablation(&s.title, c, p));
    let (mut done, mut faults) = (Vec::new(), Vec::new());
    for result in for_all(streams, usize::from(args.jobs), progress, one) {
        match result {
            Ok(ablation) => done.push(ablation),
            Err(fault) => faults.push(fault),
        }
    }
    if global.json() {
        let output = AblationOutput {
            ablations: done,
            errors: faults.iter().map(FaultReport::of).collect(),
            options: options.clone(),
            version: env!("CARGO_PKG_VERSION"),
            kernel: surmise_learner::kernel(),
        };
        print_line(&serde_json::to_string(&output).map_err(Failure::internal)?)?;
    } else if args.markdown {
        print_lines(markdown(&done, components))?;
    } else {
        print_lines(text(&done, Paint::stdout()))?;
    }
    exit_of(faults)
}

/// A difference with its sign and four decimals.
fn signed(difference: f64) -> String {
    if difference.abs() < DIFFERENCE_MIN { "0".into() } else { format!("{difference:+.4}") }
}

/// A table for every stream: a line for every component, a column for every measure and for the time.
fn text(all: &[Ablation], paint: Paint) -> Vec<String> {
    let mut out = Vec::new();
    for a in all {
        out.push(String::new());
        out.push(paint.bold(&format!("{}, {} events", a.title, count(a.events))));
        let names = a.measures.iter().map(|m| measure_name(a.format, *m).to_owned());
        let mut table = Table::with_head(
            1,
            ["without".to_owned()].into_iter().chain(names).chain(["CPU seconds".into()]).collect(),
        );
        // blanks below the percentages of the other rows
        let whole = a.whole.iter().map(|value| format!("{value:.4}         "));
        let seconds = format!("{:.2}         ", a.seconds);
        table.cells(["nothing".to_owned()].into_iter().chain(whole).chain([seconds]).collect());
        for ablated in &a.ablated {
            let percent = |(more, whole): (&f64, &f64)| format!("{} {:>+6.1} %", signed(*more), 100.0 * more / whole);
            let cells = ablated.more.iter().zip(&a.whole).map(percent);
            let less = 100.0 * (ablated.seconds - a.seconds) / a.seconds;
            let seconds = format!("{:.2} {less:>+6.1} %", ablated.seconds);
            table.cells([ablated.component.name().to_owned()].into_iter().chain(cells).chain([seconds]).collect());
        }
        out.extend(table.lines(paint));
    }
    out
}

/// One table: a line for every component, a column for every measure of every stream.
fn markdown(all: &[Ablation], components: &[Component]) -> Vec<String> {
    let columns: Vec<(&Ablation, usize)> =
        all.iter().flat_map(|a| (0..a.measures.len()).map(move |i| (a, i))).collect();
    let line = |first: &str, of: &dyn Fn(&Ablation, usize) -> String| {
        let cells: Vec<String> = columns.iter().map(|(a, i)| of(a, *i).replace('|', "\\|")).collect();
        format!("| {first} | {} |", cells.join(" | "))
    };
    let head = |a: &Ablation, i: usize| {
        format!("{}, {} events, {}", a.title, count(a.events), measure_name(a.format, a.measures[i]))
    };
    let mut out = vec![line("without", &head), format!("|---|{}", "---|".repeat(columns.len()))];
    out.push(line("nothing", &|a, i| format!("**{:.4}**", a.whole[i])));
    let of = |a: &Ablation, component: Component| a.ablated.iter().position(|w| w.component == component);
    for component in components.iter().copied().filter(|c| all.iter().any(|a| of(a, *c).is_some())) {
        // a stream whose predictor lacks the component has an empty cell
        let more = |a: &Ablation, i: usize| of(a, component).map_or(String::new(), |w| signed(a.ablated[w].more[i]));
        out.push(line(component.name(), &more));
    }
    out
}
