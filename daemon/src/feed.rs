//! A feed for followers, which takes memory only from its first follower on.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::broadcast::{Receiver, Sender};

/// Messages for those that follow. A channel has memory for every message that a follower may lag behind, which is far
/// more than a quiet stream takes otherwise; so it is made for the first follower.
///
/// The latest messages are kept for a follower that comes back after a break, and let go once so many were sent without
/// any follower.
pub struct LazyFeed<T> {
    channel: OnceLock<Sender<T>>,
    lag_max: usize,
    latest: Mutex<Latest<T>>,
    latest_max: usize,
}

struct Latest<T> {
    messages: VecDeque<T>,
    /// Messages that were sent since the last follower left.
    unfollowed: usize,
}

impl<T: Clone> LazyFeed<T> {
    /// A feed whose followers may lag behind by `lag_max` messages before they miss some. The latest `latest_max` are
    /// kept for those that come back.
    pub fn new(lag_max: usize, latest_max: usize) -> LazyFeed<T> {
        let latest = Mutex::new(Latest { messages: VecDeque::new(), unfollowed: 0 });
        LazyFeed { channel: OnceLock::new(), lag_max, latest, latest_max }
    }

    fn latest(&self) -> MutexGuard<'_, Latest<T>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many follow.
    pub fn followers(&self) -> usize {
        self.channel.get().map_or(0, Sender::receiver_count)
    }

    /// Whether messages are wanted: by those that follow, or for one that may come back.
    pub fn is_wanted(&self) -> bool {
        self.followers() > 0 || (self.channel.get().is_some() && !self.latest().messages.is_empty())
    }

    /// Follows from here on.
    pub fn follow(&self) -> Receiver<T> {
        self.channel.get_or_init(|| Sender::new(self.lag_max)).subscribe()
    }

    /// Follows from here on, with the messages that are kept of those before.
    pub fn follow_again(&self) -> (Vec<T>, Receiver<T>) {
        // nothing is sent in between
        let latest = self.latest();
        (latest.messages.iter().cloned().collect(), self.follow())
    }

    /// Sends a message to those that follow, if there are any.
    pub fn send(&self, message: T) {
        let Some(channel) = self.channel.get() else { return };
        let mut latest = self.latest();
        let is_followed = channel.receiver_count() > 0;
        latest.unfollowed = if is_followed { 0 } else { latest.unfollowed + 1 };
        if latest.unfollowed > self.latest_max {
            latest.messages = VecDeque::new();
        } else if self.latest_max > 0 {
            if latest.messages.len() >= self.latest_max {
                latest.messages.pop_front();
            }
            latest.messages.push_back(message.clone());
        }
        // the last follower may just have left
        let _ = channel.send(message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_comes_back_finds_the_latest_until_nobody_came_for_long() {
        let feed = LazyFeed::new(64, 4);
        feed.send(0);
        assert!(!feed.is_wanted());
        let mut first = feed.follow();
        (1..=6).for_each(|i| feed.send(i));
        assert_eq!(first.try_recv(), Ok(1));
        drop(first);
        feed.send(7);
        let (latest, mut again) = feed.follow_again();
        assert_eq!(latest, [4, 5, 6, 7]);
        feed.send(8);
        assert_eq!(again.try_recv(), Ok(8));
        drop(again);
        (9..=13).for_each(|i| feed.send(i));
        assert!(!feed.is_wanted() && feed.follow_again().0.is_empty());
    }
}
