//! Why an event was as surprising as it was: worked out in a copy, and only when somebody asks.
//!
//! From the newest kept checkpoint at or below the event, the log is learnt again by a copy of the learner that nobody
//! else sees, and the event's parts are kept as it is observed. So the answer is what the stream's own learner found,
//! to the bit, and nothing is kept or computed while nobody asks. The copy reads key pages of the store and writes its
//! own into memory.

use crate::storage::{LogTail, Storage};
use crate::stream::NO_LIMITS;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use surmise_event::{LastSeen, Part, Refusal};
use surmise_learner::{Inquiry, Learner, LearnerError, Page, Pages, PagesError};
use surmise_protocol::WhyAnswer;
use surmise_store::group::Decoded;
use surmise_store::{StoreError, StreamEntry};

/// The reason why it cannot be said why an event was as surprising as it was.
#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The learner cannot be made or loaded.
    #[error(transparent)]
    Learner(#[from] LearnerError),
    /// The key pages failed.
    #[error(transparent)]
    Pages(#[from] PagesError),
    /// The log holds an event that does not fit the schema.
    #[error("the log holds an event that is refused: {0}")]
    Refused(Refusal),
    /// The stream is not in the log yet.
    #[error("the stream is not durable yet; ask again in a moment")]
    NotDurable,
    /// The event is not in the log yet.
    #[error("the log ends at offset {end}; event {offset} is not durable yet, or has not come")]
    NotYet {
        /// The event that was asked about.
        offset: u64,
        /// The offset after the last event of the log.
        end: u64,
    },
    /// The log no longer holds what leads to the event.
    #[error(
        "the log no longer holds what led to event {offset}: the oldest checkpoint is of offset {oldest}, and the log \
         was trimmed (store.log_bytes_max, store.generations keep more)"
    )]
    Gone {
        /// The event that was asked about.
        offset: u64,
        /// The first offset that can be asked about.
        oldest: u64,
    },
    /// Learning the log again takes too long.
    #[error("learning again from offset {from} to event {offset} takes longer than {seconds} s; it came to {reached}")]
    TooLong {
        /// The offset of the checkpoint.
        from: u64,
        /// The event that was asked about.
        offset: u64,
        /// How far it came.
        reached: u64,
        /// How long it may take.
        seconds: u64,
    },
}

/// The stream and the event that a question is about, and until when it has to be answered.
pub struct WhyQuestion {
    /// The name of the stream.
    pub stream: Arc<str>,
    /// The number of the stream in the log.
    pub number: u32,
    /// The offset of the event.
    pub offset: u64,
    /// How long the answer may take, in seconds.
    pub seconds_max: u64,
}

/// Answers why an event was as surprising as it was. `pages` opens the key pages of the stream for reading. It takes as
/// long as learning the log from the checkpoint to the event, so it belongs into a thread of its own.
///
/// # Errors
/// The event is not in the log, or what led to it no longer is; the log or the checkpoint cannot be read.
pub fn why(
    storage: &dyn Storage,
    question: &WhyQuestion,
    pages: Option<Arc<dyn Pages>>,
) -> Result<WhyAnswer, WhyError> {
    let began = Instant::now();
    let entry = storage.streams()?.into_iter().find(|entry| entry.number == question.number);
    let mut learner = learner_before(storage, &entry.ok_or(WhyError::NotDurable)?, question, pages)?;
    let from = learner.offset();
    let mut inquiry = Inquiry::new(question.offset);
    for group in storage.log_tail(question.number, from) {
        let (group, _) = group?;
        if group.first_offset != learner.offset() {
            return Err(WhyError::Gone { offset: question.offset, oldest: group.first_offset });
        }
        if began.elapsed().as_secs() >= question.seconds_max {
            let (reached, seconds) = (learner.offset(), question.seconds_max);
            return Err(WhyError::TooLong { from, offset: question.offset, reached, seconds });
        }
        if let Some(mut answer) = learn_group(&mut learner, group, question, &mut inquiry)? {
            answer.parts = last_seen(storage, question, &learner, answer.parts, began)?;
            return Ok(answer);
        }
    }
    Err(WhyError::NotYet { offset: question.offset, end: learner.offset() })
}

/// The learner of the newest whole checkpoint at or below the event, or a fresh one.
fn learner_before(
    storage: &dyn Storage,
    entry: &StreamEntry,
    question: &WhyQuestion,
    pages: Option<Arc<dyn Pages>>,
) -> Result<Learner, WhyError> {
    let checkpoints = storage.checkpoints(entry.number);
    for meta in checkpoints.iter().rev().filter(|meta| meta.offset <= question.offset) {
        let Ok((bytes, _)) = storage.load_checkpoint(meta) else { continue };
        let Ok(mut learner) = Learner::load(&bytes) else { continue };
        if let Some(pages) = pages {
            learner.set_pages(Arc::new(CopyPages::new(pages, learner.pages_numbered())));
        }
        return Ok(learner);
    }
    let first = storage.log_tail(entry.number, 0).next().transpose()?.map(|(group, _)| group.first_offset);
    match first {
        Some(0) => {}
        Some(_) | None => {
            let oldest = checkpoints.first().map_or(0, |meta| meta.offset);
            return Err(WhyError::Gone { offset: question.offset, oldest });
        }
    }
    let mut learner = Learner::new(entry.schema.clone(), entry.options.clone())?;
    learner.set_pages(Arc::new(CopyPages::new(Arc::new(surmise_learner::MemoryPages::default()), 0)));
    Ok(learner)
}

