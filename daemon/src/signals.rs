//! The signals that the daemon acts on.
//!
//! Every signal that would end a process, and that a process can catch, ends this one in order: what was accepted is
//! learnt and kept, and a last checkpoint is written. So does closing the terminal that it was started from.

use std::io;
use std::task::Poll;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end the daemon, by name.
fn ending() -> Vec<(&'static str, SignalKind)> {
    let raw = SignalKind::from_raw;
    vec![
        ("SIGTERM", SignalKind::terminate()),
        ("SIGINT", SignalKind::interrupt()),
        ("SIGQUIT", SignalKind::quit()),
        ("SIGHUP", SignalKind::hangup()),
        ("SIGALRM", SignalKind::alarm()),
        ("SIGUSR1", SignalKind::user_defined1()),
        ("SIGUSR2", SignalKind::user_defined2()),
        ("SIGIO", SignalKind::io()),
        ("SIGXCPU", raw(libc::SIGXCPU)),
        ("SIGVTALRM", raw(libc::SIGVTALRM)),
        ("SIGPROF", raw(libc::SIGPROF)),
        #[cfg(target_os = "linux")]
        ("SIGPWR", raw(libc::SIGPWR)),
        #[cfg(target_os = "linux")]
        ("SIGSTKFLT", raw(libc::SIGSTKFLT)),
    ]
}

/// The signals of this process, which are caught as long as it lives.
pub struct Signals {
    ending: Vec<(&'static str, Signal)>,
    /// Where the process would be ended by a file that grows too large: the write fails instead.
    _file_size: Signal,
}

impl Signals {
    /// Catches all signals from now on.
    ///
    /// # Errors
    /// The system refuses.
    pub fn catch() -> io::Result<Signals> {
        let caught = ending().into_iter().map(|(name, kind)| Ok((name, signal(kind)?)));
        let file_size = signal(SignalKind::from_raw(libc::SIGXFSZ))?;
        Ok(Signals { ending: caught.collect::<io::Result<_>>()?, _file_size: file_size })
    }

    /// Waits for a signal that ends the daemon, and returns its name.
    pub async fn ended(&mut self) -> &'static str {
        std::future::poll_fn(|context| {
            for (name, signal) in &mut self.ending {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(*name);
                }
            }
            Poll::Pending
        })
        .await
    }
}
