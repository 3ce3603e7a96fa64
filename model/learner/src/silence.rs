//! Keys that have gone silent: how long keys of a stream are silent between two of their events, and from when on one
//! is taken to be over.
//!
//! Many streams never say that a key ended. A key that is silent [`LIMIT_FACTOR`] times as long as all but one in
//! [`LONGEST_PART`] of the silences that keys of this stream came back from gets its verdict without that. Silence is
//! counted in events of the stream and, where events have times, in time as well: both have to be as long, so that
//! neither a burst of other keys nor a quiet night ends one. The rule depends on the events alone.
//!
//! A key that speaks again keeps all that was learnt of it and begins another session. Its silence is counted with the
//! others, so that a stream whose keys do so waits longer.

use surmise_state::{Persist, State, StateError};

/// Silences that are counted before any key is taken to be over.
const SILENCES_MIN: f64 = 100.0;
/// One silence in so many may be longer than those that the limit is a multiple of.
const LONGEST_PART: f64 = 2000.0;
/// How much longer than those a key has to be silent.
const LIMIT_FACTOR: f64 = 8.0;
/// The least limit in events.
const EVENTS_MIN: f64 = 256.0;
/// So many times the limit in events is enough, whatever the times say: one of them may be far ahead.
const WHATEVER_TIMES: u64 = 64;
/// Silences that are remembered; half of what was counted fades whenever twice as many have come.
const MEMORY: f64 = 16_384.0;
/// Silences between two times that the limit is worked out.
const LIMIT_EVERY: f64 = 64.0;
/// Octaves.
const BINS: usize = 64;

/// How long keys of a stream were silent and came back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Silences {
    events: SilenceRecord,
    times: SilenceRecord,
}

/// Silences by their octave.
#[derive(Clone, Debug, Default)]
struct SilenceRecord {
    /// `[BINS]`, empty before the first.
    bins: Vec<u32>,
    count: f64,
    /// How long a key has to be silent; 0 as long as that is not known.
    limit: u64,
}

impl SilenceRecord {
    fn add(&mut self, length: u64) {
        if self.bins.is_empty() {
            self.bins = vec![0; BINS];
        }
        self.bins[(length | 1).ilog2() as usize] += 1;
        self.count += 1.0;
        if self.count % LIMIT_EVERY == 0.0 {
            self.set_limit();
        }
        if self.count >= 2.0 * MEMORY {
            self.bins.iter_mut().for_each(|n| *n /= 2);
            self.count = MEMORY;
        }
    }

    fn set_limit(&mut self) {
        let (mut longer, total) = (0.0, self.bins.iter().map(|n| f64::from(*n)).sum::<f64>());
        if total < SILENCES_MIN {
            self.limit = 0;
            return;
        }
        let longest = (0..BINS).rev().find(|bin| {
            longer += f64::from(self.bins[*bin]);
            longer > total / LONGEST_PART
        });
        // to the end of its octave
        let longest = libm::exp2(longest.unwrap_or(0) as f64 + 1.0);
        self.limit = (LIMIT_FACTOR * longest) as u64;
    }
}

impl Silences {
    /// A key came back after so many events of its stream, and after so long where events have times.
    pub(crate) fn observe(&mut self, events: u64, us: Option<i64>) {
        self.events.add(events);
        if let Some(us) = us {
            self.times.add(us.max(0) as u64);
        }
    }

    /// Whether a key is over that has been silent for so long.
    pub(crate) fn is_over(&self, events: u64, us: Option<i64>) -> bool {
        let limit = match self.events.limit {
            0 => return false,
            limit => limit.max(EVENTS_MIN as u64),
        };
        let is_long = us.is_none_or(|us| self.times.limit > 0 && us.max(0) as u64 >= self.times.limit);
        events >= limit && (is_long || events / WHATEVER_TIMES >= limit)
    }
}

impl Persist for SilenceRecord {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u32s("silences", &mut self.bins)?;
        if !matches!(self.bins.len(), 0 | BINS) {
            return Err(StateError::Invalid("silences"));
        }
        s.f64("silences", &mut self.count)?;
        s.u64("limit of silence", &mut self.limit)
    }
}

impl Persist for Silences {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        self.events.persist(s)?;
        self.times.persist(s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_over_when_it_is_silent_for_much_longer_than_keys_use_to_be() {
        let mut silences = Silences::default();
        assert!(!silences.is_over(u64::MAX / 2, None), "nothing is known yet");
        (0..640u32).for_each(|i| silences.observe(u64::from(10 + i % 20), Some(60_000_000)));
        assert!(!silences.is_over(255, Some(i64::MAX)));
        assert!(silences.is_over(300, Some(3_600_000_000)));
        assert!(!silences.is_over(300, Some(120_000_000)), "a burst of other keys ends none");
        assert!(silences.is_over(300, None));
        assert!(silences.is_over(64 * 300, Some(-5)), "nor does a time far ahead keep one for ever");
        (0..64).for_each(|_| silences.observe(100_000, Some(86_400_000_000)));
        assert!(!silences.is_over(300, Some(3_600_000_000)), "keys that come back late are waited for");
    }
}
