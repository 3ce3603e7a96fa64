//! Outages in a log that come again and again: what is told of them, and what changes when people say that they matter.
#![allow(missing_docs)]

use surmise_event::{
    AlarmBudget, AlarmPhase, BudgetSpan, Data, Datum, Event, Feedback, FeedbackVerdict, Limits, Record,
};
use surmise_fixtures::Random;
use surmise_learner::{Learner, Options};

/// Lines between the beginnings of two outages, and lines that one has.
const EVERY: usize = 3_000;
const LASTS: usize = 24;
/// The first outage.
const FIRST: usize = 9_000;

/// Which outage a line is of, if it is of one.
fn outage(line: usize) -> Option<usize> {
    (line >= FIRST && line % EVERY < LASTS).then(|| (line - FIRST) / EVERY)
}

/// A line of an access log. In an outage most answers are 502, and the proxy says why.
fn line(number: usize, random: &mut Random) -> String {
    let path = ["/", "/cart", "/item", "/search", "/login", "/img/logo.png"][random.below(6) as usize];
    let (status, ms) = match outage(number) {
        Some(_) if number % 4 == 3 => {
            return format!("upstream timed out while connecting to 10.0.0.{}:8080", random.below(3));
        }
        Some(_) if random.below(4) > 0 => (502, 3_000 + random.below(9)),
        _ => ([200, 200, 200, 200, 304, 404][random.below(6) as usize], 20 + random.below(90)),
    };
    let bytes = 500 + random.below(9_000);
    format!("10.1.{}.{} \"GET {path} HTTP/1.1\" {status} {bytes} {ms}", random.below(4), random.below(250))
}

/// The outages, of six, with which an incident begins, and the incidents beside, where the budget has room for one in
/// `every` lines. The verdict is said of the first one, or of each.
fn told(every: u64, verdict: Option<FeedbackVerdict>, of_each: bool) -> (Vec<usize>, usize) {
    let alarm_budget = AlarmBudget { alarms: 1, per: BudgetSpan::Events(every) };
    let options = Options { memory_mib: 1, alarm_budget, ..Options::default() };
    let mut learner = Learner::new(Default::default(), options).unwrap();
    let (mut random, mut told, mut beside) = (Random::new(11), Vec::new(), 0);
    let mut said = 0;
    for number in 0..FIRST + 6 * EVERY - 1_000 {
        let record = Record { data: Data::One(Datum::Text(line(number, &mut random).into())), ..Record::default() };
        let event = learner.bind(&record, &Limits::default()).unwrap();
        let outcome = learner.observe(&event);
        let begins = outcome.alarm.as_ref().is_some_and(|alarm| alarm.phase == AlarmPhase::Begins);
        match outage(number).filter(|_| begins) {
            Some(outage) => told.push(outage),
            None => beside += usize::from(begins),
        }
        // people speak of it when it is over
        let is_due = said < if of_each { told.len() } else { told.len().min(1) };
        if verdict.is_some() && is_due && outage(number).is_none() {
            said += 1;
            let at = outcome.offset - 1;
            let feedback = Feedback { offset: at, verdict, label: None, incarnation: None };
            learner.observe(&Event { feedback: Some(Box::new(feedback)), ..Event::default() });
        }
    }
    (told, beside)
}

#[test]
fn an_outage_that_matters_is_told_each_time_that_it_comes() {
    let ((alone, _), (bad, beside)) = (told(10_000, None, false), told(10_000, Some(FeedbackVerdict::Bad), false));
    assert!(alone.starts_with(&[0]) && alone.len() <= 3, "the budget is one in 10,000 lines: {alone:?}");
    assert_eq!((bad, beside), ((0..6).collect(), 0));
}

#[test]
fn an_outage_that_is_normal_is_not_told_for_long() {
    let (alone, _) = told(1_000, None, true);
    assert_eq!(alone, [0, 1, 2, 3, 4, 5]);
    // the second one has an aspect that the first had not: what it kept from coming was not regular enough before
    let (normal, beside) = told(1_000, Some(FeedbackVerdict::Normal), true);
    assert!(normal.starts_with(&[0]) && normal.len() <= 2 && beside == 0, "{normal:?}, {beside} beside");
}
