//! The sessions that are remembered, and how near to them a new one is.

use crate::counts::{SessionSymbol, SymbolCounts, first_count, level};
use crate::features::{FeatureTable, WEIGHT_ONE};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;
use surmise_state::{Persist, State, StateError};
use xxhash_rust::xxh3::xxh3_64;

/// The latest sessions that are remembered.
const LATEST: usize = 512;
/// Sessions of the even sample of all that are older.
const SAMPLED: usize = 512;
/// Sessions that are remembered at most.
pub const SESSIONS_MAX: usize = LATEST + SAMPLED;
/// The part of all sessions that makes up a neighbourhood: what is more frequent is normal.
const NEIGHBOURHOOD: f64 = 0.02;
/// Distances are set anew when the weight of all sessions has changed by this part.
const TOTAL_CHANGE: u32 = 16;
/// The number of a symbol that no session remembered has.
const UNKNOWN: u32 = u32::MAX;

/// A session that is remembered.
#[derive(Clone, Debug, Default)]
struct EarlierSession {
    /// Numbers of its symbols, and the levels of their counts.
    levels: Arc<[(u32, u8)]>,
    /// A hash of the symbols and levels.
    hash: u64,
    /// Eighths.
    weight: u32,
}

/// Where a session lies among earlier ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// The distance to the nearest fiftieth of the sessions remembered, in nats.
    pub distance: f64,
    /// The symbol in which the session differs most from the last of them.
    pub symbol: Option<SessionSymbol>,
    /// About how often the session has that symbol.
    pub count: u16,
    /// About how often the neighbour has it.
    pub usual_count: u16,
}

/// Earlier sessions, within bounds: the latest 512, and an even sample of up to 512 older ones.
///
/// Deterministic: which sessions are in the sample depends on their number alone.
#[derive(Clone, Debug, Default)]
pub struct EarlierSessions {
    /// The latest at first, in a circle; then the sample.
    sessions: Vec<EarlierSession>,
    /// Sessions so far.
    seen: u64,
    features: FeatureTable,
    /// The weight of all, in eighths.
    weight: u32,
}

/// A session that is compared with earlier ones.
struct SessionQuery {
    /// Symbols that count, the most telling one first: number, level, and the distance to a session without it.
    parts: Vec<(u32, u8, f32)>,
    /// `[features]`: the place of a symbol among the parts, and its level; level 0 where the session lacks it.
    levels: Vec<(u8, u8)>,
    hash: u64,
}

/// A candidate, the furthest first.
#[derive(PartialEq)]
struct Candidate {
    distance: f32,
    weight: u32,
    session: u32,
}

impl Eq for Candidate {}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.session.cmp(&other.session))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Pseudo-random bits of a number (SplitMix64).
fn scramble(n: u64) -> u64 {
    let x = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ x >> 31
}

/// A hash of symbols and levels, whatever their order.
fn hash_of(levels: impl Iterator<Item = (SessionSymbol, u8)>) -> u64 {
    levels.fold(0, |sum, (symbol, level)| {
        let mut bytes = [level; 9];
        bytes[..8].copy_from_slice(&symbol.code().to_le_bytes());
        sum.wrapping_add(xxh3_64(&bytes))
    })
}

impl EarlierSessions {
    /// How many sessions are remembered.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// All that a session is compared by: its symbols that are known, how many of them are rare, and its length.
    fn levels(&self, counts: &SymbolCounts, events: u64) -> Vec<(SessionSymbol, u8)> {
        let is_rare = |symbol| self.features.number(symbol).is_none_or(|number| !self.features.counts(number));
        let rare = counts.iter().filter(|(symbol, _)| is_rare(*symbol)).count() as u16;
        let events = u16::try_from(events).unwrap_or(u16::MAX);
        let whole = [(SessionSymbol::EVENTS, events), (SessionSymbol::RARE, rare)];
        counts.iter().chain(whole).filter(|(_, n)| *n > 0).map(|(symbol, n)| (symbol, level(n))).collect()
    }

