//! Key pages in memory for tests that simulate a daemon: a crash leaves what was there at one moment since the latest
//! flush, as a database does that keeps the order of writes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use surmise_learner::{Page, Pages, PagesError};

/// A page: the name of its key, and the state, if that is not gone.
type HeldPage = (Box<str>, Option<Vec<u8>>);

/// Pages by stream and number.
type PageMap = BTreeMap<(u32, u64), HeldPage>;

/// One write, as the database orders them.
#[derive(Clone)]
enum PageWrite {
    Put(u32, u64, HeldPage),
    Truncate(u32, u64),
}

impl PageWrite {
    fn apply(self, pages: &mut PageMap) {
        match self {
            PageWrite::Put(stream, number, page) => drop(pages.insert((stream, number), page)),
            PageWrite::Truncate(stream, from) => pages.retain(|(s, number), _| *s != stream || *number < from),
        }
    }
}

#[derive(Default)]
struct PageMedium {
    present: PageMap,
    flushed: PageMap,
    since: Vec<PageWrite>,
}

impl PageMedium {
    fn write(&mut self, write: PageWrite) {
        write.clone().apply(&mut self.present);
        self.since.push(write);
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

    /// Makes every page that was written durable.
    pub fn flush(&self) {
        let mut medium = self.medium();
        let PageMedium { flushed, since, .. } = &mut *medium;
        since.drain(..).for_each(|write| write.apply(flushed));
    }

    /// Deletes the pages of a stream from a number on.
    pub fn truncate(&self, stream: u32, from: u64) {
        self.medium().write(PageWrite::Truncate(stream, from));
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
        self.medium().present.len()
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
            medium.write(PageWrite::Truncate(self.stream, 0));
        }
        for (number, page) in (first..).zip(pages) {
            let held = (page.key.into(), page.state.map(<[u8]>::to_vec));
            medium.write(PageWrite::Put(self.stream, number, held));
        }
        Ok(())
    }

    fn get(&self, key: &str, before: u64) -> Result<Option<Vec<u8>>, PagesError> {
        let medium = self.all.medium();
        let mut older = medium.present.range((self.stream, 0)..(self.stream, before)).rev();
        Ok(older.find(|(_, (name, _))| **name == *key).and_then(|(_, (_, state))| state.clone()))
    }

    fn oldest(&self, from: u64) -> Result<Option<(u64, Box<str>, Vec<u8>)>, PagesError> {
        let medium = self.all.medium();
        let of_stream = || medium.present.range((self.stream, from)..=(self.stream, u64::MAX));
        let counts =
            |number: u64, key: &str| !of_stream().any(|((_, later), (name, _))| *later > number && **name == *key);
        let mut live = of_stream().filter_map(|((_, number), (key, state))| Some((*number, key, state.clone()?)));
        Ok(live.find(|(number, key, _)| counts(*number, key)).map(|(number, key, state)| (number, key.clone(), state)))
    }
}
