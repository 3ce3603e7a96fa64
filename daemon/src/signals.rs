//! The signals that the daemon acts on.
//!
//! Every signal that would end a process, and that a process can catch, ends this one in order: what was accepted is
//! learnt and kept, and a last checkpoint is written. SIGHUP has the configuration read again, unless it comes because
//! the terminal that the daemon was started from was closed: then it ends the daemon like the others.

use std::io::{self, IsTerminal};
use std::task::Poll;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end the daemon, by name.
fn ending() -> Vec<(&'static str, SignalKind)> {
    let raw = SignalKind::from_raw;
    vec![
        ("SIGTERM", SignalKind::terminate()),
        ("SIGINT", SignalKind::interrupt()),
        ("SIGQUIT", SignalKind::quit()),
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

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To leave, by the signal of this name.
    Leave(&'static str),
    /// To read the configuration again.
    Reload,
}

/// The signals of this process, which are caught as long as it lives.
pub struct Signals {
    ending: Vec<(&'static str, Signal)>,
    hangup: Signal,
    /// Where the process would be ended by a file that grows too large: the write fails instead.
    _file_size: Signal,
    had_terminal: bool,
}

impl Signals {
    /// Catches all signals from now on.
    ///
    /// # Errors
    /// The system refuses.
    pub fn catch() -> io::Result<Signals> {
        let caught = ending().into_iter().map(|(name, kind)| Ok((name, signal(kind)?)));
        Ok(Signals {
            ending: caught.collect::<io::Result<_>>()?,
            hangup: signal(SignalKind::hangup())?,
            _file_size: signal(SignalKind::from_raw(libc::SIGXFSZ))?,
            had_terminal: has_terminal(),
        })
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) -> Asked {
        std::future::poll_fn(|context| {
            for (name, signal) in &mut self.ending {
                if signal.poll_recv(context).is_ready() {
                    return Poll::Ready(Asked::Leave(name));
                }
            }
            if self.hangup.poll_recv(context).is_pending() {
                return Poll::Pending;
            }
            let is_closed = self.had_terminal && !has_terminal();
            Poll::Ready(if is_closed { Asked::Leave("SIGHUP, as the terminal was closed") } else { Asked::Reload })
        })
        .await
    }

    /// Waits for a signal that ends the daemon, and returns its name.
    pub async fn ended(&mut self) -> &'static str {
        loop {
            if let Asked::Leave(name) = self.next().await {
                return name;
            }
        }
    }
}

/// Whether a standard stream is a terminal that is still open.
fn has_terminal() -> bool {
    io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal()
}
