//! The private states of keys: those used lately in memory, within bounds, and an account of those in the store.

use crate::clock::SequenceClock;
use crate::options::Options;
use crate::pages::{Pages, PagesError};
use crate::values::Values;
use lru::LruCache;
use std::sync::Arc;
use surmise_number::NumberKey;
use surmise_sessions::OpenSession;
use surmise_symbol::SymbolKey;
use xxhash_rust::xxh3::xxh3_128;

/// Keys that leave memory at once, at most, unless one key brought more bytes than these free. Several at once make one
/// write of the store.
const LEAVING_KEYS_MAX: usize = 64;
/// One part of the bound on keys that may leave at once: few keys leave where few are held.
const LEAVING_KEYS_DIVISOR: usize = 16;
/// Bytes that a key takes in memory beyond its encoded state: its places in the table and in the order of use, and its
/// name. `tests/key_memory.rs` holds the estimate to what allocators say.
const KEY_OVERHEAD_BYTES: u64 = 200;
/// Bytes that each field of a key takes in memory beyond its encoded state: the heads of arrays.
const FIELD_OVERHEAD_BYTES: u64 = 200;

/// The private state of one key.
#[derive(Clone, Default)]
pub struct KeyState {
    /// `[fields]`: positions of the key in the fields' symbol models; `None` for numbers.
    pub symbols: Vec<Option<SymbolKey>>,
    /// The key's past in the number model, for all number fields together.
    pub numbers: Option<Box<NumberKey>>,
    /// The latest value of every field.
    pub previous: Values,
    /// The time of the key's latest event.
    pub clock: SequenceClock,
    /// Events of the key so far.
    pub length: u32,
    /// Its open session, while an event of the key is observed.
    pub session: OpenSession,
    /// The offset of the key's latest event.
    pub used: u64,
    /// The size of the encoded state when it was last measured.
    pub measured: MeasuredSize,
    /// Whether the store may hold a page of the key that no longer counts. It is no part of what the key knows.
    pub stored: bool,
}

/// When the size of a key's state was last measured, and how large it was.
#[derive(Clone, Copy, Default)]
pub struct MeasuredSize {
    /// Bytes of the encoded state; 0 before the first measure.
    pub bytes: u32,
    /// Events of the key at that time.
    pub length: u32,
}

impl KeyState {
    /// Whether the state's size is to be measured again: whenever the key's length has doubled, as measuring costs a
    /// walk.
    pub fn is_outgrown(&self) -> bool {
        self.length >= self.measured.length.saturating_mul(2) || self.measured.bytes == 0
    }

    /// About how many bytes of memory the state takes.
    fn bytes(&self) -> u64 {
        // arrays have room to grow, and grow between two measures
        let state = u64::from(self.measured.bytes);
        state + state / 4 + KEY_OVERHEAD_BYTES + FIELD_OVERHEAD_BYTES * self.symbols.len() as u64
    }
}

/// What a learner knows of the keys whose states lie in the store, without an entry for any single one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Keys in the store.
    pub keys: u64,
    /// Bytes of their states.
    pub bytes: u64,
    /// The sum of their digests ([`digest`]).
    pub digest: u128,
    /// Pages that were numbered so far.
    pub numbered: u64,
    /// No page before this one counts, except pages of keys that are in memory.
    pub oldest: u64,
}

impl Stored {
    /// Counts a key's state in.
    pub fn add(&mut self, key: &str, state: &[u8]) {
        self.keys += 1;
        self.bytes += state.len() as u64;
        self.digest = self.digest.wrapping_add(digest(Some(key), xxh3_128(state)));
    }

    /// Counts a key's state out.
    pub fn remove(&mut self, key: &str, state: &[u8]) {
        self.keys = self.keys.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(state.len() as u64);
        self.digest = self.digest.wrapping_sub(digest(Some(key), xxh3_128(state)));
    }
}

