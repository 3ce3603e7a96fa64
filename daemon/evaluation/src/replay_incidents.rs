//! The incidents of a replay, as the daemon would have told them.

use serde::Serialize;
use std::sync::Arc;
use surmise_event::{AlarmPhase, Outcome, Record};
use surmise_learner::Learner;
use surmise_protocol::AlarmEvent;

/// Incidents that are kept: the first ones.
const KEPT_MAX: usize = 1_000;

/// An incident of a replay.
#[derive(Clone, Debug, Serialize)]
pub struct ReplayIncident {
    /// The line of its file, from 1, at which the event begins that shows it.
    pub line: u64,
    /// The incident as it stood at the end, with that event; of a stream of bytes without one.
    #[serde(flatten)]
    pub told: AlarmEvent,
}

/// The incidents of a replay.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReplayIncidents {
    /// The budget of alarms.
    pub budget: String,
    /// How many incidents it promised for these events at most.
    pub promised: f64,
    /// Incidents that began.
    pub begun: u64,
    /// The first 1,000 of them, in the order in which they began.
    pub incidents: Vec<ReplayIncident>,
}

/// Collects incidents while a replay goes on.
pub(crate) struct IncidentCollector {
    stream: Arc<str>,
    found: ReplayIncidents,
    /// What the learner had been promised before, where it comes from a checkpoint.
    promised_before: f64,
}

impl IncidentCollector {
    /// Collects the incidents of what a learner is about to learn.
    pub(crate) fn new(learner: &Learner) -> IncidentCollector {
        let budget = learner.options().alarm_budget.to_string();
        let found = ReplayIncidents { budget, ..ReplayIncidents::default() };
        IncidentCollector { stream: "-".into(), found, promised_before: learner.budget_account().promised }
    }

    /// Looks at what an event gave that begins at a line. A run of bytes is not shown: what is odd of it is told by its
    /// offset.
    pub(crate) fn add(&mut self, line: u64, record: &Record, outcome: &Outcome, is_bytes: bool) {
        let Some(alarm) = &outcome.alarm else { return };
        let shown = || match is_bytes {
            true => Some(AlarmEvent::overdue(&self.stream, alarm.clone(), None)),
            false => AlarmEvent::of(&self.stream, record, outcome),
        };
        let incidents = &mut self.found.incidents;
        if alarm.phase == AlarmPhase::Begins {
            self.found.begun += 1;
            let told = if incidents.len() < KEPT_MAX { shown() } else { None };
            incidents.extend(told.map(|told| ReplayIncident { line, told }));
        } else if let Some(known) = incidents.iter_mut().rev().find(|known| known.told.is_of(alarm))
            && known.told.go_on(alarm, outcome.offset, shown)
        {
            known.line = line;
        }
    }

    /// What was found, once the learner has learnt everything.
    pub(crate) fn finish(self, learner: &Learner) -> ReplayIncidents {
        let promised = (learner.budget_account().promised - self.promised_before).max(0.0);
        ReplayIncidents { promised, ..self.found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::{AlarmPhase, Data, Datum, Limits, Schema};
    use surmise_learner::Options;

    #[test]
    fn an_incident_is_told_once_with_the_event_that_shows_it() {
        let mut learner = Learner::new(Schema::default(), Options { memory_mib: 1, ..Options::default() }).unwrap();
        let mut collector = IncidentCollector::new(&learner);
        let mut alarms = 0;
        for n in 0..5_000u64 {
            let value = if (3_000..3_006).contains(&n) { 900.0 + n as f64 } else { 20.0 + (n * n % 11) as f64 };
            let record = Record { data: Data::One(Datum::Number(value)), ..Record::default() };
            let event = learner.bind(&record, &Limits::default()).unwrap();
            let outcome = learner.observe(&event);
            alarms += usize::from(outcome.alarm.is_some());
            collector.add(n + 2, &record, &outcome, false);
        }
        let found = collector.finish(&learner);
        assert!(alarms > 2 && found.begun == 1 && (found.promised - 0.5).abs() < 1e-6, "{found:?}");
        let [ReplayIncident { line: 3_002, told }] = &found.incidents[..] else { panic!("{found:?}") };
        assert_eq!((told.alarm.began, told.event_offset, told.alarm.phase), (3_000, 3_000, AlarmPhase::Ended));
        assert_eq!(told.event["data"], 3900.0);
    }
}
