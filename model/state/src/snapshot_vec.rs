//! The arrays that [`IncrementalCopy`] copies in slices.

use crate::{IncrementalCopy, State};
use std::ops::{Deref, Index, IndexMut, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So much is copied at once before it changes.
const PIECE_BYTES: usize = 1024;

/// An array that can be copied in slices while it changes.
///
/// It reads like a `Vec`; changing it costs the test of a pointer more. A copy in the making is never lost: what
/// replaces or drops the array completes it first.
pub struct SnapshotVec<T: Copy> {
    live: Vec<T>,
    /// Of this array, a copy in the making.
    copying: Option<Shared<T>>,
    /// Of a copy, what it is to become.
    incoming: Option<Shared<T>>,
}

type Shared<T> = Arc<Mutex<Copying<T>>>;

/// A copy in the making.
struct Copying<T> {
    /// As long as the array was.
    to: Vec<T>,
    /// The pieces that are there, by bits.
    done: Vec<u64>,
    /// All pieces before this one are there.
    next: usize,
}

impl<T: Copy> SnapshotVec<T> {
    /// An array of these values.
    pub fn new(values: Vec<T>) -> Self {
        SnapshotVec { live: values, copying: None, incoming: None }
    }

    /// Adds a value at the end.
    #[inline]
    pub fn push(&mut self, value: T) {
        self.live.push(value);
    }

    /// A part, to be changed.
    #[inline(always)]
    pub fn part_mut(&mut self, at: Range<usize>) -> &mut [T] {
        if self.copying.is_some() {
            self.keep(at.clone());
        }
        &mut self.live[at]
    }

    /// All of it, to be changed in any way.
    #[inline(always)]
    pub fn all_mut(&mut self) -> &mut Vec<T> {
        if self.copying.is_some() {
            self.complete();
        }
        &mut self.live
    }

    /// Takes other values; returns those from before.
    pub fn replace(&mut self, values: Vec<T>) -> Vec<T> {
        std::mem::replace(self.all_mut(), values)
    }

    /// All of it for a walk, which changes it only if it reads.
    pub fn walk(&mut self, s: &State<'_>) -> &mut Vec<T> {
        if s.is_reading() { self.all_mut() } else { &mut self.live }
    }

    /// Copies what a part holds before it changes.
    #[cold]
    #[inline(never)]
    fn keep(&mut self, at: Range<usize>) {
        match &self.copying {
            Some(c) if Arc::strong_count(c) > 1 => lock(c).keep(&self.live, at),
            // nobody waits for it any more
            _ => self.copying = None,
        }
    }

    /// Completes the copy in the making, if anybody waits for it still.
    #[cold]
    #[inline(never)]
    fn complete(&mut self) {
        if let Some(c) = self.copying.take().filter(|c| Arc::strong_count(c) > 1) {
            lock(&c).copy_some(&self.live, &mut usize::MAX.clone());
        }
    }
}

fn lock<T>(c: &Shared<T>) -> MutexGuard<'_, Copying<T>> {
    // a panic leaves no piece half copied that is marked as done
    c.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Copy> Copying<T> {
    /// Values of a piece.
    const PIECE: usize = if size_of::<T>() < PIECE_BYTES { PIECE_BYTES / size_of::<T>() } else { 1 };

    fn pieces(&self) -> usize {
        self.to.len().div_ceil(Self::PIECE)
    }

    /// Copies a piece unless it is there; returns how many bytes that took.
    fn copy(&mut self, from: &[T], piece: usize) -> usize {
        let (word, bit) = (piece / 64, 1 << (piece % 64));
        if self.done[word] & bit != 0 {
            return 0;
        }
        let at = piece * Self::PIECE..((piece + 1) * Self::PIECE).min(self.to.len());
        self.to[at.clone()].copy_from_slice(&from[at.clone()]);
        self.done[word] |= bit;
        at.len() * size_of::<T>()
    }

    fn keep(&mut self, from: &[T], at: Range<usize>) {
        let end = at.end.min(self.to.len());
        for piece in at.start / Self::PIECE..end.div_ceil(Self::PIECE) {
            self.copy(from, piece);
        }
    }

    fn copy_some(&mut self, from: &[T], room: &mut usize) -> bool {
        while self.next < self.pieces() {
            if *room == 0 {
                return false;
            }
            *room = room.saturating_sub(self.copy(from, self.next));
            self.next += 1;
        }
        true
    }
}

impl<T: Copy> IncrementalCopy for SnapshotVec<T> {
    fn empty_copy(&self) -> Self {
        SnapshotVec::default()
    }

    fn reserve(&self, copy: &mut Self, room: &mut usize) -> bool {
        let (have, want) = (copy.live.len(), self.live.len());
        if have < want {
            let more = (*room / size_of::<T>()).min(want - have);
            copy.live.reserve_exact(want - have);
            copy.live.extend_from_slice(&self.live[have..have + more]);
            *room -= more * size_of::<T>();
        }
        copy.live.len() >= want
    }

    fn begin_copy(&mut self, copy: &mut Self) {
        let piece = Copying::<T>::PIECE;
        let mut to = std::mem::take(&mut copy.live);
        to.truncate(self.live.len());
        // what was not prepared, from the beginning of its piece on, is copied at once
        if to.len() < self.live.len() {
            to.truncate(to.len() / piece * piece);
        }
        let prepared = to.len().div_ceil(piece);
        to.extend_from_slice(&self.live[to.len()..]);
        let mut c = Copying { to, done: Vec::new(), next: 0 };
        c.done.resize(c.pieces().div_ceil(64), 0);
        (prepared..c.pieces()).for_each(|p| c.done[p / 64] |= 1 << (p % 64));
        let c = Arc::new(Mutex::new(c));
        (self.copying, copy.incoming) = (Some(c.clone()), Some(c));
    }

    fn copy_some(&mut self, room: &mut usize) -> bool {
        let done = self.copying.as_ref().is_none_or(|c| lock(c).copy_some(&self.live, room));
        if done {
            self.copying = None;
        }
        done
    }

    fn finish_copy(&mut self) {
        if let Some(c) = self.incoming.take() {
            let mut c = lock(&c);
            assert!(c.next == c.pieces(), "invariant: a copy is settled when all of it was carried");
            self.live = std::mem::take(&mut c.to);
        }
    }
}

impl<T: Copy> Drop for SnapshotVec<T> {
    fn drop(&mut self) {
        if self.copying.is_some() {
            self.complete();
        }
    }
}

impl<T: Copy> Clone for SnapshotVec<T> {
    /// A copy of the array as it is now.
    fn clone(&self) -> Self {
        SnapshotVec::new(self.live.clone())
    }
}

impl<T: Copy> Default for SnapshotVec<T> {
    fn default() -> Self {
        SnapshotVec::new(Vec::new())
    }
}

impl<T: Copy> Deref for SnapshotVec<T> {
    type Target = [T];
    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.live
    }
}

impl<T: Copy> Index<usize> for SnapshotVec<T> {
    type Output = T;
    #[inline(always)]
    fn index(&self, i: usize) -> &T {
        &self.live[i]
    }
}

impl<T: Copy> IndexMut<usize> for SnapshotVec<T> {
    #[inline(always)]
    fn index_mut(&mut self, i: usize) -> &mut T {
        if self.copying.is_some() {
            self.keep(i..i + 1);
        }
        &mut self.live[i]
    }
}

#[cfg(test)]
#[path = "snapshot_vec_tests.rs"]
mod tests;
