//! What is unusual of a number: its error, its run, its scatter, its level, its season, and that it stands still.

use crate::claim::{RespectClaim, SECOND_RANK_BITS, SECOND_RANK_WEIGHT};
use crate::fading::FadingMean;
use crate::tail::{AssumedTail, SizeRecord, SmoothedTail};
use surmise_event::AlarmKind;
use surmise_state::{Persist, State, StateError};

/// A number that came, and what was expected of it.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// The value.
    pub value: f64,
    /// Its point forecast.
    pub forecast: f64,
    /// How finely the number can be told.
    pub resolution: f64,
    /// What is usual at this time of the day, where that is known.
    pub usual: Option<f64>,
    /// What is usual at this time over many days, and what it was a week before, where both are known.
    pub season: Option<[f64; 2]>,
    /// The probabilities that stood below the value and above it, in the distribution that was forecast.
    pub tails: Option<(f64, f64)>,
}

impl Reading {
    /// How far the value is from its season: from the usual day or from the week before, whichever is nearer. A day
    /// that differs every week is unusual against days alone, and the echo of what happened a week ago against weeks
    /// alone; on different sides of both a value is between them.
    fn season_distance(&self) -> Option<f64> {
        let [day, week] = self.season?.map(|norm| (self.value - norm).clamp(-NUMBER_MAX, NUMBER_MAX));
        Some(if day.signum() != week.signum() { 0.0 } else { day.abs().min(week.abs()).copysign(day) })
    }
}

/// Weight of the latest event in means over four, sixteen and sixty-four events.
const RATES: [f64; 3] = [0.25, 0.0625, 0.015_625];
/// Weight of the latest event in a number's long-run level and size of errors.
const SLOW_RATE: f64 = 1.0 / 2048.0;
/// The most that one error counts in what is smoothed, as a multiple of the usual.
const ERROR_MULTIPLE_MAX: f64 = 32.0;
/// Errors before they are bounded so.
const UNBOUNDED_ERRORS: u32 = 20;
/// The largest number that is distinguished from larger ones; its square is finite.
const NUMBER_MAX: f64 = 1e100;
/// Bits of repetitions in a row that are told apart, so that two or three equal values are no number that stands still.
const FLAT_FLOOR: f64 = 16.0;
/// A scatter that has shrunk by less than this factor is no change.
const QUIET_FLOOR: f64 = 1.0;
/// Values before a missing one is unusual.
const QUIET_VALUES: u32 = 50;

/// The long-run record of one number field. A field that came once takes next to nothing: the first value is all that
/// is known of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct NumberWatch {
    seen: u32,
    last: f64,
    /// The usual value.
    level: FadingMean,
    /// Runs of missing values so far, and whether the latest value was missing.
    missing: f64,
    absent: bool,
    /// What later values show; none before one has come.
    records: Option<Box<NumberRecords>>,
}

/// What a number shows from its second value on.
#[derive(Clone, Debug, Default, PartialEq)]
struct NumberRecords {
    /// How often a value is the last one again, and what the repetitions in a row cost up to now, in bits.
    repeats: FadingMean,
    run: f64,
    /// The usual size of an error.
    error_size: FadingMean,
    error: SizeRecord,
    /// The mean error over some events: to one side, over four events; then over sixteen and sixty-four.
    bias: [SmoothedTail; 3],
    /// The mean size of errors over sixteen and sixty-four events.
    scatter: [SmoothedTail; 2],
    /// The mean value over sixteen and sixty-four events.
    levels: [SmoothedTail; 2],
    /// The mean distance from the day before over sixteen and sixty-four events.
    season: [SmoothedTail; 2],
    /// The mean distance from the usual day and the week before, whichever is less, over sixty-four events.
    weekly: SmoothedTail,
    /// The distribution's tail beyond the value.
    quantile: SizeRecord,
    /// How much smaller the scatter is than it was.
    quiet: SizeRecord,
    flat: SizeRecord,
}

impl NumberWatch {
    /// What the respects weigh together: four of the first rank, and the others.
    pub(crate) const WEIGHT: f64 = 4.0 + 10.0 * SECOND_RANK_WEIGHT;

