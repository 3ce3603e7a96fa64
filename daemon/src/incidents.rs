//! The latest incidents of a stream, for those who ask for them over HTTP.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use surmise_event::{AlarmKind, AlarmPhase};
use surmise_protocol::AlarmEvent;
use surmise_store::bytes::{Cursor, Damaged, put_bytes, put_varint};

/// Incidents of a stream that are kept; the oldest make room for new ones.
pub const INCIDENTS_MAX: usize = 256;

/// Of these, how many a checkpoint holds at most, and with how many bytes.
const INCIDENTS_STORED_MAX: usize = 64;
const INCIDENTS_STORED_BYTES_MAX: usize = 64 << 10;

/// The latest incidents of a stream, each as it stood last. Its owner writes them, others read; the lock is held for
/// as long as one incident is copied in, or a list of them out.
#[derive(Debug, Default)]
pub struct Incidents(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Incidents, the oldest first.
    latest: VecDeque<AlarmEvent>,
    /// Incidents that began, as far as they are known.
    begun: u64,
    /// How often anything changed.
    changes: u64,
}

impl Incidents {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an alarm: a new incident, or how one stands by now ([`AlarmEvent::go_on`]). What was told to be overdue
    /// becomes the incident that its event begins when it comes at last.
    pub fn note(&self, event: &AlarmEvent) {
        let mut kept = self.kept();
        kept.changes += 1;
        let same = |known: &&mut AlarmEvent| known.is_of(&event.alarm);
        if event.alarm.phase == AlarmPhase::Begins
            && let Some(known) = kept.latest.iter_mut().rev().find(same).filter(|known| is_overdue(known))
        {
            *known = event.clone();
            return;
        }
        kept.begun += u64::from(event.alarm.phase == AlarmPhase::Begins);
        if event.alarm.phase != AlarmPhase::Begins
            && let Some(known) = kept.latest.iter_mut().rev().find(same)
        {
            known.go_on(&event.alarm, event.event_offset, || Some(event.clone()));
            return;
        }
        if kept.latest.len() >= INCIDENTS_MAX {
            kept.latest.pop_front();
        }
        kept.latest.push_back(event.clone());
    }

    /// Ends what is overdue, as an event has come.
    pub fn end_overdue(&self) {
        let mut kept = self.kept();
        if let Some(overdue) = kept.latest.iter_mut().rev().find(|known| is_overdue(known)) {
            overdue.alarm.phase = AlarmPhase::Ended;
            kept.changes += 1;
        }
    }

    /// Of the incidents that are kept, those of an overdue event alone, which the learner's account does not have: no
    /// event has begun them.
    pub fn overdue_alone(&self) -> u64 {
        self.kept().latest.iter().filter(|known| is_overdue(known)).count() as u64
    }

    /// How often an incident began or went on; it tells a reader whether to look again.
    pub fn changes(&self) -> u64 {
        self.kept().changes
    }

    /// Appends the latest incidents, as many as fit into the room that a checkpoint has for them.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let kept = self.kept();
        put_varint(out, kept.begun);
        let mut latest = Vec::new();
        let mut bytes = 0;
        for incident in kept.latest.iter().rev().take(INCIDENTS_STORED_MAX) {
            let json = serde_json::to_vec(incident).unwrap_or_default();
            bytes += json.len();
            if bytes > INCIDENTS_STORED_BYTES_MAX {
                break;
            }
            latest.push(json);
        }
        put_varint(out, latest.len() as u64);
        latest.iter().rev().for_each(|json| put_bytes(out, json));
    }

    /// Reads incidents that [`Incidents::encode`] wrote. One that this version cannot read is left out.
    ///
    /// # Errors
    /// The bytes are damaged.
    pub fn decode(cursor: &mut Cursor<'_>) -> Result<Incidents, Damaged> {
        let begun = cursor.varint("incidents")?;
        let mut latest = VecDeque::new();
        for _ in 0..cursor.count("incidents")? {
            let Ok(mut incident) = serde_json::from_slice::<AlarmEvent>(cursor.bytes("an incident")?) else { continue };
            // an earlier version knew of no event but the one that the incident began with
            incident.alarm.oddest = incident.alarm.oddest.max(incident.alarm.began);
            incident.event_offset = incident.event_offset.max(incident.alarm.began);
            latest.push_back(incident);
        }
        Ok(Incidents(Mutex::new(Kept { latest, begun, changes: 0 })))
    }

    /// Takes over what another process knew, before what came since.
    pub fn take_over(&self, earlier: &Incidents) {
        let earlier = earlier.kept();
        let mut kept = self.kept();
        kept.begun += earlier.begun;
        kept.changes += 1;
        for incident in earlier.latest.iter().rev() {
            if kept.latest.len() < INCIDENTS_MAX {
                kept.latest.push_front(incident.clone());
            }
        }
    }

    /// Incidents that began, as far back as checkpoints know.
    pub fn begun(&self) -> u64 {
        self.kept().begun
    }

    /// The latest incidents, the latest first.
    pub fn latest(&self, limit: usize) -> Vec<AlarmEvent> {
        self.kept().latest.iter().rev().take(limit).cloned().collect()
    }
}

