//! What followed: the last two bytes that came after each pair of bytes.
//!
//! An indirect context (the history of a context as a context) finds that two places are alike by what came after
//! them earlier, where the bytes themselves differ.

use surmise_state::{Persist, State, StateError};

/// The last two followers of every pair of bytes.
#[derive(Clone, Default)]
pub struct Followers(Vec<u16>);

impl Followers {
    /// For so many pairs (a power of two, at most 65,536; beyond it pairs share), or none.
    pub fn new(pairs: usize) -> Self {
        Followers(vec![0; pairs])
    }

    fn pair(&self, last: u32, before: u32) -> usize {
        let pair = ((last & 255) << 8 | before & 255) as usize;
        // a factor that is odd keeps all pairs apart where there is room for them
        pair.wrapping_mul(0x9E35) & self.0.len().saturating_sub(1)
    }

    /// The followers of two bytes.
    pub fn after(&self, last: u32, before: u32) -> u32 {
        self.0.get(self.pair(last, before)).map_or(0, |f| u32::from(*f))
    }

    /// Takes the byte that came after `last` and `before`.
    pub fn push(&mut self, byte: u32, last: u32, before: u32) {
        let at = self.pair(last, before);
        if let Some(f) = self.0.get_mut(at) {
            *f = *f << 8 | byte as u16;
        }
    }
}

impl Persist for Followers {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u16s_fixed("followers", &mut self.0)
    }
}
