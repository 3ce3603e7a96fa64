//! Questions about a key's next symbol, answered without learning: the likeliest symbols, and the rank of one.
//!
//! The code tree is walked best first, so the cost depends on how many symbols are asked for and how sharp the
//! prediction is, never on the size of the vocabulary.

use crate::key::SymbolKey;
use crate::model::{SymbolModel, history_slot, nibble_key};
use crate::node::{Decision, Front, Place};
use crate::share::{EXPERTS_MAX, FixedShare};
use crate::tables::{FRESH, UNSEEN};
use std::collections::BinaryHeap;
use surmise_lanes::{LANES, kernels};
use surmise_network::NONE;

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
    outer: [f64; EXPERTS_MAX],
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

impl SymbolModel {
    /// The likeliest symbols of the key's next event with their probabilities, likeliest first. Only symbols below
    /// `known` are listed: those that have arrived. `keep` stops the walk early when it returns false.
    pub fn likeliest(&self, key: &SymbolKey, side: &[u32], known: u32, mut keep: impl FnMut(u32, f64) -> bool) {
        let mut w = self.walk_from(key, side);
        while let Some(b) = w.queue.pop() {
            if !b.complete {
                expand(&mut w, b);
                continue;
            }
            let symbol = self.spec.code.symbol(b.prefix);
            if symbol < known && !keep(symbol, b.probability) {
                break;
            }
        }
    }

    /// The `k` likeliest symbols; see [`SymbolModel::likeliest`].
    pub fn top(&self, key: &SymbolKey, side: &[u32], known: u32, k: usize) -> Vec<(u32, f64)> {
        let mut v = Vec::with_capacity(k);
        if k > 0 {
            self.likeliest(key, side, known, |s, p| {
                v.push((s, p));
                v.len() < k
            });
        }
        v
    }

    /// How many known symbols are likelier than this one (0: it is the likeliest), at most `max`.
    pub fn rank(&self, key: &SymbolKey, side: &[u32], known: u32, symbol: u32, max: usize) -> usize {
        let mut n = 0;
        self.likeliest(key, side, known, |s, _| {
            if s == symbol {
                return false;
            }
            n += 1;
            n < max
        });
        n
    }

    /// The probability of every known symbol below `known`: an exhaustive walk, for small codes and tests.
    pub fn distribution(&self, key: &SymbolKey, side: &[u32], known: u32) -> Vec<f64> {
        let mut v = vec![0.0; known as usize];
        self.likeliest(key, side, known, |s, p| {
            v[s as usize] = p;
            true
        });
        v
    }

    fn walk_from(&self, key: &SymbolKey, side: &[u32]) -> Walk<'_> {
        let front = self.front(key, side);
        let mut features = Vec::new();
        if let Some(n) = &self.network {
            let mut ids = [NONE; 16];
            let used = self.ids(key, side, &mut ids);
            features.resize(n.core.width(), 0.0);
            let mut hidden = match &key.sequence {
                Some(s) => s.hidden(),
                None => surmise_network::Sequence::new(n.core.shape()).hidden(),
            };
            n.core.peek(&mut hidden, &ids[..used], &[], &mut features);
        }
        let root = Branch { probability: 1.0, prefix: 0, nibbles: [0; crate::code::NIBBLES], depth: 0, complete: false, outer: self.share.start() };
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
    let mut outer = vec![[0f64; EXPERTS_MAX]; 32];
    probability[1] = b.probability;
    outer[1] = b.outer;
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
            FixedShare::step(&mut outer[2 * n + bit], &w.decision.experts, bit == 1);
        }
    }
    w.front.expected = kept;
    for v in 0..16usize {
        if probability[16 + v] < FAINT { continue; }
        let mut nibbles = b.nibbles;
        nibbles[b.depth] = v as u8;
        let depth = b.depth + 1;
        let complete = depth == m.spec.code.length(nibbles[0]);
        w.queue.push(Branch { probability: probability[16 + v], prefix: b.prefix << 4 | v as u32, nibbles, depth, complete, outer: outer[16 + v] });
    }
}
}
