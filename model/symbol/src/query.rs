//! Questions about a key's next symbol, answered without learning: the likeliest symbols, and the probability of one.
//!
//! The code tree is walked best first, node by node: a node is evaluated only if it is likelier than the last symbol
//! that is wanted. So the cost depends on how many symbols are asked for and how sharp the prediction is, never on the
//! size of the vocabulary. The fifteen nodes of a nibble share one look-up of every context's line (PREDICTOR §13).

use crate::code::NIBBLES_MAX;
use crate::decisions::Decisions;
use crate::event_inputs::EventInputs;
use crate::key::SymbolKey;
use crate::matching::Matches;
use crate::model::SymbolModel;
use crate::node::{NIBBLE_BITS, TreeNode};
use crate::sources::{Sources, SourcesAtNibble};
use crate::symbol_inputs::SymbolInputs;
use std::collections::BinaryHeap;
use surmise_experts::{NibbleWalk, SYMBOL_EXPERTS_MAX, SymbolWalk};
use surmise_lanes::{LANES, kernels};
use surmise_network::Hidden;

/// Branches less likely than this are not followed.
const BRANCH_PROBABILITY_MIN: f64 = 1e-7;

/// A nibble that the search has reached: what its fifteen nodes have in common.
struct ReachedNibble {
    prefix: u32,
    nibbles: [u8; NIBBLES_MAX],
    depth: usize,
    sources: SourcesAtNibble,
    /// The outer mixture's weights before the nibble.
    outer: SymbolWalk,
    /// The raw statistics of the nibble's nodes: `[LANES, 16]`.
    slots: [[u32; 16]; LANES],
}

/// A node that has not been evaluated yet (index 1..16), or a nibble's value (16..32).
struct Branch {
    probability: f64,
    /// Which of the nibbles reached it belongs to.
    reached: u32,
    index: u32,
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
        self.probability
            .total_cmp(&other.probability)
            .then((other.reached, other.index).cmp(&(self.reached, self.index)))
    }
}

/// A search of the code tree in progress.
pub(crate) struct CodeSearch<'a> {
    model: &'a SymbolModel,
    symbol: SymbolInputs,
    /// The network's features: `[its width]`, empty without a network.
    features: Vec<f32>,
    reached: Vec<ReachedNibble>,
    queue: BinaryHeap<Branch>,
    decision: Decisions<1>,
    /// Only symbols below it are of interest.
    known: u32,
}

/// A copy of a key's state that a question may move forward without the model learning anything.
#[derive(Clone, Default)]
pub struct Probe {
    key: SymbolKey,
    hidden: Option<Hidden>,
}

impl SymbolModel {
    /// A probe that stands where the key stands.
    pub fn probe(&self, key: &SymbolKey) -> Probe {
        Probe { key: key.clone(), hidden: self.sources.networks.hidden(key) }
    }

    /// Lets a probe stand where the key stands, in the memory that it already has.
    pub fn place(&self, key: &SymbolKey, probe: &mut Probe) {
        probe.key.copy_from(key);
        self.sources.networks.place(key, &mut probe.hidden);
    }