    fn query(&self, levels: &[(SessionSymbol, u8)]) -> SessionQuery {
        let features = &self.features;
        let mut parts = Vec::with_capacity(levels.len());
        for (symbol, level) in levels {
            match features.number(*symbol) {
                Some(number) if features.counts(number) => {
                    parts.push((number, *level, features.distance(number, *level, 0)));
                }
                // nobody had rare symbols: that is as rare as anything can be
                None if *symbol == SessionSymbol::RARE => parts.push((UNKNOWN, *level, self.unseen())),
                Some(_) | None => {}
            }
        }
        let symbol = |number: u32| if number == UNKNOWN { SessionSymbol::RARE } else { features.symbol(number) };
        parts.sort_by(|a, b| b.2.total_cmp(&a.2).then(symbol(a.0).cmp(&symbol(b.0))));
        let mut places = vec![(0, 0); features.len()];
        for (i, (number, level, _)) in parts.iter().enumerate() {
            if let Some(place) = places.get_mut(*number as usize) {
                *place = (i as u8, *level);
            }
        }
        SessionQuery { parts, levels: places, hash: hash_of(levels.iter().copied()) }
    }

    /// The distance of something that no pair of sessions differs in.
    fn unseen(&self) -> f32 {
        libm::log(f64::from(self.features.total()) / f64::from(WEIGHT_ONE) + 1.0) as f32
    }

    /// The distance of a session remembered; where it is `enough` or more, any such number.
    fn distance(&self, query: &SessionQuery, session: &EarlierSession, enough: f32) -> f32 {
        let mut found = 0u128;
        for (number, _) in session.levels.iter() {
            let (place, own) = query.levels[*number as usize];
            found |= u128::from(own > 0) << place;
        }
        // of the symbols that the session lacks, the first is the most telling; most sessions are far by that alone
        let mut furthest = query.parts.get(found.trailing_ones() as usize).map_or(0.0, |part| part.2);
        for (number, level) in session.levels.iter() {
            if furthest >= enough {
                return furthest;
            }
            let own = query.levels[*number as usize].1;
            furthest = furthest.max(self.features.distance(*number, *level, own));
        }
        furthest
    }

    /// Where a session lies among those remembered; `None` while there are none. Costs a walk over all of them, about
    /// ten nanoseconds each.
    pub fn nearest(&self, counts: &SymbolCounts, events: u64) -> Option<Neighbour> {
        let query = self.query(&self.levels(counts, events));
        let wanted = ((NEIGHBOURHOOD * f64::from(self.weight)) as u32).max(1);
        let mut nearest: BinaryHeap<Candidate> = BinaryHeap::new();
        let (mut weight, mut alike) = (0, 0);
        for (i, session) in self.sessions.iter().enumerate() {
            let enough = if weight >= wanted { nearest.peek().map_or(f32::MAX, |c| c.distance) } else { f32::MAX };
            let distance = if session.hash == query.hash { 0.0 } else { self.distance(&query, session, enough) };
            if distance >= enough {
                continue;
            }
            alike += if distance > 0.0 { 0 } else { session.weight };
            nearest.push(Candidate { distance, weight: session.weight, session: i as u32 });
            weight += session.weight;
            // the furthest go as long as the others are enough
            while let Some(last) = nearest.peek().filter(|last| weight - last.weight >= wanted) {
                weight -= last.weight;
                nearest.pop();
            }
            if alike >= wanted {
                break;
            }
        }
        let last = nearest.peek()?;
        Some(self.describe(&query, &self.sessions[last.session as usize], last.distance))
    }

    /// In which symbol a session differs most from one remembered.
    fn describe(&self, query: &SessionQuery, session: &EarlierSession, distance: f32) -> Neighbour {
        let features = &self.features;
        let mut most: (f32, Option<(SessionSymbol, u8, u8)>) = (0.0, None);
        let mut compare = |symbol: SessionSymbol, own: u8, other: u8, distance: f32| {
            let tie = distance == most.0 && most.1.is_some_and(|m| symbol < m.0);
            if distance > most.0 || tie {
                most = (distance, Some((symbol, own, other)));
            }
        };
        for (number, level) in session.levels.iter() {
            let own = query.levels[*number as usize].1;
            compare(features.symbol(*number), own, *level, features.distance(*number, *level, own));
        }
        for (number, level, lacking) in &query.parts {
            if !session.levels.iter().any(|(n, _)| n == number) {
                let symbol = if *number == UNKNOWN { SessionSymbol::RARE } else { features.symbol(*number) };
                compare(symbol, *level, 0, *lacking);
            }
        }
        let (symbol, own, other) = most.1.map_or((None, 0, 0), |(symbol, own, other)| (Some(symbol), own, other));
        Neighbour { distance: f64::from(distance), symbol, count: first_count(own), usual_count: first_count(other) }
    }

