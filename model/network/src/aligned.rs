//! Arrays of numbers that start on a cache line.

use std::ops::{Deref, DerefMut, Range};
use surmise_lanes::LANES;
use surmise_state::{SnapshotVec, State, incremental_copy};

/// Sixteen numbers, the unit of allocation of [`Aligned`].
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct CacheLine([f32; LANES]);

/// A growable array of `f32`, aligned to 64 bytes and zero where nothing was written.
#[derive(Clone, Default)]
pub(crate) struct Aligned {
    lines: SnapshotVec<CacheLine>,
    len: usize,
}

incremental_copy!(Aligned { large: lines; small: len });

impl Aligned {
    /// An array of `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let mut zeros = Self::default();
        zeros.resize(len);
        zeros
    }

    /// Changes the length; new numbers are zero.
    pub fn resize(&mut self, len: usize) {
        let lines = len.div_ceil(LANES);
        if lines >= self.lines.len() {
            self.lines.grow(lines, CacheLine([0.0; LANES]));
        } else {
            self.lines.all_mut().truncate(lines);
        }
        if len < self.len {
            // numbers that are cut off stay in the last line, and must be zero if the array grows again
            let allocated = self.lines.len() * LANES;
            let kept = std::mem::replace(&mut self.len, allocated).min(allocated);
            self[len.min(kept)..].fill(0.0);
        }
        self.len = len;
    }

    /// The numbers of a range, to be changed: an unfinished copy of the array copies only their lines first.
    #[inline(always)]
    pub fn part_mut(&mut self, range: Range<usize>) -> &mut [f32] {
        assert!(range.start <= range.end && range.end <= self.len);
        let first = range.start / LANES;
        let lines = self.lines.part_mut(first..range.end.div_ceil(LANES).max(first));
        // SAFETY: a line is sixteen initialised numbers without padding.
        let numbers = unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast::<f32>(), lines.len() * LANES) };
        &mut numbers[range.start - first * LANES..range.end - first * LANES]
    }

    /// The whole array for a walk of `Persist`, which changes it only if it reads a checkpoint.
    pub fn walk(&mut self, s: &State<'_>) -> &mut [f32] {
        let len = self.len;
        // SAFETY: as in `deref_mut`.
        unsafe { std::slice::from_raw_parts_mut(self.lines.walk(s).as_mut_ptr().cast(), len) }
    }
}

impl From<&[f32]> for Aligned {
    fn from(numbers: &[f32]) -> Self {
        let mut aligned = Self::zeros(numbers.len());
        aligned.copy_from_slice(numbers);
        aligned
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
        let mut array = Aligned::zeros(40);
        array.fill(1.0);
        array.resize(33);
        array.resize(50);
        assert!(array[..33].iter().all(|x| *x == 1.0) && array[33..].iter().all(|x| *x == 0.0));
        assert_eq!((array.len(), array.as_ptr() as usize % 64), (50, 0));
    }
}
