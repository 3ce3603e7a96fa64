//! What alarms promise, on made streams.

use super::*;
use surmise_event::{Alarm, AlarmPhase};
use surmise_fixtures::Random;

const BUDGET: &str = "1/10000";

/// A stream of one number with its forecast at zero.
pub(super) struct Stream {
    pub(super) alarms: Alarms,
    pub(super) random: Random,
    pub(super) offset: u64,
}

impl Stream {
    pub(super) fn new(seed: u64) -> Stream {
        Stream { alarms: Alarms::default(), random: Random::new(seed), offset: 0 }
    }

    fn verdict(&mut self) -> Verdict {
        self.offset += 1;
        self.alarms.verdict(self.offset - 1, BUDGET.parse().unwrap())
    }

    pub(super) fn number(&mut self, value: f64, resolution: f64) -> Verdict {
        self.alarms.number(0, &Reading { value, forecast: 0.0, resolution, usual: None, season: None, tails: None });
        self.verdict()
    }

    fn symbol(&mut self, bits: f64) -> Verdict {
        self.alarms.text(0, bits);
        self.verdict()
    }

    pub(super) fn quiet(&mut self, events: usize, unit: f64) -> Vec<Verdict> {
        (0..events)
            .map(|_| {
                let x = unit * self.random.normal();
                self.number(x, 1e-9 * unit)
            })
            .collect()
    }
}

pub(super) fn began(v: &Verdict) -> bool {
    v.alarm.as_ref().is_some_and(|(alarm, _)| alarm.phase == AlarmPhase::Begins)
}

#[test]
fn the_unit_of_a_stream_cancels() {
    let mut rarities = Vec::new();
    for unit in [1e-90, 1e-3, 1.0, 1e6, 1e90] {
        let mut stream = Stream::new(1);
        let quiet = stream.quiet(3_000, unit);
        assert!(quiet.iter().all(|v| v.alarm.is_none()), "{unit}");
        let spike = stream.number(12.0 * unit, 1e-9 * unit);
        assert!(began(&spike) && spike.anomaly_score > 0.5, "{unit}: {spike:?}");
        rarities.push(spike.rarity_events);
    }
    assert!(rarities.iter().all(|r| (r / rarities[0] - 1.0).abs() < 1e-6), "{rarities:?}");
}

#[test]
fn an_incident_begins_goes_on_and_ends_and_spends_the_budget_once() {
    let mut stream = Stream::new(3);
    stream.quiet(3_000, 1.0);
    let first = stream.number(30.0, 0.0).alarm.unwrap();
    assert_eq!((first.0.phase, first.0.began, first.0.count, first.1), (AlarmPhase::Begins, 3_000, 1, Some(0)));
    let second = stream.number(30.0, 0.0).alarm.unwrap().0;
    assert_eq!((second.phase, second.began, second.offset, second.count), (AlarmPhase::GoesOn, 3_000, 3_001, 2));
    let after: Vec<Alarm> =
        stream.quiet(200, 1.0).into_iter().filter_map(|v| v.alarm).map(|(alarm, _)| alarm).collect();
    let (last, on) = after.split_last().unwrap();
    assert!(on.iter().all(|a| a.phase == AlarmPhase::GoesOn), "what is smoothed may take a while: {on:?}");
    assert_eq!((last.phase, last.began, last.count), (AlarmPhase::Ended, 3_000, 2 + on.len() as u64));
    assert_eq!(stream.alarms.account().begun, 1);
    assert!((stream.alarms.account().promised - 0.3202).abs() < 1e-9);
}

#[test]
fn what_comes_again_and_again_is_as_rare_as_it_was() {
    let mut stream = Stream::new(4);
    let mut last = f64::INFINITY;
    for _ in 0..8 {
        stream.quiet(1_000, 1.0);
        let rarity = stream.number(40.0, 0.0).rarity_events;
        assert!(rarity <= last * 1.5, "{rarity} after {last}");
        last = rarity;
    }
    assert!((300.0..4_000.0).contains(&last), "once in a thousand: {last}");
}

#[test]
fn a_lasting_shift_is_an_incident_where_a_single_such_error_is_none() {
    let mut stream = Stream::new(7);
    stream.quiet(4_000, 1.0);
    let mut all = Vec::new();
    for _ in 0..16 {
        let x = 4.0 + stream.random.normal();
        all.push(began(&stream.number(x, 0.0)));
    }
    assert!(!all[0] && all.iter().any(|began| *began), "{all:?}");
}

