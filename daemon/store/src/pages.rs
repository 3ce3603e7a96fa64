//! Pages: states of keys that memory has no room for, of all streams, in a database that is made when the first is
//! written.
//!
//! Tree `pages`: stream (u32), number (u64), big-endian → what it is, its key, its state, a checksum. A page longer than
//! one piece goes on under the same key with a piece number (u16) appended. Tree `index`: stream, key → the numbers of the key's pages, newest first, each with whether its state is gone. Tree `floors`:
//! stream → how far it was swept, see below.
//!
//! **The invariant.** A state that has numbered N pages sees of each key the newest page with a number below N, and
//! whatever else lies here makes no difference to it. For every checkpoint that is kept, and for the live state, these
//! pages are here. It holds because
//! * numbers rise, only a stream's owner writes, and no page is changed: a key that comes back leaves its page, and one
//!   that leaves again, ends or is forgotten gets a new one;
//! * a page goes only when a newer one of the same key has a number below the floor: the least N of all checkpoints that
//!   are kept. The floor that was used is written down before anything goes, and a checkpoint below it is not gone back
//!   to;
//! * a checkpoint is written after its pages are durable;
//! * before a checkpoint with N pages is gone on from, all pages from N on are deleted, as the log may go on differently
//!   than it did before a crash; checkpoints with more pages are dropped before that;
//! * the database keeps the order of writes: what a crash leaves is what stood at one moment. So an index never names a
//!   page that is not there: pages are written before their index and deleted after it.

use crate::bytes::{Cursor, Damaged, put_bytes, put_varint};
use crate::database::{Database, PIECE_BYTES, SEGMENT_BYTES};
use crate::{Store, StoreError, seal, unseal};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, Weak};
use surmise_learner::{Page, Pages, PagesError};

const FORMAT: &str = "surmise pages 1";
const CACHE_BYTES: u64 = 16 << 20;
/// The state of the key is gone.
const GONE: u8 = 1;
/// The key had other pages when this one was written.
const REPLACES: u8 = 2;
/// The state goes on in further pieces.
const GOES_ON: u8 = 4;
/// Pages that are swept for each one that is written, so that sweeping keeps up and nobody waits for it.
const SWEEPS: usize = 2;

/// The pages of all streams.
#[derive(Debug)]
pub struct KeyPages {
    path: PathBuf,
    opened: OnceLock<Opened>,
    opening: Mutex<()>,
    /// Pages that were read and written since the start.
    pub reads: AtomicU64,
    /// See `reads`.
    pub writes: AtomicU64,
}

#[derive(Debug)]
struct Opened {
    database: Database,
    pages: sled::Tree,
    index: sled::Tree,
    floors: sled::Tree,
}

/// A page as it is read.
struct Read {
    flags: u8,
    key: Box<str>,
    state: Vec<u8>,
}

/// How far a stream was swept: the floor that counted, and the page that comes next.
#[derive(Clone, Copy, Default)]
struct Swept {
    floor: u64,
    next: u64,
}

impl KeyPages {
    /// The pages below a directory, which is made when there is something to write.
    pub(crate) fn new(path: &Path) -> KeyPages {
        let (reads, writes) = (AtomicU64::new(0), AtomicU64::new(0));
        KeyPages { path: path.into(), opened: OnceLock::new(), opening: Mutex::new(()), reads, writes }
    }

    /// The database, if there is one.
    fn there(&self) -> Result<Option<&Opened>, StoreError> {
        if self.opened.get().is_none() && !self.path.is_dir() {
            return Ok(None);
        }
        self.open().map(Some)
    }

