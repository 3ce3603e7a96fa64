//! Arrays of numbers that start on a cache line.

use std::ops::{Deref, DerefMut, Range};
use surmise_state::{SnapshotVec, State, incremental_copy};

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// A growable array of `f32`, aligned to 64 bytes, zero where nothing was written.
#[derive(Clone, Default)]
pub(crate) struct Aligned {
    lines: SnapshotVec<Line>,
    len: usize,
}

incremental_copy!(Aligned { large: lines; small: len });

impl Aligned {
    /// An array of `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let mut a = Self::default();
        a.resize(len);
        a
    }

    /// Changes the length; what is new is zero.
    pub fn resize(&mut self, len: usize) {
        self.lines.all_mut().resize(len.div_ceil(16), Line([0.0; 16]));
        if len < self.len {
            // what is cut off must be zero if the array grows again
            let spare = self.lines.len() * 16;
            let kept = std::mem::replace(&mut self.len, spare).min(spare);
            self[len.min(kept)..].fill(0.0);
        }
        self.len = len;
    }

    /// A part, to be changed: a copy in the making takes over no more than that at once.
    #[inline(always)]
    pub fn part_mut(&mut self, at: Range<usize>) -> &mut [f32] {
        assert!(at.start <= at.end && at.end <= self.len);
        let first = at.start / 16;
        let lines = self.lines.part_mut(first..at.end.div_ceil(16).max(first));
        // SAFETY: a line is sixteen initialised numbers without padding.
        let numbers = unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast::<f32>(), lines.len() * 16) };
        &mut numbers[at.start - first * 16..at.end - first * 16]
    }

    /// All of it for a walk, which changes it only if it reads.
    pub fn walk(&mut self, s: &State<'_>) -> &mut [f32] {
        let len = self.len;
        // SAFETY: as in `deref_mut`.
        unsafe { std::slice::from_raw_parts_mut(self.lines.walk(s).as_mut_ptr().cast(), len) }
    }
}

impl From<&[f32]> for Aligned {
    fn from(x: &[f32]) -> Self {
        let mut a = Self::zeros(x.len());
        a.copy_from_slice(x);
        a
    }
}

impl Deref for Aligned {
    type Target = [f32];
    #[inline(always)]
    fn deref(&self) -> &[f32] {
        // SAFETY: `lines` holds at least `len` initialised numbers without padding (64 bytes of data, aligned to 64).
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Aligned {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.lines.all_mut().as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_zero() {
        let mut a = Aligned::zeros(40);
        a.fill(1.0);
        a.resize(33);
        a.resize(50);
        assert!(a[..33].iter().all(|x| *x == 1.0) && a[33..].iter().all(|x| *x == 0.0));
        assert_eq!((a.len(), a.as_ptr() as usize % 64), (50, 0));
    }
}
