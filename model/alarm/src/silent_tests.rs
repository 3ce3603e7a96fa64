//! Keys that fall silent, on made streams.

use super::*;

#[test]
fn a_key_that_falls_silent_is_an_incident_where_keys_seldom_do() {
    // since which event, of keys that fall silent every so many events and of one at the end
    let run = |every: u64| {
        let mut alarms = Alarms::default();
        let mut said = Vec::new();
        for offset in 0..9_000u64 {
            alarms.symbol(0, 1.0, Some(0));
            if offset == 8_000 || offset > 0 && offset.is_multiple_of(every) {
                alarms.silent(offset - 300, offset);
            }
            let verdict = alarms.verdict(offset, AlarmBudget::default());
            assert_eq!(verdict.rarity_events, 1.0, "the event at hand is as usual as any");
            said.extend(verdict.alarm.filter(|(alarm, _)| alarm.phase == AlarmPhase::Begins).map(|(alarm, _)| alarm));
        }
        said
    };
    let said = run(u64::MAX);
    let [alarm] = said.as_slice() else { panic!("one incident: {said:?}") };
    assert_eq!((alarm.kind, alarm.began, alarm.oddest, alarm.offset), (AlarmKind::Silent, 7_700, 7_700, 8_000));
    assert_eq!(run(100), []);
}
