//! Streams of log lines: templates are predicted as symbols, slots by the line model, and new values cost an event.
#![allow(missing_docs)]

use surmise_event::{AlarmKind, AlarmPhase, Data, Datum, Expected, Limits, Record, VALUE};
use surmise_fixtures::{Random, log_with_a_new_line};
use surmise_learner::{Learner, Options};

fn learner() -> Learner {
    Learner::new(Default::default(), Options { memory_mib: 1, ..Options::default() }).unwrap()
}

fn observe(learner: &mut Learner, line: &str) -> surmise_event::Outcome {
    let record = Record { data: Data::One(Datum::Text(line.into())), ..Record::default() };
    let event = learner.bind(&record, &Limits::default()).unwrap();
    learner.observe(&event)
}

/// Lines of a small service: a request begins, and ends after some time; sometimes one is slow.
fn service(lines: usize, id_digits: usize) -> Vec<String> {
    let mut random = Random::new(7);
    let mut out = Vec::new();
    for i in 0.. {
        let id: String = (0..id_digits).map(|_| char::from(b"0123456789abcdef"[random.below(16) as usize])).collect();
        let user = ["anna", "bela", "chloe", "dilip", "emre", "fay", "gus"][random.below(7) as usize];
        out.push(format!("request {id}f0 by user {user} begins"));
        out.push(format!("request {id}f0 done in {} ms", 20 + random.below(9)));
        if i % 5 == 4 {
            out.push("pool has 3 free workers".to_owned());
        }
        if out.len() >= lines {
            out.truncate(lines);
            return out;
        }
    }
    unreachable!("the lines never end")
}

#[test]
fn what_is_expected_of_a_line_is_a_text_with_placeholders() {
    let mut learner = learner();
    let lines = service(1200, 6);
    lines.iter().for_each(|line| drop(observe(&mut learner, line)));
    assert!(lines[1199].ends_with("begins"), "{}", lines[1199]);
    let prediction = learner.predict(None, 3);
    let Some(Expected::Symbols { top, .. }) = prediction.fields.get(VALUE) else { panic!("{prediction:?}") };
    let (text, probability) = (top[0].0.clone().unwrap(), top[0].1);
    assert!(text.starts_with("request <") && text.contains("> done in <number> ms"), "{text}");
    assert!(probability > 0.95, "{text} {probability}");
    // nothing but users, times, and the turn of the workers' line is random
    let report = learner.report();
    assert!(report.loss_bits_per_event < 4.0, "{}", report.loss_bits_per_event);
    assert!(report.regret_bits <= report.regret_bound_bits);
}

#[test]
fn a_new_value_costs_an_event_and_not_its_spelling() {
    let bits = [4, 24].map(|digits| {
        let mut learner = learner();
        service(2000, digits).iter().map(|line| observe(&mut learner, line).surprise_bits).sum::<f64>()
    });
    // the same lines but for the length of their identifiers, all of which are new
    assert!((bits[1] / bits[0] - 1.0).abs() < 0.05, "{bits:?}");
}

#[test]
fn an_odd_line_is_found_and_its_odd_word_marked() {
    let mut learner = learner();
    let lines = service(4000, 6);
    let mut scores: Vec<f64> = lines.iter().map(|line| observe(&mut learner, line).anomaly_score).skip(500).collect();
    scores.sort_by(f64::total_cmp);
    let line = "request 12ab34f0 by user mallory begins";
    let outcome = observe(&mut learner, line);
    assert!(
        outcome.anomaly_score > scores[scores.len() - 4],
        "{} {:?}",
        outcome.anomaly_score,
        &scores[scores.len() - 9..]
    );
    let word = outcome.fields[0].word.expect("an odd word");
    assert_eq!(&line[word.start as usize..word.end as usize], "mallory");
}

#[test]
fn a_loaded_learner_goes_on_as_the_saved_one() {
    let lines = service(900, 6);
    let mut whole = learner();
    lines[..600].iter().for_each(|line| drop(observe(&mut whole, line)));
    let mut loaded = Learner::load(&whole.save()).unwrap();
    assert_eq!(loaded.state_hash(), whole.state_hash());
    for line in &lines[600..] {
        assert_eq!(observe(&mut loaded, line), observe(&mut whole, line));
    }
    assert_eq!(loaded.state_hash(), whole.state_hash());
}

#[test]
fn the_parts_of_a_line_sum_to_what_it_cost() {
    let mut learner = learner();
    learner.set_parts(surmise_learner::PartDetail::Expectations);
    for line in service(600, 6) {
        let outcome = observe(&mut learner, &line);
        let parts = learner.latest_parts();
        let sum: f64 = parts.iter().map(|part| part.surprise_bits).sum();
        let excess: f64 = parts.iter().map(|part| part.excess_bits).sum();
        assert!((sum - outcome.surprise_bits).abs() < 1e-6, "{line}: {sum} {}", outcome.surprise_bits);
        assert!((excess - outcome.excess_bits).abs() < 1e-6, "{line}: {excess} {}", outcome.excess_bits);
    }
    let parts = learner.latest_parts();
    let user = parts.iter().find(|part| part.name.contains("user"));
    assert!(parts.len() >= 2 || user.is_some(), "{parts:?}");
    assert!(parts.iter().all(|part| part.expected.is_some()), "{parts:?}");
}

