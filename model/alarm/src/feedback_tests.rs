//! What people say of incidents, on made streams.

use super::tests::{Stream, began};
use super::*;
use surmise_event::{Feedback, FeedbackVerdict};

/// A stream with a spike, of which something is said, and another spike so many events later: whether that is told, and
/// with which label.
fn after(said: &[Feedback], events: usize, spike: f64) -> (bool, Option<String>) {
    let mut stream = Stream::new(5);
    stream.quiet(3_000, 1.0);
    assert!(began(&stream.number(12.0, 1e-9)));
    assert!(stream.alarms.knows(3_000) && !stream.alarms.knows(2_999));
    said.iter().for_each(|said| stream.alarms.hear(said));
    // what was said is part of the state
    let mut other = Stream { alarms: Alarms::default(), random: stream.random.clone(), offset: stream.offset };
    other.alarms.decode(&stream.alarms.encode()).unwrap();
    other.quiet(events, 1.0);
    let verdict = other.number(spike, 1e-9);
    let label = verdict.alarm.as_ref().and_then(|(alarm, _)| alarm.label.as_deref().map(str::to_owned));
    (began(&verdict), label)
}

#[test]
fn what_people_say_changes_the_next_incidents_of_the_kind() {
    let said = |verdict, label: Option<&str>| Feedback {
        offset: 3_000,
        verdict,
        label: label.map(Box::from),
        incarnation: None,
    };
    let normal = || said(Some(FeedbackVerdict::Normal), None);
    let bad = || said(Some(FeedbackVerdict::Bad), None);
    // a spike like the one before is told once the budget has room again
    assert!(after(&[], 14_000, 12.0).0 && !after(&[], 8_000, 12.0).0);
    // after "normal" it is not, unless it is of quite another size; after "bad" it is told sooner
    assert!(!after(&[normal()], 14_000, 12.0).0);
    assert!(after(&[normal()], 14_000, 1e6).0);
    assert!(after(&[bad()], 8_000, 12.0).0);
    // the later verdict on an incident counts, and the same again changes nothing
    assert!(after(&[normal(), bad()], 8_000, 12.0).0);
    assert_eq!(after(&[bad(), normal(), normal()], 14_000, 12.0), after(&[normal()], 14_000, 12.0));
    assert_eq!(after(&[said(None, Some("deploy"))], 14_000, 12.0), (true, Some("deploy".into())));
    assert_eq!(after(&[said(None, Some("deploy")), said(None, Some(""))], 14_000, 12.0), (true, None));
    // of what is no incident nothing is learnt
    let nowhere = Feedback { offset: 17, ..normal() };
    assert!(after(&[nowhere], 14_000, 12.0).0);
}

/// The watcher of a learner that begins anew under other fields goes on with what was said.
#[test]
fn what_was_said_goes_on_with_the_incidents() {
    let mut stream = Stream::new(5);
    stream.quiet(3_000, 1.0);
    assert!(began(&stream.number(12.0, 1e-9)));
    let mut anew = Alarms::default();
    anew.go_on_from(&stream.alarms, Some);
    assert!(anew.knows(3_000));
    stream.alarms.hear(&Feedback {
        offset: 3_000,
        verdict: Some(FeedbackVerdict::Normal),
        label: Some("deploy".into()),
        incarnation: None,
    });
    let claim = RespectClaim { bits: 1.0, field: Some(0), ..RespectClaim::NONE };
    anew.go_on_from(&stream.alarms, |field| Some(field + 3));
    assert_eq!(anew.incidents.label(&RespectClaim { field: Some(3), ..claim }).as_deref(), Some("deploy"));
    let required = |field| anew.incidents.required(&RespectClaim { field: Some(field), ..claim }, 1e-4);
    assert_eq!((anew.incidents.label(&claim), required(0).is_finite(), required(3)), (None, true, f64::INFINITY));
    anew.go_on_from(&stream.alarms, |_| None);
    assert!(!anew.knows(3_000), "its field is gone");
}

/// A stream of a symbol that is a matter of course and, every 2,000 events, of another one that is not, ten times:
/// which of these began an incident. Of the first something is said, if there is something to say.
fn recurring(verdict: Option<FeedbackVerdict>, symbols: [u64; 2]) -> Vec<usize> {
    let mut alarms = Alarms::default();
    let mut told = Vec::new();
    for offset in 0..30_000u64 {
        let recurs = offset >= 10_000 && offset % 2_000 == 0;
        let symbol = if offset == 10_000 { symbols[0] } else { symbols[1] };
        alarms.symbol(0, if recurs { 14.0 } else { 0.1 }, Some(if recurs { symbol } else { 0 }));
        let begins = began(&alarms.verdict(offset, AlarmBudget::default()));
        if begins {
            told.push((offset as usize - 10_000) / 2_000);
        }
        if let (true, Some(_)) = (offset == 10_000, verdict) {
            assert!(begins);
            alarms.hear(&Feedback { offset, verdict, label: None, incarnation: None });
        }
    }
    told
}

#[test]
fn what_was_called_bad_has_a_budget_of_its_own() {
    let alone = recurring(None, [1, 1]);
    assert!(alone.len() <= 3, "the budget is 1 in 10,000: {alone:?}");
    assert_eq!(recurring(Some(FeedbackVerdict::Bad), [1, 1]), (0..10).collect::<Vec<_>>());
    assert_eq!(recurring(Some(FeedbackVerdict::Normal), [1, 1]), [0]);
    // what is said of one symbol is said of no other
    assert_eq!(recurring(Some(FeedbackVerdict::Bad), [1, 2]), alone);
    assert_eq!(recurring(Some(FeedbackVerdict::Normal), [1, 2]), alone);
}

/// Whatever a kind that was called bad does, both budgets together bound what is told of it.
#[test]
fn both_budgets_bound_what_is_told() {
    let mut alarms = Alarms::default();
    let alarm_budget = "1/1000".parse().unwrap();
    for offset in 0..100_000u64 {
        let is_odd = offset >= 5_000 && offset % 200 == 0;
        alarms.symbol(0, if is_odd { 5.0 + (offset as f64).sqrt() } else { 0.1 }, Some(u64::from(is_odd)));
        if began(&alarms.verdict(offset, alarm_budget)) {
            alarms.hear(&Feedback { offset, verdict: Some(FeedbackVerdict::Bad), label: None, incarnation: None });
        }
        let account = alarms.account();
        // log10(R α) + 1 of each budget
        assert!(account.begun as f64 <= account.promised + 10.1 + 11.1, "{account:?} at {offset}");
    }
    let account = alarms.account();
    assert!(account.wanted > 500.0 && account.begun > 110, "the second budget is used: {account:?}");
}