    fn open(&self) -> Result<&Opened, StoreError> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let _one = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if self.opened.get().is_none() {
            let database = Database::open(&self.path, SEGMENT_BYTES, CACHE_BYTES, FORMAT)?;
            let (pages, index) = (database.tree("pages")?, database.tree("index")?);
            let floors = database.tree("floors")?;
            let _ = self.opened.set(Opened { database, pages, index, floors });
            if let Some(dir) = self.path.parent() {
                super::database::sync_dir(dir)?;
            }
        }
        Ok(self.opened.get().expect("invariant: it was just set"))
    }

    /// Makes everything that was written durable.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.opened.get().map_or(Ok(()), |o| o.database.flush_all())
    }

    /// Whether a state with so many pages can be gone on from.
    pub fn can_resume_from(&self, stream: u32, numbered: u64) -> Result<bool, StoreError> {
        match self.there()? {
            Some(o) => Ok(numbered == 0 || o.swept(stream)?.floor <= numbered),
            None => Ok(numbered == 0),
        }
    }

    /// Deletes a stream's pages from a number on; all of them from 0 on.
    pub fn truncate(&self, stream: u32, numbered: u64) -> Result<(), StoreError> {
        self.there()?.map_or(Ok(()), |o| o.truncate(stream, numbered))
    }

    /// Bytes on disk, what is not reused yet included.
    pub fn disk_bytes(&self) -> u64 {
        self.opened.get().map_or(0, |o| o.database.disk_bytes())
    }

    /// How many pages there are of a stream, those included that no longer count.
    #[cfg(any(test, feature = "faults"))]
    pub fn count(&self, stream: u32) -> usize {
        self.there().unwrap().map_or(0, |o| o.pages.scan_prefix(stream.to_be_bytes()).count())
    }
}

