//! Key pages: the states of keys that memory has no room for, and what a learner asks of the place that holds them.
//!
//! A key page is the state of one key, or the word that its state is gone. A learner numbers its pages from 0 as it
//! writes them; of the pages of one key, the one with the highest number counts. All that a learner knows of its pages
//! is how many it has numbered. So a learner of an earlier moment (a copy that answers questions, a checkpoint) finds
//! exactly what counted at its moment, by passing over pages with later numbers. Reading a state back writes nothing.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use surmise_state::StateError;

/// Why key pages cannot be read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PagesError {
    /// The place that holds the pages failed.
    #[error("the states of keys in the store: {0}")]
    Place(Arc<dyn Error + Send + Sync>),
    /// The place that holds the pages is closed.
    #[error("the states of keys in the store: the daemon is leaving")]
    Closed,
    /// The page of a key is no state that this learner could have written.
    #[error("the states of keys in the store: the page of key {key:?}: {source}")]
    Undecodable {
        /// The key.
        key: Box<str>,
        /// What is wrong with its state.
        source: StateError,
    },
    /// Pages that the learner has numbered, and that count, are not there.
    #[error("the states of keys in the store: {0} are missing")]
    Missing(u64),
}

impl PagesError {
    /// The error of a place that failed.
    pub fn place(error: impl Error + Send + Sync + 'static) -> PagesError {
        PagesError::Place(Arc::new(error))
    }
}

/// A key page that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<'a> {
    /// The key whose state it is.
    pub key: &'a str,
    /// The encoded state; `None` if the key's state is gone.
    pub state: Option<&'a [u8]>,
}

/// A place for the key pages of one learner. One learner writes; copies of it may read meanwhile.
pub trait Pages: Debug + Send + Sync {
    /// Writes pages under the numbers `first`, `first + 1`, …
    ///
    /// # Errors
    /// The place failed. The learner that asked no longer knows what it should, and must not learn on.
    fn put(&self, first: u64, pages: &[Page<'_>]) -> Result<(), PagesError>;

    /// The state that counts among a key's pages with numbers below `before`; `None` if there is none, or it is gone.
    ///
    /// # Errors
    /// The place failed, or the learner that asked is a copy so old that its pages may have been deleted.
    fn get(&self, key: &str, before: u64) -> Result<Option<Vec<u8>>, PagesError>;

    /// The first page from number `from` on that counts and is not gone: its number, its key and the state.
    ///
    /// # Errors
    /// The place failed.
    fn oldest(&self, from: u64) -> Result<Option<(u64, Box<str>, Vec<u8>)>, PagesError>;
}

/// Key pages in memory: for tests, and for streams of few keys. Superseded pages are deleted at once, so copies of a
/// learner cannot read them.
#[derive(Debug, Default)]
pub struct MemoryPages(Mutex<HeldPages>);

#[derive(Debug, Default)]
struct HeldPages {
    pages: BTreeMap<u64, (Box<str>, Vec<u8>)>,
    numbers: HashMap<Box<str>, u64>,
}

impl MemoryPages {
    /// How many states there are.
    pub fn len(&self) -> usize {
        self.held().pages.len()
    }

    /// Whether there are no states.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn held(&self) -> MutexGuard<'_, HeldPages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages for MemoryPages {
    fn put(&self, first: u64, pages: &[Page<'_>]) -> Result<(), PagesError> {
        let mut held = self.held();
        for (number, page) in (first..).zip(pages) {
            if let Some(superseded) = held.numbers.remove(page.key) {
                held.pages.remove(&superseded);
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
