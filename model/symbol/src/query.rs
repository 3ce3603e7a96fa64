//! Questions about a key's next symbol, answered without learning: the likeliest symbols, and the rank of one.
//!
//! The code tree is walked best first, so the cost depends on how many symbols are asked for and how sharp the
//! prediction is, never on the size of the vocabulary.

use crate::code::Code;
use crate::history::NOWHERE;
use crate::key::SymbolKey;
use crate::matching::LONGEST;
use crate::model::SymbolModel;
use crate::node::{Decision, Front, Place};
use crate::share;
use crate::tables::{FRESH, UNSEEN};
use crate::walk::{history_slot, nibble_key};
use std::collections::BinaryHeap;
use surmise_lanes::{LANES, kernels};
use surmise_network::{Hidden, NONE, Sequence};

/// Branches less likely than this are not followed.
const FAINT: f64 = 1e-7;

/// A branch of the tree that has not been followed yet, or a symbol if it is complete.
struct Branch {
    probability: f64,
    prefix: u32,
    nibbles: [u8; crate::code::NIBBLES],
    depth: usize,
    complete: bool,
    /// The outer mixture's weights after the branch.
    outer: share::Walk,
}

impl PartialEq for Branch {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Branch {}
impl PartialOrd for Branch {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Branch {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // among equals the earlier symbol is first, so that answers do not depend on the heap
        self.probability.total_cmp(&other.probability).then(other.prefix.cmp(&self.prefix))
    }
}

/// A walk in progress.
struct Walk<'a> {
    model: &'a SymbolModel,
    front: Front,
    features: Vec<f32>,
    queue: BinaryHeap<Branch>,
    decision: Decision,
}

/// A copy of a key's state that a question may move forward without the model learning anything.
#[derive(Clone)]
pub struct Probe {
    key: SymbolKey,
    hidden: Option<Hidden>,
}

impl SymbolModel {
    /// A probe that stands where the key stands.
    pub fn probe(&self, key: &SymbolKey) -> Probe {
        let hidden = self.network.as_ref().map(|n| match &key.sequence {
            Some(s) => s.hidden(),
            None => Sequence::new(n.core.shape()).hidden(),
        });
        Probe { key: key.clone(), hidden }
    }

    /// Moves a probe over a symbol, as if it had come.
    pub fn advance(&self, probe: &mut Probe, side: &[u32], symbol: u32) {
        if let (Some(n), Some(hidden)) = (&self.network, &mut probe.hidden) {
            let mut ids = [NONE; 16];
            let used = self.ids(&probe.key, side, &mut ids);
            n.core.peek(hidden, &ids[..used], &[], &mut vec![0.0; n.core.width()]);
        }
        probe.key.push(symbol, self.spec.code == Code::Byte);
        for (at, length) in &mut probe.key.matches {
            let hit = *length > 0 && self.past.holds(*at) && self.past.symbol(*at) == symbol;
            *at = if hit { self.past.next(*at) } else { NOWHERE };
            *length = if *at == NOWHERE { 0 } else { (*length + 1).min(LONGEST) };
        }
    }

    /// The likeliest symbols of the key's next event with their probabilities, likeliest first. Only symbols below
    /// `known` are listed: those that have arrived. `keep` stops the walk early when it returns false.
    pub fn likeliest(&self, probe: &Probe, side: &[u32], known: u32, mut keep: impl FnMut(u32, f64) -> bool) {
        let mut w = self.walk_from(probe, side);
        while let Some(b) = w.queue.pop() {
            if !b.complete {
                // codes are given in order of arrival: where the first of a branch has not arrived, none has
                if b.depth == 0 || self.spec.code.least(b.prefix, b.depth, b.nibbles[0]) < known {
                    expand(&mut w, b);
                }
                continue;
            }
            let symbol = self.spec.code.symbol(b.prefix);
            if symbol < known && !keep(symbol, b.probability) {
                break;
            }
        }
    }

    /// The `k` likeliest symbols; see [`SymbolModel::likeliest`].
    pub fn top(&self, probe: &Probe, side: &[u32], known: u32, k: usize) -> Vec<(u32, f64)> {
        let mut v = Vec::with_capacity(k);
        if k > 0 {
            self.likeliest(probe, side, known, |s, p| {
                v.push((s, p));
                v.len() < k
            });
        }
        v
    }