impl Opened {
    fn put_all(&self, stream: u32, first: u64, pages: &[Page<'_>], floor: u64) -> Result<(), StoreError> {
        self.sweep(stream, floor, SWEEPS * pages.len())?;
        (first..).zip(pages).try_for_each(|(number, page)| self.put(stream, number, page, floor))
    }

    fn put(&self, stream: u32, number: u64, page: &Page<'_>, floor: u64) -> Result<(), StoreError> {
        let at = index_key(stream, page.key);
        let mut numbers = self.numbers(&at)?;
        let surplus = surplus(&numbers, floor);
        numbers.truncate(numbers.len() - surplus.len());
        let gone = if page.state.is_none() { GONE } else { 0 };
        let replaces = if numbers.is_empty() { 0 } else { REPLACES };
        let state = page.state.unwrap_or_default();
        let (first, more) = state.split_at(state.len().min(PIECE_BYTES));
        let goes_on = if more.is_empty() { 0 } else { GOES_ON };
        let mut value = vec![gone | replaces | goes_on];
        put_bytes(&mut value, page.key.as_bytes());
        value.extend_from_slice(first);
        let at_page = page_key(stream, number);
        for (i, piece) in (1..).zip(more.chunks(PIECE_BYTES)) {
            self.insert(piece_key(at_page, i), piece.to_vec())?;
        }
        self.insert(at_page, value)?;
        numbers.insert(0, (number, page.state.is_none()));
        self.set_numbers(&at, &numbers)?;
        self.delete(stream, &surplus)
    }

    fn insert(&self, at: impl AsRef<[u8]>, value: Vec<u8>) -> Result<(), StoreError> {
        let put = self.pages.insert(at, seal(value));
        put.map(|_| ()).map_err(StoreError::database("cannot write the state of a key"))
    }

    /// The numbers of a key's pages, newest first, and whether each says that the state is gone.
    fn numbers(&self, at: &[u8]) -> Result<Vec<(u64, bool)>, StoreError> {
        let value = self.index.get(at).map_err(StoreError::database("cannot read where states of keys lie"))?;
        let Some(value) = value else { return Ok(Vec::new()) };
        let mut c = Cursor(&value);
        let mut numbers = Vec::with_capacity(2);
        while !c.0.is_empty() {
            let n = c.varint("where states of keys lie")?;
            numbers.push((n >> 1, n & 1 == 1));
        }
        Ok(numbers)
    }

    fn set_numbers(&self, at: &[u8], numbers: &[(u64, bool)]) -> Result<(), StoreError> {
        let mut value = Vec::with_capacity(8);
        for (n, gone) in numbers {
            put_varint(&mut value, n << 1 | u64::from(*gone));
        }
        let set = if numbers.is_empty() { self.index.remove(at) } else { self.index.insert(at, value) };
        set.map(|_| ()).map_err(StoreError::database("cannot write where states of keys lie"))
    }

    fn page(&self, stream: u32, number: u64) -> Result<Option<Read>, StoreError> {
        let value = self.pages.get(page_key(stream, number));
        let value = value.map_err(StoreError::database("cannot read the state of a key"))?;
        value.map(|v| self.whole(page_key(stream, number), &v)).transpose()
    }

    /// A page with all its pieces, from the first of them.
    fn whole(&self, at: [u8; FIRST_BYTES], first: &[u8]) -> Result<Read, StoreError> {
        let mut page = read(first)?;
        if page.flags & GOES_ON != 0 {
            for piece in self.pages.range(piece_key(at, 1)..=piece_key(at, u16::MAX)).values() {
                let piece = piece.map_err(StoreError::database("cannot read the state of a key"))?;
                page.state.extend_from_slice(unseal(&piece, "the state of a key (a piece's checksum)")?);
            }
        }
        Ok(page)
    }

    /// Pages in a range of numbers, without what goes on behind their first pieces.
    fn firsts(
        &self,
        stream: u32,
        from: u64,
        to: u64,
    ) -> impl Iterator<Item = Result<(u64, sled::IVec), StoreError>> + use<> {
        let all = self.pages.range(page_key(stream, from)..=page_key(stream, to));
        all.filter(|e| e.as_ref().map_or(true, |(k, _)| k.len() == FIRST_BYTES)).map(|e| {
            let (k, v) = e.map_err(StoreError::database("cannot read the states of keys"))?;
            Ok((number_of(&k), v))
        })
    }

    fn delete(&self, stream: u32, numbers: &[(u64, bool)]) -> Result<(), StoreError> {
        for (n, _) in numbers {
            let at = page_key(stream, *n);
            let gone = self.pages.remove(at).map_err(StoreError::database("cannot delete the state of a key"))?;
            if gone.is_some_and(|v| v.first().is_some_and(|flags| flags & GOES_ON != 0)) {
                for k in self.pages.range(piece_key(at, 1)..=piece_key(at, u16::MAX)).keys() {
                    let removed = k.and_then(|k| self.pages.remove(k));
                    removed.map_err(StoreError::database("cannot delete the state of a key"))?;
                }
            }
        }
        Ok(())
    }

    fn get(&self, stream: u32, key: &str, before: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let at = index_key(stream, key);
        loop {
            let numbers = self.numbers(&at)?;
            let number = match numbers.iter().find(|(n, _)| *n < before) {
                Some((number, false)) => number,
                None if before < self.swept(stream)?.floor => {
                    return Err(StoreError::Inconsistent("the stream has gone on, and its pages too".into()));
                }
                _ => return Ok(None),
            };
            match self.page(stream, *number)? {
                Some(page) if *page.key == *key => return Ok(Some(page.state)),
                // the owner went on between the two looks of a reader
                _ if self.numbers(&at)? != numbers => {}
                _ => return Err(Damaged("the state of a key (it is missing)").into()),
            }
        }
    }

    fn oldest(&self, stream: u32, from: u64) -> Result<Option<(u64, Box<str>, Vec<u8>)>, StoreError> {
        for entry in self.firsts(stream, from, u64::MAX) {
            let (number, first) = entry?;
            let newest = self.numbers(&index_key(stream, &read(&first)?.key))?.first().copied();
            if newest == Some((number, false)) {
                let page = self.whole(page_key(stream, number), &first)?;
                return Ok(Some((number, page.key, page.state)));
            }
        }
        Ok(None)
    }

    fn swept(&self, stream: u32) -> Result<Swept, StoreError> {
        let value = self.floors.get(stream.to_be_bytes());
        let value = value.map_err(StoreError::database("cannot read how far states of keys were swept"))?;
        let Some(value) = value else { return Ok(Swept::default()) };
        let mut c = Cursor(&value);
        let what = "how far states of keys were swept";
        Ok(Swept { floor: c.u64(what)?, next: c.u64(what)? })
    }

    fn set_swept(&self, stream: u32, s: Swept) -> Result<(), StoreError> {
        let value = [s.floor.to_le_bytes(), s.next.to_le_bytes()].concat();
        let set = self.floors.insert(stream.to_be_bytes(), value);
        set.map(|_| ()).map_err(StoreError::database("cannot write how far states of keys were swept"))
    }

    /// Goes on over pages below the floor and deletes what they replaced, and themselves if they say that a state is
    /// gone.
    fn sweep(&self, stream: u32, floor: u64, pages: usize) -> Result<(), StoreError> {
        let swept = self.swept(stream)?;
        let floor = floor.max(swept.floor);
        if swept.next >= floor && floor == swept.floor {
            return Ok(());
        }
        if floor > swept.floor {
            self.set_swept(stream, Swept { floor, ..swept })?;
        }
        let mut next = floor;
        for (i, entry) in self.firsts(stream, swept.next, floor - 1).enumerate() {
            let (number, first) = entry?;
            if i == pages {
                next = number;
                break;
            }
            let page = read(&first)?;
            if page.flags & (GONE | REPLACES) != 0 {
                let at = index_key(stream, &page.key);
                let mut numbers = self.numbers(&at)?;
                let surplus = surplus(&numbers, floor);
                if !surplus.is_empty() {
                    numbers.truncate(numbers.len() - surplus.len());
                    self.set_numbers(&at, &numbers)?;
                    self.delete(stream, &surplus)?;
                }
            }
        }
        self.set_swept(stream, Swept { floor, next })
    }

    fn truncate(&self, stream: u32, numbered: u64) -> Result<(), StoreError> {
        for entry in self.firsts(stream, numbered, u64::MAX) {
            let (number, first) = entry?;
            let at = index_key(stream, &read(&first)?.key);
            let mut numbers = self.numbers(&at)?;
            numbers.retain(|(n, _)| *n < numbered);
            self.set_numbers(&at, &numbers)?;
            self.delete(stream, &[(number, false)])?;
        }
        if numbered == 0 {
            let gone = self.floors.remove(stream.to_be_bytes());
            gone.map_err(StoreError::database("cannot write how far states of keys were swept"))?;
        }
        Ok(())
    }
}

/// What no state at or above the floor sees, of the pages of a key, newest first: an end of the list.
fn surplus(numbers: &[(u64, bool)], floor: u64) -> Vec<(u64, bool)> {
    let Some(counts) = numbers.iter().position(|(n, _)| *n < floor) else { return Vec::new() };
    let gone = numbers[counts].1;
    numbers[if gone { counts } else { counts + 1 }..].to_vec()
}

fn read(value: &[u8]) -> Result<Read, StoreError> {
    let mut c = Cursor(unseal(value, "the state of a key (checksum)")?);
    let (flags, key) = (c.byte("the state of a key")?, c.text("the state of a key")?.into());
    Ok(Read { flags, key, state: c.0.to_vec() })
}

fn index_key(stream: u32, key: &str) -> Vec<u8> {
    [&stream.to_be_bytes(), key.as_bytes()].concat()
}

const FIRST_BYTES: usize = 12;

fn piece_key(first: [u8; FIRST_BYTES], piece: u16) -> [u8; FIRST_BYTES + 2] {
    let mut k = [0; FIRST_BYTES + 2];
    k[..FIRST_BYTES].copy_from_slice(&first);
    k[FIRST_BYTES..].copy_from_slice(&piece.to_be_bytes());
    k
}

fn page_key(stream: u32, number: u64) -> [u8; FIRST_BYTES] {
    let mut k = [0; FIRST_BYTES];
    k[..4].copy_from_slice(&stream.to_be_bytes());
    k[4..].copy_from_slice(&number.to_be_bytes());
    k
}

fn number_of(key: &[u8]) -> u64 {
    key.last_chunk::<8>().map_or(0, |n| u64::from_be_bytes(*n))
}

/// The pages of one stream, as its learner and copies of it see them.
pub struct StreamPages {
    store: Weak<Store>,
    stream: u32,
}

impl StreamPages {
    /// Of a stream of a store.
    pub fn new(store: Weak<Store>, stream: u32) -> StreamPages {
        StreamPages { store, stream }
    }

