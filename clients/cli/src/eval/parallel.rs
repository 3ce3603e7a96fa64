//! All streams, several at once.

use super::progress::{EvalProgress, Summary};
use std::sync::atomic::{AtomicUsize, Ordering};
use surmise_evaluation::{RecordedStream, StreamFault};

/// Does `one` with every stream on so many threads, and returns the results in the order of the streams.
pub(super) fn for_all<T: Summary + Send>(
    streams: &[RecordedStream],
    jobs: usize,
    progress: &EvalProgress,
    one: impl Fn(&RecordedStream) -> Result<T, StreamFault> + Sync,
) -> Vec<Result<T, StreamFault>> {
    let next = AtomicUsize::new(0);
    // each thread takes the next stream until there is none, so that a long one delays no other
    let work = || {
        let mut own = Vec::new();
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(stream) = streams.get(i) else { return own };
            let result = one(stream);
            progress.done(&stream.title, &result);
            own.push((i, result));
        }
    };
    let mut all: Vec<(usize, Result<T, StreamFault>)> = std::thread::scope(|s| {
        let workers: Vec<_> = (0..jobs.min(streams.len())).map(|_| s.spawn(work)).collect();
        workers.into_iter().flat_map(|w| w.join().unwrap_or_else(|p| std::panic::resume_unwind(p))).collect()
    });
    all.sort_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, result)| result).collect()
}
