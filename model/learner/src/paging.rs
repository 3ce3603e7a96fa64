//! Paging: moving the states of keys between memory and the store.
//!
//! Where a key's state lies decides nothing: a learner that pages and one that has room for all keys predict the same,
//! and have the same `state_hash`. How much the store may hold decides which keys are forgotten; that, and the moments
//! at which keys leave memory, depend on the events alone. So live, recovery and replay write the very same pages under
//! the very same numbers.

use crate::checkpoint::KeyBody;
use crate::keys::{KeyState, MeasuredSize};
use crate::learner::Learner;
use crate::pages::{Page, Pages, PagesError};
use std::sync::Arc;
use surmise_state::Persist;

impl Learner {
    /// Gives the learner a place for the states of keys that memory has no room for; without one, they are forgotten.
    /// The place has to hold exactly the pages that this learner has numbered ([`Learner::pages_numbered`]).
    pub fn set_pages(&mut self, pages: Arc<dyn Pages>) {
        self.keys.pages = Some(pages);
    }

    /// The first error of the key pages. A learner with one no longer knows what it should, and must not learn on.
    pub fn pages_fault(&self) -> Option<&PagesError> {
        self.keys.fault.as_ref()
    }

    /// How many key pages were numbered so far.
    pub fn pages_numbered(&self) -> u64 {
        self.keys.stored.numbered
    }

    /// Keys whose state is held, in memory or in the store.
    pub fn keys_held(&self) -> usize {
        self.keys.len() + self.keys.stored.keys as usize
    }

    /// Keys whose state lies in the store.
    pub fn keys_stored(&self) -> u64 {
        self.keys.stored.keys
    }

    /// Keys whose state is in memory.
    pub fn keys_resident(&self) -> usize {
        self.keys.len()
    }

    /// About how many bytes of memory the states of keys take.
    pub fn keys_bytes(&self) -> u64 {
        self.keys.bytes()
    }

    /// Keys that were forgotten before they ended.
    pub fn keys_forgotten(&self) -> u64 {
        self.keys.forgotten
    }

    /// Forgets the keys that lie in the store, as a learner has to do that left its store behind. Returns how many.
    pub fn forget_stored(&mut self) -> u64 {
        let stored = &mut self.keys.stored;
        let forgotten = stored.keys;
        (stored.keys, stored.bytes, stored.digest, stored.oldest) = (0, 0, 0, stored.numbered);
        self.keys.forgotten += forgotten;
        forgotten
    }

    /// Takes a key's state out of memory or the store, for one event; a new state if the key begins now.
    pub(crate) fn take_key(&mut self, name: Option<&str>) -> KeyState {
        if let Some(known) = self.keys.take(name) {
            return known;
        }
        match self.stored_key(name) {
            // its page is left where it is, and no longer counted
            Ok(Some((state, page))) => {
                self.keys.stored.remove(name.unwrap_or(""), &page);
                state
            }
            other => {
                self.note_fault(other.map(|_| ()));
                self.keys.begun += 1;
                self.new_key()
            }
        }
    }

    /// The state of a key that lies in the store, decoded, and its page.
    pub(crate) fn stored_key(&self, name: Option<&str>) -> Result<Option<(KeyState, Vec<u8>)>, PagesError> {
        let Some(page) = self.keys.page(name)? else { return Ok(None) };
        let mut state = self.new_key();
        let key = || name.unwrap_or("").into();
        let read = KeyBody(self, &mut state).decode(&page);
        read.map_err(|source| PagesError::Undecodable { key: key(), source })?;
        state.stored = true;
        Ok(Some((state, page)))
    }

    /// Puts a key's state back after an event; if memory then holds too much, other keys leave it.
    pub(crate) fn put_key(&mut self, name: Option<&str>, mut key: KeyState) {
        key.used = self.position.offset;
        // exact sizes would cost a walk per event
        if key.is_outgrown() {
            let size = KeyBody(self, &mut key).measure();
            key.measured = MeasuredSize { bytes: u32::try_from(size).unwrap_or(u32::MAX), length: key.length };
        }
        self.keys.put(name, key);
        if self.keys.is_over() {
            match self.keys.pages.clone() {
                Some(pages) => {
                    let written = self.page_out(&*pages);
                    self.note_fault(written);
                }
                None => self.forget_unused(),
            }
        }
    }

