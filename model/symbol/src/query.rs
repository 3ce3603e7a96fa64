//! Questions about a key's next symbol, answered without learning: the likeliest symbols, and the rank of one.
//!
//! The code tree is walked best first, node by node: a node is asked only if it is likelier than the last symbol that
//! is wanted. So the cost depends on how many symbols are asked for and how sharp the prediction is, never on the size
//! of the vocabulary. The fifteen nodes of a nibble share one look-up of every context's line.

use crate::bits::BitHistory;
use crate::code::{Code, NIBBLES, Path};
use crate::history::NOWHERE;
use crate::key::SymbolKey;
use crate::matching::LONGEST;
use crate::model::{EventInputs, SymbolModel};
use crate::node::{Decisions, Front, Place};
use crate::numbers::Reading;
use crate::tables::{FRESH, UNSEEN};
use crate::walk::nibble_key;
use std::collections::BinaryHeap;
use surmise_experts::{NibbleWalk, SymbolWalk};
use surmise_lanes::{LANES, kernels};
use surmise_network::{Hidden, NONE};

/// Branches less likely than this are not followed.
const FAINT: f64 = 1e-7;

/// A nibble that the walk has reached: what its fifteen nodes have in common.
struct Reached {
    prefix: u32,
    nibbles: [u8; NIBBLES],
    depth: usize,
    /// Recent symbols below it.
    mask: u32,
    /// Whether what each match expects lies below it.
    alive: [bool; 2],
    /// The outer mixture's weights before it.
    outer: SymbolWalk,
    /// The raw statistics of its nodes, by lane.
    slots: [[u32; 16]; LANES],
}

/// A node that has not been asked yet (1..16), or a nibble's value (16..32).
struct Branch {
    probability: f64,
    /// Which of the nibbles reached.
    at: u32,
    node: u32,
    /// The outer mixture's weights before the node.
    outer: NibbleWalk,
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
        // among equals the one reached first, so that answers do not depend on the heap
        self.probability.total_cmp(&other.probability).then((other.at, other.node).cmp(&(self.at, self.node)))
    }
}

