//! What is said of incidents, and what becomes of it.

use super::*;
use surmise_event::AlarmKind;

fn claim(field: u32, bits: f64) -> RespectClaim {
    RespectClaim { bits, field: Some(field), ..RespectClaim::NONE }
}

/// Opinions that know an incident of each of so many fields, at the offset of the field's number.
fn incidents(fields: u32) -> Opinions {
    let mut opinions = Opinions::default();
    for field in 0..fields {
        let (began, claim) = (u64::from(field), claim(field, 10.0));
        opinions.note(began, began, &claim, &claim);
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

#[test]
fn what_is_said_of_an_incident_is_said_of_all_that_is_unusual_in_it() {
    let about = |number| RespectClaim { about: Some(number), ..claim(0, 10.0) };
    let mut opinions = Opinions::default();
    let new = claim(0, 10.0);
    opinions.note(5, 5, &new, &new);
    for (offset, number) in [(6, 1), (7, 2), (8, 1)] {
        opinions.note(5, offset, &new, &about(number));
    }
    assert!(opinions.knows(8));
    opinions.hear(&said(6, FeedbackVerdict::Bad));
    let factors = |opinions: &Opinions| [new, about(1), about(2), about(3)].map(|claim| opinions.factor(&claim));
    assert_eq!((factors(&opinions), opinions.least_factor()), ([0.1, 0.1, 0.1, 1.0], 0.1));
    // another incident of one of them
    opinions.note(50, 50, &about(2), &about(2));
    opinions.hear(&said(50, FeedbackVerdict::Normal));
    let [first, second, third, other] = factors(&opinions);
    assert_eq!((first, second, third, other), (0.1, 0.1, f64::INFINITY, 1.0));
    // a later word on the first one takes the place of the one before, in each of its kinds
    opinions.hear(&said(5, FeedbackVerdict::Normal));
    assert!(factors(&opinions)[..3].iter().all(|factor| *factor > 1.0) && opinions.least_factor() == 1.0);
    let mut read = Opinions::default();
    read.decode(&opinions.encode()).unwrap();
    assert_eq!(factors(&read), factors(&opinions));
}

#[test]
fn of_two_incidents_that_hold_an_event_the_one_that_began_later_is_meant() {
    let (odd, silent) = (claim(0, 10.0), RespectClaim { kind: AlarmKind::Silent, ..claim(1, 10.0) });
    let mut opinions = Opinions::default();
    opinions.note(1_500, 1_510, &odd, &odd);
    // noticed later, and begun long before
    opinions.note(1_000, 2_000, &silent, &silent);
    opinions.hear(&said(1_505, FeedbackVerdict::Bad));
    assert_eq!((opinions.factor(&odd), opinions.factor(&silent)), (0.1, 1.0));
    opinions.hear(&said(1_800, FeedbackVerdict::Bad));
    assert_eq!(opinions.factor(&silent), 0.1);
}
