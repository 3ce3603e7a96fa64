//! The daemon's log: lines on standard error, for which no thread ever waits.
//!
//! A line goes into a bounded queue, and a thread of its own writes it. A line that finds the queue full, or that
//! standard error does not take (its reader is gone, the disk is full, the terminal was closed), is lost and counted:
//! learning and acknowledging go on. See `surmise_log_lines_lost_total`.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Lines that wait to be written at most.
const LINES_MAX: usize = 16_384;

/// What is logged if the environment asks for nothing. What goes wrong with NATS or Kafka is told by
/// whoever needs it.
const DEFAULT_LEVELS: &str = "info,async_nats=off,rskafka=off";

/// Lines that standard error did not take.
static UNWRITTEN_LINES: AtomicU64 = AtomicU64::new(0);

/// Counts the lines that found the queue full.
static FULL_QUEUE: OnceLock<ErrorCounter> = OnceLock::new();

/// Writes what is queued when it is dropped, unless standard error takes nothing for a second.
pub struct LogGuard(Option<WorkerGuard>);

/// Begins to log what the environment variable `RUST_LOG` asks for, `info` if it asks for nothing. Where this process
/// logs already, it goes on as it does.
pub fn start_log() -> LogGuard {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| DEFAULT_LEVELS.into());
    let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES_MAX).thread_name("log");
    let (queue, guard) = builder.finish(StandardError);
    let _ = FULL_QUEUE.set(queue.error_counter());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_writer(queue);
    let log = if io::stderr().is_terminal() { log } else { log.with_ansi(false) };
    // an error of the log itself would be printed where the log itself cannot be written, which ends the thread
    let _ = log.log_internal_errors(false).try_init();
    LogGuard(Some(guard))
}

/// The number of lines that were lost since the start of the process.
pub fn lost_log_lines() -> u64 {
    let full = FULL_QUEUE.get().map_or(0, |counter| counter.dropped_lines() as u64);
    full + UNWRITTEN_LINES.load(Ordering::Relaxed)
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let guard = self.0.take();
        // the guard prints where the queue takes nothing, and printing panics where nothing can be printed
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(guard)));
    }
}

/// Standard error, which takes every line: one that cannot be written is counted.
struct StandardError;

impl Write for StandardError {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if io::stderr().write_all(line).is_err() {
            UNWRITTEN_LINES.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
