//! The latest incidents of a stream, for those who ask for them over HTTP.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use surmise_event::AlarmPhase;
use surmise_protocol::AlarmEvent;

/// Incidents of a stream that are kept; the oldest make room for new ones.
pub const INCIDENTS_MAX: usize = 256;

/// The latest incidents of a stream, each as it stood last. Its owner writes them, others read; the lock is held for
/// as long as one incident is copied in, or a list of them out.
#[derive(Default)]
pub struct Incidents(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Incidents, the oldest first.
    latest: VecDeque<AlarmEvent>,
    /// Incidents that began since the start.
    begun: u64,
}

impl Incidents {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an alarm: a new incident, or how one stands by now. An incident keeps the event that it began with.
    pub fn note(&self, event: &AlarmEvent) {
        let mut kept = self.kept();
        kept.begun += u64::from(event.alarm.phase == AlarmPhase::Begins);
        let same =
            |known: &&mut AlarmEvent| known.alarm.began == event.alarm.began && known.alarm.kind == event.alarm.kind;
        if event.alarm.phase != AlarmPhase::Begins
            && let Some(known) = kept.latest.iter_mut().rev().find(same)
        {
            known.alarm = event.alarm.clone();
            return;
        }
        if kept.latest.len() >= INCIDENTS_MAX {
            kept.latest.pop_front();
        }
        kept.latest.push_back(event.clone());
    }

    /// Incidents that began since the daemon started.
    pub fn begun(&self) -> u64 {
        self.kept().begun
    }

    /// The latest incidents, the latest first.
    pub fn latest(&self, limit: usize) -> Vec<AlarmEvent> {
        self.kept().latest.iter().rev().take(limit).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::{Alarm, AlarmKind};

    fn alarm(phase: AlarmPhase, began: u64, offset: u64) -> AlarmEvent {
        let alarm = Alarm {
            kind: AlarmKind::Value,
            phase,
            began,
            offset,
            count: 1 + offset - began,
            rarity_events: 20_000.0,
            rarity_seconds: None,
            field: None,
        };
        AlarmEvent::overdue(&"web".into(), alarm)
    }

    #[test]
    fn an_incident_is_one_entry_from_its_beginning_to_its_end() {
        let incidents = Incidents::default();
        for event in [
            alarm(AlarmPhase::Begins, 10, 10),
            alarm(AlarmPhase::GoesOn, 10, 12),
            alarm(AlarmPhase::Ended, 10, 12),
            alarm(AlarmPhase::Begins, 90, 90),
        ] {
            incidents.note(&event);
        }
        let latest = incidents.latest(10);
        let stands: Vec<_> = latest.iter().map(|e| (e.alarm.began, e.alarm.phase, e.alarm.count)).collect();
        assert_eq!(stands, [(90, AlarmPhase::Begins, 1), (10, AlarmPhase::Ended, 3)]);
        assert_eq!((incidents.begun(), incidents.latest(1).len()), (2, 1));
        (0..400).for_each(|i| incidents.note(&alarm(AlarmPhase::Begins, 100 + i, 100 + i)));
        assert_eq!(incidents.latest(1000).len(), INCIDENTS_MAX);
    }
}
