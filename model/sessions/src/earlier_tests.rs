//! Earlier sessions against what their definition says, computed slowly.

use super::*;
use crate::counts::LEVELS;
use proptest::prelude::*;
use surmise_fixtures::Random;

/// A session of up to `symbols` symbols, most of which come as often as in other sessions.
fn session(random: &mut Random, symbols: u64) -> (SymbolCounts, u64) {
    let mut counts = SymbolCounts::default();
    let mut events = 1;
    for symbol in 0..symbols {
        let often = if random.happens(0.5) { symbol % 3 + 1 } else { random.below(7) };
        let one = SessionSymbol { field: (symbol % 2) as u16, symbol: symbol as u32 };
        (0..often).for_each(|_| counts.add(one));
        events += often;
    }
    if random.happens(0.1) {
        counts.add(SessionSymbol { field: 0, symbol: 1000 + random.below(50) as u32 });
    }
    (counts, events)
}

/// `[LEVELS]`: levels of the symbols of a session remembered.
fn level_in(earlier: &EarlierSessions, session: &EarlierSession, symbol: SessionSymbol) -> u8 {
    let found = session.levels.iter().find(|(number, _)| earlier.features.symbol(*number) == symbol);
    found.map_or(0, |(_, level)| *level)
}

/// The distance of two levels of a symbol by its definition: pair by pair.
fn slow_distance(earlier: &EarlierSessions, symbol: SessionSymbol, a: u8, b: u8) -> f64 {
    let levels: Vec<(u8, f64)> =
        earlier.sessions.iter().map(|s| (level_in(earlier, s, symbol), f64::from(s.weight))).collect();
    let one = f64::from(WEIGHT_ONE);
    let total = f64::from(earlier.features.total());
    let having: f64 = levels.iter().filter(|(level, _)| *level > 0).map(|(_, w)| w).sum();
    let known = levels.iter().filter(|(level, _)| *level > 0).count();
    if known == 0 && symbol == SessionSymbol::RARE {
        return if a == b { 0.0 } else { (total / one + 1.0).ln() };
    }
    if a == b || known < 2 && !symbol.is_of_whole() {
        return 0.0;
    }
    if a == 0 || b == 0 {
        let as_many: f64 = levels.iter().filter(|(level, _)| *level >= a.max(b)).map(|(_, w)| w).sum();
        // the weight of all is that for which distances hold
        let lacking = (total - having).max(0.0);
        return -(2.0 * lacking * as_many / (total * total) + one / (total + one)).min(1.0).ln();
    }
    let mut as_far = 0.0;
    for (x, v) in levels.iter().filter(|(level, _)| *level > 0) {
        for (y, w) in levels.iter().filter(|(level, _)| *level > 0) {
            as_far += if x.abs_diff(*y) >= a.abs_diff(b) { v * w } else { 0.0 };
        }
    }
    -(as_far / (having * having) + one / (having + one)).min(1.0).ln()
}