    /// Ends a key whose state was taken: it leaves memory, and its page in the store no longer counts.
    pub(crate) fn end_key(&mut self, name: Option<&str>, key: &KeyState) {
        self.keys.end(name);
        // a page that was left behind must not bring the key back
        if let (true, Some(name), Some(pages)) = (key.stored, name, self.keys.pages.clone()) {
            self.write_pages(&*pages, &[Page { key: name, state: None }]);
        }
    }

    /// Keeps the first error: what is learnt from here on is not to be trusted, so the owner of the learner has to
    /// stop.
    fn note_fault(&mut self, result: Result<(), PagesError>) {
        if let Err(e) = result {
            self.keys.fault.get_or_insert(e);
        }
    }

    /// Writes pages under the next numbers.
    fn write(&mut self, place: &dyn Pages, pages: &[Page<'_>]) -> Result<(), PagesError> {
        place.put(self.keys.stored.numbered, pages)?;
        self.keys.stored.numbered += pages.len() as u64;
        Ok(())
    }

    /// Writes pages under the next numbers, and keeps the error if that fails.
    pub(crate) fn write_pages(&mut self, place: &dyn Pages, pages: &[Page<'_>]) {
        let written = self.write(place, pages);
        self.note_fault(written);
    }

    /// Forgets the keys in memory that are unused for longest, where there is no store to take them.
    fn forget_unused(&mut self) {
        while self.keys.is_over() {
            if let Some((key, _)) = self.keys.pop() {
                self.forget_session(key);
            }
            self.keys.forgotten += 1;
        }
    }

    /// Moves the keys that are unused for longest to the store, and forgets those in the store that are too many.
    fn page_out(&mut self, place: &dyn Pages) -> Result<(), PagesError> {
        let mut leaving: Vec<(Box<str>, Vec<u8>)> = Vec::new();
        let leaving_min = self.keys.leaving();
        while leaving.len() < leaving_min || self.keys.is_over() {
            let Some((name, mut key)) = self.keys.pop() else { break };
            let state = KeyBody(self, &mut key).encode();
            self.keys.stored.add(&name, &state);
            leaving.push((name, state));
        }
        let pages: Vec<Page<'_>> = leaving.iter().map(|(key, state)| Page { key, state: Some(state) }).collect();
        self.write(place, &pages)?;
        self.forget_oldest(place)
    }

    /// Forgets keys in the store while they are too many, in the order in which they came there. That is the order of
    /// their use, as every key in the store was used before every key in memory.
    fn forget_oldest(&mut self, place: &dyn Pages) -> Result<(), PagesError> {
        let (keys_max, bytes_max) = (self.options.keys_stored, self.options.keys_stored_mib);
        while self.keys.stored.keys > u64::from(keys_max) || self.keys.stored.bytes > u64::from(bytes_max) << 20 {
            let stored = &mut self.keys.stored;
            let Some((number, key, state)) = place.oldest(stored.oldest)? else {
                return Err(PagesError::Missing(stored.keys));
            };
            stored.oldest = number + 1;
            if self.keys.get(Some(&key)).is_some() {
                // the key came back to memory, so that page no longer counts
                continue;
            }
            self.keys.stored.remove(&key, &state);
            self.keys.forgotten += 1;
            self.write(place, &[Page { key: &key, state: None }])?;
            self.forget_session(key);
        }
        Ok(())
    }

    /// Keeps the session of a key that is forgotten with the event at hand for its verdict.
    fn forget_session(&mut self, key: Box<str>) {
        if let Some(session) = self.monitors.open_sessions.forget(&key) {
            self.keys.forgotten_sessions.push((key, session));
        }
    }
}
