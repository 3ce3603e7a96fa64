//! The progress of an evaluation, on standard error.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use surmise_evaluation::{Ablation, EvalStage, Evaluation, ReplayProgress, StreamFault};
use surmise_learner::Component;
use surmise_terminal::format::count;

/// Time between two pictures of the spinner.
const TICK: Duration = Duration::from_millis(200);

/// A line that moves where there is a terminal, and a line for every stream that is done. Several threads report to it.
pub(super) struct EvalProgress {
    bar: ProgressBar,
    total: usize,
    done: AtomicUsize,
    began: Instant,
}

impl EvalProgress {
    pub(super) fn new(total: usize, quiet: bool) -> EvalProgress {
        let bar = if std::io::stderr().is_terminal() && !quiet {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{elapsed} {spinner} {msg}");
            bar.set_style(style.expect("invariant: the template is well formed"));
            bar.enable_steady_tick(TICK);
            bar
        } else {
            ProgressBar::hidden()
        };
        EvalProgress { bar, total, done: AtomicUsize::new(0), began: Instant::now() }
    }

    /// Shows how far the evaluation of a stream has come.
    pub(super) fn report(&self, title: &str, stage: EvalStage<'_>) {
        if self.bar.is_hidden() {
            return;
        }
        let (progress, what) = match stage {
            EvalStage::Replay(p) if p.scored > 0 => (p, format!("{:.4} bits/event", p.bits / p.scored as f64)),
            EvalStage::Replay(p) => (p, "not scored yet".into()),
            EvalStage::Baselines(p) => (p, "baselines".into()),
        };
        self.show(title, progress, &what);
    }

    /// Shows how far the replay without a component has come; without none, the whole predictor's.
    pub(super) fn report_ablation(&self, title: &str, left_out: Option<Component>, progress: &ReplayProgress) {
        if !self.bar.is_hidden() {
            self.show(title, progress, &left_out.map_or("whole".into(), |component| format!("without {component}")));
        }
    }

    fn show(&self, title: &str, progress: &ReplayProgress, what: &str) {
        let percent = |total: u64| format!("{} %  ", 100 * progress.bytes / total);
        let share = progress.bytes_total.filter(|total| *total > 0).map_or(String::new(), percent);
        let (done, total) = (self.done.load(Ordering::Relaxed), self.total);
        self.bar.set_message(format!("{done}/{total} done  {title}: {share}{} events  {what}", count(progress.events)));
    }

    /// Prints that a stream is done, and what failed of it.
    pub(super) fn done<T: Summary>(&self, title: &str, result: &Result<T, StreamFault>) {
        let number = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let (total, seconds) = (self.total, self.began.elapsed().as_secs());
        let line = |text: String| self.bar.suspend(|| eprintln!("[{number}/{total}, {seconds} s] {title}: {text}"));
        let fault = |fault: &StreamFault| self.bar.suspend(|| eprintln!("surmise: {}", with_file(fault)));
        match result {
            Ok(found) => {
                line(found.summary());
                found.faults().iter().for_each(fault);
            }
            Err(f) => {
                line("failed".into());
                fault(f);
            }
        }
    }
}

/// What is printed of a stream that is done.
pub(super) trait Summary {
    /// One line about what was found.
    fn summary(&self) -> String;

    /// The recordings that failed all the same.
    fn faults(&self) -> &[StreamFault] {
        &[]
    }
}

impl Summary for Evaluation {
    fn summary(&self) -> String {
        format!("{} events, {:.4} bits each", count(self.events), self.bits_per_event)
    }

    fn faults(&self) -> &[StreamFault] {
        &self.faults
    }
}

impl Summary for Ablation {
    fn summary(&self) -> String {
        format!("{} events, without each of {} components", count(self.events), self.ablated.len())
    }
}

/// The text of a fault, which names the file once.
fn with_file(fault: &StreamFault) -> String {
    let text = fault.error.to_string();
    if text.contains(&fault.file) { text } else { format!("{}: {text}", fault.file) }
}
