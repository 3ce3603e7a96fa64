//! Where the states of keys lie that are not in memory: what a learner asks of such a place.
//!
//! A learner numbers its pages from 0 as it writes them. A page is one key's state, or the word that its state is gone;
//! of the pages of a key the one with the highest number counts. What a learner knows of its pages is how many it has
//! numbered, so that a learner of an earlier moment (a copy for readers, a checkpoint) sees exactly what counted at its
//! moment: it passes over pages with later numbers. Taking a state back writes nothing.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why pages cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the states of keys in the store: {0}")]
pub struct PagesError(pub String);

/// A page that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<'a> {
    /// Whose it is.
    pub key: &'a str,
    /// The state; none if it is gone.
    pub state: Option<&'a [u8]>,
}

/// A place for pages of one learner. One learner writes; copies of it may read meanwhile.
pub trait Pages: Debug + Send + Sync {
    /// Writes pages under the numbers `first`, `first + 1`, …
    ///
    /// # Errors
    /// The place is out of order; the learner that asked must not go on.
    fn put(&self, first: u64, pages: &[Page<'_>]) -> Result<(), PagesError>;

    /// The state that counts among a key's pages with numbers below `before`; nothing if there is none, or it is gone.
    ///
    /// # Errors
    /// As [`Pages::put`], and for a copy of a learner that is so old that its pages may be gone.
    fn get(&self, key: &str, before: u64) -> Result<Option<Vec<u8>>, PagesError>;

    /// The first page from `from` on that counts and is not gone: its number, its key and the state.
    ///
    /// # Errors
    /// As [`Pages::put`].
    fn oldest(&self, from: u64) -> Result<Option<(u64, Box<str>, Vec<u8>)>, PagesError>;
}

/// Pages in memory, in the plainest way; for tests, and for keys that are few. What no longer counts is dropped at once,
/// so that copies of a learner cannot look at it.
#[derive(Debug, Default)]
pub struct MemoryPages(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    pages: BTreeMap<u64, (Box<str>, Vec<u8>)>,
    numbers: HashMap<Box<str>, u64>,
}

impl MemoryPages {
    /// How many states there are.
    pub fn len(&self) -> usize {
        self.held().pages.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages for MemoryPages {
    fn put(&self, first: u64, pages: &[Page<'_>]) -> Result<(), PagesError> {
        let mut held = self.held();
        for (number, page) in (first..).zip(pages) {
            if let Some(old) = held.numbers.remove(page.key) {
                held.pages.remove(&old);
            }
            if let Some(state) = page.state {
                held.pages.insert(number, (page.key.into(), state.to_vec()));
                held.numbers.insert(page.key.into(), number);
            }
        }
        Ok(())
    }

    fn get(&self, key: &str, before: u64) -> Result<Option<Vec<u8>>, PagesError> {
        let held = self.held();
        let number = held.numbers.get(key).filter(|n| **n < before);
        Ok(number.and_then(|n| held.pages.get(n)).map(|(_, state)| state.clone()))
    }

    fn oldest(&self, from: u64) -> Result<Option<(u64, Box<str>, Vec<u8>)>, PagesError> {
        Ok(self.held().pages.range(from..).next().map(|(n, (key, state))| (*n, key.clone(), state.clone())))
    }
}
