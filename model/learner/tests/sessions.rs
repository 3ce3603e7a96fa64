//! Sessions with planted faults: the verdicts find them, whatever the fault is, and whether or not it recurs.

use surmise_event::{
    Data, Datum, Field, FieldKind, Limits, Outcome, Record, Schema, SessionOutcome, SessionOver, SessionWhy,
};
use surmise_fixtures::Random;
use surmise_learner::{Learner, Options};

fn learner() -> Learner {
    Learner::new(Schema::new([Field::new("step", FieldKind::Category)]), Options::default()).unwrap()
}

/// Sends an event of a key, or its end.
fn observe(learner: &mut Learner, key: &str, step: Option<&str>) -> Outcome {
    let data = step.map_or(Data::None, |step| Data::One(Datum::Text(step.into())));
    let record = Record { key: Some(key.into()), data, end: step.is_none(), ..Record::default() };
    let event = learner.bind(&record, &Limits::default()).unwrap();
    learner.observe(&event)
}

fn whole(learner: &mut Learner, key: &str, steps: &[String]) -> SessionOutcome {
    for step in steps {
        assert!(observe(learner, key, Some(step)).sessions.is_empty());
    }
    observe(learner, key, None).sessions.pop().expect("a key that ends has a verdict")
}

/// A session of one of two kinds: fixed steps, a loop, one optional step, and two that come in any order.
fn normal(random: &mut Random) -> Vec<String> {
    let mut steps: Vec<&str> = Vec::new();
    if random.happens(0.6) {
        steps.extend(["open", "login", "load"]);
        while random.happens(0.5) && steps.len() < 40 {
            steps.push("page");
        }
        steps.extend(if random.happens(0.5) { ["read", "mark"] } else { ["mark", "read"] });
        steps.extend(["store", "logout", "close"]);
    } else {
        steps.extend(["open", "check", "load"]);
        if random.happens(0.3) {
            steps.push("retry");
        }
        steps.extend(["sum", "sign", "close"]);
    }
    steps.into_iter().map(str::to_owned).collect()
}

const FAULTS: [&str; 6] = ["missing", "extra", "order", "repeated", "short", "unknown"];

fn fault(kind: &str, number: usize, random: &mut Random) -> Vec<String> {
    let mut steps = normal(random);
    let place = 1 + random.below(2) as usize;
    match kind {
        "missing" => drop(steps.remove(place)),
        "extra" => {
            let foreign = if steps.contains(&"login".to_owned()) { "sign" } else { "login" };
            let at = 1 + random.below(steps.len() as u64 - 2) as usize;
            steps.insert(at, foreign.to_owned());
        }
        "order" => steps.swap(place, place + 1),
        "repeated" => (0..2).for_each(|_| steps.insert(place, steps[place].clone())),
        "short" => steps.truncate(place),
        _ => steps.insert(place, format!("panic {number}")),
    }
    steps
}

/// The average precision of scores.
fn average_precision(scored: &[(f64, bool)]) -> f64 {
    let mut scored = scored.to_vec();
    // equal scores count against the verdicts
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let (mut found, mut sum) = (0.0, 0.0);
    for (i, _) in scored.iter().enumerate().filter(|(_, s)| s.1) {
        found += 1.0;
        sum += found / (i + 1) as f64;
    }
    sum / found
}

/// The average precision over all faults, and for each kind of fault.
fn found(seed: u64, recurring: bool) -> (f64, Vec<f64>) {
    let mut random = Random::new(seed);
    let mut learner = learner();
    let mut scored: Vec<(f64, Option<usize>)> = Vec::new();
    let mut earlier: Vec<Option<Vec<String>>> = vec![None; FAULTS.len()];
    for number in 0..2000 {
        let kind = (number > 300 && random.happens(0.03)).then(|| random.below(FAULTS.len() as u64) as usize);
        let steps = match kind {
            Some(k) if recurring && earlier[k].is_some() => earlier[k].clone().unwrap(),
            Some(k) => fault(FAULTS[k], number, &mut random),
            None => normal(&mut random),
        };
        if let Some(k) = kind {
            earlier[k] = Some(steps.clone());
        }
        let verdict = whole(&mut learner, &number.to_string(), &steps);
        assert_eq!((verdict.events, verdict.key.as_deref()), (steps.len() as u64 + 1, Some(&*number.to_string())));
        assert_eq!(verdict.last_offset - verdict.first_offset, steps.len() as u64);
        if number > 300 {
            scored.push((verdict.anomaly_score, kind));
        }
    }
    let of = |wanted: Option<usize>| {
        let those = scored.iter().filter(|(_, kind)| kind.is_none() || wanted.is_none() || *kind == wanted);
        average_precision(&those.map(|(score, kind)| (*score, kind.is_some())).collect::<Vec<_>>())
    };
    (of(None), (0..FAULTS.len()).map(|k| of(Some(k))).collect())
}

