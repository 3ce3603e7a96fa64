//! Counts of refused events: one counter of the process for its metrics, and one of each stream for its status.

use crate::telemetry;
use std::collections::BTreeMap;
use surmise_event::RefusalCode;

/// Adds refused events to the metrics. Whatever refuses an event calls this once for it.
pub fn count_refused(code: RefusalCode, events: u64) {
    metrics::counter!(telemetry::REJECTED, "reason" => code.name()).increment(events);
}

/// Refused events of one stream, by the name of the code.
///
/// Names and not codes are kept, so that a checkpoint of a later version with a code that this one does not know can
/// be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusalCounts(BTreeMap<String, u64>);

impl RefusalCounts {
    /// Counts one more refusal of a code.
    pub fn add(&mut self, code: RefusalCode) {
        match self.0.get_mut(code.name()) {
            Some(count) => *count += 1,
            None => drop(self.0.insert(code.name().to_owned(), 1)),
        }
    }

    /// Sets the count of a name, as a checkpoint holds it.
    pub fn set(&mut self, name: &str, count: u64) {
        self.0.insert(name.to_owned(), count);
    }

    /// The counts by name, in the order of names.
    pub fn by_name(&self) -> &BTreeMap<String, u64> {
        &self.0
    }
}
