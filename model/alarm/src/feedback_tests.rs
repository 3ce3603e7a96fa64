//! What people say of incidents, on made streams.

use super::tests::{Stream, began};
use super::*;
use surmise_event::FeedbackVerdict;

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
    assert_eq!(anew.opinions.label(&RespectClaim { field: Some(3), ..claim }), Some("deploy"));
    assert_eq!((anew.opinions.label(&claim), anew.opinions.factor(&claim)), (None, 1.0));
    anew.go_on_from(&stream.alarms, |_| None);
    assert!(!anew.knows(3_000), "its field is gone");
}
