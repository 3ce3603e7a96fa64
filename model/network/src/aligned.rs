//! Arrays of numbers that start on a cache line.

use std::ops::{Deref, DerefMut};

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// A growable array of `f32`, aligned to 64 bytes, zero where nothing was written.
#[derive(Clone, Default)]
pub(crate) struct Aligned {
    lines: Vec<Line>,
    len: usize,
}

impl Aligned {
    /// An array of `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let mut a = Self::default();
        a.resize(len);
        a
    }

    /// Changes the length; what is new is zero.
    pub fn resize(&mut self, len: usize) {
        self.lines.resize(len.div_ceil(16), Line([0.0; 16]));
        if len < self.len {
            // what is cut off must be zero if the array grows again
            let spare = self.lines.len() * 16;
            let kept = std::mem::replace(&mut self.len, spare).min(spare);
            self[len.min(kept)..].fill(0.0);
        }
        self.len = len;
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
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
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
