//! What is shown of a stream's past: its history, losses over windows of time, and its latest incidents. None of it has
//! a part in what is learnt. It is in the summary of each checkpoint, so a restart does not make a stream look new.

use crate::history::{BatchSums, History};
use crate::incidents::Incidents;
use crate::loss_windows::LossMarks;
use std::sync::{Mutex, MutexGuard, PoisonError};
use surmise_event::Outcome;
use surmise_learner::Learner;
use surmise_protocol::{HistoryPoint, LossWindow};
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

    /// Adds a batch that was learnt at a time, in microseconds since 1970, after which the learner is as it is.
    pub fn add(&self, now_us: i64, sums: &BatchSums, learner: Option<&Learner>) {
        let mut course = self.course();
        course.history.add(now_us, sums);
        let Some(learner) = learner else { return };
        let account = learner.budget_account();
        (course.promised, course.begun) = (account.promised, account.begun);
        if course.losses.is_due(now_us) {
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

    /// What a list shows.
    pub fn glance(&self, now_us: i64) -> PastGlance {
        let course = self.course();
        PastGlance {
            events_per_second: course.history.events_per_second(now_us),
            skill: course.losses.skill(),
            promised: course.promised,
            begun: course.begun,
        }
    }

    /// The same past with other incidents.
    pub fn with_incidents(&self, incidents: Incidents) -> StreamPast {
        StreamPast { course: Mutex::new(self.course().clone()), incidents }
    }

    /// Appends the encoded past.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let course = self.course().clone();
        course.history.encode(out);
        out.extend_from_slice(&course.promised.to_bits().to_le_bytes());
        put_varint(out, course.begun);
        put_bytes(out, &serde_json::to_vec(&course.losses).unwrap_or_default());
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
        let incidents = Incidents::decode(cursor)?;
        Ok(StreamPast { course: Mutex::new(Course { history, losses, promised, begun }), incidents })
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