#[test]
fn planted_faults_are_found() {
    for seed in 1..=3 {
        let (all, each) = found(seed, false);
        println!("seed {seed}, all {all:.3}, {FAULTS:?} {each:.2?}");
        assert!(all > 0.9, "seed {seed}: {all:.3}, {FAULTS:?} {each:.2?}");
        assert!(each.iter().all(|ap| *ap > 0.6), "seed {seed}: {FAULTS:?} {each:.2?}");
    }
}

#[test]
fn faults_that_recur_do_not_become_normal() {
    for seed in 1..=3 {
        let (all, each) = found(seed, true);
        println!("seed {seed}, all {all:.3}, {FAULTS:?} {each:.2?}");
        assert!(all > 0.75, "seed {seed}: {all:.3}, {FAULTS:?} {each:.2?}");
    }
}

#[test]
fn a_new_kind_of_session_becomes_normal() {
    let mut random = Random::new(9);
    let mut learner = learner();
    for i in 0..600 {
        whole(&mut learner, &i.to_string(), &normal(&mut random));
    }
    let new: Vec<String> = ["begin", "work", "finish"].map(str::to_owned).into();
    let rarity: Vec<f64> = (0..300)
        .map(|i| {
            whole(&mut learner, &format!("n{i}"), &normal(&mut random));
            whole(&mut learner, &format!("m{i}"), &new).rarity_sessions
        })
        .collect();
    assert!(rarity[0] > 100.0, "{}", rarity[0]);
    assert!(rarity[250..].iter().all(|r| *r < 50.0), "{:?}", &rarity[250..]);
}

/// Keys whose events are interleaved have the verdicts' symbols of their own, and a checkpoint keeps what is open.
#[test]
fn open_sessions_survive_a_checkpoint() {
    let mut random = Random::new(4);
    let mut live = learner();
    for i in 0..400 {
        whole(&mut live, &i.to_string(), &normal(&mut random));
    }
    for step in ["open", "check"] {
        for key in ["a", "b"] {
            observe(&mut live, key, Some(step));
        }
    }
    let mut loaded = Learner::load(&live.save()).unwrap();
    assert_eq!(live.state_hash(), loaded.state_hash());
    for (key, steps) in [("a", ["load", "sum", "sign", "close"].as_slice()), ("b", &["close"])] {
        for step in steps {
            assert_eq!(observe(&mut live, key, Some(step)), observe(&mut loaded, key, Some(step)));
        }
        let (verdict, again) = (observe(&mut live, key, None), observe(&mut loaded, key, None));
        assert_eq!(verdict, again);
        let session = &verdict.sessions[0];
        assert_eq!(session.events, 3 + steps.len() as u64);
        assert_eq!(key == "b", session.rarity_sessions > 50.0, "{session:?}");
    }
    assert_eq!(live.state_hash(), loaded.state_hash());
}

/// Keys that never end have their verdict when they are forgotten, from memory or from the store.
#[test]
fn a_key_that_goes_silent_has_its_verdict_when_it_is_forgotten() {
    let forgotten = |stored: bool| {
        let options = Options { keys: 4, keys_stored: 6, ..Options::default() };
        let mut learner = Learner::new(Schema::new([Field::new("step", FieldKind::Category)]), options).unwrap();
        if stored {
            learner.set_pages(std::sync::Arc::new(surmise_learner::MemoryPages::default()));
        }
        let mut sessions = Vec::new();
        for i in 0..40 {
            for step in ["open", "load", "close"] {
                sessions.extend(observe(&mut learner, &i.to_string(), Some(step)).sessions);
            }
        }
        assert_eq!(sessions.len() as u64, learner.keys_forgotten());
        sessions
    };
    let (memory, store) = (forgotten(false), forgotten(true));
    assert!(memory.len() == 36 && store.len() >= 28, "{} {}", memory.len(), store.len());
    for (i, session) in memory.iter().enumerate() {
        assert_eq!((session.key.as_deref(), session.events), (Some(&*i.to_string()), 3));
        assert_eq!((session.first_offset, session.last_offset), (3 * i as u64, 3 * i as u64 + 2));
    }
    let keys = |sessions: &[SessionOutcome]| sessions.iter().map(|s| s.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&store), keys(&memory[..store.len()]));
}

