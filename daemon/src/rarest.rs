//! The rarest outcomes of a stream, for those that follow it as far as a person reads.
//!
//! A person reads no thousands a second, and an outcome that is made, kept and sent costs the daemon a good part of
//! what learning its event does. So the owner makes outcomes only of events that are among the rarest of a short time,
//! and counts the others. They are chosen once, whatever the number of followers. Outcomes that show a drift are all
//! chosen: a follower hears of a drift with its outcome alone, and there are few.

use crate::feed::LazyFeed;
use crate::following::FollowedOutcome;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use surmise_event::Outcome;
use tokio::sync::Notify;
use tokio::sync::broadcast::Receiver;

/// The time of which the rarest are chosen. Every window wakes each follower, and nobody reads what changes more than
/// five times a second.
const WINDOW: Duration = Duration::from_millis(200);
/// Windows that a follower may lag behind.
const LAG_WINDOWS_MAX: usize = 256;
/// Windows that are kept for a follower that comes back.
const RESUMED_WINDOWS_MAX: usize = 256;
/// Rarities at which outcomes that are left out are counted: once in so many events.
const COUNTED_RARITIES: [f64; 4] = [10.0, 100.0, 1_000.0, 10_000.0];

/// How much an outcome is worth telling: first what shows a drift, then what is part of an incident, then the rarest.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rank {
    has_drift: bool,
    has_alarm: bool,
    rarity_events: f64,
}

/// What was left out: how many, and how many of them were at least as rare as once in 10, 100, 1,000 and 10,000 events.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LeftOut {
    pub events: u64,
    pub at_least: [u64; COUNTED_RARITIES.len()],
}

/// An outcome that was chosen.
#[derive(Clone, Debug)]
pub struct ChosenOutcome {
    rank: Rank,
    pub followed: Arc<FollowedOutcome>,
}

/// What was chosen of the events of a short time.
#[derive(Debug, Default)]
pub struct ChosenOutcomes {
    /// How many events were offered before the first of these. One event may have several offsets.
    pub number: u64,
    /// The offsets of the first event and of the last one.
    pub offsets: (u64, u64),
    /// The outcomes, in the order of their events.
    pub chosen: Vec<ChosenOutcome>,
    /// What was left out of the others.
    pub left_out: LeftOut,
}

/// The feed of a stream's rarest outcomes.
pub struct RarestFeed {
    choices: LazyFeed<Arc<ChosenOutcomes>>,
    window: Mutex<Window>,
    /// Whether anything is chosen.
    is_followed: AtomicBool,
    /// Notified when a window begins.
    begun: Arc<Notify>,
}

#[derive(Default)]
struct Window {
    choice: ChosenOutcomes,
    /// The most outcomes that are chosen.
    chosen_max: usize,
    /// Whether a task ends windows.
    is_timed: bool,
}

impl Rank {
    /// The rank of an outcome.
    pub fn of(outcome: &Outcome) -> Rank {
        Rank {
            has_drift: !outcome.drift.is_empty(),
            has_alarm: outcome.alarm.is_some(),
            rarity_events: outcome.rarity_events,
        }
    }
}

impl LeftOut {
    fn add(&mut self, rank: Rank) {
        self.events += 1;
        let counts = self.at_least.iter_mut().zip(COUNTED_RARITIES);
        counts.for_each(|(n, least)| *n += u64::from(rank.rarity_events >= least));
    }
}

/// The most outcomes that are chosen of a window at a rate by the second.
fn chosen_max(rate: usize) -> usize {
    let windows = Duration::from_secs(1).as_millis() / WINDOW.as_millis();
    (rate / windows as usize).max(1)
}

impl ChosenOutcomes {
    /// Chooses among the outcome of one more event and those before. `make` is called only where it is chosen.
    fn offer(&mut self, offset: u64, rank: Rank, chosen_max: usize, make: impl FnOnce() -> Arc<FollowedOutcome>) {
        if self.is_empty() {
            self.offsets.0 = offset;
        }
        self.offsets.1 = offset;
        if self.chosen.len() >= chosen_max && !self.leave_out_below(rank) && !rank.has_drift {
            return self.left_out.add(rank);
        }
        self.chosen.push(ChosenOutcome { rank, followed: make() });
    }