    /// How many known symbols are likelier than this one (0: it is the likeliest), at most `max`.
    pub fn rank(&self, probe: &Probe, side: &[u32], known: u32, symbol: u32, max: usize) -> usize {
        let mut n = 0;
        self.likeliest(probe, side, known, |s, _| {
            if s == symbol {
                return false;
            }
            n += 1;
            n < max
        });
        n
    }

    /// The probability of one symbol.
    pub fn probability(&self, probe: &Probe, side: &[u32], symbol: u32) -> f64 {
        let path = self.spec.code.path(symbol);
        let mut w = self.walk_from(probe, side);
        for depth in 0..path.len as usize {
            let Some(b) = w.queue.drain().find(|b| b.nibbles[..depth] == path.nibbles[..depth]) else { return 0.0 };
            expand(&mut w, b);
        }
        w.queue.drain().find(|b| b.nibbles == path.nibbles).map_or(0.0, |b| b.probability)
    }

    /// The probability of every known symbol below `known`: an exhaustive walk, for small codes and tests.
    pub fn distribution(&self, probe: &Probe, side: &[u32], known: u32) -> Vec<f64> {
        let mut v = vec![0.0; known as usize];
        self.likeliest(probe, side, known, |s, p| {
            v[s as usize] = p;
            true
        });
        v
    }

    fn walk_from(&self, probe: &Probe, side: &[u32]) -> Walk<'_> {
        let front = self.front(&probe.key, side);
        let mut features = Vec::new();
        if let (Some(n), Some(hidden)) = (&self.network, &probe.hidden) {
            let mut ids = [NONE; 16];
            let used = self.ids(&probe.key, side, &mut ids);
            features.resize(n.core.width(), 0.0);
            n.core.peek(&mut hidden.clone(), &ids[..used], &[], &mut features);
        }
        let root = Branch {
            probability: 1.0,
            prefix: 0,
            nibbles: [0; crate::code::NIBBLES],
            depth: 0,
            complete: false,
            outer: self.share.start(),
        };
        Walk { model: self, front, features, queue: BinaryHeap::from([root]), decision: Decision::default() }
    }

    /// The raw statistics of every node of a nibble, by lane.
    fn slots(&self, front: &Front, depth: usize, prefix: u32) -> [[u32; 16]; LANES] {
        let mut t = [[0u32; 16]; LANES];
        for i in 0..self.lanes {
            let k = nibble_key(front.hashes[i], depth, prefix);
            if self.counted >> i & 1 == 1 {
                let l = self.counts.find(k);
                t[i] = if l == UNSEEN { [FRESH; 16] } else { *self.counts.line(l) };
            } else if let Some(l) = self.histories.get(k) {
                for c in 1..16 {
                    t[i][c] = history_slot(l[c]);
                }
            }
        }
        t
    }
}