/// An event of a key at a minute of its stream's time.
fn step_at(learner: &mut Learner, minute: usize, key: &str, step: &str) -> Outcome {
    let data = Data::One(Datum::Text(step.into()));
    let time_us = Some(minute as i64 * 60_000_000);
    let record = Record { key: Some(key.into()), data, time_us, ..Record::default() };
    let event = learner.bind(&record, &Limits::default()).unwrap();
    learner.observe(&event)
}

#[test]
fn a_key_that_goes_silent_has_its_verdict_without_an_end() {
    let mut random = Random::new(6);
    let mut live = learner();
    let (mut sent, mut told) = (Vec::new(), Vec::<SessionOutcome>::new());
    let mut open: Vec<(String, Vec<String>)> = Vec::new();
    for minute in 0..12_000 {
        if open.len() < 8 {
            let steps = if sent.len() == 700 { fault("short", 0, &mut random) } else { normal(&mut random) };
            sent.push(steps.len());
            open.push((sent.len().to_string(), steps.into_iter().rev().collect()));
        }
        let place = random.below(open.len() as u64) as usize;
        let step = open[place].1.pop().unwrap();
        let outcome = step_at(&mut live, minute, &open[place].0, &step);
        told.extend(outcome.sessions);
        if open[place].1.is_empty() {
            open.remove(place);
        }
        if minute == 9_000 {
            let mut loaded = Learner::load(&live.save()).unwrap();
            assert_eq!(live.state_hash(), loaded.state_hash());
            live = loaded;
        }
    }
    let open: Vec<&str> = open.iter().map(|(key, _)| key.as_str()).collect();
    assert!(told.iter().all(|session| session.over == SessionOver::Silent));
    let mut keys: Vec<usize> = told.iter().map(|session| session.key.as_deref().unwrap().parse().unwrap()).collect();
    assert!(told.iter().all(|s| !open.contains(&s.key.as_deref().unwrap())), "no session is cut in two");
    for (key, session) in keys.iter().zip(&told) {
        assert_eq!(session.events as usize, sent[key - 1], "{session:?}");
    }
    keys.sort_unstable();
    assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "a session has one verdict");
    // the last ones are not silent for long enough yet
    assert!(keys.len() + 250 > sent.len(), "{} of {}", keys.len(), sent.len());
    let short = told.iter().find(|session| session.key.as_deref() == Some("701")).unwrap();
    assert!(short.rarity_sessions > 100.0, "{short:?}");
    // a key that speaks again begins another session
    let again = told[0].key.clone().unwrap();
    for (minute, step) in (12_000..).zip(["open", "check"]) {
        step_at(&mut live, minute, &again, step);
    }
    let mut more = (12_002..14_000).map(|minute| step_at(&mut live, minute, &minute.to_string(), "open").sessions);
    let more = more.find_map(|sessions| sessions.into_iter().find(|s| s.key == Some(again.clone())));
    assert_eq!(more.map(|session| (session.first_offset, session.events)), Some((12_000, 2)));
}

#[test]
fn keys_that_go_on_have_no_verdict() {
    let mut random = Random::new(2);
    let mut live = learner();
    for minute in 0..20_000 {
        // some hosts speak often, some hardly ever, and all at night less
        let host = (random.below(40) * random.below(40) / 40).to_string();
        let at = minute + minute / 600 * 840;
        let outcome = step_at(&mut live, at, &host, ["up", "load", "idle"][random.below(3) as usize]);
        assert!(outcome.sessions.is_empty(), "{minute}: {:?}", outcome.sessions);
    }
}

#[test]
fn the_reason_has_the_names_of_the_stream() {
    let mut random = Random::new(8);
    let mut learner = learner();
    for i in 0..1000 {
        whole(&mut learner, &i.to_string(), &normal(&mut random));
        // the same fault now and then: the models learn it, and it stays rare
        if i % 70 == 69 {
            let steps: Vec<String> = ["open", "check", "sum", "sign", "close"].map(str::to_owned).into();
            let verdict = whole(&mut learner, "x", &steps);
            let why = verdict.why.clone().expect("a rare session has a reason");
            if i > 700 {
                assert!(verdict.rarity_sessions > 20.0, "{verdict:?}");
            }
            if let SessionWhy::Symbol { field, symbol, count, .. } = &why {
                assert_eq!((&**field, symbol.as_deref(), *count), ("step", Some("load"), 0), "{why}");
            }
        }
    }
}