/// Whether an incident is of an overdue event, which has not come.
fn is_overdue(incident: &AlarmEvent) -> bool {
    incident.alarm.kind == AlarmKind::Missing && incident.event.is_null()
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::Alarm;

    fn alarm(phase: AlarmPhase, began: u64, offset: u64) -> AlarmEvent {
        let alarm = Alarm {
            kind: AlarmKind::Value,
            phase,
            began,
            offset,
            oddest: offset,
            count: 1 + offset - began,
            rarity_events: 20_000.0,
            rarity_seconds: None,
            field: None,
            key: None,
            label: None,
        };
        AlarmEvent::overdue(&"web".into(), alarm, None)
    }

    #[test]
    fn what_is_overdue_is_over_once_an_event_comes() {
        let incidents = Incidents::default();
        let mut overdue = alarm(AlarmPhase::Begins, 10, 10);
        overdue.alarm.kind = AlarmKind::Missing;
        incidents.note(&overdue);
        let before = incidents.changes();
        incidents.end_overdue();
        assert_eq!(incidents.latest(1)[0].alarm.phase, AlarmPhase::Ended);
        assert!(incidents.changes() > before);
    }

    #[test]
    fn what_is_overdue_and_the_event_that_comes_late_are_one_incident() {
        let incidents = Incidents::default();
        let mut overdue = alarm(AlarmPhase::Begins, 10, 10);
        overdue.alarm.kind = AlarmKind::Missing;
        incidents.note(&overdue);
        assert_eq!((incidents.begun(), incidents.overdue_alone()), (1, 1));
        let late = AlarmEvent { event: serde_json::json!({ "data": "tick" }), ..overdue.clone() };
        incidents.note(&late);
        incidents.end_overdue();
        assert_eq!((incidents.begun(), incidents.overdue_alone()), (1, 0));
        assert_eq!(incidents.latest(10), [late], "it is open, as its event began it");
        // the like of it later is another one
        overdue.alarm.began = 99;
        incidents.note(&overdue);
        incidents.end_overdue();
        assert_eq!((incidents.begun(), incidents.overdue_alone()), (2, 1));
        assert_eq!(incidents.latest(1)[0].alarm.phase, AlarmPhase::Ended);
    }

    #[test]
    fn an_incident_shows_an_event_that_is_odd() {
        let incidents = Incidents::default();
        let with = |phase, offset: u64, oddest: u64, data: &str| {
            let mut event = alarm(phase, 10, offset);
            (event.alarm.oddest, event.event) = (oddest, serde_json::json!({ "data": data }));
            event
        };
        let shown = || {
            let incident = &incidents.latest(1)[0];
            (incident.event_offset, incident.event["data"].as_str().unwrap().to_owned(), incident.alarm.offset)
        };
        // the evidence of three events is enough, and the second was the oddest
        incidents.note(&with(AlarmPhase::Begins, 12, 11, "the third"));
        assert_eq!(shown(), (12, "the third".to_owned(), 12));
        incidents.note(&with(AlarmPhase::GoesOn, 13, 13, "odder"));
        incidents.note(&with(AlarmPhase::GoesOn, 14, 14, "odder still"));
        assert_eq!(shown(), (13, "odder".to_owned(), 14), "what shows an odd event keeps it");
        incidents.note(&with(AlarmPhase::Ended, 14, 14, "usual"));
        assert_eq!(shown(), (13, "odder".to_owned(), 14));
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
        let mut bytes = Vec::new();
        incidents.encode(&mut bytes);
        let (after, earlier) = (Incidents::default(), Incidents::decode(&mut Cursor(&bytes)).unwrap());
        after.note(&alarm(AlarmPhase::Begins, 9_000, 9_000));
        after.take_over(&earlier);
        assert_eq!((after.begun(), after.latest(1000).len()), (403, INCIDENTS_STORED_MAX + 1));
        assert_eq!(after.latest(2)[1], incidents.latest(1)[0]);
    }
}
