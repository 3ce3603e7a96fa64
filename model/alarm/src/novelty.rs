//! How rare it is that something comes for the first time, or happens at all.

use surmise_state::{Persist, State, StateError};

/// Events after which half of what was counted fades.
const MEMORY_EVENTS: f64 = 8192.0;
/// Events before anything is rare.
const QUIET_EVENTS: f64 = 50.0;

/// Events, and those among them that were novelties, fading.
#[derive(Clone, Debug, Default)]
pub(crate) struct NoveltyRecord {
    events: f64,
    novel: f64,
}

impl NoveltyRecord {
    /// Takes in an event. Returns the bits that it claims if it is a novelty and the record is long enough.
    pub(crate) fn observe(&mut self, is_novel: bool) -> Option<f64> {
        self.events += 1.0;
        let is_told = is_novel && self.events > QUIET_EVENTS;
        let bits = is_told.then(|| libm::log2((self.events + 1.0) / (self.novel + 0.5)));
        if is_novel {
            self.novel += 1.0;
        }
        if self.events >= 2.0 * MEMORY_EVENTS {
            self.events *= 0.5;
            self.novel *= 0.5;
        }
        bits
    }
}

impl Persist for NoveltyRecord {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("events", &mut self.events)?;
        s.f64("novelties", &mut self.novel)
    }
}
