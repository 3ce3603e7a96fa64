//! Followers: the last two bytes that came after each pair of bytes.
//!
//! An indirect context (the history of a context as a context) finds that two places are alike by what came after
//! them earlier, where the bytes themselves differ (PREDICTOR §3).

use surmise_state::{Persist, State, StateError};

/// The last two followers of every pair of bytes.
#[derive(Clone, Default)]
pub struct Followers(Vec<u16>);

impl Followers {
    /// A table of `pairs` pairs: 0, or a power of two of at most 65,536. In a smaller table pairs share places.
    pub fn new(pairs: usize) -> Self {
        Followers(vec![0; pairs])
    }

    fn place(&self, last: u32, before: u32) -> usize {
        let pair = ((last & 255) << 8 | before & 255) as usize;
        // a factor that is odd keeps all pairs apart where there is room for them
        pair.wrapping_mul(0x9E35) & self.0.len().saturating_sub(1)
    }

    /// The two bytes that followed `before` and `last` the last times, the latest one lowest; 0 in an empty table.
    pub fn after(&self, last: u32, before: u32) -> u32 {
        self.0.get(self.place(last, before)).map_or(0, |followers| u32::from(*followers))
    }

    /// Takes in the byte that came after `before` and `last`.
    pub fn push(&mut self, byte: u32, last: u32, before: u32) {
        let place = self.place(last, before);
        if let Some(followers) = self.0.get_mut(place) {
            *followers = *followers << 8 | byte as u16;
        }
    }
}

impl Persist for Followers {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u16s_fixed("followers", &mut self.0)
    }
}
