//! One stream of Redis that is read: how far the log has it, and whether entries were gone before they were read.

use super::account::ProducerAccount;
use super::batch_size::BatchSize;
use super::entry_id::EntryId;
use super::redis_server::{Entry, StreamFacts};
use crate::source_board::InputStatus;
use std::sync::Arc;

/// A stream of Redis that is read.
pub struct ReadStream {
    /// Its name in Redis.
    pub name: String,
    /// The stream of its events.
    pub stream: Arc<str>,
    /// Its account with the log, while it is read.
    pub account: Option<ProducerAccount>,
    /// The id up to which the log has it; none until it is known where to begin.
    pub position: Option<EntryId>,
    /// How many entries are asked for next.
    pub batch_size: BatchSize,
    /// Why it is not read on.
    pub error: Option<String>,
    facts: StreamFacts,
    /// How many entries were added up to the position, where that is known.
    added_before: Option<u64>,
    /// The highest id of a deleted entry of which it was told that it is gone, or which was gone before the beginning.
    told: EntryId,
    /// Whether the position is from before this process, so that it is not known what was trimmed meanwhile.
    is_from_before: bool,
}

impl ReadStream {
    /// A stream of which nothing is known yet.
    pub fn new(name: &str, stream: &str) -> ReadStream {
        ReadStream {
            name: name.to_owned(),
            stream: stream.into(),
            account: None,
            position: None,
            batch_size: BatchSize::default(),
            error: None,
            facts: StreamFacts::default(),
            added_before: None,
            told: EntryId::ZERO,
            is_from_before: false,
        }
    }

    /// Begins at a position. What was deleted before the log had anything is not missed.
    pub fn begin(&mut self, position: EntryId, is_known: bool, facts: &StreamFacts) {
        if self.position == Some(position) {
            return;
        }
        self.position = Some(position);
        (self.added_before, self.is_from_before) = (None, is_known);
        if !is_known {
            self.told = facts.deleted.unwrap_or_default();
        }
    }

    /// Takes what the server says of the stream. Returns what was gone before it was read, if anything was.
    pub fn take_facts(&mut self, facts: &StreamFacts) -> Option<String> {
        let position = self.position.unwrap_or_default();
        let name = &self.name;
        self.facts = facts.clone();
        self.error = (facts.newest < position).then(|| {
            format!(
                "{name}: the stream ends at {}, before {position}, up to which the log has it: it was begun anew, or is \
                 a backup; entries are read again once their ids are higher (to read all of it, give the source \
                 another name)",
                facts.newest
            )
        });
        if self.error.is_some() {
            self.added_before = None;
            return None;
        }
        let gap = self.gap(facts, position);
        self.told = self.told.max(facts.deleted.unwrap_or_default());
        self.is_from_before = false;
        if is_all_after(facts, position) {
            self.added_before = facts.added.map(|added| added.saturating_sub(facts.length));
        }
        gap
    }

    /// What is gone of what came after a position. Redis says how many entries were ever added, and which was deleted
    /// last by its id, but of what was trimmed only what is left.
    fn gap(&self, facts: &StreamFacts, position: EntryId) -> Option<String> {
        let name = &self.name;
        let is_all_after = is_all_after(facts, position);
        let counts = facts.added.zip(self.added_before);
        if counts.is_some_and(|(added, before)| added < before) {
            return Some(format!(
                "{name}: the stream was deleted and begun anew; what came after {position} before that is lost"
            ));
        }
        let gone = "trimmed or deleted before they were read";
        if let Some((added, before)) = counts.filter(|_| is_all_after) {
            let lost = added.saturating_sub(before + facts.length);
            return (lost > 0).then(|| format!("{name}: {lost} entries after {position} were {gone}"));
        }
        if let Some(deleted) = facts.deleted.filter(|deleted| *deleted > position.max(self.told)) {
            return Some(format!("{name}: entries after {position}, up to {deleted}, were {gone}"));
        }
        let is_in_doubt = self.is_from_before && is_all_after && facts.newest > position;
        is_in_doubt.then(|| {
            let first = facts.first.unwrap_or(facts.newest);
            format!("{name}: {position} is gone, and so may be entries after it, before {first}: {gone}")
        })
    }

    /// Takes the entries that can be read on with, of those that came: up to one whose id has no number.
    pub fn readable(&mut self, mut entries: Vec<Entry>) -> Vec<Entry> {
        if let Some(place) = entries.iter().position(|entry| entry.id.number().is_none()) {
            self.error = Some(format!(
                "{}: the id {} is beyond what can be kept as a position, so nothing is read from there on; let Redis \
                 make the ids (XADD {} * …)",
                self.name, entries[place].id, self.name
            ));
            entries.truncate(place);
        }
        entries
    }

