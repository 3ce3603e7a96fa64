//! Keys that fall silent while others go on: which of them are told.
#![allow(missing_docs)]

use surmise_event::{AlarmKind, AlarmPhase, Data, Datum, Limits, Outcome, Record};
use surmise_fixtures::Random;
use surmise_learner::{Learner, Options};

/// A learner of readings of hosts, and its clock in seconds.
struct Fleet {
    learner: Learner,
    random: Random,
    seconds: i64,
    /// Around which value readings lie.
    level: f64,
}

impl Fleet {
    fn new() -> Fleet {
        let options = Options { memory_mib: 1, ..Options::default() };
        Fleet {
            learner: Learner::new(Default::default(), options).unwrap(),
            random: Random::new(3),
            seconds: 0,
            level: 20.0,
        }
    }

    /// A second in which one host speaks.
    fn speak(&mut self, host: &str) -> Outcome {
        self.seconds += 1;
        let record = Record {
            key: Some(host.into()),
            time_us: Some(self.seconds * 1_000_000),
            data: Data::One(Datum::Number(self.level + self.random.normal())),
            ..Record::default()
        };
        let event = self.learner.bind(&record, &Limits::default()).unwrap();
        self.learner.observe(&event)
    }

    /// So many events of hosts that take turns at random, without one of them; the incidents of silence that begin, by
    /// key.
    fn turns(&mut self, events: usize, hosts: usize, without: Option<usize>) -> Vec<Option<String>> {
        let mut told = Vec::new();
        for _ in 0..events {
            let host = self.random.below(hosts as u64) as usize;
            let outcome = self.speak(&format!("web-{}", if Some(host) == without { 0 } else { host }));
            told.extend(outcome.alarm.filter(|a| a.kind == AlarmKind::Silent && a.phase == AlarmPhase::Begins));
        }
        told.into_iter().map(|alarm| alarm.key.as_deref().map(str::to_owned)).collect()
    }
}

#[test]
fn a_host_that_falls_silent_is_told_by_its_name() {
    let mut fleet = Fleet::new();
    assert_eq!(fleet.turns(12_000, 12, None), [] as [Option<String>; 0]);
    let last = fleet.learner.offset();
    let told = fleet.turns(4_000, 12, Some(7));
    assert_eq!(told, [Some("web-7".to_owned())]);
    // what is said goes on after a load, and the host that comes back may fall silent again
    let saved = fleet.learner.save();
    fleet.learner = Learner::load(&saved).unwrap();
    assert_eq!(fleet.turns(12_000, 12, None), [] as [Option<String>; 0]);
    assert_eq!(fleet.turns(6_000, 12, Some(3)), [Some("web-3".to_owned())]);
    assert!(fleet.learner.offset() > last);
}

/// A silence is another cause than what else is odd when it is noticed.
#[test]
fn a_host_that_falls_silent_before_an_outage_is_told_behind_it() {
    let mut fleet = Fleet::new();
    fleet.turns(12_000, 12, None);
    let mut told = Vec::new();
    for turn in 0..3_000 {
        // another host reads nonsense while the silence is noticed
        let host = fleet.random.below(11);
        fleet.level = if host == 0 && turn < 2_000 { 500.0 } else { 20.0 };
        let alarm = fleet.speak(&format!("web-{host}")).alarm;
        told.extend(alarm.filter(|alarm| alarm.phase == AlarmPhase::Begins).map(|alarm| (alarm.kind, alarm.key)));
    }
    assert_eq!(told.last(), Some(&(AlarmKind::Silent, Some("web-11".into()))));
    assert_ne!(told[0].0, AlarmKind::Silent);
}

/// Keys that come for a while and go, or in bursts, are silent as a matter of course.
#[test]
fn keys_that_come_and_go_are_not_told() {
    let mut fleet = Fleet::new();
    fleet.turns(3_000, 6, None);
    let mut told = Vec::new();
    for visit in 0..400 {
        for step in 0..30 + visit % 17 {
            let outcome =
                fleet.speak(&if step % 3 == 0 { format!("visit-{visit}") } else { format!("web-{}", step % 6) });
            told.extend(outcome.alarm.filter(|alarm| alarm.kind == AlarmKind::Silent));
        }
        // a job that runs now and then
        if visit % 40 == 0 {
            for _ in 0..100 {
                told.extend(fleet.speak("backup").alarm.filter(|alarm| alarm.kind == AlarmKind::Silent));
            }
        }
    }
    assert_eq!(told, []);
}