/// The digest of one key and the hash of its state. The sum of all digests stands for all keys in the hash of a
/// learner: a sum, because it does not depend on the order of keys, nor on where they lie.
pub fn digest(key: Option<&str>, state: u128) -> u128 {
    let mut both = [0u8; 33];
    both[0] = u8::from(key.is_some());
    both[1..17].copy_from_slice(&xxh3_128(key.unwrap_or("").as_bytes()).to_le_bytes());
    both[17..].copy_from_slice(&state.to_le_bytes());
    xxh3_128(&both)
}

/// The states of keys in memory, by name, most recently used first; and the account of those in the store.
#[derive(Clone)]
pub struct Keys {
    named: LruCache<Box<str>, KeyState>,
    /// The state of events without a key.
    nameless: Option<KeyState>,
    /// Keys that began.
    pub begun: u64,
    /// Keys that were forgotten before they ended.
    pub forgotten: u64,
    /// The sessions of keys that were forgotten with the event at hand.
    pub forgotten_sessions: Vec<(Box<str>, OpenSession)>,
    /// The account of keys in the store.
    pub stored: Stored,
    /// Where key pages are written and read, if anywhere. A clone of a learner shares the place, and only reads.
    pub pages: Option<Arc<dyn Pages>>,
    /// The first error of the key pages.
    pub fault: Option<PagesError>,
    /// Estimated bytes of memory of the named states.
    bytes: u64,
    keys_max: usize,
    bytes_max: u64,
}

impl Keys {
    /// No keys yet, within the bounds of the options.
    pub fn new(options: &Options) -> Keys {
        Keys {
            named: LruCache::unbounded(),
            nameless: None,
            begun: 0,
            forgotten: 0,
            forgotten_sessions: Vec::new(),
            stored: Stored::default(),
            pages: None,
            fault: None,
            bytes: 0,
            keys_max: options.keys.max(1) as usize,
            bytes_max: u64::from(options.keys_mib) << 20,
        }
    }

    /// How many keys are in memory.
    pub fn len(&self) -> usize {
        self.named.len() + usize::from(self.nameless.is_some())
    }

    /// The keys in memory, those first that spoke last.
    pub fn named(&self) -> impl DoubleEndedIterator<Item = (&str, &KeyState)> {
        self.named.iter().map(|(key, state)| (&**key, state))
    }

    /// About how many bytes of memory the keys take.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A key's state if it is in memory; looking at it does not count as a use.
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

    /// Takes a key's state out of memory; `None` if it is not there. Its place is kept until [`Keys::put`] or
    /// [`Keys::end`], so that an event of a known key allocates nothing.
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

    /// Puts a key's state into memory, as the most recently used.
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

    /// Whether memory holds more keys or bytes than it may. A single key is never too much.
    pub fn is_over(&self) -> bool {
        self.named.len() > self.keys_max || self.bytes > self.bytes_max && self.named.len() > 1
    }

    /// How many keys leave memory at once when it holds too many.
    pub fn leaving(&self) -> usize {
        (self.keys_max / LEAVING_KEYS_DIVISOR).clamp(1, LEAVING_KEYS_MAX).min(self.named.len() - 1)
    }

    /// Takes the key that is unused for longest out of memory.
    pub fn pop(&mut self) -> Option<(Box<str>, KeyState)> {
        let (key, state) = self.named.pop_lru()?;
        self.bytes -= state.bytes();
        Some((key, state))
    }

    /// Takes all keys out of memory, for a walk over the state: the one that is unused for longest first.
    pub fn drain(&mut self) -> Vec<(Option<Box<str>>, KeyState)> {
        let mut all = Vec::with_capacity(self.len());
        while let Some((key, state)) = self.pop() {
            all.push((Some(key), state));
        }
        all.extend(self.nameless.take().map(|state| (None, state)));
        all
    }

    /// Puts back what [`Keys::drain`] took out.
    pub fn restore(&mut self, keys: Vec<(Option<Box<str>>, KeyState)>) {
        for (key, state) in keys {
            match key {
                None => self.nameless = Some(state),
                Some(key) => {
                    self.bytes += state.bytes();
                    self.named.put(key, state);
                }
            }
        }
    }
}
