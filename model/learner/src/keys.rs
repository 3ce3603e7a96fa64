//! The private states of keys: those used lately in memory, within a bound, and an account of those in the store.

use crate::Options;
use crate::field::Values;
use crate::pages::{Pages, PagesError};
use lru::LruCache;
use std::sync::Arc;
use surmise_number::NumberKey;
use surmise_symbol::SymbolKey;
use xxhash_rust::xxh3::xxh3_128;

/// Keys that leave memory together, at most, unless a single one brings more bytes than they free.
const TOGETHER: usize = 64;
/// Bytes that a key takes in memory beside its encoded state: its places in the table and in the order of use, its name.
const KEY_BYTES: u64 = 200;
/// Bytes that each of its fields takes beside: the heads of arrays.
const FIELD_BYTES: u64 = 200;

/// The private state of one key.
#[derive(Clone, Default)]
pub struct KeyState {
    /// One per field, where the field has symbols.
    pub symbols: Vec<Option<SymbolKey>>,
    /// Of all number fields together.
    pub numbers: Option<Box<NumberKey>>,
    /// Every field's last value.
    pub previous: Values,
    /// Time of the last event, in microseconds.
    pub last_us: Option<i64>,
    /// Events so far.
    pub length: u32,
    /// The offset of its latest event.
    pub used: u64,
    /// The size of its encoded state when it was last measured, and how long it was then.
    pub measured: (u32, u32),
    /// Whether the store may hold a page of it that no longer counts. Not a part of what the key knows.
    pub stored: bool,
}

impl KeyState {
    /// Whether its size is to be measured: whenever its length has doubled.
    pub fn outgrown(&self) -> bool {
        self.length >= self.measured.1.saturating_mul(2) || self.measured.0 == 0
    }

    /// About how many bytes of memory it takes.
    fn bytes(&self) -> u64 {
        // arrays have room to grow, and grow between two measures
        let state = u64::from(self.measured.0);
        state + state / 4 + KEY_BYTES + FIELD_BYTES * self.symbols.len() as u64
    }
}

/// What a learner knows of the keys whose states lie in the store, without a word about any single one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// How many there are.
    pub keys: u64,
    /// Bytes of their states.
    pub bytes: u64,
    /// The sum of their digests.
    pub digest: u128,
    /// Pages that were numbered so far.
    pub numbered: u64,
    /// No page before this one counts, but for those of keys that are in memory.
    pub oldest: u64,
}

impl Stored {
    /// Counts a state in.
    pub fn add(&mut self, key: &str, state: &[u8]) {
        self.keys += 1;
        self.bytes += state.len() as u64;
        self.digest = self.digest.wrapping_add(digest(Some(key), xxh3_128(state)));
    }

    /// Counts it out.
    pub fn remove(&mut self, key: &str, state: &[u8]) {
        self.keys = self.keys.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(state.len() as u64);
        self.digest = self.digest.wrapping_sub(digest(Some(key), xxh3_128(state)));
    }
}

/// A key's part of the sum that stands for all keys in the hash of a state, wherever they lie.
pub fn digest(key: Option<&str>, state: u128) -> u128 {
    let mut both = [0u8; 33];
    both[0] = u8::from(key.is_some());
    both[1..17].copy_from_slice(&xxh3_128(key.unwrap_or("").as_bytes()).to_le_bytes());
    both[17..].copy_from_slice(&state.to_le_bytes());
    xxh3_128(&both)
}

/// Keys by name, most recently used first, and the state of events without a key.
#[derive(Clone)]
pub struct Keys {
    named: LruCache<Box<str>, KeyState>,
    nameless: Option<KeyState>,
    /// Keys that began.
    pub begun: u64,
    /// Keys that were forgotten before they ended.
    pub forgotten: u64,
    /// Those in the store.
    pub stored: Stored,
    /// Where pages go. A copy of a learner has the same, and only looks.
    pub pages: Option<Arc<dyn Pages>>,
    /// What went wrong with them first.
    pub fault: Option<PagesError>,
    bytes: u64,
    keys_max: usize,
    bytes_max: u64,
}

impl Keys {
    /// None yet, within the bounds of the options.
    pub fn new(options: &Options) -> Keys {
        Keys {
            named: LruCache::unbounded(),
            nameless: None,
            begun: 0,
            forgotten: 0,
            stored: Stored::default(),
            pages: None,
            fault: None,
            bytes: 0,
            keys_max: options.keys.max(1) as usize,
            bytes_max: u64::from(options.keys_mib) << 20,
        }
    }

    /// How many are in memory.
    pub fn len(&self) -> usize {
        self.named.len() + usize::from(self.nameless.is_some())
    }

    /// About how many bytes of memory they take.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A key's state if it is in memory, without counting as a use.
    pub fn get(&self, key: Option<&str>) -> Option<&KeyState> {
        match key {
            None => self.nameless.as_ref(),
            Some(k) => self.named.peek(k),
        }
    }

    /// The encoded state of a key that lies in the store.
    pub fn page(&self, key: Option<&str>) -> Result<Option<Vec<u8>>, PagesError> {
        match (&self.pages, key) {
            (Some(pages), Some(key)) if self.stored.keys > 0 => pages.get(key, self.stored.numbered),
            _ => Ok(None),
        }
    }

    /// Takes a key's state out of memory, or nothing if it is not there. Its place is kept until [`Keys::put`] or
    /// [`Keys::end`].
    pub fn take(&mut self, key: Option<&str>) -> Option<KeyState> {
        match key {
            None => self.nameless.take(),
            Some(k) => {
                let known = std::mem::take(self.named.get_mut(k)?);
                self.bytes -= known.bytes();
                Some(known)
            }
        }
    }

    /// Forgets a key that has ended, after its state was taken.
    pub fn end(&mut self, key: Option<&str>) {
        if let Some(k) = key {
            self.named.pop(k);
        }
    }

    /// Puts a key's state in, as the most recently used.
    pub fn put(&mut self, key: Option<&str>, state: KeyState) {
        let Some(k) = key else {
            self.nameless = Some(state);
            return;
        };
        self.bytes += state.bytes();
        match self.named.get_mut(k) {
            Some(place) => *place = state,
            None => drop(self.named.put(k.into(), state)),
        }
    }

    /// Whether memory holds more than it may, although it could hold less.
    pub fn is_over(&self) -> bool {
        self.named.len() > self.keys_max || self.bytes > self.bytes_max && self.named.len() > 1
    }

    /// Keys that leave memory at once when it holds too many.
    pub fn together(&self) -> usize {
        (self.keys_max / 16).clamp(1, TOGETHER).min(self.named.len() - 1)
    }

    /// Takes the key that is unused for longest out of memory.
    pub fn pop(&mut self) -> Option<(Box<str>, KeyState)> {
        let (key, state) = self.named.pop_lru()?;
        self.bytes -= state.bytes();
        Some((key, state))
    }

    /// All keys in memory for a walk over the state, the one unused for longest first; put back with [`Keys::restore`].
    pub fn drain(&mut self) -> Vec<(Option<Box<str>>, KeyState)> {
        let mut v = Vec::with_capacity(self.len());
        while let Some((k, s)) = self.pop() {
            v.push((Some(k), s));
        }
        v.extend(self.nameless.take().map(|s| (None, s)));
        v
    }

    /// See [`Keys::drain`].
    pub fn restore(&mut self, keys: Vec<(Option<Box<str>>, KeyState)>) {
        for (k, s) in keys {
            match k {
                None => self.nameless = Some(s),
                Some(k) => {
                    self.bytes += s.bytes();
                    self.named.put(k, s);
                }
            }
        }
    }
}
