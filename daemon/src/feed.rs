//! A feed for followers, which takes memory only from its first follower on.

use std::sync::OnceLock;
use tokio::sync::broadcast::{Receiver, Sender};

/// Messages for those that follow. A channel has memory for every message that a follower may lag behind, which is far
/// more than a quiet stream takes otherwise; so it is made for the first follower.
pub struct LazyFeed<T> {
    channel: OnceLock<Sender<T>>,
    lag_max: usize,
}

impl<T: Clone> LazyFeed<T> {
    /// A feed whose followers may lag behind by `lag_max` messages before they miss some.
    pub fn new(lag_max: usize) -> LazyFeed<T> {
        LazyFeed { channel: OnceLock::new(), lag_max }
    }

    /// How many follow.
    pub fn followers(&self) -> usize {
        self.channel.get().map_or(0, Sender::receiver_count)
    }

    /// Follows from here on.
    pub fn follow(&self) -> Receiver<T> {
        self.channel.get_or_init(|| Sender::new(self.lag_max)).subscribe()
    }

    /// Sends a message to those that follow, if there are any.
    pub fn send(&self, message: T) {
        if let Some(channel) = self.channel.get() {
            // the last follower may just have left
            let _ = channel.send(message);
        }
    }
}
