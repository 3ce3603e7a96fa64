//! Keys that fall silent, on made streams.

use super::*;
use surmise_event::{Alarm, AlarmPhase, Feedback, FeedbackVerdict};
use surmise_fixtures::Random;

/// The incidents that begin in 12,000 usual events. `at` gives what else is of the event at an offset.
fn begun(at: impl FnMut(&mut Alarms, u64)) -> Vec<Alarm> {
    begun_within(AlarmBudget::default(), at)
}

/// The same within a budget.
fn begun_within(budget: AlarmBudget, mut at: impl FnMut(&mut Alarms, u64)) -> Vec<Alarm> {
    let (mut alarms, mut random) = (Alarms::default(), Random::new(5));
    let mut said = Vec::new();
    for offset in 0..12_000u64 {
        if offset.is_multiple_of(10) {
            // what waits goes on after a load
            let saved = alarms.encode();
            alarms = Alarms::default();
            alarms.decode(&saved).unwrap();
        }
        alarms.symbol(0, random.uniform(), Some(0));
        at(&mut alarms, offset);
        let verdict = alarms.verdict(offset, budget);
        said.extend(verdict.alarm.filter(|(alarm, _)| alarm.phase == AlarmPhase::Begins).map(|(alarm, _)| alarm));
    }
    said
}

/// The keys of incidents of silence, and where each was noticed and began.
fn silences(said: &[Alarm]) -> Vec<(&str, u64, u64)> {
    let silent = said.iter().filter(|alarm| alarm.kind == AlarmKind::Silent);
    silent.map(|alarm| (alarm.key.as_deref().unwrap(), alarm.offset, alarm.began)).collect()
}

#[test]
fn a_key_that_falls_silent_is_an_incident_where_keys_seldom_do() {
    // keys that fall silent every so many events, and one that does at event 8,000
    let run = |every: u64| {
        begun(|alarms, offset| {
            if offset == 8_000 || offset > 0 && offset.is_multiple_of(every) {
                alarms.silent(offset - 300, "web-3");
            }
        })
    };
    let said = run(u64::MAX);
    assert_eq!(silences(&said), [("web-3", 8_000, 7_700)]);
    assert_eq!((said.len(), said[0].oddest), (1, 7_700));
    assert_eq!(run(100), []);
}

#[test]
fn a_silence_waits_while_another_incident_is_open() {
    let outage = |alarms: &mut Alarms, offset: u64| {
        if (8_000..8_100).contains(&offset) {
            alarms.symbol(1, 30.0, None);
        } else {
            alarms.symbol(1, 0.1, Some(0));
        }
        if offset == 8_020 {
            alarms.silent(7_800, "web-3");
        }
    };
    let said = begun(outage);
    let [first, silence] = said.as_slice() else { panic!("two incidents: {said:?}") };
    assert_ne!((first.kind, &first.key), (AlarmKind::Silent, &None));
    assert_eq!(silences(&said), [("web-3", silence.offset, 7_800)]);
    assert!((8_100..9_000).contains(&silence.offset), "{silence:?}");
    // of a key that speaks meanwhile nothing is told, also if the others of the stream do not
    let said = begun(|alarms, offset| {
        outage(alarms, offset);
        if offset == 8_050 {
            alarms.speaks("web-3");
        }
    });
    assert_eq!(silences(&said), []);
}

#[test]
fn a_silence_waits_while_something_else_claims_its_event() {
    let said = begun(|alarms, offset| {
        alarms.symbol(1, if offset == 8_000 { 30.0 } else { 0.1 }, (offset != 8_000).then_some(0));
        if offset == 8_000 {
            alarms.silent(7_700, "web-3");
        }
    });
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(silences(&said), [("web-3", said[1].offset, 7_700)]);
}

/// A key of whose silence a person said that it was normal does not stand in the way of others.
#[test]
fn a_silence_that_is_never_told_holds_up_no_other() {
    let said = begun_within("1/1000".parse().unwrap(), |alarms, offset| {
        let verdict = Some(FeedbackVerdict::Normal);
        match offset {
            4_000 => alarms.silent(3_700, "web-3"),
            4_500 => alarms.hear(&Feedback { offset: 4_000, verdict, label: None, incarnation: None }),
            8_000 => alarms.silent(7_700, "web-3"),
            8_001 => alarms.silent(7_701, "web-7"),
            _ => {}
        }
    });
    assert_eq!(silences(&said).iter().map(|told| told.0).collect::<Vec<_>>(), ["web-3", "web-7"]);
}

#[test]
fn keys_that_fall_silent_together_are_told_one_by_one() {
    let said = begun(|alarms, offset| {
        if offset == 8_000 {
            (1..=2).for_each(|host| alarms.silent(7_700 + host, &format!("web-{host}")));
        }
    });
    let told = silences(&said);
    assert_eq!(
        told.iter().map(|(key, _, began)| (*key, *began)).collect::<Vec<_>>(),
        [("web-1", 7_701), ("web-2", 7_702)]
    );
}