/// A walk in progress.
struct Walk<'a> {
    model: &'a SymbolModel,
    front: Front,
    features: Vec<f32>,
    reached: Vec<Reached>,
    queue: BinaryHeap<Branch>,
    decision: Decisions<1>,
    /// Only symbols below it are of interest.
    known: u32,
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
        let hidden = self.network.as_ref().map(|n| key.hidden(n.core.shape(), self.trials.champion));
        Probe { key: key.clone(), hidden }
    }

    /// Moves a probe over a symbol, as if it had come.
    pub fn advance<'a>(&self, probe: &mut Probe, given: impl Into<EventInputs<'a>>, symbol: u32) {
        if let (Some(n), Some(hidden)) = (&self.network, &mut probe.hidden) {
            let mut ids = [NONE; 16];
            let used = self.ids(&probe.key, given.into().side, &mut ids);
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
    pub fn likeliest<'a>(
        &self,
        probe: &Probe,
        given: impl Into<EventInputs<'a>>,
        known: u32,
        mut keep: impl FnMut(u32, f64) -> bool,
    ) {
        let again = self.run.again(self.spec.rest);
        if let Some((s, p)) = again
            && s < known
            && !keep(s, p)
        {
            return;
        }
        let (resting, rest) = again.map_or((None, 1.0), |(s, p)| (Some(s), 1.0 - p));
        let mut w = self.walk_from(probe, given.into(), known);
        while let Some(b) = w.queue.pop() {
            if b.node < 16 {
                ask(&mut w, &b);
            } else if let Some(symbol) = w.descend(&b)
                && symbol < known
                && Some(symbol) != resting
                && !keep(symbol, b.probability * rest)
            {
                break;
            }
        }
    }

    /// The `k` likeliest symbols; see [`SymbolModel::likeliest`].
    pub fn top<'a>(&self, probe: &Probe, given: impl Into<EventInputs<'a>>, known: u32, k: usize) -> Vec<(u32, f64)> {
        let mut v = Vec::with_capacity(k);
        if k > 0 {
            self.likeliest(probe, given, known, |s, p| {
                v.push((s, p));
                v.len() < k
            });
        }
        v
    }

    /// How many known symbols are likelier than this one (0: it is the likeliest), at most `max`.
    pub fn rank<'a>(
        &self,
        probe: &Probe,
        given: impl Into<EventInputs<'a>>,
        known: u32,
        symbol: u32,
        max: usize,
    ) -> usize {
        let mut n = 0;
        self.likeliest(probe, given, known, |s, _| {
            if s == symbol {
                return false;
            }
            n += 1;
            n < max
        });
        n
    }

    /// The probability of one symbol.
    pub fn probability<'a>(&self, probe: &Probe, given: impl Into<EventInputs<'a>>, symbol: u32) -> f64 {
        let rest = match self.run.again(self.spec.rest) {
            Some((s, p)) if s == symbol => return p,
            Some((_, p)) => 1.0 - p,
            None => 1.0,
        };
        let path = self.spec.code.path(symbol);
        let mut w = self.walk_from(probe, given.into(), u32::MAX);
        for depth in 0..path.len as usize {
            let nibble = u32::from(path.nibbles[depth]) | 16;
            for shift in (0..4).rev() {
                let Some(b) = w.queue.pop() else { return 0.0 };
                ask(&mut w, &b);
                w.queue.retain(|b| b.node == nibble >> shift);
            }
            let Some(b) = w.queue.pop() else { return 0.0 };
            if w.descend(&b).is_some() {
                return b.probability * rest;
            }
        }
        0.0
    }

    /// The probability of every known symbol below `known`: an exhaustive walk.
    #[cfg(test)]
    fn distribution<'a>(&self, probe: &Probe, given: impl Into<EventInputs<'a>>, known: u32) -> Vec<f64> {
        let mut v = vec![0.0; known as usize];
        self.likeliest(probe, given, known, |s, p| {
            v[s as usize] = p;
            true
        });
        v
    }

    fn walk_from(&self, probe: &Probe, given: EventInputs<'_>, known: u32) -> Walk<'_> {
        let front = self.front(&probe.key, given, Reading::default());
        let mut features = Vec::new();
        if let (Some(n), Some(hidden)) = (&self.network, &probe.hidden) {
            let mut ids = [NONE; 16];
            let used = self.ids(&probe.key, given.side, &mut ids);
            features.resize(n.core.width(), 0.0);
            n.core.peek(&mut hidden.clone(), &ids[..used], &[], &mut features);
        }
        let mut w = Walk {
            model: self,
            front,
            features,
            reached: Vec::new(),
            queue: BinaryHeap::new(),
            decision: Decisions::default(),
            known,
        };
        w.reach(1.0, 0, [0; NIBBLES], 0, self.share.start());
        w
    }

    /// The raw statistics of every node of a nibble, by lane.
    fn slots(&self, front: &Front, depth: usize, prefix: u32) -> [[u32; 16]; LANES] {
        let mut t = [[0u32; 16]; LANES];
        for i in 0..self.lanes {
            let k = nibble_key(front.hashes[i], depth, prefix);
            if self.counted >> i & 1 == 1 { self.counts.prefetch(k) } else { self.histories.prefetch(k) }
        }
        for i in 0..self.lanes {
            let k = nibble_key(front.hashes[i], depth, prefix);
            if self.counted >> i & 1 == 1 {
                let l = self.counts.find(k);
                t[i] = if l == UNSEEN { [FRESH; 16] } else { *self.counts.line(l) };
            } else if let Some(l) = self.histories.get(k) {
                for c in 1..16 {
                    t[i][c] = BitHistory::get().slot[l[c] as usize];
                }
            }
        }
        t
    }
}