    /// Remembers a session with a weight in eighths, from 1 to 8.
    pub fn add(&mut self, counts: &SymbolCounts, events: u64, weight: u32) {
        let levels = self.levels(counts, events);
        let hash = hash_of(levels.iter().copied());
        let levels: Vec<(u32, u8)> =
            levels.into_iter().map(|(symbol, level)| (self.features.add(symbol, level, weight), level)).collect();
        let session = EarlierSession { levels: levels.into(), hash, weight };
        self.weight += weight;
        session.levels.iter().for_each(|(number, _)| self.features.renew(*number));
        let gone = self.place(session);
        if let Some(gone) = gone {
            self.weight -= gone.weight;
            for (number, level) in gone.levels.iter() {
                self.features.remove(*number, *level, gone.weight);
                self.features.renew(*number);
            }
        }
        self.seen += 1;
        let held = self.features.total();
        if self.weight.abs_diff(held) * TOTAL_CHANGE >= held {
            self.features.set_total(self.weight);
        }
    }

    /// Puts a session among the latest; the one that it takes the place of may enter the sample. Returns the one that
    /// is forgotten.
    fn place(&mut self, session: EarlierSession) -> Option<EarlierSession> {
        if self.sessions.len() < LATEST {
            self.sessions.push(session);
            return None;
        }
        let older = std::mem::replace(&mut self.sessions[(self.seen % LATEST as u64) as usize], session);
        if self.sessions.len() < SESSIONS_MAX {
            self.sessions.push(older);
            return None;
        }
        // reservoir sampling: of n older sessions each is in the sample with equal probability
        let n = self.seen - LATEST as u64 + 1;
        let place = ((u128::from(scramble(self.seen)) * u128::from(n)) >> 64) as usize;
        if place >= SAMPLED {
            return Some(older);
        }
        Some(std::mem::replace(&mut self.sessions[LATEST + place], older))
    }
}

impl Persist for EarlierSessions {
    fn persist(&mut self, s: &mut State<'_>) -> Result<(), StateError> {
        s.u64("sessions seen", &mut self.seen)?;
        let mut total = self.features.total();
        s.u32("sessions weight", &mut total)?;
        let n = s.begin("sessions", self.sessions.len(), 4)?;
        if !s.is_reading() {
            for session in &self.sessions {
                let symbols = session.levels.iter().map(|(number, _)| self.features.symbol(*number).code());
                let mut codes: Vec<u64> = symbols.collect();
                let mut levels: Vec<u8> = session.levels.iter().map(|(_, level)| *level).collect();
                let mut weight = session.weight;
                s.u32("session weight", &mut weight)?;
                s.u64s("session symbols", &mut codes)?;
                s.u8s_fixed("session levels", &mut levels)?;
            }
            return Ok(());
        }
        let seen = self.seen;
        *self = EarlierSessions { seen, ..EarlierSessions::default() };
        for _ in 0..n {
            let session = self.read(s)?;
            self.weight += session.weight;
            self.sessions.push(session);
        }
        self.features.set_total(total);
        Ok(())
    }
}

impl EarlierSessions {
    /// Reads a session remembered, and enters its symbols.
    fn read(&mut self, s: &mut State<'_>) -> Result<EarlierSession, StateError> {
        let (mut weight, mut codes) = (0, Vec::new());
        s.u32("session weight", &mut weight)?;
        s.u64s("session symbols", &mut codes)?;
        let mut levels = vec![0; codes.len()];
        s.u8s_fixed("session levels", &mut levels)?;
        let sound = levels.iter().all(|l| level(first_count(*l)) == *l) && (1..=WEIGHT_ONE).contains(&weight);
        if !sound || codes.len() > u8::MAX as usize / 2 {
            return Err(StateError::Invalid("session levels"));
        }
        let symbols = || codes.iter().map(|code| SessionSymbol::of_code(*code)).zip(levels.iter().copied());
        let hash = hash_of(symbols());
        let levels: Vec<(u32, u8)> =
            symbols().map(|(symbol, level)| (self.features.add(symbol, level, weight), level)).collect();
        Ok(EarlierSession { levels: levels.into(), hash, weight })
    }
}

#[cfg(test)]
#[path = "earlier_tests.rs"]
mod tests;
