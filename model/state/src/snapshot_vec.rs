//! The array type whose contents [`IncrementalCopy`] copies in slices.
//!
//! A [`SnapshotVec`] and its copy share one [`CopyInProgress`] behind `Arc<Mutex<…>>`, because either of them may be
//! dropped, replaced or sent to another thread first. The lock is never contended: while a copy is being made only the
//! original takes it, and the copy takes it once, in [`IncrementalCopy::finish_copy`]. Nothing waits and nothing
//! depends on timing, so the learner that holds such arrays stays single-threaded in what it computes.

use crate::IncrementalCopy;
use crate::State;
use std::ops::{Deref, Index, IndexMut, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that are copied together when one of them is about to change: small enough that a change never waits for long,
/// large enough that the bits of [`CopyInProgress::done`] are few.
const PIECE_BYTES: usize = 1024;

/// An array that can be copied in slices while it changes.
///
/// It is read like a `Vec`. A change tests one pointer more than a change of a `Vec` does and, while a copy is being
/// made, copies each piece of 1 KiB that it touches first. A copy that has begun is always completed: what replaces or
/// drops the array completes it before.
pub struct SnapshotVec<T: Copy> {
    values: Vec<T>,
    /// The unfinished copy of this array, if any.
    copying: Option<SharedCopy<T>>,
    /// In a copy that is still being filled: the buffer that it will take over.
    incoming: Option<SharedCopy<T>>,
}

type SharedCopy<T> = Arc<Mutex<CopyInProgress<T>>>;

/// A copy that is being filled, piece by piece.
struct CopyInProgress<T> {
    /// The values, as many as the array had at the moment of the copy.
    buffer: Vec<T>,
    /// One bit for each piece: whether it is copied.
    done: Vec<u64>,
    /// All pieces before this one are copied.
    next: usize,
}

impl<T: Copy> SnapshotVec<T> {
    /// An array of these values.
    pub fn new(values: Vec<T>) -> Self {
        SnapshotVec { values, copying: None, incoming: None }
    }

    /// Adds a value at the end.
    #[inline]
    pub fn push(&mut self, value: T) {
        // an unfinished copy ends where the array ended at its moment, so there is nothing to copy first
        self.values.push(value);
    }

    /// Adds values at the end until there are `len`; it takes none away.
    pub fn grow(&mut self, len: usize, value: T) {
        // as for `push`
        self.values.resize(len.max(self.values.len()), value);
    }

    /// The values of a range, to be changed. Use it rather than [`all_mut`](Self::all_mut) wherever the range is known,
    /// as an unfinished copy then copies only that range first.
    #[inline(always)]
    pub fn part_mut(&mut self, range: Range<usize>) -> &mut [T] {
        if self.copying.is_some() {
            self.copy_before_change(range.clone());
        }
        &mut self.values[range]
    }

    /// The whole array, to be changed in any way. An unfinished copy is completed first.
    #[inline(always)]
    pub fn all_mut(&mut self) -> &mut Vec<T> {
        if self.copying.is_some() {
            self.complete_copy();
        }
        &mut self.values
    }

    /// Replaces all values; returns the old ones.
    pub fn replace(&mut self, values: Vec<T>) -> Vec<T> {
        std::mem::replace(self.all_mut(), values)
    }

    /// The whole array for a walk of [`Persist`](crate::Persist). Only a walk that reads a checkpoint changes it, so
    /// only that one completes an unfinished copy first.
    pub fn walk(&mut self, s: &State<'_>) -> &mut Vec<T> {
        if s.is_reading() { self.all_mut() } else { &mut self.values }
    }

    /// Copies the pieces of a range that is about to change.
    #[cold]
    #[inline(never)]
    fn copy_before_change(&mut self, range: Range<usize>) {
        match &self.copying {
            Some(copy) if Arc::strong_count(copy) > 1 => lock(copy).copy_range(&self.values, range),
            // the copy was dropped
            _ => self.copying = None,
        }
    }

    /// Completes the unfinished copy, unless it was dropped.
    #[cold]
    #[inline(never)]
    fn complete_copy(&mut self) {
        if let Some(copy) = self.copying.take().filter(|copy| Arc::strong_count(copy) > 1) {
            let mut budget_bytes = usize::MAX;
            lock(&copy).copy_some(&self.values, &mut budget_bytes);
        }
    }
}

fn lock<T>(copy: &SharedCopy<T>) -> MutexGuard<'_, CopyInProgress<T>> {
    // a panic cannot leave a piece that is half copied and marked as done, so a poisoned lock is as good as another
    copy.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: Copy> CopyInProgress<T> {
    /// Values of one piece.
    const PIECE: usize = if size_of::<T>() < PIECE_BYTES { PIECE_BYTES / size_of::<T>() } else { 1 };

    fn pieces(&self) -> usize {
        self.buffer.len().div_ceil(Self::PIECE)
    }

    /// Copies a piece unless that is done; returns how many bytes that took.
    fn copy_piece(&mut self, from: &[T], piece: usize) -> usize {
        let (word, bit) = (piece / 64, 1 << (piece % 64));
        if self.done[word] & bit != 0 {
            return 0;
        }
        let range = piece * Self::PIECE..((piece + 1) * Self::PIECE).min(self.buffer.len());
        self.buffer[range.clone()].copy_from_slice(&from[range.clone()]);
        self.done[word] |= bit;
        range.len() * size_of::<T>()
    }

    /// Copies every piece that a range touches.
    fn copy_range(&mut self, from: &[T], range: Range<usize>) {
        let end = range.end.min(self.buffer.len());
        for piece in range.start / Self::PIECE..end.div_ceil(Self::PIECE) {
            self.copy_piece(from, piece);
        }
    }

    /// Copies pieces in their order until the budget is used up; returns true if all are copied.
    fn copy_some(&mut self, from: &[T], budget_bytes: &mut usize) -> bool {
        while self.next < self.pieces() {
            if *budget_bytes == 0 {
                return false;
            }
            *budget_bytes = budget_bytes.saturating_sub(self.copy_piece(from, self.next));
            self.next += 1;
        }
        true
    }
}

impl<T: Copy> IncrementalCopy for SnapshotVec<T> {
    fn empty_copy(&self) -> Self {
        SnapshotVec::default()
    }

    fn reserve(&self, copy: &mut Self, budget_bytes: &mut usize) -> bool {
        let (reserved, wanted) = (copy.values.len(), self.values.len());
        if reserved < wanted {
            // any values will do: they are written to touch the memory, and overwritten later
            let more = (*budget_bytes / size_of::<T>()).min(wanted - reserved);
            copy.values.reserve_exact(wanted - reserved);
            copy.values.extend_from_slice(&self.values[reserved..reserved + more]);
            *budget_bytes -= more * size_of::<T>();
        }
        copy.values.len() >= wanted
    }

    fn begin_copy(&mut self, copy: &mut Self) {
        let piece = CopyInProgress::<T>::PIECE;
        let mut buffer = std::mem::take(&mut copy.values);
        buffer.truncate(self.values.len());
        // what has no memory yet, from the start of its piece on, is copied now
        if buffer.len() < self.values.len() {
            buffer.truncate(buffer.len() / piece * piece);
        }
        let reserved_pieces = buffer.len().div_ceil(piece);
        buffer.extend_from_slice(&self.values[buffer.len()..]);
        let mut progress = CopyInProgress { buffer, done: Vec::new(), next: 0 };
        progress.done.resize(progress.pieces().div_ceil(64), 0);
        (reserved_pieces..progress.pieces()).for_each(|piece| progress.done[piece / 64] |= 1 << (piece % 64));
        let shared = Arc::new(Mutex::new(progress));
        (self.copying, copy.incoming) = (Some(shared.clone()), Some(shared));
    }

    fn copy_some(&mut self, budget_bytes: &mut usize) -> bool {
        let done = self.copying.as_ref().is_none_or(|copy| lock(copy).copy_some(&self.values, budget_bytes));
        if done {
            self.copying = None;
        }
        done
    }

    fn finish_copy(&mut self) {
        if let Some(copy) = self.incoming.take() {
            let mut copy = lock(&copy);
            assert!(copy.next == copy.pieces(), "invariant: a copy is finished after all of it was copied");
            self.values = std::mem::take(&mut copy.buffer);
        }
    }
}

impl<T: Copy> Drop for SnapshotVec<T> {
    fn drop(&mut self) {
        if self.copying.is_some() {
            self.complete_copy();
        }
    }
}

impl<T: Copy> Clone for SnapshotVec<T> {
    /// A copy of the values as they are now, made at once.
    fn clone(&self) -> Self {
        SnapshotVec::new(self.values.clone())
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
        &self.values
    }
}

impl<T: Copy> Index<usize> for SnapshotVec<T> {
    type Output = T;
    #[inline(always)]
    fn index(&self, i: usize) -> &T {
        &self.values[i]
    }
}

impl<T: Copy> IndexMut<usize> for SnapshotVec<T> {
    #[inline(always)]
    fn index_mut(&mut self, i: usize) -> &mut T {
        if self.copying.is_some() {
            self.copy_before_change(i..i + 1);
        }
        &mut self.values[i]
    }
}

#[cfg(test)]
#[path = "snapshot_vec_tests.rs"]
mod tests;
