//! What a frame shows besides what is known.

use super::ink::Ink;

/// The daemon's address, the time and the styles of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'s> {
    /// The daemon's address.
    pub server: &'s str,
    /// The time, in seconds since 1970.
    pub now: f64,
    /// Styles.
    pub ink: Ink,
}
