//! The keys of a stream, for people.

use crate::keys::KeyState;
use crate::learner::Learner;
use surmise_event::{KnownKey, format_time};

/// In which order keys are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyOrder {
    /// Those first that spoke last.
    #[default]
    Latest,
    /// Those first that are silent for longest.
    Quietest,
}

impl Learner {
    /// How many keys are in memory, and the first of them in an order, at most `max`. The time that silence is measured
    /// by is that of the latest event of all keys.
    pub fn known_keys(&self, order: KeyOrder, max: usize) -> (usize, Vec<KnownKey>) {
        let keys: Vec<_> = self.keys.named().collect();
        let now_us = keys.iter().filter_map(|(_, state)| state.clock.last_us()).max();
        let told = |(key, state): &(&str, &KeyState)| self.known_key(key, state, now_us);
        let listed = match order {
            KeyOrder::Latest => keys.iter().take(max).map(told).collect(),
            KeyOrder::Quietest => keys.iter().rev().take(max).map(told).collect(),
        };
        (keys.len(), listed)
    }

    fn known_key(&self, key: &str, state: &KeyState, now_us: Option<i64>) -> KnownKey {
        let last_us = state.clock.last_us();
        let silent_us = now_us.zip(last_us).map(|(now_us, last_us)| now_us.saturating_sub(last_us));
        KnownKey {
            key: key.to_owned(),
            events: u64::from(state.length),
            latest_offset: state.used,
            latest_time: last_us.map(format_time),
            is_silent: self.monitors.silences.is_over(self.position.offset.saturating_sub(state.used), silent_us),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use surmise_event::{Data, Datum, Limits, Record, Schema};

    #[test]
    fn keys_are_listed_by_when_they_spoke_and_the_silent_ones_are_marked() {
        let mut learner = Learner::new(Schema::default(), Options { memory_mib: 1, ..Options::default() }).unwrap();
        for n in 0..6_000u64 {
            // one of eight keys falls silent early on
            let key = match n % 8 {
                3 if n > 1_000 => "k4".to_owned(),
                other => format!("k{other}"),
            };
            let data = Data::One(Datum::Text("tick".into()));
            let record = Record { data, key: Some(key.into()), ..Record::default() };
            let event = learner.bind(&record, &Limits::default()).unwrap();
            learner.observe(&event);
        }
        let (count, quietest) = learner.known_keys(KeyOrder::Quietest, 2);
        assert_eq!((count, quietest.len()), (8, 2));
        assert_eq!((&*quietest[0].key, quietest[0].latest_offset, quietest[0].is_silent), ("k3", 995, true));
        assert_eq!((quietest[0].events, quietest[1].is_silent), (125, false), "{quietest:?}");
        let (_, latest) = learner.known_keys(KeyOrder::Latest, 3);
        let keys: Vec<&str> = latest.iter().map(|key| &*key.key).collect();
        assert_eq!((keys, latest[0].latest_offset), (vec!["k7", "k6", "k5"], 5_999));
    }
}