/// The distance to the nearest fiftieth by its definition.
fn slow_nearest(earlier: &EarlierSessions, counts: &SymbolCounts, events: u64) -> f64 {
    let own = earlier.levels(counts, events);
    let mut distances: Vec<(f64, u32)> = Vec::new();
    let mut known = std::collections::HashMap::new();
    for session in &earlier.sessions {
        let symbols = own.iter().map(|(symbol, _)| *symbol);
        let others = session.levels.iter().map(|(number, _)| earlier.features.symbol(*number));
        let mut furthest = 0f64;
        for symbol in symbols.chain(others) {
            let a = own.iter().find(|(s, _)| *s == symbol).map_or(0, |(_, level)| *level);
            let b = level_in(earlier, session, symbol);
            let distance = known.entry((symbol, a, b)).or_insert_with(|| slow_distance(earlier, symbol, a, b));
            furthest = furthest.max(*distance);
        }
        distances.push((furthest, session.weight));
    }
    distances.sort_by(|a, b| a.0.total_cmp(&b.0));
    let wanted = ((NEIGHBOURHOOD * f64::from(earlier.weight)) as u32).max(1);
    let mut weight = 0;
    distances.iter().find(|(_, w)| (weight += w, weight >= wanted).1).map_or(0.0, |(distance, _)| *distance)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_nearest_are_those_of_the_definition(seed in any::<u64>(), n in 1usize..400, symbols in 1u64..12) {
        let mut random = Random::new(seed);
        let mut earlier = EarlierSessions::default();
        for _ in 0..n {
            let (counts, events) = session(&mut random, symbols);
            earlier.add(&counts, events, if random.happens(0.1) { 1 } else { WEIGHT_ONE });
        }
        for _ in 0..4 {
            let (counts, events) = session(&mut random, symbols);
            let fast = earlier.nearest(&counts, events).unwrap();
            let slow = slow_nearest(&earlier, &counts, events);
            prop_assert!((fast.distance - slow).abs() < 1e-5 * (1.0 + slow), "{fast:?} {slow}");
            prop_assert!(fast.symbol.is_some() == (fast.distance > 0.0));
        }
    }

    #[test]
    fn sessions_that_were_written_and_read_go_on_alike(seed in any::<u64>(), n in 0usize..1500) {
        let mut random = Random::new(seed);
        let mut earlier = EarlierSessions::default();
        for _ in 0..n {
            let (counts, events) = session(&mut random, 6);
            earlier.add(&counts, events, if random.happens(0.1) { 1 } else { WEIGHT_ONE });
        }
        let mut read = EarlierSessions::default();
        read.decode(&earlier.encode()).unwrap();
        prop_assert_eq!(read.hash_state(), earlier.hash_state());
        for _ in 0..50 {
            let (counts, events) = session(&mut random, 6);
            prop_assert_eq!(read.nearest(&counts, events), earlier.nearest(&counts, events));
            read.add(&counts, events, WEIGHT_ONE);
            earlier.add(&counts, events, WEIGHT_ONE);
        }
        prop_assert_eq!(read.hash_state(), earlier.hash_state());
        prop_assert_eq!(read.weight, earlier.weight);
    }
}

#[test]
fn memory_is_bounded_and_forgets_as_it_learns() {
    let mut random = Random::new(5);
    let mut earlier = EarlierSessions::default();
    for i in 0..6000u32 {
        let (mut counts, events) = session(&mut random, 5);
        // each session has symbols of its own
        (0..80).for_each(|j| counts.add(SessionSymbol { field: 2, symbol: i * 80 + j }));
        earlier.add(&counts, events + 80, 1 + (random.below(8) as u32));
    }
    assert_eq!(earlier.len(), SESSIONS_MAX);
    assert!(earlier.features.len() <= SESSIONS_MAX * 67, "{}", earlier.features.len());
    let weight: u32 = earlier.sessions.iter().map(|s| s.weight).sum();
    assert_eq!(weight, earlier.weight);
    assert!(earlier.measure() < 2 << 20, "{} bytes", earlier.measure());
    // the sample is even: its mean place in the past is the middle of what is older than the latest
    let old = |s: &EarlierSession| {
        let firsts = s.levels.iter().map(|(n, _)| earlier.features.symbol(*n)).filter(|s| s.field == 2);
        firsts.map(|s| s.symbol / 80).next().unwrap()
    };
    let mean = earlier.sessions[LATEST..].iter().map(old).sum::<u32>() as usize / SAMPLED;
    assert!((2500..3000).contains(&mean), "{mean}");
}

#[test]
fn the_order_of_symbols_is_no_part_of_a_session() {
    let mut earlier = EarlierSessions::default();
    let counts = |symbols: &[u32]| {
        let mut counts = SymbolCounts::default();
        symbols.iter().for_each(|symbol| counts.add(SessionSymbol { field: 0, symbol: *symbol }));
        counts
    };
    for i in 0..200 {
        earlier.add(&counts(if i % 4 == 0 { &[1, 2, 3, 3] } else { &[3, 1, 2] }), 4, WEIGHT_ONE);
    }
    let (a, b) = (earlier.nearest(&counts(&[1, 3, 1]), 3), earlier.nearest(&counts(&[3, 1, 1]), 3));
    assert_eq!(a, b);
    // that 2 is missing was never seen, and that 1 came twice neither
    assert!(a.unwrap().distance > 4.0, "{a:?}");
    assert_eq!(earlier.nearest(&counts(&[2, 3, 1]), 4).unwrap().distance, 0.0);
    let missing = earlier.nearest(&counts(&[1, 3]), 4).unwrap();
    assert_eq!(
        (missing.symbol, missing.count, missing.usual_count),
        (Some(SessionSymbol { field: 0, symbol: 2 }), 0, 1)
    );
    assert!(LEVELS == 16 && earlier.nearest(&counts(&[]), 0).unwrap().distance >= missing.distance);
}
