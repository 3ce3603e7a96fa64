//! Signals that end the program, held back until what was begun is removed.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The first signal that came, if any did. A second one ends the program at once.
#[derive(Clone)]
pub(crate) struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Begins to hold signals back.
    pub(crate) fn hold() -> std::io::Result<Interrupt> {
        let came = Arc::new(AtomicUsize::new(0));
        let is_second = Arc::new(std::sync::atomic::AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register_conditional_default(signal, is_second.clone())?;
            signal_hook::flag::register(signal, is_second.clone())?;
            signal_hook::flag::register_usize(signal, came.clone(), signal as usize)?;
        }
        Ok(Interrupt(came))
    }

    /// Whether a signal has come.
    pub(crate) fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// Lets a signal that came do what it does.
    pub(crate) fn release(&self) {
        let signal = self.0.load(Ordering::Relaxed);
        if signal != 0 {
            let _ = signal_hook::low_level::emulate_default_handler(signal as i32);
        }
    }
}
