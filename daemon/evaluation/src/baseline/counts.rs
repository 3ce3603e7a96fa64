//! What followed each context of zero to six symbols, and two classic ways to predict from that.
//!
//! * *Order k* alone: Witten and Bell's estimate, which leaves as much to order 0 as the context has distinct
//!   followers: `p(s) = (n(s) + d·p₀(s)) / (n + d)`. (Witten and Bell, "The zero-frequency problem", IEEE Transactions
//!   on Information Theory, 1991.)
//! * The *mixture* of orders 0 to 6, as in PPM with update exclusion and inherited escapes: from order −1 upwards
//!   `pₖ(s) = (max(c(s) − D, 0) + D·d·pₖ₋₁(s)) / c`, where a symbol is counted only down to the longest context that
//!   knew it. (Cleary and Witten, "Data compression using adaptive coding and partial string matching", 1984; the
//!   discount as in Kneser and Ney, "Improved backing-off for m-gram language modeling", 1995.)
//!
//! Below order 0 is a uniform alphabet, or, in an open vocabulary, the event of a symbol that was never seen: the
//! one with the next number. Either way the probabilities of known symbols and of the next new one add up to one.

use rustc_hash::FxHashMap;

/// Orders 0 to 6.
pub(crate) const ORDERS: usize = 7;
/// Contexts that are counted at most; later ones are not counted.
const CONTEXTS_MAX: usize = 8 << 20;
/// What the mixture subtracts from every count.
const DISCOUNT: f64 = 0.75;

/// A follower of a context: how often it came, and how often while no longer context knew it.
#[derive(Clone, Copy)]
struct Follower {
    symbol: u32,
    all: u32,
    unknown_above: u32,
}

#[derive(Default)]
struct CountedContext {
    followers: Vec<Follower>,
    all: u32,
    unknown_above: u32,
    /// Followers that were ever unknown above.
    distinct: u32,
}

impl CountedContext {
    fn of(&self, symbol: u32) -> (f64, f64) {
        let f = self.followers.iter().find(|f| f.symbol == symbol);
        f.map_or((0.0, 0.0), |f| (f64::from(f.all), f64::from(f.unknown_above)))
    }
}

/// The last symbols of one sequence, the latest first.
pub(crate) type SymbolHistory = [u32; ORDERS - 1];

/// A history in which nothing came yet.
pub(crate) const EMPTY_HISTORY: SymbolHistory = [u32::MAX; ORDERS - 1];

/// Puts a symbol in front.
pub(crate) fn push(history: &mut SymbolHistory, symbol: u32) {
    history.rotate_right(1);
    history[0] = symbol;
}

/// Counts of what followed each context in a stream of symbols.
pub(crate) struct OrderCounts {
    tables: [FxHashMap<u64, CountedContext>; ORDERS],
    contexts: usize,
    alphabet: Option<u32>,
    once: u32,
}

/// The probability of a symbol by each predictor.
pub(crate) struct Probabilities {
    pub(crate) orders: [f64; ORDERS],
    pub(crate) mixture: f64,
}

fn hashes(history: &SymbolHistory) -> [u64; ORDERS] {
    let mut h = [0u64; ORDERS];
    for k in 1..ORDERS {
        let x = (h[k - 1] ^ u64::from(history[k - 1])).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        h[k] = (x ^ (x >> 29)).wrapping_add(1);
    }
    h
}

impl OrderCounts {
    /// Of symbols below a number, or of an open vocabulary whose symbols are numbered as they come.
    pub(crate) fn new(alphabet: Option<u32>) -> OrderCounts {
        OrderCounts { tables: Default::default(), contexts: 0, alphabet, once: 0 }
    }

    /// Below order 0: each symbol of the alphabet alike, or whatever is new.
    fn base(&self, symbol: u32, known: bool) -> f64 {
        match self.alphabet {
            Some(n) => f64::from(u8::from(symbol < n)) / f64::from(n),
            None => f64::from(u8::from(!known)),
        }
    }

    /// What is expected of a symbol after a history.
    pub(crate) fn probabilities(&self, history: &SymbolHistory, symbol: u32) -> Probabilities {
        let found: [Option<&CountedContext>; ORDERS] = {
            let h = hashes(history);
            std::array::from_fn(|k| self.tables[k].get(&h[k]))
        };
        let root = found[0].map_or((0.0, 0.0), |c| c.of(symbol));
        let base = self.base(symbol, root.0 > 0.0);
        // order 0 leaves to what is below it: half a count a symbol of an alphabet, or by what came once so far
        let escape = self.alphabet.map_or(f64::from(self.once) + 1.0, |n| f64::from(n) / 2.0);
        let zero = (root.0 + escape * base) / (found[0].map_or(0.0, |c| f64::from(c.all)) + escape);
        let mut p = Probabilities { orders: [zero; ORDERS], mixture: zero };
        for (k, c) in found.iter().enumerate().skip(1) {
            let Some(c) = c else { break };
            let (all, unknown) = c.of(symbol);
            let distinct = c.followers.len() as f64;
            p.orders[k] = (all + distinct * zero) / (f64::from(c.all) + distinct);
            if c.unknown_above > 0 {
                let left = DISCOUNT * f64::from(c.distinct) * p.mixture;
                p.mixture = ((unknown - DISCOUNT).max(0.0) + left) / f64::from(c.unknown_above);
            }
        }
        p
    }

