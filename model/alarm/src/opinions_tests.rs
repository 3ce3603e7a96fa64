//! What is said of incidents, and what becomes of it.

use super::*;
use surmise_event::AlarmPhase;

fn claim(field: u32, bits: f64) -> RespectClaim {
    RespectClaim { bits, field: Some(field), ..RespectClaim::NONE }
}

/// Opinions that know an incident of each of so many fields, at the offset of the field's number.
fn incidents(fields: u32) -> Opinions {
    let mut opinions = Opinions::default();
    for field in 0..fields {
        let began = u64::from(field);
        let alarm = Alarm {
            kind: AlarmKind::Value,
            phase: AlarmPhase::Begins,
            began,
            offset: began,
            oddest: began,
            count: 1,
            rarity_events: 1e4,
            rarity_seconds: None,
            field: None,
            label: None,
        };
        opinions.note(&claim(field, 10.0), &alarm);
    }
    opinions
}

fn said(offset: u64, verdict: FeedbackVerdict) -> Feedback {
    Feedback { offset, verdict: Some(verdict), label: None, incarnation: None }
}

#[test]
fn a_kind_that_made_room_begins_anew() {
    let mut opinions = incidents(2);
    opinions.hear(&said(1, FeedbackVerdict::Bad));
    // as many other kinds as there is room for push it out, while its incident is still known
    opinions.kinds = (0..KINDS_MAX as u32)
        .map(|field| Opinion { kind: IncidentKind::of(&claim(1_000 + field, 1.0)), said: 100, ..Opinion::default() })
        .collect();
    opinions.kinds[0] =
        Opinion { decades: BAD_DECADES, said: 1, kind: IncidentKind::of(&claim(1, 1.0)), ..Opinion::default() };
    opinions.hear(&said(0, FeedbackVerdict::Bad));
    assert_eq!(opinions.factor(&claim(1, 1e9)), 1.0);
    opinions.hear(&said(1, FeedbackVerdict::Normal));
    let expected = libm::pow(10.0, NORMAL_DECADES);
    assert_eq!(opinions.factor(&claim(1, 1e9)), expected, "the verdict before was forgotten with the kind");
}

#[test]
fn fields_that_change_places_keep_what_was_said_of_them() {
    let mut opinions = incidents(3);
    (0..3).for_each(|offset| opinions.hear(&said(offset, FeedbackVerdict::Bad)));
    let renamed = opinions.renamed(|field| [Some(1), Some(0), None][field as usize]);
    assert_eq!((renamed.incidents.len(), renamed.kinds.len()), (2, 2));
    assert!(renamed.knows(1) && !renamed.knows(2));
    assert_eq!(renamed.factor(&claim(0, 1.0)), 0.1);
    let mut after = renamed.clone();
    after.hear(&said(0, FeedbackVerdict::Normal));
    assert!(after.factor(&claim(1, 1.0)) > 1.0 && after.factor(&claim(0, 1.0)) < 1.0);
}
