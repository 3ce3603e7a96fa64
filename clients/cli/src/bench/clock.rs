//! Time that work takes: on the wall, and of the processor.

use std::time::Instant;
use surmise_replay::cpu_seconds;

/// How long something took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Took {
    pub(crate) wall: f64,
    /// Processor time of all threads of this process.
    pub(crate) cpu: f64,
}

/// Does it, and says how long that took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Took) {
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    let done = work();
    // a clock that did not move would make rates infinite
    let took = Took { wall: wall.elapsed().as_secs_f64().max(1e-9), cpu: (cpu_seconds() - cpu).max(1e-9) };
    (done, took)
}

/// Does it so often, and says what each time gave.
pub(crate) fn repeated(times: usize, mut work: impl FnMut() -> f64) -> Vec<f64> {
    (0..times.max(1)).map(|_| work()).collect()
}
