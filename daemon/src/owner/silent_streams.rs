//! What an owner does for streams that are silent: it tells which events are overdue, without waiting for the event
//! that would end the silence, and takes in what the last events cost.

use super::owned_stream::OwnedStream;
use super::state::Owner;
use crate::clock::Moment;
use std::time::Duration;
use surmise_protocol::AlarmEvent;

/// How often the owner looks after streams that are silent.
pub(super) const SILENCE_POLL_INTERVAL: Duration = Duration::from_secs(1);

impl Owner {
    /// Looks after the streams that are awake.
    pub(super) fn look_after_silent(&mut self, now: Moment) {
        self.silence_checked_at = now.uptime;
        for (name, stream) in &mut self.streams {
            // events of one that rests have come, and wait
            if !self.resting.contains_key(name) {
                stream.tell_overdue(now);
            }
            if let Some(state) = stream.lifecycle.state() {
                stream.view.past.settle(now.wall_us, &state.learner);
            }
        }
    }
}

impl OwnedStream {
    /// Tells that the next event is overdue, once, if it is. The stream's own clock goes on from its latest event as
    /// fast as the daemon's, so that a stream of the past that is sent at once is not late by years; and where events
    /// came faster than their times tell, it first stands still until the daemon's has caught up.
    fn tell_overdue(&mut self, now: Moment) {
        let Some(state) = self.lifecycle.state() else { return };
        if self.silence.told {
            return;
        }
        let silent_us = i64::try_from(now.since(self.silence.since).as_micros()).unwrap_or(i64::MAX);
        let Some(clock_us) = state.counters.times.clock_us(silent_us) else { return };
        if let Some(alarm) = state.learner.overdue(clock_us) {
            self.silence.told = true;
            self.view.tell_alarm(AlarmEvent::overdue(&self.view.name, alarm, Some(now.wall_us)));
        }
    }
}
