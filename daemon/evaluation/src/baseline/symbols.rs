//! A field of symbols: categories with the ends of their keys, bytes, texts.

use super::bounds::KEYS_MAX;
use super::counts::{EMPTY_HISTORY, ORDERS, OrderCounts, SymbolHistory, push};
use super::measure::{Measure, Score};
use lru::LruCache;
use std::collections::{HashMap, VecDeque};

/// Ranks that count as hits.
const RANKS_MAX: usize = 20;
/// Symbols of a vocabulary up to which the mixture is ranked, as its ranking compares all of them.
const RANKED_SYMBOLS_MAX: u32 = 4096;

/// The state of one key.
struct SymbolSequence {
    history: SymbolHistory,
    recent: VecDeque<u32>,
}

/// Order-k counts, the mixture of orders, and the most frequent and the latest symbols.
pub(crate) struct SymbolBaselines {
    counts: OrderCounts,
    names: HashMap<Box<str>, u32>,
    end: Option<u32>,
    known: u32,
    frequency: Vec<u64>,
    keys: LruCache<Option<Box<str>>, SymbolSequence>,
    scored: u64,
    bits: [f64; ORDERS + 1],
    ranked: u64,
    /// Of each ranking: the symbol was its first, was among its first twenty.
    hits: [[u64; 2]; 3],
    unranked: bool,
}

impl SymbolBaselines {
    /// Baselines of the 256 bytes.
    pub(crate) fn of_bytes() -> SymbolBaselines {
        SymbolBaselines::with_alphabet(Some(256))
    }

    /// Baselines of names, of which new ones may come.
    pub(crate) fn of_names() -> SymbolBaselines {
        SymbolBaselines::with_alphabet(None)
    }

    fn with_alphabet(symbols: Option<u32>) -> SymbolBaselines {
        SymbolBaselines {
            counts: OrderCounts::new(symbols),
            names: HashMap::new(),
            end: None,
            known: 0,
            frequency: Vec::new(),
            keys: LruCache::new(KEYS_MAX),
            scored: 0,
            bits: [0.0; ORDERS + 1],
            ranked: 0,
            hits: [[0; 2]; 3],
            unranked: false,
        }
    }

    /// Judges and learns a name; none is a missing value.
    pub(crate) fn name(&mut self, key: &Option<Box<str>>, name: Option<&str>, count: bool) {
        let name = name.map_or_else(|| "\0missing".to_owned(), |n| format!("={n}"));
        let symbol = self.number(&name);
        if count {
            self.rank(key, symbol);
        }
        self.symbol(key, symbol, count);
        if let Some(k) = self.keys.get_mut(key) {
            k.recent.retain(|s| *s != symbol);
            k.recent.push_front(symbol);
            k.recent.truncate(RANKS_MAX);
        }
    }

    /// Judges and learns the end of a key, which is a symbol of its own.
    pub(crate) fn ended(&mut self, key: &Option<Box<str>>, count: bool) {
        let end = self.number("\0end");
        self.end = Some(end);
        self.symbol(key, end, count);
        self.keys.pop(key);
    }

    fn number(&mut self, name: &str) -> u32 {
        match self.names.get(name) {
            Some(n) => *n,
            None => {
                let n = self.names.len() as u32;
                self.names.insert(name.into(), n);
                n
            }
        }
    }

    /// Judges and learns a symbol by its number; a byte is its own number.
    pub(crate) fn symbol(&mut self, key: &Option<Box<str>>, symbol: u32, count: bool) {
        let new = || SymbolSequence { history: EMPTY_HISTORY, recent: VecDeque::new() };
        let k = self.keys.get_or_insert_mut_ref(key, new);
        if count {
            let p = self.counts.probabilities(&k.history, symbol);
            self.scored += 1;
            for (bits, p) in self.bits.iter_mut().zip(p.orders.iter().chain([&p.mixture])) {
                *bits -= p.max(f64::MIN_POSITIVE).log2();
            }
        }
        self.counts.learn(&k.history, symbol);
        push(&mut k.history, symbol);
        self.known = self.known.max(symbol + 1);
        self.frequency.resize(self.known as usize, 0);
        self.frequency[symbol as usize] += 1;
    }

