//! Alarms of a learner: a small version of what `examples/alarms.rs` prints, silence, and checkpoints in an incident.

use surmise_event::{Alarm, AlarmKind, AlarmPhase, Data, Datum, Expected, Field, FieldKind, Limits, Outcome, Part};
use surmise_event::{Record, Schema};
use surmise_fixtures::Random;
use surmise_fixtures::streams::{PlantedFault, StreamEvent, StreamKind, StreamValue, faulty, healthy};
use surmise_learner::{Learner, Options, PartDetail};

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
fn gaps_without_memory_stay_within_the_budget() {
    let (mut begun, mut promised) = (0, 0.0);
    for seed in 0..6 {
        let (mut learner, mut random, mut time_us) = (learner(), Random::new(seed), 0);
        for _ in 0..EVENTS {
            time_us += (-libm::log(1.0 - random.uniform()) * 1e7) as i64;
            let data = Data::One(Datum::Number(random.normal()));
            let event = Record { data, time_us: Some(time_us), ..Record::default() };
            let event = learner.bind(&event, &Limits::default()).unwrap();
            learner.observe(&event);
        }
        let account = learner.budget_account();
        (begun, promised) = (begun + account.begun, promised + account.promised);
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

/// Observes records up to the one that begins an incident, by a learner that keeps no parts and by one that keeps the
/// last one's; returns what the two say of it.
fn at_the_alarm(schema: &Schema, record: impl Fn(usize) -> Record, odd: usize) -> (Outcome, Vec<Part>) {
    let [mut plain, mut asking] = [0; 2].map(|_| Learner::new(schema.clone(), Options::default()).unwrap());
    for i in 0..odd + 40 {
        let event = plain.bind(&record(i), &Limits::default()).unwrap();
        asking.set_parts(if i >= odd { PartDetail::Expectations } else { PartDetail::None });
        asking.observe(&event);
        let told = plain.observe(&event);
        if i >= odd && begins(&told).is_some() {
            return (told, asking.latest_parts().to_vec());
        }
    }
    panic!("nothing is told");
}

#[test]
fn an_alarm_carries_what_was_expected_instead() {
    let record = |i: usize| {
        let odd = i >= 2_999;
        let status = if odd { "502" } else { "200" };
        let line = format!("GET /item/{} HTTP/1.1 {status} ok", i % 3);
        let fields = vec![
            ("line".into(), Datum::Bytes(line.as_bytes().into())),
            ("page".into(), Datum::Text(if odd { "zz" } else { ["home", "cart"][i % 2] }.into())),
            ("ms".into(), Datum::Number(if odd { 900.0 } else { 10.0 + (i % 4) as f64 })),
        ];
        let time_us = Some(i as i64 * 1_000_000);
        Record { key: Some("k".into()), data: Data::Fields(fields), time_us, ..Record::default() }
    };
    let fields = [("line", FieldKind::Text), ("page", FieldKind::Category), ("ms", FieldKind::Number)];
    let schema = Schema::new(fields.map(|(name, kind)| Field::new(name, kind)));
    let (told, exact) = at_the_alarm(&schema, record, 2_999);
    assert_like(&told, &exact, &["502", "zz", "900"]);
}

/// A log as JSON: 4,000 lines of a service with the time that each took; `odd` is what is said of the line 3,000.
fn alarms_of_a_json_log(odd: Option<(&str, f64)>) -> Vec<(u64, Option<String>)> {
    let schema = Schema::new([Field::new("line", FieldKind::Line), Field::new("ms", FieldKind::Number)]);
    let (mut learner, mut random) = (Learner::new(schema, Options::default()).unwrap(), Random::new(7));
    let mut told = Vec::new();
    for i in 0..4_000 {
        let page = random.below(30);
        let usual = ["GET /item/{} from cache", "GET /item/{} from disk", "POST /cart/{} ok"][random.below(3) as usize];
        let (mut line, mut ms) = (usual.replace("{}", &page.to_string()), 10.0 + 2.0 * random.normal());
        if let Some((text, number)) = odd.filter(|_| i == 3_000) {
            (line, ms) = (if text.is_empty() { line } else { text.to_owned() }, number);
        }
        let fields = vec![("line".into(), Datum::Text(line.into())), ("ms".into(), Datum::Number(ms))];
        let record = Record { data: Data::Fields(fields), time_us: Some(i * 1_000_000), ..Record::default() };
        let event = learner.bind(&record, &Limits::default()).unwrap();
        let outcome = learner.observe(&event);
        told.extend(begins(&outcome).map(|alarm| (outcome.offset, alarm.field.as_deref().map(str::to_owned))));
    }
    told
}

#[test]
fn beside_a_line_a_number_that_jumps_begins_an_incident_and_an_odd_line_still_does() {
    assert_eq!(alarms_of_a_json_log(None), []);
    assert_eq!(alarms_of_a_json_log(Some(("", 900.0))), [(3_000, Some("ms".to_owned()))]);
    let of_line = alarms_of_a_json_log(Some(("segmentation fault in worker, core dumped", 10.0)));
    assert!(matches!(of_line.as_slice(), [(3_000, _)]), "{of_line:?}");
}

#[test]
fn an_alarm_of_a_line_carries_the_lines_that_were_expected() {
    let record = |i: usize| {
        let line = match i {
            2_999.. => "kernel panic in the pump".to_owned(),
            _ => format!("GET /item/{} took {} ms", i % 3, 10 + i % 4),
        };
        Record { data: Data::One(Datum::Bytes(line.as_bytes().into())), ..Record::default() }
    };
    let schema = Schema::new([Field::new("value", FieldKind::Line)]);
    let (told, exact) = at_the_alarm(&schema, record, 2_999);
    assert_like(&told, &exact, &["kernel panic in the pump"]);
}

/// What an alarm says inside is what is found when parts are kept: exactly what they cost, and nearly what was
/// expected.
fn assert_like(told: &Outcome, exact: &[Part], values: &[&str]) {
    let sum = |of: fn(&Part) -> f64| told.parts.iter().map(of).sum::<f64>();
    assert!((sum(|p| p.surprise_bits) - told.surprise_bits).abs() < 1e-6, "{told:?}");
    assert!((sum(|p| p.excess_bits) - told.excess_bits).abs() < 1e-6, "{told:?}");
    assert!(told.parts.is_sorted_by(|a, b| a.excess_bits >= b.excess_bits));
    for value in values {
        let of = |parts: &[Part]| parts.iter().find(|part| part.value.as_deref() == Some(*value)).cloned().unwrap();
        let (told, exact) = (of(&told.parts), of(exact));
        assert!((told.surprise_bits - exact.surprise_bits).abs() < 1e-6, "{told:?} {exact:?}");
        match (&told.expected, &exact.expected) {
            (Some(Expected::Symbols { top: told, .. }), Some(Expected::Symbols { top: exact, .. })) => {
                assert!(told[0].0 == exact[0].0 && (told[0].1 - exact[0].1).abs() < 0.1, "{told:?} {exact:?}");
            }
            (told, exact) => assert_eq!(told, exact),
        }
    }
}

#[test]
fn a_shift_is_told_to_have_begun_where_it_did() {
    let (mut early, mut shifts) = (Vec::new(), 0);
    for (size, seed) in [2.0, 4.0, 40.0].into_iter().flat_map(|size| (1..=24).map(move |seed| (size, seed))) {
        let (mut learner, mut random) = (learner(), Random::new(seed));
        let told = (0..3_100u64).find_map(|i| {
            let value = random.normal() + if i >= 3_000 { size } else { 0.0 };
            let event = Record { data: Data::One(Datum::Number(value)), ..Record::default() };
            let event = learner.bind(&event, &Limits::default()).unwrap();
            let outcome = learner.observe(&event);
            outcome.alarm.filter(|alarm| i >= 3_000 && alarm.phase == AlarmPhase::Begins)
        });
        shifts += 1;
        if !told.as_ref().is_some_and(|alarm| (2_998..3_013).contains(&alarm.began)) {
            early.push((size, seed, told));
        }
    }
    assert!(early.len() <= 4, "of {shifts} shifts: {early:?}");
}
