//! The sessions of a stream that are not over yet, in the order in which their keys spoke last.
//!
//! They are kept apart from the states of keys, which may lie in the store, so that the key which is silent for longest
//! is at hand wherever its state is: its verdict costs no look into the store and changes no page, and a learner that
//! pages has the same sessions as one with room for all keys. Their memory has a bound of its own; beyond it the
//! session of the key that is silent for longest is over.

use lru::LruCache;
use surmise_sessions::OpenSession;
use surmise_state::{Persist, State, StateError};

/// The most bytes that open sessions of named keys take: some 25,000 of them.
const BYTES_MAX: u64 = 8 << 20;
/// Bytes that one takes beside its name and its counts: its places in the table and in the order of use.
const OVERHEAD_BYTES: u64 = 256;

/// Open sessions by the name of their key.
#[derive(Clone)]
pub(crate) struct OpenSessions {
    named: LruCache<Box<str>, WaitingSession>,
    /// That of events without a key.
    nameless: OpenSession,
    bytes: u64,
}

/// A session that waits for the next event of its key.
#[derive(Clone, Default)]
struct WaitingSession {
    session: OpenSession,
    /// The time that the key's clock shows.
    last_us: Option<i64>,
}

impl Default for OpenSessions {
    fn default() -> Self {
        OpenSessions { named: LruCache::unbounded(), nameless: OpenSession::default(), bytes: 0 }
    }
}

fn bytes_of(name: &str, session: &OpenSession) -> u64 {
    OVERHEAD_BYTES + name.len() as u64 + session.counts_bytes()
}

impl OpenSessions {
    /// Takes the session of a key for an event; an empty one if none is open. Its place is kept until
    /// [`put`](Self::put) or [`end`](Self::end), so that an event of a known key allocates nothing.
    pub(crate) fn take(&mut self, name: Option<&str>) -> OpenSession {
        let Some(name) = name else { return std::mem::take(&mut self.nameless) };
        match self.named.get_mut(name) {
            Some(waiting) => {
                let session = std::mem::take(&mut waiting.session);
                self.bytes -= bytes_of(name, &session);
                session
            }
            None => OpenSession::default(),
        }
    }

    /// Puts the session of a key whose clock shows `last_us` back, as that of the key that spoke last.
    pub(crate) fn put(&mut self, name: Option<&str>, session: OpenSession, last_us: Option<i64>) {
        let Some(name) = name else {
            self.nameless = session;
            return;
        };
        self.bytes += bytes_of(name, &session);
        let waiting = WaitingSession { session, last_us };
        match self.named.get_mut(name) {
            Some(place) => *place = waiting,
            None => drop(self.named.put(name.into(), waiting)),
        }
    }

    /// Removes the place of a session that was taken and is over.
    pub(crate) fn end(&mut self, name: Option<&str>) {
        if let Some(name) = name {
            self.named.pop(name);
        }
    }

    /// Takes the session of a key that is forgotten, if one is open.
    pub(crate) fn forget(&mut self, name: &str) -> Option<OpenSession> {
        let session = self.named.pop(name)?.session;
        self.bytes -= bytes_of(name, &session);
        Some(session)
    }

    /// Takes the session of the key that is silent for longest if `is_over` says so of the offset of its latest event
    /// and of the time that its clock shows.
    pub(crate) fn silence(
        &mut self,
        is_over: impl FnOnce(u64, Option<i64>) -> bool,
    ) -> Option<(Box<str>, OpenSession)> {
        self.named.peek_lru().filter(|(_, waiting)| is_over(waiting.session.last_offset, waiting.last_us))?;
        self.pop()
    }

    /// Takes the session of the key that is silent for longest if all of them take too much memory.
    pub(crate) fn overflow(&mut self) -> Option<(Box<str>, OpenSession)> {
        if self.bytes > BYTES_MAX { self.pop() } else { None }
    }

    fn pop(&mut self) -> Option<(Box<str>, OpenSession)> {
        let (name, WaitingSession { session, .. }) = self.named.pop_lru()?;
        self.bytes -= bytes_of(&name, &session);
        Some((name, session))
    }
}

impl Persist for WaitingSession {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.session.persist(s)?;
        let mut timed = self.last_us.is_some();
        s.bool("session timed", &mut timed)?;
        let mut last_us = self.last_us.unwrap_or(0);
        if timed {
            s.i64("session time", &mut last_us)?;
        }
        self.last_us = timed.then_some(last_us);
        Ok(())
    }
}

impl Persist for OpenSessions {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.nameless.persist(s)?;
        let n = s.begin("open sessions", self.named.len(), 1)?;
        if !s.is_reading() {
            // that of the key which is silent for longest comes first
            return self.named.iter_mut().rev().try_for_each(|(name, waiting)| {
                s.string("session key", &mut name.to_string())?;
                waiting.persist(s)
            });
        }
        (self.named, self.bytes) = (LruCache::unbounded(), 0);
        for _ in 0..n {
            let (mut name, mut waiting) = (String::new(), WaitingSession::default());
            s.string("session key", &mut name)?;
            waiting.persist(s)?;
            if self.named.contains(name.as_str()) {
                return Err(StateError::Invalid("session key"));
            }
            self.put(Some(&name), waiting.session, waiting.last_us);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_sessions::StepCost;

    fn session(offset: u64) -> OpenSession {
        let mut session = OpenSession::default();
        session.add_step(offset, 1, StepCost::default());
        session
    }

    #[test]
    fn the_key_that_is_silent_for_longest_is_over_first_also_where_memory_ends() {
        let mut open = OpenSessions::default();
        let mut over = Vec::new();
        for i in 0..60_000u64 {
            open.put(Some(&format!("key {i}")), session(i), Some(i as i64));
            // the first one speaks all the time
            let first = open.take(Some("key 0"));
            open.put(Some("key 0"), first, Some(i as i64));
            over.extend(std::iter::from_fn(|| open.overflow()).map(|(_, session)| session.last_offset));
        }
        assert!(over.len() > 20_000 && over.is_sorted() && over[0] == 1, "{}", over.len());
        assert!(open.bytes <= BYTES_MAX);
        let mut loaded = OpenSessions::default();
        loaded.decode(&open.encode()).unwrap();
        assert_eq!((loaded.bytes, loaded.hash_state()), (open.bytes, open.hash_state()));
        let next = *over.last().unwrap() + 1;
        for open in [&mut open, &mut loaded] {
            assert!(open.silence(|last, last_us| (last, last_us) != (next, Some(next as i64))).is_none());
            assert_eq!(open.silence(|_, _| true).unwrap().1.last_offset, next);
        }
        assert_eq!(open.forget("key 59999").map(|s| s.last_offset), Some(59_999));
        assert_eq!(open.forget("key 59999"), None);
        let taken = open.take(Some("key 0"));
        assert_eq!((taken.events, open.named.contains("key 0")), (1, true));
        open.end(Some("key 0"));
        while open.silence(|_, _| true).is_some() {}
        assert_eq!(open.bytes, 0);
    }
}
