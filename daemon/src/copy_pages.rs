//! The key pages of a copy of a learner that learns on by itself: those of the store under its own in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use surmise_learner::{Page, Pages, PagesError};

/// The key pages of a copy that learns on: those of the store as they were at its checkpoint, under its own in memory.
#[derive(Debug)]
pub struct CopyPages {
    /// The pages of the store, of which those below `numbered` count.
    below: Arc<dyn Pages>,
    numbered: u64,
    own: Mutex<OwnPages>,
}

/// The pages that a copy wrote itself.
#[derive(Debug, Default)]
struct OwnPages {
    /// The number of each key's newest page, and the state; `None` if it is gone.
    newest: HashMap<Box<str>, (u64, Option<Vec<u8>>)>,
    numbers: BTreeMap<u64, Box<str>>,
    /// Bytes of the states, and of the names of their keys.
    bytes: u64,
}

/// What a page takes in memory beside its state and two copies of its key, about.
const PAGE_BYTES: u64 = 160;

/// The bytes that a page takes in memory.
fn page_bytes(key: &str, state: Option<&[u8]>) -> u64 {
    PAGE_BYTES + 2 * key.len() as u64 + state.map_or(0, <[u8]>::len) as u64
}

impl CopyPages {
    /// Nothing of its own over the pages of a store, of which the first `numbered` count.
    pub fn new(below: Arc<dyn Pages>, numbered: u64) -> CopyPages {
        CopyPages { below, numbered, own: Mutex::default() }
    }

    /// The bytes of memory that the pages of its own take, about.
    pub fn own_bytes(&self) -> u64 {
        self.own().bytes
    }

    fn own(&self) -> MutexGuard<'_, OwnPages> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages for CopyPages {
    fn put(&self, first: u64, pages: &[Page<'_>]) -> Result<(), PagesError> {
        let mut own = self.own();
        for (number, page) in (first..).zip(pages) {
            let state = page.state.map(<[u8]>::to_vec);
            own.bytes += page_bytes(page.key, page.state);
            if let Some((earlier, state)) = own.newest.insert(page.key.into(), (number, state)) {
                own.bytes -= page_bytes(page.key, state.as_deref());
                own.numbers.remove(&earlier);
            }
            own.numbers.insert(number, page.key.into());
        }
        Ok(())
    }

    fn get(&self, key: &str, before: u64) -> Result<Option<Vec<u8>>, PagesError> {
        match self.own().newest.get(key) {
            Some((_, state)) => Ok(state.clone()),
            None => self.below.get(key, before.min(self.numbered)),
        }
    }

    fn oldest(&self, from: u64) -> Result<Option<(u64, Box<str>, Vec<u8>)>, PagesError> {
        let mut next = from;
        while next < self.numbered {
            let Some((number, key, state)) = self.below.oldest(next)?.filter(|page| page.0 < self.numbered) else {
                break;
            };
            if !self.own().newest.contains_key(&key) {
                return Ok(Some((number, key, state)));
            }
            next = number + 1;
        }
        let own = self.own();
        let state = |key: &str| own.newest.get(key).and_then(|(_, state)| state.clone());
        Ok(own.numbers.range(from..).find_map(|(number, key)| Some((*number, key.clone(), state(key)?))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_learner::MemoryPages;

    #[test]
    fn a_copy_sees_the_pages_of_its_checkpoint_under_its_own() {
        let store = Arc::new(MemoryPages::default());
        let page = |key, state: &'static [u8]| Page { key, state: Some(state) };
        store.put(0, &[page("a", b"a0"), page("b", b"b1")]).unwrap();
        let copy = CopyPages::new(store.clone(), 2);
        store.put(2, &[page("c", b"c2")]).unwrap();
        let get = |key| copy.get(key, u64::MAX).unwrap();
        assert_eq!((get("a"), get("c")), (Some(b"a0".to_vec()), None), "what came later is not seen");
        copy.put(2, &[page("d", b"d2"), Page { key: "a", state: None }]).unwrap();
        assert_eq!((get("a"), get("d"), get("b")), (None, Some(b"d2".to_vec()), Some(b"b1".to_vec())));
        let oldest = |from| copy.oldest(from).unwrap().map(|(number, key, _)| (number, key.to_string()));
        assert_eq!((oldest(0), oldest(2), oldest(3)), (Some((1, "b".into())), Some((2, "d".into())), None));
        let bytes = copy.own_bytes();
        copy.put(3, &[page("d", b"d3, which is longer")]).unwrap();
        assert_eq!(copy.own_bytes(), bytes + 17, "what is replaced counts no more");
        assert_eq!(store.get("a", u64::MAX).unwrap(), Some(b"a0".to_vec()), "the store is not written");
    }
}
