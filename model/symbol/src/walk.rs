//! One symbol's walk down the code tree: at every nibble of its path the predictions of four nodes, then their bits,
//! then learning.

use crate::model::{SymbolModel, SymbolWork};
use crate::network_worth::Likelihoods;
use crate::node::{NIBBLE_BITS, TreeNode};
use crate::sources::Sources;
use surmise_lanes::kernels;
use surmise_stopwatch::{EventStage, lap};

kernels! {
/// Walks a symbol's path, predicting and learning at every nibble; returns the nats that the mixture paid.
pub(crate) fn walk[FMA](model: &mut SymbolModel, work: &mut SymbolWork, symbol: u32) -> f64 {
    let code = model.spec.code;
    let path = code.path(symbol);
    let mut weights = model.outer.share.start();
    let mut likelihood = 1f64;
    model.outer.clear_claims();
    work.likelihoods = Likelihoods::default();
    let has_network = model.outer.network().is_some();
    let mut at = TreeNode::default();
    for depth in 0..path.len as usize {
        let nibble = u32::from(path.nibbles[depth]);
        at.depth = depth;
        // the nodes on the path through this nibble, and the bit at each
        let (mut nodes, mut bits) = ([at; NIBBLE_BITS], [0; NIBBLE_BITS]);
        for j in 0..NIBBLE_BITS {
            let shift = (NIBBLE_BITS - 1 - j) as u32;
            let index = (nibble | 16) >> (shift + 1);
            nodes[j] = TreeNode { index, shift, number: code.node(depth, at.prefix, index), ..at };
            bits[j] = nibble >> shift & 1;
        }
        // each look-up is fetched before it is waited for
        let from_sources = Sources::begin_nibble(&work.symbol.sources, &at.nibbles, depth);
        model.contexts.claim(&work.symbol.hashes, &work.keys, depth, at.prefix, &mut work.lines);
        model.mixing.prefetch_maps(&model.spec, &work.symbol, &nodes);
        model.contexts.look(&work.lines, &nodes, &mut work.decisions.contexts.slots);
        lap(EventStage::Contexts);
        model.sources.networks.look::<FMA, NIBBLE_BITS>(&nodes, &mut work.decisions.sources.networks);
        lap(EventStage::Network);
        model.predict::<FMA, NIBBLE_BITS>(&work.symbol, &from_sources, &nodes, &mut work.decisions);
        // the outer mixture follows the bits, and what it gave them is what the symbol costs
        let mut in_nibble = weights.nibble();
        let paid = in_nibble.follow(&work.decisions.experts, &bits);
        for j in 0..NIBBLE_BITS {
            model.outer.count_claim(if bits[j] == 1 { paid[j] } else { 1.0 - paid[j] }, bits[j]);
            likelihood *= f64::from(paid[j]);
        }
        model.outer.add_excess::<FMA, NIBBLE_BITS>(&paid);
        if has_network {
            // the first weight set sees the network, the counts' own mixture does not
            let mixed = &work.decisions.mixed;
            let with = std::array::from_fn(|j| mixed.probabilities[j][0]);
            work.likelihoods.follow(&with, &mixed.counts_only, &bits);
        }
        work.mixed[depth] = work.decisions.mixed.probability;
        lap(EventStage::Mixing);
        model.learn::<FMA>(work, &nodes, &bits);
        lap(EventStage::Learning);
        weights = weights.after(&in_nibble);
        at.nibbles[depth] = nibble as u8;
        at.prefix = at.prefix << 4 | nibble;
    }
    model.outer.finish(&weights);
    -libm::log(likelihood)
}
}
