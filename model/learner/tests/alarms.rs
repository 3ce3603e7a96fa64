//! Alarms of a learner: a small version of what `examples/alarms.rs` prints, silence, and checkpoints in an incident.

use surmise_event::{Alarm, AlarmKind, AlarmPhase, Data, Datum, Limits, Outcome, Record, Schema};
use surmise_fixtures::streams::{PlantedFault, StreamEvent, StreamKind, StreamValue, faulty, healthy};
use surmise_learner::{Learner, Options};

/// Events of a stream.
const EVENTS: usize = 12_000;

fn record(kind: StreamKind, event: &StreamEvent) -> Record {
    let datum = |value: &StreamValue| match value {
        StreamValue::Number(x) => Datum::Number(*x),
        StreamValue::Word(word) => Datum::Text(word.clone().into()),
    };
    let fields = kind.fields().iter().zip(&event.values).map(|(name, value)| ((*name).into(), datum(value)));
    Record { data: Data::Fields(fields.collect()), time_us: Some(event.time_us), ..Record::default() }
}

fn learner() -> Learner {
    Learner::new(Schema::default(), Options::default()).unwrap()
}

fn see(learner: &mut Learner, kind: StreamKind, event: &StreamEvent) -> Outcome {
    let event = learner.bind(&record(kind, event), &Limits::default()).unwrap();
    learner.observe(&event)
}

fn begins(outcome: &Outcome) -> Option<&Alarm> {
    outcome.alarm.as_ref().filter(|alarm| alarm.phase == AlarmPhase::Begins)
}

#[test]
fn planted_faults_are_found() {
    let mut missed = Vec::new();
    for fault in PlantedFault::ALL {
        for seed in 0..3 {
            let kind = fault.befalls()[seed as usize % fault.befalls().len()];
            let stream = faulty(fault, seed, EVENTS);
            let (mut learner, mut found) = (learner(), false);
            for (i, event) in stream.events.iter().enumerate().take(stream.fault + stream.within) {
                let outcome = see(&mut learner, kind, event);
                found |= i >= stream.fault && begins(&outcome).is_some();
            }
            if !found {
                missed.push((fault, kind, seed));
            }
        }
    }
    assert!(missed.len() <= 4, "of {} faults: {missed:?}", 3 * PlantedFault::ALL.len());
}

#[test]
fn healthy_streams_stay_within_the_budget() {
    let (mut begun, mut promised) = (0, 0.0);
    for (seed, kind) in (100..).zip(StreamKind::ALL) {
        let mut learner = learner();
        for event in healthy(kind, seed, EVENTS) {
            see(&mut learner, kind, &event);
        }
        let account = learner.budget_account();
        assert!(account.begun <= 2, "{kind:?}: {account:?}");
        begun += account.begun;
        promised += account.promised;
    }
    assert!(begun as f64 <= promised, "{begun} of {promised}");
}

#[test]
fn an_overdue_event_is_told_before_it_comes_and_by_the_event_itself() {
    let mut learner = learner();
    let events = healthy(StreamKind::Beat, 5, 5_000);
    for event in &events {
        see(&mut learner, StreamKind::Beat, event);
    }
    let last_us = events[events.len() - 1].time_us;
    assert_eq!(learner.overdue(last_us + 61_000_000), None);
    let before = learner.state_hash();
    let alarm = learner.overdue(last_us + 1_200_000_000).unwrap();
    assert_eq!((alarm.kind, alarm.phase, alarm.began), (AlarmKind::Missing, AlarmPhase::Begins, 5_000));
    assert_eq!(learner.state_hash(), before, "asking changes nothing");
    let late = StreamEvent { time_us: last_us + 1_200_000_000, ..events[0].clone() };
    let outcome = see(&mut learner, StreamKind::Beat, &late);
    assert_eq!(begins(&outcome).map(|alarm| alarm.kind), Some(AlarmKind::Missing), "{outcome:?}");
}

#[test]
fn an_incident_goes_on_after_a_checkpoint() {
    let stream = faulty(PlantedFault::Variance, 0, EVENTS);
    let (mut one, kind) = (learner(), PlantedFault::Variance.befalls()[0]);
    let mut events = stream.events.iter();
    let begun = events.by_ref().find(|event| begins(&see(&mut one, kind, event)).is_some_and(|a| a.offset > 2_000));
    assert!(begun.is_some());
    let mut other = Learner::load(&one.save()).unwrap();
    assert_eq!(one.state_hash(), other.state_hash());
    let mut phases = Vec::new();
    for event in events {
        let outcome = see(&mut one, kind, event);
        assert_eq!(outcome, see(&mut other, kind, event));
        phases.extend(outcome.alarm.map(|alarm| alarm.phase));
    }
    assert!(phases.contains(&AlarmPhase::GoesOn) && phases.contains(&AlarmPhase::Ended), "{phases:?}");
    assert_eq!(one.state_hash(), other.state_hash());
}