/// Learns a group; returns the answer if the event is in it.
fn learn_group(
    learner: &mut Learner,
    group: Decoded,
    question: &WhyQuestion,
    inquiry: &mut Inquiry,
) -> Result<Option<WhyAnswer>, WhyError> {
    for logged in group.records {
        let event = learner.bind(&logged.record, &NO_LIMITS).map_err(WhyError::Refused)?;
        if let Some(found) = inquiry.learn(learner, &event)? {
            let stream = question.stream.clone();
            return Ok(Some(WhyAnswer::new(stream, &logged.record, found.outcome, found.parts, found.learnt)));
        }
    }
    Ok(None)
}

/// Finds when the like of each part was last seen, as far back as the log goes and as time is left.
fn last_seen(
    storage: &dyn Storage,
    question: &WhyQuestion,
    learner: &Learner,
    parts: Vec<Part>,
    began: Instant,
) -> Result<Vec<Part>, WhyError> {
    let mut seen = LastSeen::new(parts);
    let every_byte = learner.schema().is_bytes();
    let log: LogTail = storage.log_tail(question.number, 0);
    for group in log {
        let (group, _) = group?;
        let mut offset = group.first_offset;
        for logged in &group.records {
            let next = offset + logged.record.offsets(every_byte);
            if next > question.offset {
                return Ok(seen.finish());
            }
            seen.look(offset, &logged.record);
            offset = next;
        }
        if began.elapsed().as_secs() >= question.seconds_max {
            break;
        }
    }
    Ok(seen.finish())
}

/// The key pages of a copy that learns on: those of the store as they were at its checkpoint, under its own in memory.
#[derive(Debug)]
struct CopyPages {
    /// The pages of the store, of which those below `numbered` count.
    below: Arc<dyn Pages>,
    numbered: u64,
    own: Mutex<OwnPages>,
}

/// The pages that a copy wrote itself.
#[derive(Debug, Default)]
struct OwnPages {
    /// The number of each key's newest page, and the state; `None` if it is gone.
    newest: HashMap<Box<str>, (u64, Option<Vec<u8>>)>,
    numbers: BTreeMap<u64, Box<str>>,
}

impl CopyPages {
    fn new(below: Arc<dyn Pages>, numbered: u64) -> CopyPages {
        CopyPages { below, numbered, own: Mutex::default() }
    }

    fn own(&self) -> MutexGuard<'_, OwnPages> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages for CopyPages {
    fn put(&self, first: u64, pages: &[Page<'_>]) -> Result<(), PagesError> {
        let mut own = self.own();
        for (number, page) in (first..).zip(pages) {
            let state = page.state.map(<[u8]>::to_vec);
            if let Some((earlier, _)) = own.newest.insert(page.key.into(), (number, state)) {
                own.numbers.remove(&earlier);
            }
            own.numbers.insert(number, page.key.into());
        }
        Ok(())
    }

    fn get(&self, key: &str, before: u64) -> Result<Option<Vec<u8>>, PagesError> {
        match self.own().newest.get(key) {
            Some((_, state)) => Ok(state.clone()),
            None => self.below.get(key, before.min(self.numbered)),
        }
    }

    fn oldest(&self, from: u64) -> Result<Option<(u64, Box<str>, Vec<u8>)>, PagesError> {
        let mut next = from;
        while next < self.numbered {
            let Some((number, key, state)) = self.below.oldest(next)?.filter(|page| page.0 < self.numbered) else {
                break;
            };
            if !self.own().newest.contains_key(&key) {
                return Ok(Some((number, key, state)));
            }
            next = number + 1;
        }
        let own = self.own();
        let state = |key: &str| own.newest.get(key).and_then(|(_, state)| state.clone());
        Ok(own.numbers.range(from..).find_map(|(number, key)| Some((*number, key.clone(), state(key)?))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_learner::MemoryPages;

    #[test]
    fn a_copy_sees_the_pages_of_its_checkpoint_under_its_own() {
        let store = Arc::new(MemoryPages::default());
        let page = |key, state: &'static [u8]| Page { key, state: Some(state) };
        store.put(0, &[page("a", b"a0"), page("b", b"b1")]).unwrap();
        let copy = CopyPages::new(store.clone(), 2);
        store.put(2, &[page("c", b"c2")]).unwrap();
        let get = |key| copy.get(key, u64::MAX).unwrap();
        assert_eq!((get("a"), get("c")), (Some(b"a0".to_vec()), None), "what came later is not seen");
        copy.put(2, &[page("d", b"d2"), Page { key: "a", state: None }]).unwrap();
        assert_eq!((get("a"), get("d"), get("b")), (None, Some(b"d2".to_vec()), Some(b"b1".to_vec())));
        let oldest = |from| copy.oldest(from).unwrap().map(|(number, key, _)| (number, key.to_string()));
        assert_eq!((oldest(0), oldest(2), oldest(3)), (Some((1, "b".into())), Some((2, "d".into())), None));
        assert_eq!(store.get("a", u64::MAX).unwrap(), Some(b"a0".to_vec()), "the store is not written");
    }
}
