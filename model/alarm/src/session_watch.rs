//! What is unusual of a key's end: the verdict on its session as a whole, as one on the event with which it is over.

use crate::claim::RespectClaim;
use surmise_event::AlarmKind;
use surmise_state::{Persist, State, StateError};

/// Events after which half of what was counted fades.
const MEMORY_EVENTS: f64 = 65_536.0;
/// Sessions before the verdict on one is a claim: verdicts are held against each other.
const QUIET_SESSIONS: f64 = 50.0;

/// How often sessions are over in a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionWatch {
    /// Events and, among them, sessions that were over, fading.
    events: f64,
    sessions: f64,
}

impl SessionWatch {
    /// What the respect weighs.
    pub(crate) fn weight(&self) -> f64 {
        if self.sessions > 0.0 { 1.0 } else { 0.0 }
    }

    /// Counts an event.
    pub(crate) fn event(&mut self) {
        self.events += 1.0;
        if self.events >= 2.0 * MEMORY_EVENTS {
            self.events *= 0.5;
            self.sessions *= 0.5;
        }
    }

    /// Takes in that a session is over that is as unusual as one in `rarity_sessions`; raises `claim` by it. Where one
    /// event in m ends a session, that is once in m times as many events.
    pub(crate) fn observe(&mut self, rarity_sessions: f64, claim: &mut RespectClaim) {
        self.sessions += 1.0;
        if self.sessions > QUIET_SESSIONS && rarity_sessions > 1.0 {
            let events = rarity_sessions * (self.events / self.sessions).max(1.0);
            claim.raise(AlarmKind::End, libm::log2(events), None);
        }
    }
}

impl Persist for SessionWatch {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.f64("session events", &mut self.events)?;
        s.f64("sessions over", &mut self.sessions)
    }
}