#[test]
fn healthy_streams_stay_within_the_budget_whatever_their_law() {
    // light and heavy tails, a size that wanders, a level that wanders, a size that grows a hundredfold
    for law in 0..6 {
        let mut stream = Stream::new(11 + law);
        let (mut state, mut size) = (0.0, 1.0f64);
        for i in 0..100_000 {
            let normal = stream.random.normal();
            let x = match law {
                0 => normal,
                1 => normal.powi(9),
                2 => normal.powi(41),
                3 => {
                    size = (size * (1.0 + 0.02 * stream.random.normal())).clamp(0.1, 10.0);
                    size * normal
                }
                4 => {
                    state += normal;
                    state
                }
                _ => normal * (1.0 + f64::from(i) / 1_000.0),
            };
            stream.number(x, 1e-9);
        }
        let account = stream.alarms.account();
        assert!(account.begun as f64 <= 1.5 * account.promised, "law {law}: {account:?}");
    }
}

#[test]
fn symbols_rare_ones_and_ordinary_ones() {
    // always foreseen: half a bit is nothing, twenty bits are
    let mut stream = Stream::new(1);
    for _ in 0..4_000 {
        assert!(stream.symbol(0.01).rarity_events < 100.0);
    }
    assert!(stream.symbol(1.5).alarm.is_none(), "it never came before, but is no more than a bit");
    assert!(began(&stream.symbol(20.0)));
    // never foreseen: eight equal ones of three bits each, then one of twenty-four; cheap is no anomaly
    let mut stream = Stream::new(7);
    for _ in 0..4_000 {
        let bits = 0.1 * stream.random.normal();
        assert!(stream.symbol(bits).alarm.is_none());
    }
    assert!(stream.symbol(-3.0).alarm.is_none());
    assert!(began(&stream.symbol(21.0)));
}

#[test]
fn a_novelty_is_one_where_novelties_are_rare() {
    let run = |every: u64| {
        let mut alarms = Alarms::default();
        let mut rarity = 0.0;
        for i in 0..20_000u64 {
            let novel = i == 19_999 || i > 0 && i.is_multiple_of(every);
            alarms.symbol(0, 0.0, (!novel).then_some(0));
            rarity = alarms.verdict(i, AlarmBudget::default()).rarity_events;
        }
        rarity
    };
    assert!(run(u64::MAX) > 5_000.0, "{}", run(u64::MAX));
    assert!(run(50) < 500.0, "{}", run(50));
}

#[test]
fn many_numbers_are_no_more_unusual_than_one() {
    let mut stream = Stream::new(9);
    for _ in 0..6_000 {
        for field in 0..60 {
            let value = stream.random.normal().powi(3);
            stream.alarms.number(
                field,
                &Reading { value, forecast: 0.0, resolution: 0.0, usual: None, season: None, tails: None },
            );
        }
        stream.verdict();
    }
    assert!(stream.alarms.account().begun <= 1, "{:?}", stream.alarms.account());
}

#[test]
fn silence_is_told_while_it_lasts_and_when_it_ends() {
    const SECOND: i64 = 1_000_000;
    let (mut stream, mut now) = (Stream::new(5), 0);
    for _ in 0..3_000 {
        now += 60 * SECOND + (stream.random.normal() * 500_000.0) as i64;
        stream.alarms.time(now);
        assert!(stream.verdict().alarm.is_none());
    }
    let overdue =
        |alarms: &Alarms, seconds: i64| alarms.overdue(now + seconds * SECOND, 3_000, BUDGET.parse().unwrap());
    assert_eq!(overdue(&stream.alarms, 0), None);
    assert_eq!(overdue(&stream.alarms, 62), None, "in time");
    let alarm = overdue(&stream.alarms, 600).unwrap();
    assert_eq!((alarm.kind, alarm.phase, alarm.began), (AlarmKind::Missing, AlarmPhase::Begins, 3_000));
    assert!((alarm.rarity_seconds.unwrap() / alarm.rarity_events - 60.0).abs() < 1.0);
    assert!(overdue(&stream.alarms, 6_000).unwrap().rarity_events > alarm.rarity_events, "the longer the rarer");
    assert_eq!(overdue(&stream.alarms, 600), Some(alarm), "asking changes nothing");
    stream.alarms.time(now + 600 * SECOND);
    let late = stream.verdict().alarm.unwrap().0;
    assert_eq!((late.kind, late.phase, late.began), (AlarmKind::Missing, AlarmPhase::Begins, 3_000));
    assert_eq!(overdue(&stream.alarms, 60_600), None, "what comes late and stays away is one incident");
    // while one of another kind is open, silence is told
    let mut other = stream.alarms.clone();
    other.incidents.open.as_mut().unwrap().claim.kind = AlarmKind::Value;
    let again = overdue(&other, 60_600).map(|alarm| (alarm.kind, alarm.phase));
    assert_eq!(again, Some((AlarmKind::Missing, AlarmPhase::Begins)));
}

