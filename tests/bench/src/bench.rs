//! A run of the bench: what every part is given, and where it puts its figures.

use crate::figure::Figures;
use crate::streams::BenchStream;
use std::path::PathBuf;

/// A run of the bench.
pub(crate) struct Bench {
    /// About how long each single measurement takes.
    pub(crate) seconds: f64,
    /// How often each is made.
    pub(crate) repeat: usize,
    /// Streams of the footprint.
    pub(crate) small_streams: u64,
    /// Events a second of each stream of the soak, where they are said.
    pub(crate) rate: Option<f64>,
    /// The Python whose PyTorch the network is compared with.
    pub(crate) python: PathBuf,
    /// A folder for whatever a part writes; it is removed at the end.
    pub(crate) dir: tempfile::TempDir,
    /// One recording for each preset.
    pub(crate) streams: Vec<BenchStream>,
    pub(crate) figures: Figures,
    /// What a figure cannot say.
    pub(crate) notes: Vec<String>,
}

impl Bench {
    /// Events of a stream that are read at most: more than a fast machine learns in the time given.
    pub(crate) fn events_max(&self, stream: &BenchStream) -> usize {
        let rate = if matches!(stream.preset, "bytes" | "symbols") { 1e6 } else { 2e5 };
        (rate * self.seconds) as usize + 300
    }
}
