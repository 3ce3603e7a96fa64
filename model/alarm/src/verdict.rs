//! What is said of an event, and of what was promised.

use surmise_event::Alarm;

/// What is said of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Once in how many events of this stream an event is as unusual.
    pub rarity_events: f64,
    /// The anomaly score, from 0 to 1: a function of how rare the event is. Of one whose evidence was weighed elsewhere
    /// it is that of the evidence, which fades over the events behind an odd one.
    pub anomaly_score: f64,
    /// The field that is most unusual, by the caller's number, if one is.
    pub field: Option<u32>,
    /// The incident that the event belongs to or ends, its field left out, and the number of that field.
    pub alarm: Option<(Alarm, Option<u32>)>,
}

/// What was promised of a stream's incidents, and what came.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BudgetAccount {
    /// Incidents that began.
    pub begun: u64,
    /// Incidents that the budgets allowed for the same events.
    pub promised: f64,
    /// Those of them that were for kinds which people called bad.
    pub wanted: f64,
}
