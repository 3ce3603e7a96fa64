//! A harness for tests from end to end: the real binaries, real sockets, a real data directory.

mod certificate;
mod daemon;
mod sessions;
pub mod sourced;
mod terminal;
pub mod traced;

pub use certificate::LocalCertificate;
pub use daemon::{TestDaemon, Wire, binary, command, example, surmise};
pub use sessions::{sessions_file, write_sessions};
pub use surmise_fixtures::{Random, data};
pub use terminal::Tmux;

/// How many trials a campaign makes: as many as `SURMISE_TRIALS` says, or a few.
pub fn trials(few: u64) -> u64 {
    std::env::var("SURMISE_TRIALS").ok().and_then(|count| count.parse().ok()).unwrap_or(few)
}
