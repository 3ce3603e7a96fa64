//! The database of key pages: three trees whose invariant the documentation of `pages` explains.

use crate::bytes::{Cursor, Damaged, put_varint};
use crate::checkpoints::CheckpointMeta;
use crate::database::Tree;
use crate::database::{Database, Form};
use crate::error::StoreError;
use crate::identity::StreamId;
use crate::page_format::{
    FLAG_CONTINUES, FLAG_GONE, FLAG_REPLACES, PAGE_KEY_BYTES, StoredPage, first_piece, index_key, page_key,
    page_number, piece_key,
};
use crate::record::{HEADER_BYTES, PAYLOAD_BYTES, RecordHead, RecordKind, unseal};
use crate::registry::Registry;
use std::sync::Arc;
use surmise_learner::Page;

pub(crate) static FORM: Form = Form {
    name: "keys",
    place: 3,
    cache_bytes: 16 << 20,
    format: "surmise pages 2",
    lacking: None,
    older: Some("surmise pages 1"),
};
/// Bytes of the first part of a state, together with the name of its key.
const HEAD_BYTES_MAX: usize = PAYLOAD_BYTES - 16;
/// Pages that are swept for each page that is written: enough to keep up, so that no write waits for a long sweep.
const SWEPT_PER_WRITTEN: usize = 2;

/// An entry of the index: the number of a page, and whether the page says that the state of its key is gone.
type IndexEntry = (u64, bool);

/// The open database.
#[derive(Debug)]
pub(crate) struct PageTrees {
    pub(crate) database: Database,
    pub(crate) pages: Tree,
    index: Tree,
    floors: Tree,
    registry: Arc<Registry>,
}

/// How far a stream was swept.
#[derive(Clone, Copy, Default)]
struct SweepState {
    /// The floor of the latest sweep: no checkpoint below it can be resumed from.
    floor: u64,
    /// The number of the page that is swept next.
    next: u64,
    /// The number of pages that were numbered.
    numbered: u64,
    /// The number of a write: checkpoints of earlier ones count on pages that were lost.
    forgotten: u64,
}

impl PageTrees {
    /// The trees of a database.
    pub fn new(database: Database, registry: Arc<Registry>) -> Result<PageTrees, StoreError> {
        let (pages, index, floors) = (database.tree("pages")?, database.tree("index")?, database.tree("floors")?);
        Ok(PageTrees { database, pages, index, floors, registry })
    }

    pub fn flush(&self) -> Result<(), StoreError> {
        self.database.flush_all()
    }

    pub fn disk_bytes(&self) -> u64 {
        self.database.disk_bytes()
    }

    /// The number of pages of a stream in the database.
    pub fn count(&self, stream: u32) -> usize {
        self.pages.scan_prefix(stream.to_be_bytes()).count()
    }