    /// How many of the `known` first symbols, one apart, the mixture holds to be likelier than this one.
    pub(crate) fn rank(&self, history: &SymbolHistory, symbol: u32, known: u32, apart: Option<u32>) -> usize {
        let h = hashes(history);
        let mut p = vec![0.0; known as usize];
        let mut weight = 1.0;
        for k in (1..ORDERS).rev() {
            let Some(c) = self.tables[k].get(&h[k]).filter(|c| c.unknown_above > 0) else { continue };
            for f in &c.followers {
                p[f.symbol as usize] +=
                    weight * (f64::from(f.unknown_above) - DISCOUNT).max(0.0) / f64::from(c.unknown_above);
            }
            weight *= DISCOUNT * f64::from(c.distinct) / f64::from(c.unknown_above);
        }
        if let Some(c) = self.tables[0].get(&0) {
            c.followers.iter().for_each(|f| p[f.symbol as usize] += weight * f64::from(f.all) / f64::from(c.all));
        }
        let own = p[symbol as usize];
        p.iter().enumerate().filter(|(s, q)| **q > own && apart != Some(*s as u32)).count()
    }

    /// Counts a symbol that followed a history.
    pub(crate) fn learn(&mut self, history: &SymbolHistory, symbol: u32) {
        let h = hashes(history);
        let mut known_above = false;
        for k in (0..ORDERS).rev() {
            if self.contexts >= CONTEXTS_MAX && !self.tables[k].contains_key(&h[k]) {
                continue;
            }
            let c = self.tables[k].entry(h[k]).or_insert_with(|| {
                self.contexts += 1;
                CountedContext::default()
            });
            let at = c.followers.iter().position(|f| f.symbol == symbol).unwrap_or_else(|| {
                c.followers.push(Follower { symbol, all: 0, unknown_above: 0 });
                c.followers.len() - 1
            });
            let f = &mut c.followers[at];
            f.all += 1;
            c.all += 1;
            if k == 0 {
                self.once = (self.once + u32::from(f.all == 1)).saturating_sub(u32::from(f.all == 2));
            }
            let was_known = f.all > 1;
            if !known_above {
                c.distinct += u32::from(f.unknown_above == 0);
                f.unknown_above += 1;
                c.unknown_above += 1;
            }
            known_above |= was_known;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream of some structure over a few symbols.
    fn symbols(n: usize, kinds: u64) -> Vec<u32> {
        let mut x = 7u64;
        let mut last = 0;
        (0..n)
            .map(|_| {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                last = if x >> 62 == 0 { (x >> 33) % kinds } else { (last * 3 + 1) % kinds };
                last as u32
            })
            .collect()
    }

    fn sums(c: &OrderCounts, h: &SymbolHistory, symbols: u32) -> Vec<f64> {
        let mut sums = vec![0.0; ORDERS + 1];
        for s in 0..symbols {
            let p = c.probabilities(h, s);
            sums.iter_mut().zip(p.orders.iter().chain([&p.mixture])).for_each(|(sum, p)| *sum += p);
        }
        sums
    }

    #[test]
    fn probabilities_add_up_to_one() {
        let stream = symbols(600, 11);
        let (mut bytes, mut open) = (OrderCounts::new(Some(256)), OrderCounts::new(None));
        let mut h = EMPTY_HISTORY;
        let (mut numbers, mut names) = (EMPTY_HISTORY, Vec::new());
        for s in stream {
            for sum in sums(&bytes, &h, 256) {
                assert!((sum - 1.0).abs() < 1e-9, "{sum}");
            }
            // of an open vocabulary: all that are known, and the next one
            for sum in sums(&open, &numbers, names.len() as u32 + 1) {
                assert!((sum - 1.0).abs() < 1e-9, "{sum}");
            }
            let n = names.iter().position(|x| *x == s).unwrap_or_else(|| {
                names.push(s);
                names.len() - 1
            });
            bytes.learn(&h, s);
            push(&mut h, s);
            open.learn(&numbers, n as u32);
            push(&mut numbers, n as u32);
        }
    }

    #[test]
    fn a_small_case_by_hand() {
        let mut c = OrderCounts::new(Some(4));
        let mut h = EMPTY_HISTORY;
        for s in [0, 1, 0, 1, 0] {
            c.learn(&h, s);
            push(&mut h, s);
        }
        // order 0: (2 + 2/4) / (5 + 2); order 1 after a 0, which 1 followed twice: (2 + 1·p) / (2 + 1)
        let p = c.probabilities(&h, 1);
        let zero = 2.5 / 7.0;
        assert!((p.orders[0] - zero).abs() < 1e-12);
        assert!((p.orders[1] - (2.0 + zero) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_rank_is_that_of_the_probabilities() {
        let mut c = OrderCounts::new(None);
        let mut h = EMPTY_HISTORY;
        let stream = symbols(400, 9);
        let mut names: Vec<u32> = Vec::new();
        for s in stream {
            let known = names.len() as u32;
            let n = names.iter().position(|x| *x == s).unwrap_or_else(|| {
                names.push(s);
                names.len() - 1
            }) as u32;
            if n < known {
                let all: Vec<f64> = (0..known).map(|s| c.probabilities(&h, s).mixture).collect();
                let above = |slack: f64| all.iter().filter(|p| **p > all[n as usize] * (1.0 + slack)).count();
                let rank = c.rank(&h, n, known, None);
                assert!((above(1e-9)..=above(-1e-9)).contains(&rank), "{rank}");
            }
            c.learn(&h, n);
            push(&mut h, n);
        }
    }
}