#[test]
fn whatever_comes_scores_are_scores_and_one_freak_does_not_blind() {
    let (mut stream, mut random) = (Stream::new(2), Random::new(2));
    let odd = [f64::NAN, f64::INFINITY, f64::MAX, -f64::MAX, 1e-300, 0.0, -0.0, 5e200, 1.0];
    for i in 0..20_000 {
        let mut pick = || odd[random.below(odd.len() as u64) as usize];
        let reading = Reading {
            value: pick(),
            forecast: pick(),
            resolution: pick(),
            usual: Some(pick()),
            season: Some([pick(), pick()]),
            tails: Some((pick(), pick())),
        };
        stream.alarms.number(i % 3, &reading);
        stream.alarms.symbol(i % 4, pick(), (i % 7 > 0).then_some(i as u64 % 5));
        stream.alarms.end(pick());
        stream.alarms.evidence(AlarmKind::Run, [pick(); 2], (i % 2 > 0).then_some(i as u64));
        stream.alarms.time(pick() as i64);
        let v = stream.verdict();
        assert!((0.0..1.0).contains(&v.anomaly_score) && v.rarity_events >= 1.0, "{v:?}");
    }
    let mut stream = Stream::new(3);
    stream.quiet(500, 1.0);
    stream.number(f64::MAX, 0.0);
    stream.quiet(10_000, 1.0);
    assert!(began(&stream.number(100.0, 0.0)));
}

#[test]
fn a_score_rises_with_the_rarity_and_depends_on_nothing_else() {
    assert_eq!((score_of(1.0), score_of(1e4)), (0.0, 0.5));
    let scores: Vec<f64> = (0..400).map(|i| score_of(libm::exp2(f64::from(i) / 10.0))).collect();
    assert!(scores.windows(2).all(|two| two[0] < two[1]) && scores[399] < 1.0);
    let mut stream = Stream::new(6);
    for v in stream.quiet(500, 1.0) {
        assert_eq!(v.anomaly_score, score_of(v.rarity_events));
    }
}

#[test]
fn restored_alarms_go_on_alike() {
    let mut one = Stream::new(4);
    let feed = |stream: &mut Stream| {
        let x = stream.random.normal().powi(3);
        let offset = stream.offset as usize;
        let reading = Reading {
            value: x,
            forecast: 0.0,
            resolution: 1e-9,
            usual: Some(0.1),
            season: None,
            tails: Some((0.3, 0.4)),
        };
        stream.alarms.number(offset % 2, &reading);
        stream.alarms.symbol(2, x, (x <= 20.0).then_some(3));
        stream.alarms.time(stream.offset as i64 * 1_000_000);
        stream.verdict()
    };
    (0..2_345).for_each(|_| drop(feed(&mut one)));
    one.number(1e6, 0.0);
    let mut other = Stream { alarms: Alarms::default(), random: one.random.clone(), offset: one.offset };
    other.alarms.decode(&one.alarms.encode()).unwrap();
    for _ in 0..900 {
        assert_eq!(feed(&mut one), feed(&mut other));
    }
    assert_eq!(one.alarms.encode(), other.alarms.encode());
}

#[test]
fn a_session_that_is_unusual_as_a_whole_is_an_incident_of_its_end() {
    let mut alarms = Alarms::default();
    let mut said = Vec::new();
    for offset in 0..6000u64 {
        alarms.symbol(0, 1.0, Some(0));
        if offset % 10 == 9 {
            // sessions of ten events, of which one is as rare as one in 50,000
            let (rarity, key) = if offset == 5_009 { (50_000.0, "job-7") } else { (1.0 + (offset % 7) as f64, "job") };
            alarms.session(rarity, Some(key));
        }
        let verdict = alarms.verdict(offset, AlarmBudget::default());
        said.extend(verdict.alarm.filter(|(alarm, _)| alarm.phase == AlarmPhase::Begins).map(|(alarm, _)| alarm));
    }
    let [alarm] = said.as_slice() else { panic!("one incident: {said:?}") };
    assert_eq!((alarm.kind, alarm.began, alarm.key.as_deref()), (AlarmKind::End, 5_009, Some("job-7")));
}