    /// Takes in how far a number is from its season, after [`observe`](Self::observe); raises `claim` if it has left
    /// that slowly.
    pub(crate) fn observe_season(&mut self, r: &Reading, field: Option<u32>, claim: &mut RespectClaim) {
        if let Some(distance) = r.season_distance().filter(|distance| distance.is_finite()) {
            let records = self.records.get_or_insert_default();
            let bits = records.weekly.observe_slow(distance, RATES[2], r.resolution);
            claim.raise(AlarmKind::Level, bits, field);
        }
    }

    /// Takes a number in; raises `claim` by all that is unusual of it.
    pub(crate) fn observe(&mut self, r: &Reading, field: Option<u32>, claim: &mut RespectClaim) {
        if !r.value.is_finite() {
            self.observe_missing(field, claim);
            return;
        }
        self.absent = false;
        let value = r.value.clamp(-NUMBER_MAX, NUMBER_MAX);
        let floor = r.resolution;
        self.seen = self.seen.saturating_add(1);
        if self.seen == 1 {
            // nothing was known of the first value, so its error says nothing of later ones
            self.last = value;
            self.level.add(value, SLOW_RATE);
            return;
        }
        let records = self.records.get_or_insert_default();
        let error = (value - r.forecast).clamp(-NUMBER_MAX, NUMBER_MAX);
        if error.is_finite() {
            records.observe_error(self.seen, error, floor, field, claim);
        }
        let mut second = |kind: AlarmKind, bits: f64| claim.raise(kind, bits - SECOND_RANK_BITS, field);
        if let Some((below, above)) = r.tails {
            // a cell counts with its half, so that a value that is always the same is in the middle
            let cell = (1.0 - below - above).max(0.0);
            let tail = (2.0 * below.min(above) + cell).clamp(1e-12, 1.0);
            second(AlarmKind::Value, records.quantile.observe(-libm::log2(tail), 1.0, AssumedTail::Bits));
        }
        if let Some(usual) = r.usual {
            for (season, rate) in records.season.iter_mut().zip(&RATES[1..]) {
                let distance = (value - usual).clamp(-NUMBER_MAX, NUMBER_MAX);
                second(AlarmKind::Level, season.observe(distance, *rate, 0.0, floor));
            }
        }
        second(AlarmKind::Flat, records.observe_repetition(self.seen, value == self.last));
        let around = self.level.mean();
        let [sixteen, sixty_four] = &mut records.levels;
        second(AlarmKind::Level, sixty_four.observe(value, RATES[2], around, floor));
        claim.raise(AlarmKind::Level, sixteen.observe(value, RATES[1], around, floor), field);
        self.level.add(value, SLOW_RATE);
        self.last = value;
    }

    /// A value that is missing; missing values in a row count once.
    fn observe_missing(&mut self, field: Option<u32>, claim: &mut RespectClaim) {
        if !std::mem::replace(&mut self.absent, true) {
            if self.seen > QUIET_VALUES {
                let bits = libm::log2((f64::from(self.seen) + 1.0) / (self.missing + 0.5));
                claim.raise(AlarmKind::Missing, bits - SECOND_RANK_BITS, field);
            }
            self.missing += 1.0;
        }
    }
}

impl NumberRecords {
    /// Takes in whether the value after `seen` others is the last one again; returns how rare so many in a row are, in
    /// bits.
    fn observe_repetition(&mut self, seen: u32, again: bool) -> f64 {
        let seen = f64::from(seen).min(1.0 / SLOW_RATE);
        let chance = (self.repeats.mean() * seen + 0.5) / (seen + 1.0);
        self.run = if again { self.run - libm::log2(chance) } else { 0.0 };
        self.repeats.add(f64::from(u8::from(again)), SLOW_RATE);
        self.flat.observe(self.run, FLAT_FLOOR, AssumedTail::Bits)
    }

