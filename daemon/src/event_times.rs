//! The times of a stream's events beside the daemon's clock.

use surmise_event::{Data, Record};
use surmise_store::bytes::{Cursor, Damaged, put_varint};

/// How long it is remembered, at the least, that events came faster than their times tell, in microseconds of the
/// daemon's clock.
const MEMORY_US: i64 = 600 * 1_000_000;
/// A time that is less behind the daemon's clock is the present.
const NOW_US: i64 = 60 * 1_000_000;

/// The times of a stream's events, and how far they ran ahead of the daemon's clock of late.
///
/// Events of a recording that is read in at once come faster than their times tell. What follows them is not late
/// before the daemon's clock has caught up; unless they came up to the present, from which they go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventTimes {
    /// The time of the latest event, in microseconds since 1970.
    pub latest_us: Option<i64>,
    pace: Option<Pace>,
}

/// How the events came, in microseconds. A lead is the latest time of all events less the time at which one came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Pace {
    /// The latest time of all events.
    newest: i64,
    /// The lead with the latest event.
    lead: i64,
    /// When the stretch at hand began, and the least lead in it and in the one before.
    since: i64,
    least: [i64; 2],
}

impl EventTimes {
    /// Notes an event. What people say of incidents is none: it says nothing of when events come.
    pub fn note(&mut self, record: &Record) {
        if matches!(record.data, Data::Feedback(_)) {
            return;
        }
        let Some(time_us) = record.time_us.or(record.arrival_us) else {
            self.latest_us = None;
            return;
        };
        self.latest_us = Some(time_us);
        let came_us = record.arrival_us.unwrap_or(time_us);
        match &mut self.pace {
            Some(pace) => pace.note(time_us, came_us),
            none => *none = Some(Pace::new(time_us, came_us)),
        }
    }

    /// What the stream's own clock shows after so many microseconds of silence; none where no event has a time.
    pub fn clock_us(&self, silent_us: i64) -> Option<i64> {
        let ahead_us = self.pace.as_ref().map_or(0, Pace::ahead);
        Some(self.latest_us?.saturating_sub(ahead_us).saturating_add(silent_us))
    }

    /// Appends the encoded times.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let known = [self.latest_us.is_some(), self.pace.is_some()];
        put_varint(out, u64::from(known[0]) + 2 * u64::from(known[1]));
        out.extend_from_slice(&self.latest_us.unwrap_or(0).to_le_bytes());
        let Some(Pace { newest, lead, since, least }) = &self.pace else { return };
        for number in [newest, lead, since, &least[0], &least[1]] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    /// Reads times that [`EventTimes::encode`] wrote, or an earlier version, which knew the latest one alone.
    ///
    /// # Errors
    /// The bytes are damaged.
    pub fn decode(cursor: &mut Cursor<'_>) -> Result<EventTimes, Damaged> {
        let known = cursor.varint("time")?;
        let latest_us = cursor.u64("time")? as i64;
        let mut times = EventTimes { latest_us: (known & 1 == 1).then_some(latest_us), pace: None };
        if known & 2 == 2 {
            let mut number = || cursor.u64("the pace of events").map(|number| number as i64);
            let (newest, lead, since) = (number()?, number()?, number()?);
            times.pace = Some(Pace { newest, lead, since, least: [number()?, number()?] });
        }
        Ok(times)
    }
}

impl Pace {
    fn new(time_us: i64, came_us: i64) -> Pace {
        let lead = time_us.saturating_sub(came_us);
        Pace { newest: time_us, lead, since: came_us, least: [lead; 2] }
    }

    fn note(&mut self, time_us: i64, came_us: i64) {
        self.newest = self.newest.max(time_us);
        self.lead = self.newest.saturating_sub(came_us);
        let stretch = came_us.saturating_sub(self.since);
        // a clock that was set back begins a stretch, too
        if !(0..MEMORY_US).contains(&stretch) {
            let before = if (0..2 * MEMORY_US).contains(&stretch) { self.least[0] } else { self.lead };
            (self.since, self.least) = (came_us, [self.lead, before]);
        }
        self.least[0] = self.least[0].min(self.lead);
    }

    /// How far the times of events ran ahead of the daemon's clock of late; no further than the latest of them is
    /// behind it, and not at all where that is hardly behind: what has come up to now goes on from now.
    fn ahead(&self) -> i64 {
        let (gained, behind) = (self.lead.saturating_sub(self.least[0].min(self.least[1])), self.lead.saturating_neg());
        if behind < NOW_US { 0 } else { gained.min(behind).max(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::{Feedback, FeedbackVerdict};

    const SECOND_US: i64 = 1_000_000;

    fn note(times: &mut EventTimes, time: i64, came: i64) {
        let record =
            Record { time_us: Some(time * SECOND_US), arrival_us: Some(came * SECOND_US), ..Record::default() };
        times.note(&record);
        let mut bytes = Vec::new();
        times.encode(&mut bytes);
        assert_eq!(EventTimes::decode(&mut Cursor(&bytes)).as_ref(), Ok(&*times));
    }

    /// What the stream's clock shows beyond the latest event after so many seconds of silence.
    fn late(times: &EventTimes, silent: i64) -> i64 {
        (times.clock_us(silent * SECOND_US).unwrap() - times.latest_us.unwrap()) / SECOND_US
    }

    #[test]
    fn a_recording_is_not_late_before_its_time_has_passed() {
        let mut times = EventTimes::default();
        assert_eq!(times.clock_us(5), None);
        // a day of the past, read in at once
        (0..=86_400).for_each(|n| note(&mut times, n, 1_000_000_000));
        assert_eq!(late(&times, 60), 60 - 86_400);
        // what then goes on as it comes is late at once when it stops, a while later
        (1..=1_300).for_each(|n| note(&mut times, 86_400 + n, 1_000_000_000 + n));
        assert_eq!(late(&times, 60), 60);
    }

    #[test]
    fn what_is_said_of_incidents_moves_no_clock() {
        let mut times = EventTimes::default();
        (0..100).for_each(|n| note(&mut times, n, 1_000_000_000));
        let before = times.clone();
        let said = Feedback { offset: 7, verdict: Some(FeedbackVerdict::Bad), label: None, incarnation: None };
        let arrival_us = Some(1_000_000_500 * SECOND_US);
        times.note(&Record { arrival_us, data: Data::Feedback(Box::new(said)), ..Record::default() });
        assert_eq!(times, before);
    }

    #[test]
    fn a_live_stream_is_late_as_soon_as_it_is_silent() {
        let mut times = EventTimes::default();
        // a clock that is an hour slow, and events of the past among them
        (0..5_000).for_each(|n| note(&mut times, if n % 100 == 7 { 9 } else { 1_000_000 + n }, 1_003_600 + n));
        // an event of the past came a second after the newest one
        assert_eq!(late(&times, 30), 29);
    }

    #[test]
    fn a_past_that_is_sent_up_to_now_is_late_as_soon_as_it_is_silent() {
        let mut times = EventTimes::default();
        (0..3_000).for_each(|n| note(&mut times, n, 3_010));
        assert_eq!((late(&times, 30), late(&times, 60)), (30, 60));
    }

    #[test]
    fn an_earlier_version_knew_the_latest_time_alone() {
        let mut bytes = vec![1];
        bytes.extend_from_slice(&77u64.to_le_bytes());
        let times = EventTimes::decode(&mut Cursor(&bytes)).unwrap();
        assert_eq!((times.latest_us, times.clock_us(3)), (Some(77), Some(80)));
    }
}