#[test]
fn a_slow_drift_of_what_differs_by_weekday_is_found() {
    const DAY: usize = 288;
    let (mut alarms, mut random) = (Alarms::default(), Random::new(11));
    let (mut past, mut begins) = (Vec::<f64>::new(), Vec::new());
    let drift = 40 * DAY;
    for i in 0..drift + 600 {
        let noise = random.normal();
        let wave = (i % DAY) as f64 / 24.0;
        // every seventh day is lower by four deviations of the noise
        let weekday = if i / DAY % 7 == 6 { -4.0 } else { 0.0 };
        let value = wave + weekday + noise + (i.saturating_sub(drift) as f64 / 400.0).min(1.0) * 8.0;
        let season = past.len().checked_sub(7 * DAY).map(|at| [wave, past[at]]);
        // the forecast follows the drift, and the level has a day
        let reading = Reading { value, forecast: value - noise, resolution: 1e-3, usual: None, season, tails: None };
        past.push(value);
        alarms.number(0, &reading);
        let verdict = alarms.verdict(i as u64, AlarmBudget::default());
        begins.extend(verdict.alarm.filter(|(alarm, _)| alarm.phase == AlarmPhase::Begins).map(|(alarm, _)| alarm));
    }
    let [.., last] = begins.as_slice() else { panic!("no incident") };
    assert!(last.kind == AlarmKind::Level && (drift..drift + 200).contains(&(last.offset as usize)), "{begins:?}");
    assert!(begins.len() <= 2, "{begins:?}");
}

#[test]
fn what_rises_step_by_step_is_told_and_what_goes_on_is_no_news() {
    let mut stream = Stream::new(4);
    stream.quiet(9_000, 1.0);
    // each error is little more than the one before it, so that none of them stands out of its cluster
    let steps: Vec<Verdict> = (0..60).map(|i| stream.number(3.5 + 0.15 * f64::from(i), 1e-9)).collect();
    assert_eq!(steps.iter().filter(|v| began(v)).count(), 1, "{:?}", steps.last());
    let mut again = Stream::new(4);
    again.quiet(9_000, 1.0);
    let mut went_on: Vec<Verdict> = (0..100).map(|i| again.number(40.0 + f64::from(i % 7), 1e-9)).collect();
    assert!(began(&went_on.remove(0)));
    went_on.retain(|v| v.rarity_events > 128.0);
    assert!(went_on.len() < 8, "{} of 99 events are news", went_on.len());
}

#[test]
fn a_rate_that_changes_is_found_where_it_swings_by_itself() {
    let mut found = 0;
    for seed in 0..20 {
        let (mut stream, mut time) = (Stream::new(seed), 0.0);
        let phase = std::f64::consts::TAU * stream.random.uniform();
        let mut begins = 0;
        for i in 0..9_300u32 {
            // the gap swings from 2 to 10 seconds, and is at random around that
            let swing = 6.0 + 4.0 * libm::sin(f64::from(i) / 183.0 + phase);
            let faster = if i >= 9_000 { 0.2 } else { 1.0 };
            time += -swing * faster * libm::log(stream.random.uniform().max(1e-9));
            stream.alarms.time((time * 1e6) as i64);
            let v = stream.verdict();
            begins += u32::from(i >= 9_000 && began(&v));
        }
        found += u32::from(begins > 0);
    }
    // against the long-run rate alone it would be nine
    assert!(found >= 11, "{found} of 20");
}

#[test]
fn a_change_for_good_begins_an_incident_where_it_began_and_adds_nothing_to_the_event() {
    let mut stream = Stream::new(4);
    let usual = (0..5_000).map(|_| stream.symbol(0.0)).last().unwrap();
    stream.alarms.change(Some(0), 4_950);
    let noticed = stream.symbol(0.0);
    let (alarm, field) = noticed.alarm.clone().unwrap();
    assert_eq!((alarm.kind, alarm.phase, alarm.began, field), (AlarmKind::Run, AlarmPhase::Begins, 4_950, Some(0)));
    assert_eq!(noticed.rarity_events, usual.rarity_events);
    // it shows where it began, until an event comes that is odd by itself
    assert_eq!(alarm.oddest, 4_950);
    let odd = stream.symbol(30.0).alarm.unwrap().0;
    assert_eq!((odd.began, odd.oddest), (4_950, 5_001));
    // and a change that goes on with an incident takes nothing from the event that began it
    let mut other = Stream::new(4);
    (0..5_000).for_each(|_| _ = other.symbol(0.0));
    let odd = other.symbol(30.0).alarm.unwrap().0;
    other.alarms.change(Some(0), 5_000);
    let goes_on = other.symbol(0.0).alarm.unwrap().0;
    assert_eq!((odd.oddest, goes_on.phase, goes_on.oddest), (5_000, AlarmPhase::GoesOn, 5_000));
    // where changes come again and again, the stream's own record says so
    let mut begun = 0;
    for i in 0..20_000u64 {
        if i % 200 == 0 {
            stream.alarms.change(Some(0), stream.offset);
        }
        begun += usize::from(began(&stream.symbol(0.0)));
    }
    assert!(begun <= 1, "{begun}");
}
