//! A replay with its progress.

use crate::learner::replay_failure;
use crate::recording::progress_bar;
use surmise_evaluation::{ReplayOptions, ReplayProgress, ReplayResult, replay};
use surmise_recording::Source;
use surmise_terminal::Failure;
use surmise_terminal::format::count;

/// Replays a source, with a progress bar that says what goes on.
pub(super) fn replay_with_bar(source: Source, options: &ReplayOptions, what: &str) -> Result<ReplayResult, Failure> {
    let bar = progress_bar(source.bytes_total());
    let result = replay(source, options, |p| {
        bar.set_position(p.bytes);
        bar.set_message(format!("{what}{}", so_far(p, bar.elapsed().as_secs_f64())));
    });
    bar.finish_and_clear();
    result.map_err(replay_failure)
}

fn so_far(p: &ReplayProgress, seconds: f64) -> String {
    let rate = p.events as f64 / seconds.max(1e-3);
    let bits =
        if p.scored > 0 { format!("{:.4} bits/event", p.bits / p.scored as f64) } else { "not scored yet".into() };
    format!("{} events  {}/s  {bits}", count(p.events), count(rate as u64))
}
