//! How many outcomes a second a follower gets who asked for a rate: a person reads no thousands, and each that is sent
//! costs the daemon as much as a good part of learning an event.

use crate::following::FollowedOutcome;
use std::sync::Arc;
use std::time::Duration;
use surmise_protocol::OutcomeReply;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::Instant;

/// How often a follower is sent what came since.
const INTERVAL: Duration = Duration::from_millis(50);

/// The pace of a follower.
pub struct Pace {
    /// Outcomes that are sent at once, at most.
    at_once_max: usize,
    /// Before this nothing more is sent.
    open_at: Option<Instant>,
}

/// Rarities at which outcomes that are left out are counted: once in so many events.
const COUNTED_RARITIES: [f64; 4] = [10.0, 100.0, 1_000.0, 10_000.0];

/// What came since the last time: what is sent of it in order, and what is left out.
#[derive(Default)]
pub struct PacedOutcomes {
    /// What is sent.
    pub sent: Vec<Arc<FollowedOutcome>>,
    /// How many outcomes were gone before they could be looked at.
    pub missed: u64,
    /// How many were looked at and are not sent.
    pub left_out: u64,
    /// How many of these were at least as rare as once in 10, 100, 1,000 and 10,000 events.
    pub left_out_at_least: [u64; COUNTED_RARITIES.len()],
}

impl Pace {
    /// The pace of so many outcomes a second.
    pub fn of_rate(rate: usize) -> Pace {
        let ticks = Duration::from_secs(1).as_millis() / INTERVAL.as_millis();
        Pace { at_once_max: (rate / ticks as usize).max(1), open_at: None }
    }

    /// Waits until more may be sent, and for an outcome.
    pub async fn wait(&self, outcomes: &mut Receiver<Arc<FollowedOutcome>>) -> Result<Arc<FollowedOutcome>, RecvError> {
        if let Some(open_at) = self.open_at {
            tokio::time::sleep_until(open_at).await;
        }
        outcomes.recv().await
    }

    /// Takes all that has come besides, and chooses: lasting changes and alarms first, then the rarest.
    pub fn take(
        &mut self,
        first: Option<Arc<FollowedOutcome>>,
        outcomes: &mut Receiver<Arc<FollowedOutcome>>,
    ) -> PacedOutcomes {
        self.open_at = Some(Instant::now() + INTERVAL);
        let mut came = PacedOutcomes { sent: first.into_iter().collect(), ..PacedOutcomes::default() };
        loop {
            match outcomes.try_recv() {
                Ok(followed) => came.sent.push(followed),
                Err(TryRecvError::Lagged(skipped)) => came.missed += skipped,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        self.thin(&mut came);
        came
    }

    fn thin(&self, came: &mut PacedOutcomes) {
        let surplus = came.sent.len().saturating_sub(self.at_once_max);
        if surplus == 0 {
            return;
        }
        let ranks: Vec<(bool, f64)> =
            came.sent.iter().map(|followed| followed.outcome.as_ref().map_or((false, 0.0), weight)).collect();
        let mut places: Vec<usize> = (0..came.sent.len()).collect();
        places.sort_by(|a, b| ranks[*a].0.cmp(&ranks[*b].0).then(ranks[*a].1.total_cmp(&ranks[*b].1)));
        let mut is_left_out = vec![false; came.sent.len()];
        for place in &places[..surplus] {
            is_left_out[*place] = true;
            let (_, rarity) = ranks[*place];
            came.left_out_at_least
                .iter_mut()
                .zip(COUNTED_RARITIES)
                .for_each(|(n, least)| *n += u64::from(rarity >= least));
        }
        let mut left_out = is_left_out.into_iter();
        came.sent.retain(|_| left_out.next() == Some(false));
        came.left_out += surplus as u64;
    }
}

/// Whether an outcome tells of more than itself, and how rare it is.
fn weight(outcome: &OutcomeReply) -> (bool, f64) {
    (outcome.alarm.is_some() || !outcome.drift.is_empty(), outcome.rarity_events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::following::FollowerRoom;

    #[test]
    fn the_rarest_are_sent_in_their_order_and_the_others_counted() {
        let room = FollowerRoom::new(1 << 20);
        let outcome = |offset, rarity_events| {
            room.put(Some(OutcomeReply { offset, rarity_events, ..OutcomeReply::default() }), 1)
        };
        let (sender, mut receiver) = tokio::sync::broadcast::channel(64);
        for (offset, rarity) in [(1, 900.0), (2, 1.0), (3, 50.0), (4, 20.0)] {
            let _ = sender.send(outcome(offset, rarity));
        }
        let came = Pace::of_rate(40).take(Some(outcome(0, 3.0)), &mut receiver);
        let offsets: Vec<u64> = came.sent.iter().filter_map(|f| f.outcome.as_ref()).map(|o| o.offset).collect();
        assert_eq!((offsets, came.left_out, came.left_out_at_least), (vec![1, 3], 3, [1, 0, 0, 0]));
        let few = Pace::of_rate(1).take(Some(outcome(9, 1.0)), &mut receiver);
        assert_eq!((few.sent.len(), few.left_out, few.missed), (1, 0, 0));
    }
}
