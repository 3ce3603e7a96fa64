//! Waking threads that wait for a write that failed.
//!
//! sled 0.34 writes a buffer in a thread of its own and has whoever flushes wait until it is written. Where the last
//! of several writers hands over a buffer and its write fails, sled notes the error and wakes nobody: a flush that
//! waits by then waits for ever. What looks at the error and wakes them all is any write that begins afterwards, so one
//! is begun.

use crate::error::StoreError;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often to look whether a write has failed.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// A tree that is never there: where a write has failed, making it fails, too.
const NEVER_MADE: &str = "never made";

/// A thread that wakes those who wait for a database of which a write has failed. It ends when this is dropped.
pub(crate) struct Waking {
    /// What the thread listens to, until it shall end.
    running: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Waking {
    /// Begins to look after a database, which was opened with a configuration.
    pub(crate) fn begin(config: sled::Config, db: sled::Db) -> Result<Waking, StoreError> {
        let (running, ended) = channel();
        let thread = std::thread::Builder::new().name("store waking".into()).spawn(move || look(&config, &db, &ended));
        let thread = thread.map_err(|e| StoreError::database("cannot start a thread of the store")(e.into()))?;
        Ok(Waking { running: Some(running), thread: Some(thread) })
    }
}

impl Drop for Waking {
    fn drop(&mut self) {
        self.running = None;
        let ended = self.thread.take().map(JoinHandle::join);
        debug_assert!(ended.is_none_or(|ended| ended.is_ok()), "looking does not panic");
    }
}

/// Looks until the other end is dropped.
fn look(config: &sled::Config, db: &sled::Db, ended: &Receiver<()>) {
    while ended.recv_timeout(LOOK_INTERVAL) == Err(RecvTimeoutError::Timeout) {
        if config.global_error().is_err() {
            // without sled's lock between batches and everything else, which those who wait may hold
            let made = db.open_tree(NEVER_MADE);
            debug_assert!(made.is_err(), "nothing is written after an error");
        }
    }
}