    fn observe_error(&mut self, seen: u32, error: f64, floor: f64, field: Option<u32>, claim: &mut RespectClaim) {
        claim.raise(AlarmKind::Value, self.error.observe(error.abs(), floor, AssumedTail::Square), field);
        // what is smoothed is bounded first, so that one freak does not last as long as the smoothing does
        let bound =
            if seen <= UNBOUNDED_ERRORS { NUMBER_MAX } else { ERROR_MULTIPLE_MAX * self.error_size.mean().max(floor) };
        let error = error.clamp(-bound, bound);
        self.error_size.add(error.abs(), SLOW_RATE);
        let [four, sixteen, sixty_four] = &mut self.bias;
        claim.raise(AlarmKind::Run, four.observe(error, RATES[0], 0.0, floor), field);
        let mut second = |kind: AlarmKind, bits: f64| claim.raise(kind, bits - SECOND_RANK_BITS, field);
        second(AlarmKind::Level, sixteen.observe(error, RATES[1], 0.0, floor));
        second(AlarmKind::Level, sixty_four.observe(error, RATES[2], 0.0, floor));
        let [sixteen, sixty_four] = &mut self.scatter;
        let wide = sixteen.observe(error.abs(), RATES[1], 0.0, floor);
        second(AlarmKind::Spread, sixty_four.observe(error.abs(), RATES[2], 0.0, floor));
        let usual = self.error_size.mean();
        if usual > floor {
            let times = usual / sixty_four.mean().max(floor);
            second(AlarmKind::Spread, self.quiet.observe(times, QUIET_FLOOR, AssumedTail::Square));
        }
        claim.raise(AlarmKind::Spread, wide, field);
    }
}

impl Persist for NumberWatch {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        // records that have learnt nothing are written as they would be
        let mut records = self.records.take().unwrap_or_default();
        s.u32("number seen", &mut self.seen)?;
        s.f64("number last", &mut self.last)?;
        s.f64("number run", &mut records.run)?;
        s.f64("number missing", &mut self.missing)?;
        s.bool("number absent", &mut self.absent)?;
        records.error_size.persist(s)?;
        self.level.persist(s)?;
        records.persist_rest(s)?;
        self.records = Some(records).filter(|records| **records != NumberRecords::default());
        Ok(())
    }
}

impl NumberRecords {
    /// Walks what follows the level.
    fn persist_rest(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.repeats.persist(s)?;
        for tail in [&mut self.error, &mut self.quantile, &mut self.quiet, &mut self.flat] {
            tail.persist(s)?;
        }
        let smoothed = self.bias.iter_mut().chain(&mut self.scatter).chain(&mut self.levels).chain(&mut self.season);
        for tail in smoothed {
            tail.persist(s)?;
        }
        self.weekly.persist(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use surmise_fixtures::Random;

    /// A reading of every kind: missing, repeated, with and without a season and tails.
    fn reading(random: &mut Random) -> Reading {
        let value = [f64::NAN, 1.0, f64::from(random.signed())][random.below(3) as usize];
        let season = (random.below(4) == 0).then(|| [value - 1.0, value + f64::from(random.signed())]);
        let tails = (random.below(2) == 0).then_some((0.2, 0.7));
        Reading { value, forecast: 0.5, resolution: 0.01, usual: season.map(|s| s[0]), season, tails }
    }

    #[test]
    fn records_that_are_made_late_are_those_that_stood_from_the_beginning() {
        for seed in 0..500 {
            let mut random = Random::new(seed);
            let mut late = NumberWatch::default();
            let mut early = NumberWatch { records: Some(Box::default()), ..NumberWatch::default() };
            for _ in 0..random.below(130) {
                let r = reading(&mut random);
                let mut claims = [RespectClaim::NONE; 2];
                for (watch, claim) in [&mut late, &mut early].into_iter().zip(&mut claims) {
                    watch.observe(&r, None, claim);
                    watch.observe_season(&r, None, claim);
                }
                assert_eq!(claims[0], claims[1]);
                if random.below(8) == 0 {
                    let bytes = late.encode();
                    assert_eq!(bytes, early.encode());
                    late = NumberWatch::default();
                    late.decode(&bytes).unwrap();
                    early.records.get_or_insert_default();
                }
            }
            assert_eq!(late.encode(), early.encode());
        }
    }

    #[test]
    fn the_first_value_needs_no_records() {
        let mut watch = NumberWatch::default();
        let mut r = reading(&mut Random::new(1));
        (r.value, r.season) = (3.0, None);
        watch.observe(&r, None, &mut RespectClaim::default());
        assert!(watch.records.is_none());
        watch.observe(&r, None, &mut RespectClaim::default());
        assert!(watch.records.is_some());
    }
}
