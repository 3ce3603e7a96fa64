//! Fuzz targets: every parser of bytes that come from outside, as a function that must return whatever the bytes are.
//!
//! A target panics if the parser does, and if it breaks a promise that the target checks: what was written reads back,
//! how a body was cut changes nothing, a checkpoint that loads also predicts. Two runners call the same functions:
//! the test `fuzz` of this package, which mutates [`seeds`](Target::seeds) on stable Rust without any other tool
//! (`SURMISE_FUZZ=500000 cargo test --release -p surmise-fuzz` runs so many executions of each), and libFuzzer in
//! `tests/fuzz/libfuzzer` (`RUSTC_BOOTSTRAP=1 cargo fuzz run wire_lines --fuzz-dir tests/fuzz/libfuzzer`).

mod door_seeds;
mod doors;
mod mutation;
mod seeds;
mod targets;
mod words;

pub use mutation::mutate;

/// A parser with inputs to begin from.
pub struct Target {
    /// The name, as the runners take it.
    pub name: &'static str,
    /// The parser. It panics only where something is wrong.
    pub run: fn(&[u8]),
    /// Inputs of the form that the parser is made for.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "wire_lines", run: targets::wire_lines, seeds: seeds::wire_lines },
    Target { name: "replies", run: targets::replies, seeds: seeds::replies },
    Target { name: "bodies", run: targets::bodies, seeds: seeds::bodies },
    Target { name: "recordings", run: targets::recordings, seeds: seeds::recordings },
    Target { name: "checkpoints", run: targets::checkpoints, seeds: seeds::checkpoints },
    Target { name: "configuration", run: targets::configuration, seeds: seeds::configuration },
    Target { name: "groups", run: targets::groups, seeds: seeds::groups },
    Target { name: "log_lines", run: targets::log_lines, seeds: seeds::log_lines },
    Target { name: "arrays", run: doors::arrays, seeds: door_seeds::arrays },
    Target { name: "cloud_events", run: doors::cloud_events, seeds: door_seeds::cloud_events },
    Target { name: "compressed", run: doors::compressed, seeds: door_seeds::compressed },
    Target { name: "remote_write", run: doors::remote_write, seeds: door_seeds::remote_write },
    Target { name: "syslog", run: doors::syslog, seeds: door_seeds::syslog },
    Target { name: "messages", run: doors::messages, seeds: door_seeds::messages },
    Target { name: "questions", run: doors::questions, seeds: door_seeds::questions },
    Target { name: "words", run: words::words, seeds: words::seeds },
];

/// The target of a name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
