//! The key pages of one stream in a store that is open, as its learner sees them.

use crate::bytes::Damaged;
use crate::error::StoreError;
use crate::identity::StreamId;
use crate::store::Store;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use surmise_learner::{Page, Pages, PagesError};

/// The key pages of one stream, as its learner and copies of it use them. They do not keep the store open.
pub struct StreamPages {
    store: Weak<Store>,
    stream: StreamId,
}

impl StreamPages {
    /// The pages of a stream in a store.
    pub fn new(store: Weak<Store>, stream: StreamId) -> StreamPages {
        StreamPages { store, stream }
    }

    fn with_store<T>(&self, work: impl FnOnce(&Store) -> Result<T, StoreError>) -> Result<T, PagesError> {
        let store = self.store.upgrade().ok_or(PagesError::Closed)?;
        work(&store).map_err(PagesError::place)
    }
}

impl std::fmt::Debug for StreamPages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamPages({})", self.stream.number)
    }
}

impl Pages for StreamPages {
    fn put(&self, first: u64, pages: &[Page<'_>]) -> Result<(), PagesError> {
        self.with_store(|store| {
            let trees = store.pages.open()?;
            if first == 0 {
                // an earlier stream may have had this number, and have been lost before it was durable
                trees.truncate(self.stream.number, 0)?;
            }
            // as long as there is no checkpoint, no page is known to be durable
            let floor = store.checkpoints.fewest_pages(self.stream.number).unwrap_or(0);
            trees.put_all(self.stream, first, pages, floor)?;
            store.pages.writes.fetch_add(pages.len() as u64, Ordering::Relaxed);
            Ok(())
        })
    }

    fn get(&self, key: &str, before: u64) -> Result<Option<Vec<u8>>, PagesError> {
        self.with_store(|store| {
            let Some(trees) = store.pages.existing()? else {
                if before == 0 {
                    return Ok(None);
                }
                return Err(Damaged("the states of keys (the database is missing)").into());
            };
            let state = trees.get(self.stream, key, before)?;
            store.pages.reads.fetch_add(u64::from(state.is_some()), Ordering::Relaxed);
            Ok(state)
        })
    }

    fn oldest(&self, from: u64) -> Result<Option<(u64, Box<str>, Vec<u8>)>, PagesError> {
        self.with_store(|store| store.pages.open()?.oldest(self.stream, from))
    }
}
