//! What is shown of a stream's past: its history, losses over windows of time, its rarest events and latest incidents.
//! None of it has a part in what is learnt. It is in the summary of each checkpoint, and what is learnt again after it
//! is noted again, so a restart does not make a stream look new, whatever ended the daemon.

use crate::history::{BatchSums, History};
use crate::incidents::Incidents;
use crate::loss_windows::LossMarks;
use crate::rare_events::{RareBatch, RareEvents};
use std::sync::{Mutex, MutexGuard, PoisonError};
use surmise_event::{Drift, Outcome, Record};
use surmise_learner::Learner;
use surmise_protocol::{HistoryPoint, LossWindow, RareEvent, RarityCount};
use surmise_store::bytes::{Cursor, Damaged, put_bytes, put_varint};

/// The past of one stream. Its owner writes it, others read; the lock is held for as long as a batch is added, or a
/// list copied out.
#[derive(Debug, Default)]
pub struct StreamPast {
    course: Mutex<Course>,
    /// The latest incidents.
    pub incidents: Incidents,
}

#[derive(Clone, Debug, Default)]
struct Course {
    history: History,
    losses: LossMarks,
    /// Incidents that the budget of alarms promised for the events so far, and those that began.
    promised: f64,
    begun: u64,
    rare: RareEvents,
    /// The latest lasting change.
    drift: Option<Drift>,
}

/// What a batch of events adds to the past.
#[derive(Debug, Default)]
pub struct PastBatch {
    /// Sums over its events.
    sums: BatchSums,
    rare: RareBatch,
    drift: Option<Drift>,
}

impl PastBatch {
    /// Adds an event that was learnt.
    pub fn add(&mut self, record: &Record, outcome: &Outcome) {
        self.sums.add(outcome);
        self.rare.add(record, outcome);
        if let Some(drift) = outcome.drift.last() {
            self.drift = Some(drift.clone());
        }
    }
}

/// What a list of streams shows of the past of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PastGlance {
    /// Events per second over the latest ten seconds.
    pub events_per_second: f64,
    /// 1 − loss / loss of the best simple experts, over the latest hour.
    pub skill: Option<f64>,
    /// Incidents that the budget of alarms allowed for the events so far, and those that began.
    pub promised: f64,
    pub begun: u64,
    /// The latest lasting change.
    pub drift: Option<Drift>,
}

impl BatchSums {
    /// Adds the outcome of one event.
    pub fn add(&mut self, outcome: &Outcome) {
        self.events += 1;
        self.bits += outcome.surprise_bits;
        self.rarest = self.rarest.max(outcome.rarity_events);
        let begins = |alarm: &surmise_event::Alarm| alarm.phase == surmise_event::AlarmPhase::Begins;
        self.incidents += u64::from(outcome.alarm.as_ref().is_some_and(begins));
    }
}

impl StreamPast {
    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch that begins at a time, in microseconds since 1970.
    pub fn batch(&self, now_us: i64) -> PastBatch {
        PastBatch { rare: self.course().rare.batch(now_us), ..PastBatch::default() }
    }

    /// Adds a batch that was learnt at a time, in microseconds since 1970, after which the learner is as it is.
    pub fn add(&self, now_us: i64, batch: PastBatch, learner: Option<&Learner>) {
        let PastBatch { sums, rare, drift } = batch;
        let mut course = self.course();
        course.history.add(now_us, &sums, learner.map(Learner::distinct));
        course.rare.add(now_us, rare);
        course.drift = drift.or(course.drift.take());
        let Some(learner) = learner else { return };
        let account = learner.budget_account();
        (course.promised, course.begun) = (account.promised, account.begun);
        if course.losses.is_due(now_us) {
            course.losses.take(now_us, learner);
        }
    }

    /// Takes in what the last events of a burst cost, for which nothing was due when they came. Asked again and again
    /// while the stream is silent, it costs two comparisons.
    pub fn settle(&self, now_us: i64, learner: &Learner) {
        let mut course = self.course();
        if course.losses.is_behind(learner) && course.losses.is_due(now_us) {
            course.losses.take(now_us, learner);
        }
    }

    /// The spans of a resolution, the oldest first.
    pub fn points(&self, resolution: usize, now_us: i64) -> Vec<HistoryPoint> {
        self.course().history.points(resolution, now_us)
    }