impl Walk<'_> {
    /// Puts a nibble's first node into the queue.
    fn reach(&mut self, probability: f64, prefix: u32, nibbles: [u8; NIBBLES], depth: usize, outer: SymbolWalk) {
        let m = self.model;
        let mask = if m.spec.recency { self.front.recent.within(&nibbles, depth) } else { 0 };
        // expectations hold only on the paths that they agree with
        let agrees = |p: &Path| p.len as usize > depth && p.nibbles[..depth] == nibbles[..depth];
        let alive = [0, 1].map(|q| self.front.expected[q].alive && agrees(&self.front.expected[q].path));
        let slots = m.slots(&self.front, depth, prefix);
        let at = self.reached.len() as u32;
        self.queue.push(Branch { probability, at, node: 1, outer: outer.nibble() });
        self.reached.push(Reached { prefix, nibbles, depth, mask, alive, outer, slots });
    }

    /// Goes down from a nibble's value: to its symbol if the path is complete, or to the next nibble.
    fn descend(&mut self, b: &Branch) -> Option<u32> {
        let r = &self.reached[b.at as usize];
        let (mut nibbles, depth, value) = (r.nibbles, r.depth, b.node - 16);
        nibbles[depth] = value as u8;
        let prefix = r.prefix << 4 | value;
        if depth + 1 == self.model.spec.code.length(nibbles[0]) {
            return Some(self.model.spec.code.symbol(prefix));
        }
        let outer = r.outer.after(&b.outer);
        self.reach(b.probability, prefix, nibbles, depth + 1, outer);
        None
    }
}

kernels! {
/// Asks a node and queues both its sides.
fn ask[FMA](w: &mut Walk<'_>, b: &Branch) -> () {
    let m = w.model;
    let r = &w.reached[b.at as usize];
    for q in 0..2 {
        w.front.expected[q].alive = r.alive[q];
    }
    let at = Place {
        depth: r.depth,
        prefix: r.prefix,
        nibbles: r.nibbles,
        node: b.node,
        shift: 3 - b.node.ilog2(),
        number: m.spec.code.node(r.depth, r.prefix, b.node),
        mask: r.mask,
    };
    for i in 0..m.lanes {
        w.decision.slots[0][i] = r.slots[i][b.node as usize];
    }
    let logit = m.network.as_ref().map_or(0.0, |x| x.head.logit(at.number, &w.features));
    m.predict::<FMA, 1>(&w.front, &[at], &[logit], &mut w.decision);
    let p = f64::from(b.outer.mix::<FMA>(&w.decision.experts[0]));
    for (bit, q) in [(0, 1.0 - p), (1, p)] {
        let probability = b.probability * q;
        let node = 2 * b.node + bit;
        if probability >= FAINT && m.spec.code.least(r.depth, &r.nibbles, node) < w.known {
            let mut outer = b.outer;
            outer.step(&w.decision.experts[0], bit == 1);
            w.queue.push(Branch { probability, at: b.at, node, outer });
        }
    }
}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{NetworkSpec, Spec};
    use surmise_state::Persist;

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
                delay_chunks: 0,
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
                // scoring learns after every nibble, so of a path of several the two differ by a few learning steps
                let nibbles = m.spec().code.path(s).len;
                let tolerance = if nibbles == 1 { 1e-4 } else { 0.05 };
                assert!((nats + p[s as usize].ln()).abs() < tolerance, "{nats} against {}", -p[s as usize].ln());
            }
        }
    }

    #[test]
    fn a_model_rests_on_a_long_run_and_wakes_from_it() {
        let build = |rest| SymbolModel::new(Spec { rest, ..Spec::among_fields(Code::Byte, true, 1, 0, 0) });
        let (mut m, mut awake) = (build(64), build(u64::MAX));
        let (mut k, mut a) = (m.new_key(), awake.new_key());
        let (mut nats, mut without) = (0.0, 0.0);
        for i in 0..3000u32 {
            let s = if i % 1000 == 999 { 9 } else { 7 };
            if i == 900 || i == 999 {
                let p = m.distribution(&m.probe(&k), &[], 256);
                assert!(p.iter().sum::<f64>() <= 1.0 && p[7] == 1.0 - 1.0 / f64::from(i + 2), "{}", p[7]);
                let one = m.probability(&m.probe(&k), &[], s);
                assert_eq!(one, p[s as usize]);
                let before = m.counts.hash_state();
                let n = m.observe(&mut k, &[], s);
                assert!((n + one.ln()).abs() < 0.05 * n.max(0.01), "{n} {}", -one.ln());
                assert_eq!(m.counts.hash_state() == before, s == 7, "only what is new is learnt");
                nats += n;
            } else {
                nats += m.observe(&mut k, &[], s);
            }
            without += awake.observe(&mut a, &[], s);
        }
        assert!(nats < without + 3.0 * 1000f64.ln(), "{nats} {without}");
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