    /// Writes pages under the numbers from `first` on, and sweeps earlier pages below the floor.
    pub fn put_all(&self, id: StreamId, first: u64, pages: &[Page<'_>], floor: u64) -> Result<(), StoreError> {
        let bytes: usize = pages.iter().map(|page| page.key.len() + page.state.map_or(0, <[u8]>::len)).sum();
        self.database.reserve(bytes as u64)?;
        self.sweep(id.number, floor, SWEPT_PER_WRITTEN * pages.len())?;
        (first..).zip(pages).try_for_each(|(number, page)| self.put(id, number, page, floor))?;
        let state = self.sweep_state(id.number)?;
        self.set_sweep_state(id.number, SweepState { numbered: first + pages.len() as u64, ..state })
    }

    fn put(&self, id: StreamId, number: u64, page: &Page<'_>, floor: u64) -> Result<(), StoreError> {
        let stream = id.number;
        let index_key = index_key(stream, page.key);
        let mut entries = self.entries(&index_key)?;
        let surplus = take_surplus(&mut entries, floor);
        let state = page.state.unwrap_or_default();
        let (head, rest) = state.split_at(state.len().min(HEAD_BYTES_MAX.saturating_sub(page.key.len())));
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let flags = flag(page.state.is_none(), FLAG_GONE)
            | flag(!entries.is_empty(), FLAG_REPLACES)
            | flag(!rest.is_empty(), FLAG_CONTINUES);
        // further pieces, then the page, then its index entry: what is named is there
        let key = page_key(stream, number);
        let record = RecordHead::new(RecordKind::Page, id, number, self.registry.next_write());
        let pieces = 1 + rest.len().div_ceil(PAYLOAD_BYTES) as u32;
        for (piece, bytes) in (1..).zip(rest.chunks(PAYLOAD_BYTES)) {
            let record = RecordHead { piece: u32::from(piece), pieces, ..record };
            self.insert(piece_key(key, piece), record.seal(bytes))?;
        }
        self.insert(key, RecordHead { pieces, ..record }.seal(&first_piece(flags, page.key, head)))?;
        entries.insert(0, (number, page.state.is_none()));
        self.set_entries(&index_key, &entries)?;
        self.delete(stream, &surplus)
    }

    fn insert(&self, key: impl AsRef<[u8]>, value: Vec<u8>) -> Result<(), StoreError> {
        let inserted = self.pages.insert(key, value);
        inserted.map(|_| ()).map_err(StoreError::database("cannot write the state of a key"))
    }

    /// The index entries of a key's pages, newest first.
    fn entries(&self, index_key: &[u8]) -> Result<Vec<IndexEntry>, StoreError> {
        let value = self.index.get(index_key).map_err(StoreError::database("cannot read where states of keys lie"))?;
        let Some(value) = value else { return Ok(Vec::new()) };
        let mut cursor = Cursor(&value);
        let mut entries = Vec::with_capacity(2);
        while !cursor.0.is_empty() {
            let entry = cursor.varint("where states of keys lie")?;
            entries.push((entry >> 1, entry & 1 == 1));
        }
        Ok(entries)
    }

    fn set_entries(&self, index_key: &[u8], entries: &[IndexEntry]) -> Result<(), StoreError> {
        let mut value = Vec::with_capacity(8);
        for (number, is_gone) in entries {
            put_varint(&mut value, number << 1 | u64::from(*is_gone));
        }
        let set = if entries.is_empty() { self.index.remove(index_key) } else { self.index.insert(index_key, value) };
        set.map(|_| ()).map_err(StoreError::database("cannot write where states of keys lie"))
    }

    /// The page of a number, if it is there.
    fn page(&self, id: StreamId, number: u64) -> Result<Option<StoredPage>, StoreError> {
        let value = self.pages.get(page_key(id.number, number));
        let value = value.map_err(StoreError::database("cannot read the state of a key"))?;
        value.map(|first| self.whole(id, number, &first)).transpose()
    }

    /// The page with all its pieces, from the first of them.
    fn whole(&self, id: StreamId, number: u64, first: &[u8]) -> Result<StoredPage, StoreError> {
        let mut page = StoredPage::read(id, number, first)?;
        if page.flags & FLAG_CONTINUES == 0 {
            return Ok(page);
        }
        let (record, _) = unseal(first, "the state of a key (checksum)")?;
        let key = page_key(id.number, number);
        for n in 1..record.pieces {
            let piece = self.pages.get(piece_key(key, n as u16));
            let piece = piece.map_err(StoreError::database("cannot read the state of a key"))?;
            let piece = piece.ok_or(Damaged("the state of a key (a piece is missing)"))?;
            let (found, payload) = unseal(&piece, "the state of a key (a piece's checksum)")?;
            if found != (RecordHead { piece: n, ..record }) {
                return Err(Damaged("the state of a key (a piece of another)").into());
            }
            page.state.extend_from_slice(payload);
        }
        Ok(page)
    }

    /// The numbers and first pieces of the pages in a range of numbers.
    fn first_pieces(
        &self,
        stream: u32,
        from: u64,
        to: u64,
    ) -> impl Iterator<Item = Result<(u64, sled::IVec), StoreError>> + use<> {
        let pieces = self.pages.range(page_key(stream, from)..=page_key(stream, to));
        let is_first = |piece: &sled::Result<(sled::IVec, sled::IVec)>| {
            piece.as_ref().map_or(true, |(key, _)| key.len() == PAGE_KEY_BYTES)
        };
        pieces.filter(is_first).map(|piece| {
            let (key, value) = piece.map_err(StoreError::database("cannot read the states of keys"))?;
            Ok((page_number(&key), value))
        })
    }

    fn delete(&self, stream: u32, entries: &[IndexEntry]) -> Result<(), StoreError> {
        for (number, _) in entries {
            let key = page_key(stream, *number);
            let removed = self.pages.remove(key).map_err(StoreError::database("cannot delete the state of a key"))?;
            if removed.is_some_and(|value| value.get(HEADER_BYTES).is_some_and(|flags| flags & FLAG_CONTINUES != 0)) {
                for piece in self.pages.range(piece_key(key, 1)..=piece_key(key, u16::MAX)).keys() {
                    let removed = piece.and_then(|piece| self.pages.remove(piece));
                    removed.map_err(StoreError::database("cannot delete the state of a key"))?;
                }
            }
        }
        Ok(())
    }

    /// The state of a key as a learner sees it that has numbered `before` pages.
    pub fn get(&self, id: StreamId, key: &str, before: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let index_key = index_key(id.number, key);
        loop {
            let entries = self.entries(&index_key)?;
            let number = match entries.iter().find(|(number, _)| *number < before) {
                Some((number, false)) => number,
                None if before < self.floor(id.number)? => return Err(StoreError::PagesSuperseded),
                _ => return Ok(None),
            };
            match self.page(id, *number)? {
                Some(page) if *page.key == *key => return Ok(Some(page.state)),
                // the owner wrote between the two looks of a reader, which looks again
                _ if self.entries(&index_key)? != entries => {}
                _ => return Err(Damaged("the state of a key (it is missing)").into()),
            }
        }
    }

    /// The oldest page with a number ≥ `from` that is the newest of its key and holds a state.
    pub fn oldest(&self, id: StreamId, from: u64) -> Result<Option<(u64, Box<str>, Vec<u8>)>, StoreError> {
        for first in self.first_pieces(id.number, from, u64::MAX) {
            let (number, first) = first?;
            let newest =
                self.entries(&index_key(id.number, &StoredPage::read(id, number, &first)?.key))?.first().copied();
            if newest == Some((number, false)) {
                let page = self.whole(id, number, &first)?;
                return Ok(Some((number, page.key, page.state)));
            }
        }
        Ok(None)
    }

    /// The floor of the latest sweep of a stream.
    pub fn floor(&self, stream: u32) -> Result<u64, StoreError> {
        Ok(self.sweep_state(stream)?.floor)
    }

    /// Whether all that a checkpoint sees is here.
    pub fn can_resume_from(&self, meta: &CheckpointMeta) -> Result<bool, StoreError> {
        let state = self.sweep_state(meta.stream)?;
        Ok(state.floor <= meta.pages && meta.pages <= state.numbered && meta.write > state.forgotten)
    }

    /// Deletes all pages of a stream, and lets no checkpoint count on them any more.
    pub fn forget(&self, stream: u32) -> Result<(), StoreError> {
        self.truncate(stream, 0)?;
        self.set_sweep_state(stream, SweepState { forgotten: self.registry.next_write(), ..SweepState::default() })?;
        self.flush()
    }

    fn sweep_state(&self, stream: u32) -> Result<SweepState, StoreError> {
        const WHAT: &str = "how far states of keys were swept";
        let value = self.floors.get(stream.to_be_bytes());
        let value = value.map_err(StoreError::database("cannot read how far states of keys were swept"))?;
        let Some(value) = value else { return Ok(SweepState::default()) };
        let mut cursor = Cursor(&value);
        Ok(SweepState {
            floor: cursor.u64(WHAT)?,
            next: cursor.u64(WHAT)?,
            numbered: cursor.u64(WHAT)?,
            forgotten: cursor.u64(WHAT)?,
        })
    }

    fn set_sweep_state(&self, stream: u32, state: SweepState) -> Result<(), StoreError> {
        let value = [state.floor, state.next, state.numbered, state.forgotten].map(u64::to_le_bytes).concat();
        let set = self.floors.insert(stream.to_be_bytes(), value);
        set.map(|_| ()).map_err(StoreError::database("cannot write how far states of keys were swept"))
    }

    /// Continues the sweep over at most `pages_max` pages below the floor. It deletes the pages that each of them
    /// replaced, and the page itself if it says that a state is gone.
    pub(crate) fn sweep(&self, stream: u32, floor: u64, pages_max: usize) -> Result<(), StoreError> {
        let state = self.sweep_state(stream)?;
        let floor = floor.max(state.floor);
        if state.next >= floor && floor == state.floor {
            return Ok(());
        }
        // the floor is written down before anything is deleted
        if floor > state.floor {
            self.set_sweep_state(stream, SweepState { floor, ..state })?;
        }
        let mut next = floor;
        for (swept, first) in self.first_pieces(stream, state.next, floor - 1).enumerate() {
            let (number, first) = first?;
            if swept == pages_max {
                next = number;
                break;
            }
            let page = StoredPage::read_any(&first)?;
            if page.flags & (FLAG_GONE | FLAG_REPLACES) != 0 {
                self.delete_surplus(stream, &page.key, floor)?;
            }
        }
        self.set_sweep_state(stream, SweepState { floor, next, ..state })
    }

    /// Deletes the pages of a key that no learner at or above the floor sees.
    fn delete_surplus(&self, stream: u32, key: &str, floor: u64) -> Result<(), StoreError> {
        let index_key = index_key(stream, key);
        let mut entries = self.entries(&index_key)?;
        let surplus = take_surplus(&mut entries, floor);
        if surplus.is_empty() {
            return Ok(());
        }
        self.set_entries(&index_key, &entries)?;
        self.delete(stream, &surplus)
    }

    /// Copies the pages with numbers < `pages` of a stream to another, under the same numbers. Returns whether all were
    /// there to the end: others may delete them meanwhile.
    pub fn copy(&self, from: StreamId, to: StreamId, pages: u64) -> Result<bool, StoreError> {
        self.truncate(to.number, 0)?;
        for first in self.first_pieces(from.number, 0, pages - 1) {
            let (number, first) = first?;
            let page = self.whole(from, number, &first)?;
            let is_gone = page.flags & FLAG_GONE != 0;
            let state = (!is_gone).then_some(&page.state[..]);
            self.put(to, number, &Page { key: &page.key, state }, 0)?;
        }
        // what says that pages are there goes before they do
        let state = self.sweep_state(from.number)?;
        self.set_sweep_state(to.number, SweepState { numbered: pages, ..state })?;
        Ok(state.numbered >= pages && state.floor <= pages)
    }

    /// Deletes a stream's pages with numbers ≥ `pages`.
    pub fn truncate(&self, stream: u32, pages: u64) -> Result<(), StoreError> {
        // what says that pages are there goes before they do: a checkpoint of before may be written meanwhile
        let state = self.sweep_state(stream)?;
        if state.numbered > pages {
            self.set_sweep_state(stream, SweepState { numbered: pages, ..state })?;
        }
        for first in self.first_pieces(stream, pages, u64::MAX) {
            let (number, first) = first?;
            let index_key = index_key(stream, &StoredPage::read_any(&first)?.key);
            let mut entries = self.entries(&index_key)?;
            entries.retain(|(number, _)| *number < pages);
            self.set_entries(&index_key, &entries)?;
            self.delete(stream, &[(number, false)])?;
        }
        if pages == 0 {
            let removed = self.floors.remove(stream.to_be_bytes());
            removed.map_err(StoreError::database("cannot write how far states of keys were swept"))?;
        }
        Ok(())
    }
}

/// Takes from the entries of a key, newest first, those that no learner at or above the floor sees: all after the
/// newest below the floor, and that one too if it says that the state is gone.
fn take_surplus(entries: &mut Vec<IndexEntry>, floor: u64) -> Vec<IndexEntry> {
    let Some(newest_below) = entries.iter().position(|(number, _)| *number < floor) else { return Vec::new() };
    let is_gone = entries[newest_below].1;
    entries.split_off(if is_gone { newest_below } else { newest_below + 1 })
}
