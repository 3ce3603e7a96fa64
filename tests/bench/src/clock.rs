//! Time that work takes: on the wall, and of the processor.

use std::time::Instant;
use surmise_evaluation::cpu_seconds;

/// How long something took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TimeTaken {
    /// Seconds on the clock.
    pub(crate) wall: f64,
    /// Processor time of all threads of this process, in seconds.
    pub(crate) cpu: f64,
}

/// Does some work, and returns its result and the time taken.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, TimeTaken) {
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    let done = work();
    // a clock that did not move would make rates infinite
    let took = TimeTaken { wall: wall.elapsed().as_secs_f64().max(1e-9), cpu: (cpu_seconds() - cpu).max(1e-9) };
    (done, took)
}

/// Does some work `times` times, and returns the result of each.
pub(crate) fn repeated(times: usize, mut work: impl FnMut() -> f64) -> Vec<f64> {
    (0..times.max(1)).map(|_| work()).collect()
}

/// Processor time of the programs that this process started and waited for, in seconds; nothing where the system does
/// not say.
pub(crate) fn children_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // the name may hold blanks; after its bracket come state, parent, …, of which the 14th and 15th are meant
    let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(13);
    let ticks: Vec<f64> = fields.take(2).filter_map(|t| t.parse().ok()).collect();
    (ticks.len() == 2).then(|| ticks.iter().sum::<f64>() / rustix::param::clock_ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_charged_once_they_are_waited_for() {
        let Some(before) = children_seconds() else { return };
        let busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let status = std::process::Command::new("sh").args(["-c", busy]).status().expect("a shell");
        assert!(status.success() && children_seconds().is_some_and(|after| after > before));
    }
}
