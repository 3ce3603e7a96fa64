//! Keys on their way between memory and the store.
//!
//! Where a key's state lies decides nothing: a learner that pages and one that has room for all keys predict the same
//! and have the same `state_hash`. What the store may hold at most decides which keys are forgotten, and that depends on
//! the events alone, as do the moments at which keys leave memory; so live, recovery and replay write the very same
//! pages under the very same numbers.

use crate::checkpoint::KeyBody;
use crate::keys::KeyState;
use crate::learner::Learner;
use crate::pages::{Page, Pages, PagesError};
use std::sync::Arc;
use surmise_state::Persist;

impl Learner {
    /// Gives the learner a place for the states of keys that memory has no room for. Without one they are forgotten.
    /// What it has of this learner has to be what this learner has numbered ([`Learner::pages_numbered`]), and no more.
    pub fn set_pages(&mut self, pages: Arc<dyn Pages>) {
        self.keys.pages = Some(pages);
    }

    /// What went wrong with the pages; a learner with a fault no longer knows what it should and must not go on.
    pub fn pages_fault(&self) -> Option<&PagesError> {
        self.keys.fault.as_ref()
    }

    /// How many pages were numbered so far.
    pub fn pages_numbered(&self) -> u64 {
        self.keys.stored.numbered
    }

    /// Keys whose state lies in the store.
    pub fn keys_stored(&self) -> u64 {
        self.keys.stored.keys
    }

    /// Bytes of the states of keys in the store.
    pub fn keys_stored_bytes(&self) -> u64 {
        self.keys.stored.bytes
    }

    /// Keys whose state is in memory.
    pub fn keys_resident(&self) -> usize {
        self.keys.len()
    }

    /// About how many bytes of memory these take.
    pub fn keys_bytes(&self) -> u64 {
        self.keys.bytes()
    }

    /// Keys that were forgotten before they ended.
    pub fn keys_forgotten(&self) -> u64 {
        self.keys.forgotten
    }

    /// Forgets the keys that lie in the store, as a learner has to that left its store behind. Returns how many.
    pub fn forget_stored(&mut self) -> u64 {
        let stored = &mut self.keys.stored;
        let left = stored.keys;
        (stored.keys, stored.bytes, stored.digest, stored.oldest) = (0, 0, 0, stored.numbered);
        self.keys.forgotten += left;
        left
    }

    /// Takes a key's state, from memory or from the store; a new one if the key begins now.
    pub(crate) fn take_key(&mut self, name: Option<&str>) -> KeyState {
        if let Some(known) = self.keys.take(name) {
            return known;
        }
        match self.returning(name) {
            Ok(Some((state, page))) => {
                self.keys.stored.remove(name.unwrap_or(""), &page);
                state
            }
            other => {
                self.note(other.map(|_| ()));
                self.keys.begun += 1;
                self.new_key()
            }
        }
    }

    /// The state of a key that lies in the store, and its page.
    pub(crate) fn returning(&self, name: Option<&str>) -> Result<Option<(KeyState, Vec<u8>)>, PagesError> {
        let Some(page) = self.keys.page(name)? else { return Ok(None) };
        let mut state = self.new_key();
        let read = KeyBody(self, &mut state).decode(&page);
        read.map_err(|e| PagesError(format!("the page of key {:?}: {e}", name.unwrap_or(""))))?;
        state.stored = true;
        Ok(Some((state, page)))
    }

    /// Puts a key's state back after an event, and makes room where there is too little.
    pub(crate) fn put_key(&mut self, name: Option<&str>, mut key: KeyState) {
        key.used = self.offset;
        if key.outgrown() {
            let size = KeyBody(self, &mut key).measure();
            key.measured = (u32::try_from(size).unwrap_or(u32::MAX), key.length);
        }
        self.keys.put(name, key);
        if self.keys.is_over() {
            match self.keys.pages.clone() {
                Some(pages) => {
                    let made = self.page_out(&*pages);
                    self.note(made);
                }
                None => self.forget_unused(),
            }
        }
    }

    /// Ends a key whose state was taken.
    pub(crate) fn end_key(&mut self, name: Option<&str>, key: &KeyState) {
        self.keys.end(name);
        if let (true, Some(name), Some(pages)) = (key.stored, name, self.keys.pages.clone()) {
            let made = self.write(&*pages, &[Page { key: name, state: None }]);
            self.note(made);
        }
    }

    fn note(&mut self, made: Result<(), PagesError>) {
        if let Err(e) = made {
            self.keys.fault.get_or_insert(e);
        }
    }

    fn write(&mut self, pages: &dyn Pages, these: &[Page<'_>]) -> Result<(), PagesError> {
        pages.put(self.keys.stored.numbered, these)?;
        self.keys.stored.numbered += these.len() as u64;
        Ok(())
    }

    fn forget_unused(&mut self) {
        while self.keys.is_over() {
            self.keys.pop();
            self.keys.forgotten += 1;
        }
    }

    /// Moves the keys that are unused for longest to the store, and forgets those in the store that are too many.
    fn page_out(&mut self, pages: &dyn Pages) -> Result<(), PagesError> {
        let mut leaving: Vec<(Box<str>, Vec<u8>)> = Vec::new();
        let together = self.keys.together();
        while leaving.len() < together || self.keys.is_over() {
            let Some((name, mut key)) = self.keys.pop() else { break };
            let state = KeyBody(self, &mut key).encode();
            self.keys.stored.add(&name, &state);
            leaving.push((name, state));
        }
        let these: Vec<Page<'_>> = leaving.iter().map(|(key, state)| Page { key, state: Some(state) }).collect();
        self.write(pages, &these)?;
        self.forget_oldest(pages)
    }

    /// Forgets keys in the store while they are too many: in the order in which they came there, which is that of
    /// their use, as every key in the store was used before every key in memory.
    fn forget_oldest(&mut self, pages: &dyn Pages) -> Result<(), PagesError> {
        let (keys_max, bytes_max) = (self.options.keys_stored, self.options.keys_stored_mib);
        while self.keys.stored.keys > u64::from(keys_max) || self.keys.stored.bytes > u64::from(bytes_max) << 20 {
            let stored = &mut self.keys.stored;
            let Some((number, key, state)) = pages.oldest(stored.oldest)? else {
                return Err(PagesError(format!("{} are missing", stored.keys)));
            };
            stored.oldest = number + 1;
            if self.keys.get(Some(&key)).is_some() {
                continue; // it came back; that page no longer counts
            }
            self.keys.stored.remove(&key, &state);
            self.keys.forgotten += 1;
            self.write(pages, &[Page { key: &key, state: None }])?;
        }
        Ok(())
    }
}