    /// Moves a probe over a symbol, as if it had come.
    pub fn advance<'a>(&self, probe: &mut Probe, event: impl Into<EventInputs<'a>>, symbol: u32) {
        self.sources.networks.peek(&probe.key, &mut probe.hidden, event.into().side);
        probe.key.push(symbol, self.spec.code);
        Matches::advance(&mut probe.key, &self.past, symbol);
    }

    /// Lists the likeliest symbols of the key's next event with their probabilities, likeliest first. Only symbols
    /// below `known` are listed: those that have arrived. `keep` stops the search early when it returns false.
    pub fn likeliest<'a>(
        &self,
        probe: &Probe,
        event: impl Into<EventInputs<'a>>,
        known: u32,
        mut keep: impl FnMut(u32, f64) -> bool,
    ) {
        let run = self.run.run_probability(self.spec.run_length_min);
        if let Some((symbol, p)) = run
            && symbol < known
            && !keep(symbol, p)
        {
            return;
        }
        // under the run rule, all other symbols share what the run's symbol leaves
        let (run_symbol, others) = run.map_or((None, 1.0), |(symbol, p)| (Some(symbol), 1.0 - p));
        let mut search = self.search(probe, event.into(), known);
        while let Some(branch) = search.queue.pop() {
            if branch.index < 16 {
                evaluate(&mut search, &branch);
            } else if let Some(symbol) = search.descend(&branch)
                && symbol < known
                && Some(symbol) != run_symbol
                && !keep(symbol, branch.probability * others)
            {
                break;
            }
        }
    }

    /// The `k` likeliest symbols of the key's next event with their probabilities; see [`SymbolModel::likeliest`].
    pub fn top<'a>(&self, probe: &Probe, event: impl Into<EventInputs<'a>>, known: u32, k: usize) -> Vec<(u32, f64)> {
        let mut symbols = Vec::with_capacity(k);
        if k > 0 {
            self.likeliest(probe, event, known, |symbol, p| {
                symbols.push((symbol, p));
                symbols.len() < k
            });
        }
        symbols
    }

    /// The probability of one symbol.
    pub fn probability<'a>(&self, probe: &Probe, event: impl Into<EventInputs<'a>>, symbol: u32) -> f64 {
        let others = match self.run.run_probability(self.spec.run_length_min) {
            Some((run_symbol, p)) if run_symbol == symbol => return p,
            Some((_, p)) => 1.0 - p,
            None => 1.0,
        };
        let mut search = self.search(probe, event.into(), u32::MAX);
        search.follow(symbol, |_, _, _| ()).0 * others
    }

    /// The probability of every known symbol below `known`: an exhaustive search.
    #[cfg(test)]
    fn distribution<'a>(&self, probe: &Probe, event: impl Into<EventInputs<'a>>, known: u32) -> Vec<f64> {
        let mut probabilities = vec![0.0; known as usize];
        self.likeliest(probe, event, known, |symbol, p| {
            probabilities[symbol as usize] = p;
            true
        });
        probabilities
    }

    /// A search for the probe's next symbol that has reached the first nibble.
    pub(crate) fn search(&self, probe: &Probe, event: EventInputs<'_>, known: u32) -> CodeSearch<'_> {
        let mut symbol = SymbolInputs::default();
        self.begin_symbol(&probe.key, event, &mut symbol);
        // the probe's hidden state stays where it is: other symbols may be asked about
        let features = self.sources.networks.peek(&probe.key, &mut probe.hidden.clone(), event.side);
        let mut search = CodeSearch {
            model: self,
            symbol,
            features,
            reached: Vec::new(),
            queue: BinaryHeap::new(),
            decision: Decisions::default(),
            known,
        };
        search.reach(1.0, 0, [0; NIBBLES_MAX], 0, self.outer.share.start());
        search
    }
}

impl CodeSearch<'_> {
    /// Puts a nibble's first node into the queue.
    fn reach(&mut self, probability: f64, prefix: u32, nibbles: [u8; NIBBLES_MAX], depth: usize, outer: SymbolWalk) {
        let sources = Sources::begin_nibble(&self.symbol.sources, &nibbles, depth);
        let slots = self.model.contexts.look_ahead(&self.symbol.hashes, depth, prefix);
        let reached = self.reached.len() as u32;
        self.queue.push(Branch { probability, reached, index: 1, outer: outer.nibble() });
        self.reached.push(ReachedNibble { prefix, nibbles, depth, sources, outer, slots });
    }

    /// Goes down from a nibble's value: to its symbol if the path is complete, or to the next nibble.
    fn descend(&mut self, branch: &Branch) -> Option<u32> {
        let nibble = &self.reached[branch.reached as usize];
        let (mut nibbles, depth, value) = (nibble.nibbles, nibble.depth, branch.index - 16);
        nibbles[depth] = value as u8;
        let prefix = nibble.prefix << 4 | value;
        if depth + 1 == self.model.spec.code.length(nibbles[0]) {
            return Some(self.model.spec.code.symbol(prefix));
        }
        // the outer mixture's weights are what the nibbles so far make of them
        let outer = nibble.outer.after(&branch.outer);
        self.reach(branch.probability, prefix, nibbles, depth + 1, outer);
        None
    }

    /// Follows the path of one symbol; `each` sees every decision on it with the node and the symbol's bit. Returns the
    /// symbol's probability, and every whole expert's.
    pub(crate) fn follow(
        &mut self,
        symbol: u32,
        mut each: impl FnMut(&Decisions<1>, &TreeNode, u32),
    ) -> (f64, [f64; SYMBOL_EXPERTS_MAX]) {
        let path = self.model.spec.code.path(symbol);
        for depth in 0..path.len as usize {
            let nibble = u32::from(path.nibbles[depth]) | 16;
            for shift in (0..NIBBLE_BITS as u32).rev() {
                let Some(branch) = self.queue.pop() else { return (0.0, [0.0; SYMBOL_EXPERTS_MAX]) };
                let node = evaluate(self, &branch);
                each(&self.decision, &node, nibble >> shift & 1);
                // branches off the path are of no interest
                self.queue.retain(|branch| branch.index == nibble >> shift);
            }
            let Some(branch) = self.queue.pop() else { return (0.0, [0.0; SYMBOL_EXPERTS_MAX]) };
            let outer = self.reached[branch.reached as usize].outer.after(&branch.outer);
            if self.descend(&branch).is_some() {
                return (branch.probability, *outer.likelihoods());
            }
        }
        (0.0, [0.0; SYMBOL_EXPERTS_MAX])
    }
}