    /// Losses over the latest minute, hour and day, and since the beginning.
    pub fn windows(&self) -> Vec<LossWindow> {
        self.course().losses.windows()
    }

    /// Bits per event of the latest minutes.
    pub fn trend(&self, now_us: i64, minutes: usize) -> Vec<Option<f32>> {
        self.course().history.trend(now_us, minutes)
    }

    /// Bits per event of the latest minute that had any.
    pub fn latest_bits(&self) -> Option<f64> {
        self.course().history.latest_bits()
    }

    /// What a list shows.
    pub fn glance(&self, now_us: i64) -> PastGlance {
        let course = self.course();
        PastGlance {
            events_per_second: course.history.events_per_second(now_us),
            skill: course.losses.skill(),
            promised: course.promised,
            begun: course.begun,
            drift: course.drift.clone(),
        }
    }

    /// The events that were judged, how many were how rare, and the rarest of the latest days.
    pub fn rare(&self, now_us: i64, days: usize) -> (u64, Vec<RarityCount>, Vec<RareEvent>) {
        let course = self.course();
        let (events, counts) = course.rare.counts();
        (events, counts, course.rare.rarest(now_us, days))
    }

    /// The same course with other incidents and rare events.
    pub fn with_events(&self, incidents: Incidents, rare: RareEvents) -> StreamPast {
        StreamPast { course: Mutex::new(Course { rare, ..self.course().clone() }), incidents }
    }

    /// Appends the encoded past.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let course = self.course().clone();
        course.history.encode(out);
        out.extend_from_slice(&course.promised.to_bits().to_le_bytes());
        put_varint(out, course.begun);
        put_bytes(out, &serde_json::to_vec(&course.losses).unwrap_or_default());
        put_bytes(out, &serde_json::to_vec(&(&course.rare, &course.drift)).unwrap_or_default());
        self.incidents.encode(out);
    }

    /// Reads a past that [`StreamPast::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are damaged.
    pub fn decode(cursor: &mut Cursor<'_>) -> Result<StreamPast, Damaged> {
        let history = History::decode(cursor)?;
        let promised = f64::from_bits(cursor.u64("promised incidents")?);
        let begun = cursor.varint("incidents")?;
        // marks that this version cannot read are taken anew
        let losses = serde_json::from_slice(cursor.bytes("losses")?).unwrap_or_default();
        let (rare, drift) = serde_json::from_slice(cursor.bytes("rare events")?).unwrap_or_default();
        let incidents = Incidents::decode(cursor)?;
        Ok(StreamPast { course: Mutex::new(Course { history, losses, promised, begun, rare, drift }), incidents })
    }

    /// Takes over what another process knew of the stream, if this one has seen nothing of it yet.
    pub fn take_over(&self, earlier: &StreamPast) {
        let mut course = self.course();
        if course.history == History::default() && self.incidents.begun() == 0 {
            *course = earlier.course().clone();
            drop(course);
            self.incidents.take_over(&earlier.incidents);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::{Data, Datum, Limits, Schema};
    use surmise_learner::Options;

    #[test]
    fn a_silent_stream_has_told_what_its_last_events_cost() {
        let (past, mut learner) = (StreamPast::default(), Learner::new(Schema::default(), Options::default()).unwrap());
        let record = Record { data: Data::One(Datum::Text("a".into())), ..Record::default() };
        let mut learn = |now_us: i64| {
            let mut batch = past.batch(now_us);
            let event = learner.bind(&record, &Limits::default()).unwrap();
            batch.add(&record, &learner.observe(&event));
            past.add(now_us, batch, Some(&learner));
        };
        let ever = || past.windows().last().map(|window| window.events);
        (0..50).for_each(|i| learn(i * 10_000));
        assert_eq!(ever(), Some(1));
        past.settle(4_000_000, &learner);
        assert_eq!(ever(), Some(1), "not yet");
        past.settle(6_000_000, &learner);
        assert_eq!(ever(), Some(50));
        let mean = learner.scored_bits().1 / 50.0;
        assert!(past.latest_bits().is_some_and(|bits| (bits - mean).abs() < 1e-9));
    }
}