#[test]
fn a_prediction_says_when_the_next_line_is_due() {
    let mut learner = learner();
    for i in 0..300 {
        observe(
            &mut learner,
            &format!("2026-11-27T04:{:02}:{:02}Z pool has {} free workers", i / 12 % 60, i % 12 * 5, i % 4),
        );
    }
    let prediction = learner.predict(None, 1);
    let Some(Expected::Number { median, .. }) = prediction.fields.get("gap") else { panic!("{prediction:?}") };
    assert!((median / 5.0 - 1.0).abs() < 0.1, "{median}");
}

#[test]
fn a_line_that_says_what_none_did_before_is_an_incident() {
    for seed in 0..8 {
        let log = log_with_a_new_line(seed, 5_000);
        let mut learner = learner();
        let begun: Vec<usize> = (0..log.lines.len())
            .filter(|i| {
                let alarm = observe(&mut learner, &log.lines[*i]).alarm;
                alarm.is_some_and(|alarm| alarm.phase == AlarmPhase::Begins && alarm.kind == AlarmKind::New)
            })
            .collect();
        assert_eq!(begun, [log.fault.start], "seed {seed}");
    }
}

/// Lines of a server that always answers alike, one every twenty seconds, with a burst of errors.
fn server(lines: usize, errors: std::ops::Range<usize>) -> Vec<String> {
    let mut random = Random::new(11);
    let line = |i: usize| {
        let status = if errors.contains(&i) { 500 } else { 200 };
        let page = ["/home", "/items", "/cart", "/login"][random.below(4) as usize];
        let (day, minute, second) = (1 + i / 4_320, i / 3 % 1_440, i % 3 * 20);
        let time = format!("2026-03-{day:02}T{:02}:{:02}:{second:02}Z", minute / 60, minute % 60);
        format!("{time} request {page} done with {status} in {} ms", 15 + random.below(12))
    };
    (0..lines).map(line).collect()
}

#[test]
fn an_ordinary_line_is_ordinary_behind_odd_ones() {
    let mut learner = learner();
    let outcomes: Vec<_> = server(6_000, 5_000..5_060).iter().map(|line| observe(&mut learner, line)).collect();
    let first = &outcomes[5_000];
    assert!(first.rarity_events > 1_000.0, "the first of its kind in 5,000: {}", first.rarity_events);
    let behind = &outcomes[5_060..];
    let rare = behind[..60].iter().filter(|outcome| outcome.rarity_events >= 100.0).count();
    assert!(rare <= 3, "{rare} of 60");
}

#[test]
fn a_budget_a_day_goes_by_the_times_that_lines_tell() {
    let budget = "2/day".parse().unwrap();
    let options = Options { memory_mib: 1, alarm_budget: budget, ..Options::default() };
    let mut learner = Learner::new(Default::default(), options).unwrap();
    server(12_960, 0..0).iter().for_each(|line| drop(observe(&mut learner, line)));
    let promised = learner.budget_account().promised;
    assert!((promised / 6.0 - 1.0).abs() < 0.01, "three days: {promised}");
}

#[test]
fn what_stood_in_a_slot_is_sought_in_that_slot() {
    let mut learner = learner();
    let mut lines = server(600, 0..0);
    lines[300] = lines[300].replace("done with 200", "done with 404");
    // a number that other lines have elsewhere
    lines[400] = lines[400].replace(" ms", "").rsplit_once(' ').unwrap().0.to_owned() + " 404 ms";
    lines[500] = lines[500].replace("done with 200", "done with 404");
    for (offset, line) in lines.iter().enumerate() {
        if offset == 500 {
            learner.set_parts(surmise_learner::PartDetail::Expectations);
        }
        observe(&mut learner, line);
        if offset == 500 {
            break;
        }
    }
    let part = learner.latest_parts().iter().find(|part| part.value.as_deref() == Some("404"));
    assert_eq!(part.and_then(|part| part.last_seen), Some(300), "{:?}", learner.latest_parts());
}

/// Lines every two seconds or so, and among them one after twenty minutes.
#[test]
fn a_line_after_a_silence_is_told_as_one_that_came_late() {
    let (mut learner, mut random) = (learner(), Random::new(2));
    let mut seconds = 1_764_500_000.0;
    let mut told = Vec::new();
    for i in 0..9_000 {
        seconds += -2.0 * libm::log(1.0 - random.uniform()) + if i == 8_000 { 1_200.0 } else { 0.0 };
        let stamp = surmise_event::format_time((seconds as i64) * 1_000_000);
        let line = format!("{stamp} INFO job {} done in {} ms", random.below(9_999), 10 + random.below(80));
        let outcome = observe(&mut learner, &line);
        let begins = outcome.alarm.filter(|alarm| alarm.phase == AlarmPhase::Begins);
        told.extend(begins.map(|alarm| (i, alarm.kind, outcome.parts)));
    }
    let [(at, kind, parts)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((*at, *kind), (8_000, AlarmKind::Missing));
    let gap = &parts[0];
    let text = gap.value.as_deref().unwrap();
    assert!(&*gap.name == "gap" && gap.excess_bits == 0.0 && text.starts_with("12"), "{gap:?}");
    let Some(Expected::Number { mean, .. }) = &gap.expected else { panic!("{gap:?}") };
    assert!((1.0..4.0).contains(mean), "what was expected before: {mean}");
}