kernels! {
/// Evaluates a node, queues both its sides, and returns it.
fn evaluate[FMA](search: &mut CodeSearch<'_>, branch: &Branch) -> TreeNode {
    let model = search.model;
    let nibble = &search.reached[branch.reached as usize];
    let node = TreeNode {
        depth: nibble.depth,
        prefix: nibble.prefix,
        nibbles: nibble.nibbles,
        index: branch.index,
        shift: 3 - branch.index.ilog2(),
        number: model.spec.code.node(nibble.depth, nibble.prefix, branch.index),
    };
    let d = &mut search.decision;
    for i in 0..LANES {
        d.contexts.slots[0][i] = nibble.slots[i][branch.index as usize];
    }
    model.sources.networks.look_ahead(&search.features, &node, &mut d.sources.networks);
    model.predict::<FMA, 1>(&search.symbol, &nibble.sources, &[node], d);
    let p = f64::from(branch.outer.mix::<FMA>(&d.experts[0]));
    // both sides are queued, unless they are too faint or hold no symbol that has arrived
    for (bit, q) in [(0, 1.0 - p), (1, p)] {
        let probability = branch.probability * q;
        let index = 2 * branch.index + bit;
        let is_known = model.spec.code.least(nibble.depth, &nibble.nibbles, index) < search.known;
        if probability >= BRANCH_PROBABILITY_MIN && is_known {
            let mut outer = branch.outer;
            outer.step(&d.experts[0], bit == 1);
            search.queue.push(Branch { probability, reached: branch.reached, index, outer });
        }
    }
    node
}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use crate::spec::{NetworkSpec, Spec};

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
                let nats = m.observe(&mut k, &[], s);
                // scoring learns after every nibble, so of a path of several the two differ by a few learning steps
                let nibbles = m.spec().code.path(s).len;
                let tolerance = if nibbles == 1 { 1e-4 } else { 0.05 };
                assert!((nats + p[s as usize].ln()).abs() < tolerance, "{nats} against {}", -p[s as usize].ln());
            }
        }
    }

    /// The probability of a symbol does not depend on which others are looked at before.
    #[test]
    fn the_order_of_a_search_changes_no_probability() {
        let mut model = SymbolModel::new(Spec::bytes(false, 1));
        let mut key = model.new_key();
        let mut hash = 1u32;
        let letters: Vec<u32> = (0..3000u32)
            .map(|i| {
                hash = hash.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // a text that repeats itself but for every sixth letter, in two rows of the code's table
                64 + if hash >> 16 & 7 == 0 { hash >> 24 & 31 } else { i * i % 31 }
            })
            .collect();
        for (i, letter) in letters.into_iter().enumerate() {
            if i > 2800 {
                let probe = model.probe(&key);
                for (symbol, p) in
                    model.distribution(&probe, &[], 256).into_iter().enumerate().filter(|(_, p)| *p > 0.0)
                {
                    assert_eq!(model.probability(&probe, &[], symbol as u32), p, "{symbol} at {i}");
                }
            }
            model.observe(&mut key, &[], letter);
        }
    }

    #[test]
    fn a_long_run_is_skipped_and_its_end_is_learnt() {
        let build =
            |run_length_min| SymbolModel::new(Spec { run_length_min, ..Spec::among_fields(Code::Byte, true, 1, 0, 0) });
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
                let before = m.contexts.hash_counts();
                let n = m.observe(&mut k, &[], s);
                assert!((n + one.ln()).abs() < 0.05 * n.max(0.01), "{n} {}", -one.ln());
                assert_eq!(m.contexts.hash_counts() == before, s == 7, "only what is new is learnt");
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