    fn with<T>(&self, work: impl FnOnce(&Store) -> Result<T, StoreError>) -> Result<T, PagesError> {
        let store = self.store.upgrade().ok_or(PagesError::Closed)?;
        to_pages_error(work(&store))
    }
}

impl std::fmt::Debug for StreamPages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamPages({})", self.stream)
    }
}

impl Pages for StreamPages {
    fn put(&self, first: u64, pages: &[Page<'_>]) -> Result<(), PagesError> {
        self.with(|store| {
            let opened = store.pages.open()?;
            if first == 0 {
                // of a stream that was lost before it was durable, and had this number
                opened.truncate(self.stream, 0)?;
            }
            // as long as there is no checkpoint, nothing is known to be durable
            let floor = store.checkpoints.fewest_pages(self.stream).unwrap_or(0);
            opened.put_all(self.stream, first, pages, floor)?;
            store.pages.writes.fetch_add(pages.len() as u64, Ordering::Relaxed);
            Ok(())
        })
    }

    fn get(&self, key: &str, before: u64) -> Result<Option<Vec<u8>>, PagesError> {
        self.with(|store| {
            let Some(opened) = store.pages.there()? else {
                if before == 0 {
                    return Ok(None);
                }
                return Err(Damaged("the states of keys (the database is missing)").into());
            };
            let state = opened.get(self.stream, key, before)?;
            store.pages.reads.fetch_add(u64::from(state.is_some()), Ordering::Relaxed);
            Ok(state)
        })
    }

    fn oldest(&self, from: u64) -> Result<Option<(u64, Box<str>, Vec<u8>)>, PagesError> {
        self.with(|store| store.pages.open()?.oldest(self.stream, from))
    }
}

/// The pages of a learner that nothing is to bring back: what no longer counts goes as soon as may be.
#[derive(Debug)]
pub struct ScratchPages(KeyPages);

impl ScratchPages {
    /// Below a directory that nobody else uses, which is made when there is something to write.
    pub fn new(path: &Path) -> ScratchPages {
        ScratchPages(KeyPages::new(path))
    }

    /// Bytes on disk, what is not reused yet included.
    pub fn disk_bytes(&self) -> u64 {
        self.0.disk_bytes()
    }
}

impl Pages for ScratchPages {
    fn put(&self, first: u64, pages: &[Page<'_>]) -> Result<(), PagesError> {
        to_pages_error(self.0.open().and_then(|o| o.put_all(0, first, pages, first)))
    }

    fn get(&self, key: &str, before: u64) -> Result<Option<Vec<u8>>, PagesError> {
        to_pages_error(self.0.open().and_then(|o| o.get(0, key, before)))
    }

    fn oldest(&self, from: u64) -> Result<Option<(u64, Box<str>, Vec<u8>)>, PagesError> {
        to_pages_error(self.0.open().and_then(|o| o.oldest(0, from)))
    }
}

fn to_pages_error<T>(result: Result<T, StoreError>) -> Result<T, PagesError> {
    result.map_err(PagesError::place)
}

#[cfg(test)]
#[path = "pages_tests.rs"]
mod tests;
