//! What a stream is to forget, and what is made without it.

use crate::incidents::Incidents;
use crate::rare_events::RareEvents;
use crate::rewritten_log::RewrittenLog;
use surmise_event::Record;

/// Events that a stream is to forget: those that all of the bounds and the key hold of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// The offset of the first event.
    pub from: Option<u64>,
    /// The offset after the last event.
    pub to: Option<u64>,
    /// The time of the first event, in microseconds since 1970.
    pub since_us: Option<i64>,
    /// The time after the last event, in microseconds since 1970.
    pub until_us: Option<i64>,
    /// The key of the events.
    pub key: Option<String>,
}

impl Forgotten {
    /// Whether it says anything of offsets.
    pub fn is_by_offset(&self) -> bool {
        (self.from, self.to) != (None, None)
    }

    /// Whether an event is to be forgotten that takes offsets from `offset` on.
    pub fn holds(&self, offset: u64, offsets: u64, record: &Record) -> bool {
        let begins_before = self.to.is_none_or(|to| offset < to);
        let ends_after = self.from.is_none_or(|from| offset + offsets > from);
        let time_us = record.time_us.or(record.arrival_us);
        let since = self.since_us.is_none_or(|since| time_us.is_some_and(|time| time >= since));
        let until = self.until_us.is_none_or(|until| time_us.is_some_and(|time| time < until));
        let of_key = self.key.as_deref().is_none_or(|key| record.key.as_deref() == Some(key));
        begins_before && ends_after && since && until && of_key
    }
}

/// What is made of a stream that forgets events, beside its learner.
pub struct Forgetting {
    /// What is to be forgotten.
    pub what: Forgotten,
    /// The log without it.
    pub log: RewrittenLog,
    /// Incidents as they are without it.
    pub incidents: Incidents,
    /// Its rarest events without it.
    pub rare: RareEvents,
    /// Events forgotten so far, with what was said of them.
    pub forgotten: u64,
}

impl Forgetting {
    /// Nothing is forgotten yet. `number` is that of the stream that is made.
    pub fn new(what: Forgotten, number: u32) -> Forgetting {
        let (log, incidents, rare) = (RewrittenLog::new(number), Incidents::default(), RareEvents::default());
        Forgetting { what, log, incidents, rare, forgotten: 0 }
    }
}
