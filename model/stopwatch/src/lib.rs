//! A stopwatch for the stages of one event: how long each of them takes, in the code as it runs.
//!
//! The models call [`lap`] at the end of a stage, wherever they are. While no stopwatch runs in the thread, that is one
//! look at a flag; while one runs, the time since the lap before counts for the stage. So stages never overlap, and
//! together they are the event's time. Nothing that is learnt depends on it.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// A stage of scoring and learning an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventStage {
    /// The event's values are read: symbols are looked up, a line becomes a template and its slots.
    Reading,
    /// The state of its key is taken, and put back.
    Key,
    /// Counts of contexts and matches are looked up.
    Contexts,
    /// The network runs one step.
    Network,
    /// The answers are mixed, and what came is scored.
    Mixing,
    /// Counts, weights and maps take in what came.
    Learning,
    /// The network learns a chunk that is full, or hands it to a worker.
    Training,
    /// Numbers are predicted, scored and learnt, but for their network.
    Numbers,
    /// Slots of a line are scored and learnt.
    Slots,
    /// The event is judged: rarity, incidents, drift.
    Judging,
    /// What is left.
    Rest,
}

impl EventStage {
    /// All stages, in the order in which an event meets them.
    pub const ALL: [EventStage; 11] = [
        EventStage::Reading,
        EventStage::Key,
        EventStage::Contexts,
        EventStage::Network,
        EventStage::Mixing,
        EventStage::Learning,
        EventStage::Training,
        EventStage::Numbers,
        EventStage::Slots,
        EventStage::Judging,
        EventStage::Rest,
    ];

    /// The word for it in answers.
    pub fn name(self) -> &'static str {
        match self {
            EventStage::Reading => "reading",
            EventStage::Key => "key",
            EventStage::Contexts => "contexts",
            EventStage::Network => "network",
            EventStage::Mixing => "mixing",
            EventStage::Learning => "learning",
            EventStage::Training => "training",
            EventStage::Numbers => "numbers",
            EventStage::Slots => "slots",
            EventStage::Judging => "judging",
            EventStage::Rest => "rest",
        }
    }

    /// What happens in it, as a phrase for people.
    pub fn about(self) -> &'static str {
        match self {
            EventStage::Reading => "its values are read: symbols looked up, a line made a template and slots",
            EventStage::Key => "the state of its key is taken, and put back",
            EventStage::Contexts => "counts of contexts and matches are looked up",
            EventStage::Network => "the network runs a step",
            EventStage::Mixing => "the answers are mixed, and what came is scored",
            EventStage::Learning => "counts, weights and maps take in what came",
            EventStage::Training => "the network learns a chunk, or hands it to a worker",
            EventStage::Numbers => "numbers are predicted, scored and learnt, but for their network",
            EventStage::Slots => "slots of a line are scored and learnt",
            EventStage::Judging => "rarity, incidents and drift are judged",
            EventStage::Rest => "what is left",
        }
    }
}

/// How long each stage took, of one event or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageTimes {
    /// Events that were measured.
    pub events: u64,
    /// `[stages]`: the time of each, in the order of [`EventStage::ALL`].
    pub spent: [Duration; EventStage::ALL.len()],
}

impl StageTimes {
    /// Adds the times of other events.
    pub fn add(&mut self, more: &StageTimes) {
        self.events += more.events;
        for (sum, spent) in self.spent.iter_mut().zip(more.spent) {
            *sum += spent;
        }
    }

    /// Has the events so far count half.
    pub fn halve(&mut self) {
        self.events /= 2;
        self.spent.iter_mut().for_each(|spent| *spent /= 2);
    }

    /// The time of all stages.
    pub fn total(&self) -> Duration {
        self.spent.iter().sum()
    }

    /// The stages that took any time, each with it.
    pub fn each(&self) -> impl Iterator<Item = (EventStage, Duration)> {
        EventStage::ALL.into_iter().zip(self.spent).filter(|(_, spent)| !spent.is_zero())
    }
}

/// A stopwatch that runs.
struct Measurement {
    lap_began: Instant,
    spent: [Duration; EventStage::ALL.len()],
}

thread_local! {
    static RUNS: Cell<bool> = const { Cell::new(false) };
    static RUNNING: RefCell<Option<Measurement>> = const { RefCell::new(None) };
}

/// A stage is over: if a stopwatch runs in this thread, the time since the lap before counts for the stage.
#[inline(always)]
pub fn lap(stage: EventStage) {
    if RUNS.get() {
        count(stage);
    }
}

#[cold]
#[inline(never)]
fn count(stage: EventStage) {
    RUNNING.with_borrow_mut(|running| {
        if let Some(running) = running {
            let now = Instant::now();
            running.spent[stage as usize] += now - running.lap_began;
            running.lap_began = now;
        }
    });
}

/// Measures what scores and learns one event; what no lap ends counts as [`EventStage::Rest`]. A measurement within
/// another one ends that one.
pub fn measure<R>(work: impl FnOnce() -> R) -> (R, StageTimes) {
    /// Stops the stopwatch even if the work panics.
    struct Stopped;
    impl Drop for Stopped {
        fn drop(&mut self) {
            RUNS.set(false);
        }
    }
    RUNNING.set(Some(Measurement { lap_began: Instant::now(), spent: Default::default() }));
    RUNS.set(true);
    let stopped = Stopped;
    let result = work();
    lap(EventStage::Rest);
    drop(stopped);
    let spent = RUNNING.take().map_or_else(Default::default, |running| running.spent);
    (result, StageTimes { events: 1, spent })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laps_are_the_time_of_their_stages_and_together_all_of_it() {
        let pause = Duration::from_millis(5);
        let began = Instant::now();
        let (result, times) = measure(|| {
            std::thread::sleep(pause);
            lap(EventStage::Contexts);
            std::thread::sleep(2 * pause);
            lap(EventStage::Network);
            lap(EventStage::Contexts);
            7
        });
        let all = began.elapsed();
        assert_eq!((result, times.events), (7, 1));
        let of = |stage: EventStage| times.spent[stage as usize];
        assert!(of(EventStage::Contexts) >= pause && of(EventStage::Network) >= 2 * pause && times.total() <= all);
        assert_eq!(of(EventStage::Mixing), Duration::ZERO);
        // no stopwatch runs now
        lap(EventStage::Mixing);
        let mut both = times;
        both.add(&times);
        assert_eq!((both.events, both.total()), (2, 2 * times.total()));
    }

    #[test]
    fn a_panic_stops_the_stopwatch() {
        let panicked = std::panic::catch_unwind(|| measure(|| panic!("planned")));
        assert!(panicked.is_err() && !RUNS.get());
    }

    #[test]
    fn stages_are_numbered_in_their_order() {
        assert!(EventStage::ALL.iter().enumerate().all(|(i, stage)| *stage as usize == i && !stage.about().is_empty()));
    }
}
