//! What an evaluation tells while it works, on standard error.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use surmise_evaluation::{Ablation, Evaluated, Stage, StreamFault};
use surmise_learner::Component;
use surmise_terminal::format::count;

/// A line that moves where there is a terminal, and a line for every stream that is done.
pub(crate) struct Progress {
    bar: ProgressBar,
    total: usize,
    done: AtomicUsize,
    began: Instant,
}

impl Progress {
    pub(crate) fn new(total: usize, quiet: bool) -> Progress {
        let bar = if std::io::stderr().is_terminal() && !quiet {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{elapsed} {spinner} {msg}");
            bar.set_style(style.expect("invariant: the template is well formed"));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        } else {
            ProgressBar::hidden()
        };
        Progress { bar, total, done: AtomicUsize::new(0), began: Instant::now() }
    }

    /// How far a stream has come.
    pub(crate) fn tell(&self, title: &str, stage: Stage<'_>) {
        if self.bar.is_hidden() {
            return;
        }
        let (p, what) = match stage {
            Stage::Replay(p) if p.scored > 0 => (p, format!("{:.4} bits/event", p.bits / p.scored as f64)),
            Stage::Replay(p) => (p, "not scored yet".into()),
            Stage::Baselines(p) => (p, "baselines".into()),
        };
        self.show(title, p, &what);
    }

    /// How far a replay without a part has come.
    pub(crate) fn tell_without(&self, title: &str, part: Option<Component>, p: &surmise_evaluation::Progress) {
        if !self.bar.is_hidden() {
            self.show(title, p, &part.map_or("whole".into(), |p| format!("without {p}")));
        }
    }

    fn show(&self, title: &str, p: &surmise_evaluation::Progress, what: &str) {
        let share = p.bytes_total.filter(|t| *t > 0).map_or(String::new(), |t| format!("{} %  ", 100 * p.bytes / t));
        let done = self.done.load(Ordering::Relaxed);
        let total = self.total;
        self.bar.set_message(format!("{done}/{total} done  {title}: {share}{} events  {what}", count(p.events)));
    }

    /// A stream is done.
    pub(crate) fn done<T: Done>(&self, title: &str, result: &Result<T, StreamFault>) {
        let number = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let (total, seconds) = (self.total, self.began.elapsed().as_secs());
        let line = |text: String| self.bar.suspend(|| eprintln!("[{number}/{total}, {seconds} s] {title}: {text}"));
        match result {
            Ok(e) => {
                line(e.told());
                e.faults().iter().for_each(|f| self.bar.suspend(|| eprintln!("surmise: {}", told(f))));
            }
            Err(f) => {
                line("failed".into());
                self.bar.suspend(|| eprintln!("surmise: {}", told(f)));
            }
        }
    }
}

/// What is told of a stream that is done.
pub(crate) trait Done {
    fn told(&self) -> String;
    fn faults(&self) -> &[StreamFault] {
        &[]
    }
}

impl Done for Evaluated {
    fn told(&self) -> String {
        format!("{} events, {:.4} bits each", count(self.events), self.bits_per_event)
    }
    fn faults(&self) -> &[StreamFault] {
        &self.faults
    }
}

impl Done for Ablation {
    fn told(&self) -> String {
        format!("{} events, without each of {} parts", count(self.events), self.ablated.len())
    }
}

/// The fault with its file, once.
fn told(f: &StreamFault) -> String {
    let text = f.error.to_string();
    if text.contains(&f.file) { text } else { format!("{}: {text}", f.file) }
}
