//! Events that are overdue, told while the silence lasts: without waiting for the event that would end it.

use super::owned_stream::OwnedStream;
use super::state::Owner;
use crate::clock::Moment;
use std::time::Duration;
use surmise_protocol::AlarmEvent;

/// How often the owner looks for events that are overdue.
pub(super) const OVERDUE_POLL_INTERVAL: Duration = Duration::from_secs(1);

impl Owner {
    /// Tells what is overdue in the streams that are awake.
    pub(super) fn tell_overdue(&mut self, now: Moment) {
        self.overdue_checked_at = now.uptime;
        self.streams.values_mut().for_each(|stream| stream.tell_overdue(now));
    }
}

impl OwnedStream {
    /// Tells that the next event is overdue, once, if it is. The stream's own clock goes on from its latest event as
    /// fast as the daemon's, so that a stream of the past that is sent at once is not late by years.
    fn tell_overdue(&mut self, now: Moment) {
        let Some(state) = self.lifecycle.state() else { return };
        let Some(last_us) = state.counters.last_event_us else { return };
        if self.silence.told == Some(state.learner.offset()) {
            return;
        }
        let silent_us = i64::try_from(now.since(self.silence.since).as_micros()).unwrap_or(i64::MAX);
        if let Some(alarm) = state.learner.overdue(last_us.saturating_add(silent_us)) {
            self.silence.told = Some(state.learner.offset());
            self.view.tell_alarm(AlarmEvent::overdue(&self.view.name, alarm, Some(now.wall_us)));
        }
    }
}