kernels! {
/// Follows a branch by one nibble.
fn expand[FMA](w: &mut Walk<'_>, b: Branch) -> () {
    let m = w.model;
    let slots = m.slots(&w.front, b.depth, b.prefix);
    // expectations hold only on the paths that they agree with
    let kept = w.front.expected;
    for e in &mut w.front.expected {
        e.alive &= e.path.len as usize > b.depth && e.path.nibbles[..b.depth] == b.nibbles[..b.depth];
    }
    let mut at = Place { depth: b.depth, prefix: b.prefix, nibbles: b.nibbles, ..Place::default() };
    at.mask = if m.spec.recency { w.front.recent.within(&b.nibbles, b.depth) } else { 0 };
    let mut probability = [0f64; 32];
    let mut outer = [b.outer.nibble(); 32];
    probability[1] = b.probability;
    for node in 1..16u32 {
        let n = node as usize;
        if probability[n] < FAINT { continue; }
        at.node = node;
        at.shift = 3 - node.ilog2();
        at.number = m.spec.code.node(at.depth, at.prefix, node);
        for i in 0..m.lanes { w.decision.slots[i] = slots[i][n]; }
        let logit = m.network.as_ref().map_or(0.0, |x| x.head.logit(at.number, &w.features));
        let p = f64::from(m.predict::<FMA>(&w.front, &at, logit, &mut w.decision, &outer[n]));
        probability[2 * n] = probability[n] * (1.0 - p);
        probability[2 * n + 1] = probability[n] * p;
        for bit in 0..2 {
            outer[2 * n + bit] = outer[n];
            outer[2 * n + bit].step(&w.decision.experts, bit == 1);
        }
    }
    w.front.expected = kept;
    for v in 0..16usize {
        if probability[16 + v] < FAINT { continue; }
        let mut nibbles = b.nibbles;
        nibbles[b.depth] = v as u8;
        let depth = b.depth + 1;
        let complete = depth == m.spec.code.length(nibbles[0]);
        w.queue.push(Branch { probability: probability[16 + v], prefix: b.prefix << 4 | v as u32, nibbles, depth, complete, outer: b.outer.after(&outer[16 + v]) });
    }
}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{NetworkSpec, Spec};

    #[test]
    fn few_known_symbols_are_found_without_walking_all_that_could_be() {
        let m = SymbolModel::new(Spec::symbols(false, 1));
        let probe = m.probe(&m.new_key());
        let mut w = m.walk_from(&probe, &[]);
        let (mut taken, known) = (0, 3);
        assert_eq!(m.top(&probe, &[], known, 20).len(), 3);
        while let Some(b) = w.queue.pop() {
            if !b.complete && (b.depth == 0 || m.spec.code.least(b.prefix, b.depth, b.nibbles[0]) < known) {
                taken += 1;
                expand(&mut w, b);
            }
        }
        assert_eq!(taken, 1, "the first nibble holds all that have arrived");
    }

    fn trained(network: bool) -> (SymbolModel, SymbolKey) {
        let mut spec = Spec::symbols(true, 1);
        if network {
            let engine = surmise_network::Engine::Fused;
            spec.network = Some(NetworkSpec {
                layers: 2,
                hidden: 16,
                chunk: 8,
                rate: 5e-3,
                head_rate: 5e-3,
                lags: 3,
                rows_max: 256,
                nodes_max: 1024,
                engine,
            });
        }
        let mut m = SymbolModel::new(spec);
        let mut k = m.new_key();
        let mut x = 1u32;
        for i in 0..4000u32 {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let s = if i % 3 == 0 { i / 3 % 5 } else { x >> 24 & 31 };
            m.observe(&mut k, &[], s);
        }
        (m, k)
    }

    #[test]
    fn a_distribution_sums_to_one_and_agrees_with_what_is_scored() {
        for network in [false, true] {
            let (mut m, mut k) = trained(network);
            for s in [0u32, 3, 17, 31] {
                let probe = m.probe(&k);
                let p = m.distribution(&probe, &[], 28 + 256);
                let sum: f64 = p.iter().sum();
                assert!(sum < 1.0 + 1e-5 && sum > 0.98, "{sum}");
                assert_eq!(m.probability(&probe, &[], s), p[s as usize]);
                let rank = m.rank(&probe, &[], 64, s, 64);
                assert_eq!(rank, p.iter().filter(|q| **q > p[s as usize]).count());
                let nats = m.observe(&mut k, &[], s);
                // scoring learns along the path, bit by bit, so the two differ by a few learning steps
                assert!((nats + p[s as usize].ln()).abs() < 0.05, "{nats} against {}", -p[s as usize].ln());
            }
        }
    }

    #[test]
    fn a_probe_moves_as_the_key_does() {
        let (m, k) = trained(true);
        let (mut learnt, mut key) = (m.clone(), k.clone());
        let mut probe = m.probe(&k);
        m.advance(&mut probe, &[], 7);
        learnt.observe(&mut key, &[], 7);
        let (a, b) = (m.distribution(&probe, &[], 32), learnt.distribution(&learnt.probe(&key), &[], 32));
        let distance: f64 = a.iter().zip(&b).map(|(x, y)| (x - y).abs()).sum();
        assert!(distance < 0.2, "{distance}: one learning step apart");
    }
}