    /// Whether the symbol is the likeliest, or among the twenty likeliest, of each ranking.
    fn rank(&mut self, key: &Option<Box<str>>, symbol: u32) {
        self.ranked += 1;
        let k = self.keys.peek(key);
        let mut hit = |ranking: usize, rank: usize| {
            self.hits[ranking][0] += u64::from(rank == 0);
            self.hits[ranking][1] += u64::from(rank < RANKS_MAX);
        };
        hit(1, k.and_then(|k| k.recent.iter().position(|s| *s == symbol)).unwrap_or(RANKS_MAX));
        if symbol >= self.known {
            return;
        }
        let own = self.frequency[symbol as usize];
        let apart = |s: usize| self.end == Some(s as u32);
        let above = self.frequency.iter().enumerate().filter(|(s, n)| **n > own && !apart(*s)).take(RANKS_MAX).count();
        hit(0, above);
        if self.known > RANKED_SYMBOLS_MAX {
            self.unranked = true;
        } else {
            let history = k.map_or(&EMPTY_HISTORY, |k| &k.history);
            hit(2, self.counts.rank(history, symbol, self.known, self.end));
        }
    }

    /// What each predictor reached; bits over `per` events, or over its own symbols.
    pub(crate) fn scores(&self, per: Option<u64>) -> Vec<Score> {
        let count = per.unwrap_or(self.scored);
        let n = count as f64;
        let mut out = Vec::new();
        if self.scored > 0 && count > 0 {
            let name = |k: usize| if k == ORDERS { "mixture of orders 0-6".into() } else { format!("order-{k}") };
            out.extend(
                self.bits.iter().enumerate().map(|(k, b)| Score::new(Measure::Bits, name(k), b / n).over(count)),
            );
        }
        if self.ranked > 0 {
            let all = ["most frequent", "latest of the key", "mixture of orders 0-6"];
            for (name, hits) in all.into_iter().zip(self.hits).take(if self.unranked { 2 } else { 3 }) {
                for (measure, n) in [Measure::Top1, Measure::Top20].into_iter().zip(hits) {
                    let share = Score::new(measure, name.into(), n as f64 / self.ranked as f64);
                    out.push(share.over(self.ranked));
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(s: &[Score], m: Measure, name: &str) -> f64 {
        s.iter().find(|s| s.measure == m && s.name == name).unwrap().value
    }

    #[test]
    fn ends_are_symbols_and_keys_stand_apart() {
        let mut s = SymbolBaselines::of_names();
        for i in 0..400 {
            let key = Some(format!("{}", i).into());
            for name in ["a", "b"] {
                s.name(&key, Some(name), i >= 100);
            }
            s.ended(&key, i >= 100);
        }
        let scores = s.scores(None);
        assert!(value(&scores, Measure::Bits, "order-1") < 0.05, "{scores:?}");
        let zero = value(&scores, Measure::Bits, "order-0");
        assert!((zero - 3f64.log2()).abs() < 0.02, "three symbols alike: {zero}");
        assert_eq!(value(&scores, Measure::Top20, "most frequent"), 1.0);
        assert_eq!(value(&scores, Measure::Top20, "latest of the key"), 0.0, "nothing comes again within a key");
        assert_eq!(s.scored, 900);
    }

    #[test]
    fn a_new_symbol_is_no_hit() {
        let mut s = SymbolBaselines::of_names();
        (0..30).for_each(|i| s.name(&None, Some(&i.to_string()), true));
        assert_eq!(s.hits, [[0; 2]; 3]);
        s.name(&None, Some("0"), true);
        assert_eq!(s.hits.map(|h| h[1]), [1, 0, 1], "seen as often as any other, but long ago");
    }
}