    fn is_empty(&self) -> bool {
        self.events() == 0
    }

    /// How many events it was chosen of.
    pub fn events(&self) -> u64 {
        self.chosen.len() as u64 + self.left_out.events
    }

    /// Leaves out the outcome of the least rank, if that is below `rank` and shows no drift; of equal ones the latest.
    fn leave_out_below(&mut self, rank: Rank) -> bool {
        let least = |best: usize, i: usize| if self.chosen[i].rank <= self.chosen[best].rank { i } else { best };
        let Some(least) = (0..self.chosen.len()).reduce(least) else { return false };
        // what is no number is rarer than nothing
        let is_below = self.chosen[least].rank < rank && !self.chosen[least].rank.has_drift;
        if is_below {
            self.left_out.add(self.chosen.remove(least).rank);
        }
        is_below
    }

    /// What a follower gets that asked for a rate of its own.
    pub fn at_rate(&self, rate: usize) -> (Vec<ChosenOutcome>, LeftOut) {
        let mut own = ChosenOutcomes { left_out: self.left_out, ..ChosenOutcomes::default() };
        for chosen in &self.chosen {
            own.offer(0, chosen.rank, chosen_max(rate), || chosen.followed.clone());
        }
        (own.chosen, own.left_out)
    }
}

impl RarestFeed {
    /// A feed that nobody follows.
    pub fn new() -> Arc<RarestFeed> {
        Arc::new(RarestFeed {
            choices: LazyFeed::new(LAG_WINDOWS_MAX, RESUMED_WINDOWS_MAX),
            window: Mutex::default(),
            is_followed: AtomicBool::new(false),
            begun: Arc::default(),
        })
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many follow.
    pub fn followers(&self) -> usize {
        self.choices.followers()
    }

    /// Whether outcomes are to be offered.
    pub fn is_followed(&self) -> bool {
        self.is_followed.load(Ordering::Relaxed)
    }

    /// Follows from here on at a rate by the second, with the choices that are kept of those before. To be called
    /// within the runtime, as windows end after a time.
    pub fn follow(self: &Arc<Self>, rate: usize) -> (Vec<Arc<ChosenOutcomes>>, Receiver<Arc<ChosenOutcomes>>) {
        let mut window = self.window();
        let others_max = if self.followers() > 0 { window.chosen_max } else { 0 };
        window.chosen_max = others_max.max(chosen_max(rate));
        self.is_followed.store(true, Ordering::Relaxed);
        if !window.is_timed {
            window.is_timed = true;
            tokio::spawn(end_windows(Arc::downgrade(self), self.begun.clone()));
        }
        self.choices.follow_again()
    }

    /// Offers the outcome of an event; `make` is called only where it is chosen, for now.
    pub fn offer(&self, offset: u64, rank: Rank, make: impl FnOnce() -> Arc<FollowedOutcome>) {
        let mut window = self.window();
        if window.choice.is_empty() {
            self.begun.notify_one();
        }
        let chosen_max = window.chosen_max;
        window.choice.offer(offset, rank, chosen_max, make);
    }

    /// Ends a window before its time, or in time; returns whether nobody follows any more.
    pub fn end_window(&self) -> bool {
        let mut window = self.window();
        let number = window.choice.number + window.choice.events();
        let choice = std::mem::replace(&mut window.choice, ChosenOutcomes { number, ..ChosenOutcomes::default() });
        let is_over = !self.choices.is_wanted();
        if is_over {
            window.is_timed = false;
            self.is_followed.store(false, Ordering::Relaxed);
        } else if !choice.is_empty() {
            self.choices.send(Arc::new(choice));
        }
        is_over
    }
}

impl Drop for RarestFeed {
    fn drop(&mut self) {
        // the task that ends windows is woken, and finds that there are none any more
        self.begun.notify_one();
    }
}

/// Ends each window some time after it has begun, for as long as there are followers.
async fn end_windows(feed: Weak<RarestFeed>, begun: Arc<Notify>) {
    loop {
        begun.notified().await;
        tokio::time::sleep(WINDOW).await;
        if feed.upgrade().is_none_or(|feed| feed.end_window()) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::following::FollowerRoom;
    use surmise_protocol::OutcomeReply;

    fn rank(rarity_events: f64) -> Rank {
        Rank { has_drift: false, has_alarm: false, rarity_events }
    }

    fn offsets(chosen: &[ChosenOutcome]) -> Vec<u64> {
        chosen.iter().filter_map(|chosen| chosen.followed.outcome.as_ref()).map(|outcome| outcome.offset).collect()
    }

    #[test]
    fn the_rarest_are_chosen_in_their_order_and_only_they_are_made() {
        let (room, mut made, mut choice) = (FollowerRoom::new(1 << 20), 0, ChosenOutcomes::default());
        for (offset, rarity) in [(5, 3.0), (6, 900.0), (7, 1.0), (8, 50.0), (9, 20.0), (10, 50.0)] {
            choice.offer(offset, rank(rarity), 2, || {
                made += 1;
                room.put(Some(OutcomeReply { offset, ..OutcomeReply::default() }), 1)
            });
        }
        assert_eq!((offsets(&choice.chosen), choice.offsets, made), (vec![6, 8], (5, 10), 3));
        assert_eq!((choice.left_out.events, choice.left_out.at_least), (4, [2, 0, 0, 0]));
        // a follower that wants fewer gets fewer of them
        let (own, left_out) = choice.at_rate(5);
        assert_eq!((offsets(&own), left_out.events, left_out.at_least), (vec![6], 5, [3, 0, 0, 0]));
        assert_eq!(offsets(&choice.at_rate(1000).0), vec![6, 8]);
        let alarm = Rank { has_alarm: true, ..rank(1.0) };
        choice.offer(11, alarm, 2, || room.put(Some(OutcomeReply { offset: 11, ..OutcomeReply::default() }), 1));
        assert_eq!(offsets(&choice.chosen), vec![6, 11]);
    }

    #[test]
    fn every_drift_is_chosen_whatever_the_rate() {
        let (room, mut choice) = (FollowerRoom::new(1 << 20), ChosenOutcomes::default());
        let drift = Rank { has_drift: true, ..rank(1.0) };
        let alarm = Rank { has_alarm: true, ..rank(1e9) };
        for (offset, rank) in [(0, rank(2.0)), (1, drift), (2, alarm), (3, drift), (4, rank(1e12)), (5, drift)] {
            choice.offer(offset, rank, 1, || room.put(Some(OutcomeReply { offset, ..OutcomeReply::default() }), 1));
        }
        assert_eq!((offsets(&choice.chosen), choice.left_out.events, choice.events()), (vec![1, 3, 5], 3, 6));
        let (own, left_out) = choice.at_rate(1);
        assert_eq!((offsets(&own), left_out.events), (vec![1, 3, 5], 3));
    }

    // the task that ends windows never gets its turn here: the test ends them
    #[tokio::test]
    async fn followers_share_choices_and_nothing_is_chosen_once_they_have_left() {
        let (room, feed) = (FollowerRoom::new(1 << 20), RarestFeed::new());
        assert!(!feed.is_followed());
        let (kept, mut one) = feed.follow(5);
        let (_, mut other) = feed.follow(10);
        assert!(kept.is_empty() && feed.is_followed() && feed.followers() == 2);
        let offer = |offset: u64, rarity: f64| {
            feed.offer(offset, rank(rarity), || room.put(Some(OutcomeReply { offset, ..OutcomeReply::default() }), 1));
        };
        (0..100).for_each(|offset| offer(offset, offset as f64));
        assert!(!feed.end_window());
        let choice = one.try_recv().unwrap();
        assert_eq!((offsets(&choice.chosen), choice.left_out.events), (vec![98, 99], 98));
        assert!(Arc::ptr_eq(&choice, &other.try_recv().unwrap()));
        drop((one, other));
        offer(100, 1.0);
        assert!(!feed.end_window());
        let (kept, again) = feed.follow(5);
        let places = kept.iter().map(|choice| (choice.number, choice.offsets));
        assert_eq!(places.collect::<Vec<_>>(), [(0, (0, 99)), (100, (100, 100))]);
        drop(again);
        let windows = (101..1000).take_while(|offset| {
            offer(*offset, 1.0);
            !feed.end_window()
        });
        assert_eq!((windows.count(), feed.is_followed()), (RESUMED_WINDOWS_MAX, false), "it was let go");
    }
}