    /// Notes that entries are durable or refused.
    pub fn advance(&mut self, entries: &[Entry]) {
        let Some(last) = entries.last() else { return };
        self.position = Some(last.id);
        let is_all = entries.len() < self.batch_size.0;
        self.added_before = match self.facts.added {
            Some(added) if is_all => Some(added),
            _ => self.added_before.map(|before| before + entries.len() as u64),
        };
        self.batch_size.choose(entries.len(), entries.iter().map(Entry::bytes).sum(), false);
    }

    /// How much newer the newest entry is than the position, in seconds.
    pub fn lag_seconds(&self) -> Option<f64> {
        let position = self.position?;
        if self.facts.newest <= position {
            return Some(0.0);
        }
        let from = if position == EntryId::ZERO { self.facts.first? } else { position };
        from.seconds_until(self.facts.newest)
    }

    /// What is told of it.
    pub fn status(&self) -> InputStatus {
        let text = |id: EntryId| Some(id).filter(|id| *id > EntryId::ZERO).map(|id| id.to_string());
        InputStatus {
            name: self.name.clone(),
            position: self.position.and_then(text),
            newest: text(self.facts.newest.max(self.position.unwrap_or_default())),
        }
    }
}

/// Whether everything that is there comes after a position.
fn is_all_after(facts: &StreamFacts, position: EntryId) -> bool {
    facts.first.is_none_or(|first| first > position)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> EntryId {
        text.parse().unwrap()
    }

    fn entries(ids: &[&str]) -> Vec<Entry> {
        ids.iter().map(|text| Entry { id: id(text), fields: vec![(b"a".to_vec(), b"b".to_vec())] }).collect()
    }

    fn facts(newest: &str, first: &str, length: u64, deleted: &str, added: u64) -> StreamFacts {
        let (deleted, added) = (Some(id(deleted)), Some(added));
        StreamFacts { newest: id(newest), first: Some(id(first)), length, deleted, added }
    }

    #[test]
    fn what_is_gone_before_it_is_read_is_told_once_with_how_many_they_are() {
        let mut stream = ReadStream::new("orders", "shop");
        // trimmed before anything was read: not missed
        let there = facts("9-0", "5-0", 5, "4-0", 9);
        stream.begin(EntryId::ZERO, false, &there);
        assert_eq!(stream.take_facts(&there), None);
        stream.batch_size = BatchSize(2);
        stream.advance(&entries(&["5-0", "6-0"]));
        // what was read may be trimmed
        assert_eq!(stream.take_facts(&facts("9-0", "7-0", 3, "6-0", 9)), None);
        // 7, 8 and 9 of ten more are gone
        let gap = stream.take_facts(&facts("19-0", "10-0", 10, "9-0", 19)).unwrap();
        assert!(gap.contains("3 entries after 6-0 were trimmed"), "{gap}");
        assert_eq!(stream.take_facts(&facts("19-0", "10-0", 10, "9-0", 19)), None);
        stream.batch_size = BatchSize(1);
        stream.advance(&entries(&["10-0"]));
        // one in the middle, which is not counted as it is not known where the others are
        let gap = stream.take_facts(&facts("19-0", "10-0", 9, "15-0", 19)).unwrap();
        assert!(gap.contains("orders: entries after 10-0, up to 15-0"), "{gap}");
        // what was trimmed while no process was there is told as far as it can be known
        let mut later = ReadStream::new("orders", "shop");
        later.begin(id("10-0"), true, &StreamFacts::default());
        assert_eq!(later.take_facts(&facts("19-0", "9-0", 11, "0-0", 19)), None, "the position is there");
        let mut later = ReadStream::new("orders", "shop");
        later.begin(id("10-0"), true, &StreamFacts::default());
        let gap = later.take_facts(&facts("29-0", "20-0", 10, "0-0", 29)).unwrap();
        assert!(gap.contains("10-0 is gone") && gap.contains("before 20-0"), "{gap}");
        assert_eq!(later.take_facts(&facts("29-0", "20-0", 10, "0-0", 29)), None);
    }

    #[test]
    fn a_stream_that_ends_before_its_position_is_not_read_silently() {
        let mut stream = ReadStream::new("orders", "shop");
        stream.begin(id("9-0"), true, &StreamFacts::default());
        assert_eq!(stream.take_facts(&facts("4-0", "1-0", 4, "0-0", 4)), None);
        assert!(stream.error.as_ref().is_some_and(|error| error.contains("ends at 4-0, before 9-0")));
        assert_eq!((stream.take_facts(&facts("10-0", "1-0", 5, "0-0", 5)), &stream.error), (None, &None));
        // the key was deleted, and entries come under higher ids
        stream.advance(&entries(&["10-0"]));
        let gap = stream.take_facts(&facts("12-0", "12-0", 1, "0-0", 1)).unwrap();
        assert!(gap.contains("deleted and begun anew"), "{gap}");
        assert_eq!(stream.readable(entries(&["12-0", "4398046511104-0", "4398046511105-0"])).len(), 1);
        assert!(stream.error.is_some_and(|error| error.contains("the id 4398046511104-0")));
    }
}
