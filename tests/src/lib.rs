//! A harness for tests from end to end: the real binaries, real sockets, a real data directory.

mod daemon;
mod sessions;

pub use daemon::{TestDaemon, Wire, binary, command, surmise};
pub use sessions::{sessions_file, write_sessions};
pub use surmise_fixtures::{Random, data};
