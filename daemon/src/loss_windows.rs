//! What the mixture and every expert lost over the latest minute, hour and day, in fixed memory.
//!
//! A learner knows what everything has cost since its beginning. Marks of these sums, kept more thinly the older they
//! are, are taken off them: the difference to the youngest mark that is old enough is the loss of a window.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use surmise_learner::Learner;
use surmise_protocol::LossWindow;

/// How many fields' own losses are marked, and those of their experts: of a wide vector all would take too much room.
const MARKED_FIELDS_MAX: usize = 16;
/// How often sums are taken, in microseconds.
const TAKE_INTERVAL_US: i64 = 5_000_000;
/// How far apart the marks of each row are, in microseconds, and how many are kept.
const ROWS: [(i64, usize); 3] = [(60_000_000, 3), (600_000_000, 8), (4 * 3_600_000_000, 8)];
/// Events up to which a learner counts as one whose beginning was seen.
const FRESH_EVENTS_MAX: u64 = 4096;
/// The windows: the name and the length in microseconds.
const WINDOWS: [(&str, i64); 3] = [("minute", 60_000_000), ("hour", 3_600_000_000), ("day", 86_400_000_000)];

/// What everything had cost by a time, in bits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct LossMark {
    /// The time, in microseconds since 1970.
    at_us: i64,
    /// Events learnt.
    events: u64,
    /// The mixture.
    bits: f64,
    /// The best simple expert of each field.
    simple_bits: f64,
    /// By the place of their names: each of the first fields, and each of its experts.
    parts: Vec<f64>,
}

/// The marks of one stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossMarks {
    /// The names of the parts, in the order of their values.
    names: Vec<String>,
    /// Which of them are of experts that never had something to say: they have the loss of the mixture.
    #[serde(default)]
    silent: Vec<bool>,
    /// The latest sums.
    latest: LossMark,
    /// Whether the learner had yet to decide what the fields hold.
    #[serde(default)]
    undecided: bool,
    /// For each of [`ROWS`] the latest marks, the oldest first.
    rows: [VecDeque<LossMark>; ROWS.len()],
}

/// What the best simple expert of each field would have paid for the events so far, in bits.
pub fn simple_bits(learner: &Learner) -> f64 {
    let (simple, explained) = learner
        .field_losses()
        .fold((0.0, 0.0), |(simple, explained), losses| (simple + losses.simple(), explained + losses.mixture));
    // what no field's expert has a say in costs everybody as much
    learner.scored_bits().1 + (simple - explained) * std::f64::consts::LOG2_E
}

impl LossMarks {
    /// Whether sums should be taken again.
    pub fn is_due(&self, now_us: i64) -> bool {
        self.latest.events == 0 || (now_us - self.latest.at_us).abs() >= TAKE_INTERVAL_US
    }

    /// Whether a learner has learnt events that the latest sums do not hold.
    pub fn is_behind(&self, learner: &Learner) -> bool {
        self.latest.events != learner.scored_bits().0
    }

    /// Takes the sums of a learner.
    pub fn take(&mut self, now_us: i64, learner: &Learner) {
        // the stream as it was before its first batch: everything had cost nothing
        if self.rows[0].is_empty() && self.latest.events == 0 && learner.scored_bits().0 <= FRESH_EVENTS_MAX {
            let begin = LossMark { at_us: now_us, ..LossMark::default() };
            self.rows.iter_mut().for_each(|row| row.push_back(begin.clone()));
        }
        // a learner that decides what its fields hold learns the events so far anew, and its sums begin anew
        let undecided = learner.undecided_events().is_some();
        if std::mem::replace(&mut self.undecided, undecided) && !undecided {
            for row in &mut self.rows {
                let at_us = row.front().map_or(now_us, |mark| mark.at_us);
                *row = VecDeque::from([LossMark { at_us, ..LossMark::default() }]);
            }
        }
        let (events, bits) = learner.scored_bits();
        let mut mark =
            LossMark { at_us: now_us, events, bits, simple_bits: simple_bits(learner), ..LossMark::default() };
        for losses in learner.field_losses().take(MARKED_FIELDS_MAX) {
            let bits = |nats: f64| nats * std::f64::consts::LOG2_E;
            self.set(&mut mark, losses.name.to_owned(), bits(losses.mixture), false);
            for (i, (name, nats)) in losses.experts.iter().enumerate() {
                self.set(&mut mark, format!("{}/{name}", losses.name), bits(*nats), !losses.spoke.has(i));
            }
        }
        for ((every_us, kept), row) in ROWS.iter().zip(&mut self.rows) {
            if row.back().is_none_or(|latest| (now_us - latest.at_us).abs() >= *every_us) {
                if row.len() >= *kept {
                    row.pop_front();
                }
                row.push_back(mark.clone());
            }
        }
        self.latest = mark;
    }

    fn set(&mut self, mark: &mut LossMark, name: String, bits: f64, silent: bool) {
        let place = self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        if mark.parts.len() <= place {
            mark.parts.resize(place + 1, 0.0);
        }
        mark.parts[place] = bits;
        if self.silent.len() <= place {
            self.silent.resize(place + 1, false);
        }
        self.silent[place] = silent;
    }

    /// The losses of all windows, and since the beginning.
    pub fn windows(&self) -> Vec<LossWindow> {
        if self.latest.events == 0 {
            return Vec::new();
        }
        let begin = LossMark::default();
        let marks = WINDOWS.iter().filter_map(|(name, length_us)| Some((*name, self.before(*length_us)?)));
        marks.chain([("ever", &begin)]).filter_map(|(name, mark)| self.since(name, mark)).collect()
    }

