//! A harness for tests from end to end: the real binaries, real sockets, a real data directory.

mod daemon;
pub mod recordings;
mod sessions;

pub use daemon::{Daemon, Wire, binary, command, surmise};
pub use sessions::{sessions_file, write_sessions};
pub use surmise_fixtures::Random;

use std::path::PathBuf;

/// The folder of real streams named by `SURMISE_DATA`; without it the caller says that it skips, and returns.
pub fn data(test: &str) -> Option<PathBuf> {
    match std::env::var_os("SURMISE_DATA").filter(|d| !d.is_empty()) {
        Some(d) => Some(PathBuf::from(d)),
        None => {
            eprintln!("SKIPPED {test}: SURMISE_DATA does not name the folder of real streams");
            None
        }
    }
}
