//! The private states of keys, bounded: the key unused for longest is forgotten first.

use crate::field::Values;
use lru::LruCache;
use surmise_number::NumberKey;
use surmise_symbol::SymbolKey;

/// The private state of one key.
#[derive(Clone, Default)]
pub struct KeyState {
    /// One per field, where the field has symbols.
    pub symbols: Vec<Option<SymbolKey>>,
    /// Of all number fields together.
    pub numbers: Option<NumberKey>,
    /// Every field's last value.
    pub previous: Values,
    /// Time of the last event, in microseconds.
    pub last_us: Option<i64>,
    /// Events so far.
    pub length: u32,
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
    max: usize,
}

impl Keys {
    /// At most `max` keys.
    pub fn new(max: u32) -> Keys {
        Keys { named: LruCache::unbounded(), nameless: None, begun: 0, forgotten: 0, max: max.max(1) as usize }
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.named.len() + usize::from(self.nameless.is_some())
    }

    /// A key's state, without counting as a use.
    pub fn get(&self, key: Option<&str>) -> Option<&KeyState> {
        match key {
            None => self.nameless.as_ref(),
            Some(k) => self.named.peek(k),
        }
    }

    /// Takes a key's state out, or nothing if it begins now. Its place is kept until [`Keys::put`] or [`Keys::end`].
    pub fn take(&mut self, key: Option<&str>) -> Option<KeyState> {
        let known = match key {
            None => self.nameless.take(),
            Some(k) => self.named.get_mut(k).map(std::mem::take),
        };
        self.begun += u64::from(known.is_none());
        known
    }

    /// Forgets a key that has ended.
    pub fn end(&mut self, key: Option<&str>) {
        match key {
            None => self.nameless = None,
            Some(k) => drop(self.named.pop(k)),
        }
    }

    /// Puts a key's state back, as the most recently used.
    pub fn put(&mut self, key: Option<&str>, state: KeyState) {
        match key {
            None => self.nameless = Some(state),
            Some(k) => {
                if let Some(place) = self.named.get_mut(k) {
                    *place = state;
                    return;
                }
                self.named.put(k.into(), state);
                if self.named.len() > self.max {
                    self.named.pop_lru();
                    self.forgotten += 1;
                }
            }
        }
    }

    /// All keys for a walk over the state, the one unused for longest first; put back with [`Keys::restore`].
    pub fn drain(&mut self) -> Vec<(Option<Box<str>>, KeyState)> {
        let mut v = Vec::with_capacity(self.len());
        while let Some((k, s)) = self.named.pop_lru() {
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
                    self.named.put(k, s);
                }
            }
        }
    }
}
