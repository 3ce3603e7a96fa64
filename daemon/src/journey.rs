//! The journey of one event through the daemon: when it passed each milestone, as a trace tells it.
//!
//! A journey travels with the part of a chunk that its event is in (`ticket::Pending`), from the door to the answer. Of
//! nearly all parts there is none. Nothing that is learnt depends on one.

use crate::clock::now_us;
use std::sync::Arc;
use std::time::Instant;
use surmise_event::Refusal;
use surmise_stopwatch::StageTimes;

/// What an event passes on its way. What happens before it is the span of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    /// Its chunk is read, parsed and checked.
    Read,
    /// Its owner comes to it, after room in the inbox was there and the events before it were learnt.
    Queued,
    /// It is scored and learnt.
    Learnt,
    /// The log has it for good.
    Committed,
    /// Its sender is answered.
    Answered,
}

impl Milestone {
    /// The name of the span before it, which is what happens there.
    pub fn name(self) -> &'static str {
        match self {
            Milestone::Read => "read",
            Milestone::Queued => "queue",
            Milestone::Learnt => "learn",
            Milestone::Committed => "commit",
            Milestone::Answered => "answer",
        }
    }
}

/// The span of a caller that an event's journey belongs to, as `traceparent` of W3C Trace Context says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallerSpan {
    /// The number of the caller's trace, not 0.
    pub trace: u128,
    /// The number of the caller's span, not 0.
    pub span: u64,
}

/// What became of the event.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum JourneyEnd {
    /// It was dropped on the way, and its sender was not told that it is safe.
    #[default]
    Lost,
    /// It was learnt.
    Learnt {
        /// Its offset in its stream.
        offset: u64,
        /// Its surprise.
        surprise_bits: f64,
        /// Its rarity: it is as unusual as one in so many events.
        rarity_events: f64,
    },
    /// It had come before.
    Duplicate,
    /// Its owner refused it.
    Refused(Refusal),
}

/// Where journeys go that are over.
pub type JourneySink = Arc<dyn Fn(&Journey) + Send + Sync>;

/// The journey of one event.
pub struct Journey {
    /// The stream.
    pub stream: Arc<str>,
    /// The door: the name of the listener or of the source.
    pub listener: &'static str,
    /// The number of its line on its connection.
    pub line: u64,
    /// Events that its owner takes with it at once, itself among them.
    pub batch: usize,
    /// The span of its sender that it belongs to.
    pub caller: Option<CallerSpan>,
    /// When it arrived, in microseconds since 1970.
    pub arrival_us: i64,
    /// What became of it.
    pub end: JourneyEnd,
    /// How long the stages of its learning took.
    pub learning: StageTimes,
    /// The milestones that it has passed, in order, each with when that was, in microseconds since 1970.
    pub passed: Vec<(Milestone, i64)>,
    /// Its place among the events of its part.
    pub(crate) index: usize,
    /// When it was read, by both clocks: the times are told by the one that never jumps.
    read: (Instant, i64),
    sink: JourneySink,
}

impl Journey {
    /// The journey of the event at an index of a part of `batch` events, which is read and sent to its owner now.
    pub(crate) fn begin(
        stream: Arc<str>,
        listener: &'static str,
        (index, batch): (usize, usize),
        (line, arrival_us): (u64, i64),
        caller: Option<CallerSpan>,
        sink: JourneySink,
    ) -> Journey {
        let read = (Instant::now(), now_us());
        let (passed, end) = (vec![(Milestone::Read, read.1.max(arrival_us))], JourneyEnd::default());
        let learning = StageTimes::default();
        Journey { stream, listener, line, batch, caller, arrival_us, end, passed, index, read, sink, learning }
    }

    /// Notes that it passes a milestone now.
    pub(crate) fn pass(&mut self, milestone: Milestone) {
        let (read, read_us) = self.read;
        self.passed.push((milestone, read_us.max(self.arrival_us) + read.elapsed().as_micros() as i64));
    }

    /// Learns the event by `learn`, and notes when that began and was over, and what `end` says of what came of it.
    pub(crate) fn learn<R>(
        &mut self,
        learn: impl FnOnce() -> (R, StageTimes),
        end: impl FnOnce(&R) -> JourneyEnd,
    ) -> R {
        self.pass(Milestone::Queued);
        let (applied, stages) = learn();
        self.pass(Milestone::Learnt);
        self.learning = stages;
        self.end = end(&applied);
        applied
    }

    /// Notes that the event was lost, whatever was known of it: nothing of its part is durable.
    pub(crate) fn lose(&mut self) {
        self.end = JourneyEnd::Lost;
    }

    /// Tells the journey, which is over.
    pub(crate) fn tell(self) {
        (self.sink.clone())(&self);
    }
}
