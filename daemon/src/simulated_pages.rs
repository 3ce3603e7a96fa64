//! Key pages in memory for tests that simulate a daemon: a crash leaves what was there at one moment since the latest
//! flush, as a database does that keeps the order of writes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use surmise_learner::{Page, Pages, PagesError};

/// A page: the name of its key, and the state, if that is not gone.
type HeldPage = (Box<str>, Option<Vec<u8>>);

/// What the database holds.
#[derive(Clone, Default)]
struct PageMap {
    /// Pages by stream and number.
    pages: BTreeMap<(u32, u64), HeldPage>,
    /// How many pages each stream has numbered: checkpoints that numbered more cannot be resumed from.
    numbered: BTreeMap<u32, u64>,
}

/// One write, as the database orders them.
#[derive(Clone)]
enum PageWrite {
    Put(u32, u64, HeldPage),
    Delete(u32, u64),
    Numbered(u32, u64),
}

impl PageWrite {
    fn apply(self, pages: &mut PageMap) {
        match self {
            PageWrite::Put(stream, number, page) => drop(pages.pages.insert((stream, number), page)),
            PageWrite::Delete(stream, number) => drop(pages.pages.remove(&(stream, number))),
            PageWrite::Numbered(stream, count) => drop(pages.numbered.insert(stream, count)),
        }
    }
}

#[derive(Default)]
struct PageMedium {
    present: PageMap,
    flushed: PageMap,
    since: Vec<PageWrite>,
    /// Whether no state is found again: a bug that a test plants.
    forgetful: bool,
}

impl PageMedium {
    fn write(&mut self, write: PageWrite) {
        write.clone().apply(&mut self.present);
        self.since.push(write);
    }

    fn numbered(&self, stream: u32) -> u64 {
        self.present.numbered.get(&stream).copied().unwrap_or(0)
    }

    /// Deletes the pages from a number on. What says that they are there goes before they do.
    fn truncate(&mut self, stream: u32, from: u64) {
        self.write(PageWrite::Numbered(stream, self.numbered(stream).min(from)));
        let surplus: Vec<u64> =
            self.present.pages.range((stream, from)..=(stream, u64::MAX)).map(|(k, _)| k.1).collect();
        surplus.into_iter().for_each(|number| self.write(PageWrite::Delete(stream, number)));
    }
}

/// The key pages of all streams.
#[derive(Clone, Default)]
pub struct SimulatedPages(Arc<Mutex<PageMedium>>);

impl SimulatedPages {
    fn medium(&self) -> MutexGuard<'_, PageMedium> {
        self.0.lock().unwrap()
    }

    /// The pages of one stream.
    pub fn of_stream(&self, stream: u32) -> Arc<dyn Pages> {
        Arc::new(SimulatedStreamPages { all: self.clone(), stream })
    }

    /// Decides whether no state is found again.
    pub fn set_forgetful(&self, forgetful: bool) {
        self.medium().forgetful = forgetful;
    }

    /// Makes every page that was written durable.
    pub fn flush(&self) {
        let mut medium = self.medium();
        let PageMedium { flushed, since, .. } = &mut *medium;
        since.drain(..).for_each(|write| write.apply(flushed));
    }

    /// Deletes the pages of a stream from a number on.
    pub fn truncate(&self, stream: u32, from: u64) {
        self.medium().truncate(stream, from);
    }

    /// Copies the pages of a stream below a number to another stream.
    pub fn copy(&self, from: u32, to: u32, below: u64) {
        let mut medium = self.medium();
        let pages = medium.present.pages.range((from, 0)..(from, below));
        let pages: Vec<(u64, HeldPage)> = pages.map(|((_, number), page)| (*number, page.clone())).collect();
        pages.into_iter().for_each(|(number, page)| medium.write(PageWrite::Put(to, number, page)));
        medium.write(PageWrite::Numbered(to, below));
    }

    /// How many pages a stream has numbered that are here.
    pub fn numbered(&self, stream: u32) -> u64 {
        self.medium().numbered(stream)
    }

    /// Loses the writes since the latest flush, all but a part of the first ones, which `kept` picks.
    pub fn crash(&self, kept: impl FnOnce(u64) -> u64) {
        let mut medium = self.medium();
        let writes = std::mem::take(&mut medium.since);
        let kept = kept(writes.len() as u64 + 1) as usize;
        writes.into_iter().take(kept).for_each(|write| write.apply(&mut medium.flushed));
        medium.present = medium.flushed.clone();
    }

    /// The number of pages.
    pub fn len(&self) -> usize {
        self.medium().present.pages.len()
    }
}

struct SimulatedStreamPages {
    all: SimulatedPages,
    stream: u32,
}

impl std::fmt::Debug for SimulatedStreamPages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimulatedStreamPages({})", self.stream)
    }
}

impl Pages for SimulatedStreamPages {
    fn put(&self, first: u64, pages: &[Page<'_>]) -> Result<(), PagesError> {
        let mut medium = self.all.medium();
        if first == 0 {
            // an earlier stream may have had this number, and have been lost before it was durable
            medium.truncate(self.stream, 0);
        }
        for (number, page) in (first..).zip(pages) {
            let held = (page.key.into(), page.state.map(<[u8]>::to_vec));
            medium.write(PageWrite::Put(self.stream, number, held));
        }
        medium.write(PageWrite::Numbered(self.stream, first + pages.len() as u64));
        Ok(())
    }

    fn get(&self, key: &str, before: u64) -> Result<Option<Vec<u8>>, PagesError> {
        let medium = self.all.medium();
        if medium.forgetful {
            return Ok(None);
        }
        let mut older = medium.present.pages.range((self.stream, 0)..(self.stream, before)).rev();
        Ok(older.find(|(_, (name, _))| **name == *key).and_then(|(_, (_, state))| state.clone()))
    }

    fn oldest(&self, from: u64) -> Result<Option<(u64, Box<str>, Vec<u8>)>, PagesError> {
        let medium = self.all.medium();
        let of_stream = || medium.present.pages.range((self.stream, from)..=(self.stream, u64::MAX));
        let counts =
            |number: u64, key: &str| !of_stream().any(|((_, later), (name, _))| *later > number && **name == *key);
        let mut live = of_stream().filter_map(|((_, number), (key, state))| Some((*number, key, state.clone()?)));
        Ok(live.find(|(number, key, _)| counts(*number, key)).map(|(number, key, state)| (number, key.clone(), state)))
    }
}