    /// 1 − loss / loss of the best simple experts, over the latest hour; none where that says nothing.
    pub fn skill(&self) -> Option<f64> {
        let mark = self.before(WINDOWS[1].1)?;
        let (loss, simple) = (self.latest.bits - mark.bits, self.latest.simple_bits - mark.simple_bits);
        (self.latest.events > mark.events && simple > 0.0).then(|| 1.0 - loss / simple)
    }

    /// The youngest mark that is older than a window, or the oldest of all.
    fn before(&self, length_us: i64) -> Option<&LossMark> {
        let old_enough = |mark: &&LossMark| self.latest.at_us - mark.at_us >= length_us;
        let marks = || self.rows.iter().flatten();
        let youngest = marks().filter(old_enough).max_by_key(|mark| mark.at_us);
        youngest.or_else(|| marks().min_by_key(|mark| mark.at_us))
    }

    fn since(&self, name: &str, mark: &LossMark) -> Option<LossWindow> {
        let events = self.latest.events.checked_sub(mark.events).filter(|events| *events > 0)?;
        let mean = |sum: f64, before: f64| (sum - before) / events as f64;
        let part = |(place, name): (usize, &String)| {
            let before = mark.parts.get(place).copied().unwrap_or(0.0);
            Some((name.clone(), mean(*self.latest.parts.get(place)?, before)))
        };
        let is_heard = |(place, _): &(usize, &String)| !self.silent.get(*place).is_some_and(|silent| *silent);
        let experts = self.names.iter().enumerate().filter(is_heard).filter_map(part).collect();
        let seconds = if mark.at_us == 0 { 0.0 } else { (self.latest.at_us - mark.at_us) as f64 / 1e6 };
        Some(LossWindow {
            name: name.into(),
            seconds,
            events,
            loss_bits_per_event: mean(self.latest.bits, mark.bits),
            simple_bits_per_event: mean(self.latest.simple_bits, mark.simple_bits),
            experts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_event::{Data, Datum, Limits, Record, Schema};
    use surmise_learner::Options;

    fn learn(learner: &mut Learner, symbol: &str) {
        let record = Record { data: Data::One(Datum::Text(symbol.into())), ..Record::default() };
        let event = learner.bind(&record, &Limits::default()).unwrap();
        learner.observe(&event);
    }

    /// Of a wide record all is in the sums, and the first fields have sums of their own.
    #[test]
    fn a_wide_record_has_windows_of_the_whole_and_of_its_first_fields() {
        let mut learner = Learner::new(Schema::default(), Options::default()).unwrap();
        let mut marks = LossMarks::default();
        marks.take(0, &learner);
        let fields = MARKED_FIELDS_MAX + 4;
        for i in 0..50i64 {
            let field =
                |f: usize| (format!("f{f:02}").into(), Datum::Text(format!("v{}", (i as usize + f) % 3).into()));
            let record = Record { data: Data::Fields((0..fields).map(field).collect()), ..Record::default() };
            let event = learner.bind(&record, &Limits::default()).unwrap();
            learner.observe(&event);
        }
        marks.take(1, &learner);
        let windows = marks.windows();
        let ever = windows.last().unwrap();
        let (events, bits) = learner.scored_bits();
        assert_eq!((ever.events, ever.loss_bits_per_event), (events, bits / events as f64));
        let own = ever.experts.iter().filter(|(name, _)| !name.contains('/'));
        assert_eq!(own.count(), MARKED_FIELDS_MAX);
        assert!(ever.simple_bits_per_event > 0.0);
    }

    /// A stream that turns from a rhythm to noise: the latest minute is worse than the hour, and all sums agree with
    /// the learner's own.
    #[test]
    fn a_window_is_the_difference_of_two_sums_and_rows_stay_bounded() {
        let mut learner = Learner::new(Schema::default(), Options::default()).unwrap();
        let mut marks = LossMarks::default();
        let mut x = 1u32;
        for second in 0..7_200i64 {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noisy = second >= 7_100;
            learn(&mut learner, ["a", "b", "c", "d"][if noisy { x as usize >> 30 } else { second as usize % 4 }]);
            if marks.is_due(second * 1_000_000) {
                marks.take(second * 1_000_000, &learner);
            }
        }
        marks.take(7_200_000_000, &learner);
        assert!(marks.rows.iter().zip(ROWS).all(|(row, (_, kept))| row.len() <= kept));
        let windows = marks.windows();
        let named = |name: &str| windows.iter().find(|window| window.name == name).unwrap();
        let (minute, hour, ever) = (named("minute"), named("hour"), named("ever"));
        assert!(minute.loss_bits_per_event > 1.0 && hour.loss_bits_per_event < 0.3, "{minute:?} {hour:?}");
        assert!((60.0..=130.0).contains(&minute.seconds) && (3_600.0..=4_300.0).contains(&hour.seconds));
        let (events, bits) = learner.scored_bits();
        assert_eq!((ever.events, ever.loss_bits_per_event), (events, bits / events as f64));
        assert!(marks.skill().is_some_and(|skill| skill < 1.0));
        let json = serde_json::to_string(&marks).unwrap();
        assert_eq!(serde_json::from_str::<LossMarks>(&json).unwrap().windows(), windows);
    }
}
