//! What followed: the last two bytes that came after each pair of bytes.
//!
//! An indirect context (the history of a context as a context) finds that two places are alike by what came after
//! them earlier, where the bytes themselves differ.

use surmise_state::{Persist, State, StateError};

/// The last two followers of every pair of bytes.
#[derive(Clone, Default)]
pub struct Followers(Vec<u16>);

fn pair(last: u32, before: u32) -> usize {
    ((last & 255) << 8 | before & 255) as usize
}

impl Followers {
    /// For byte streams; an unused one holds nothing.
    pub fn new(used: bool) -> Self {
        Followers(if used { vec![0; 1 << 16] } else { Vec::new() })
    }

    /// The followers of two bytes.
    pub fn after(&self, last: u32, before: u32) -> u32 {
        self.0.get(pair(last, before)).map_or(0, |f| u32::from(*f))
    }

    /// Takes the byte that came after `last` and `before`.
    pub fn push(&mut self, byte: u32, last: u32, before: u32) {
        if let Some(f) = self.0.get_mut(pair(last, before)) {
            *f = *f << 8 | byte as u16;
        }
    }
}

impl Persist for Followers {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u16s_fixed("followers", &mut self.0)
    }
}
