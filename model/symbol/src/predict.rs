//! How likely a 1 is at nodes of the code tree.

use crate::decisions::Decisions;
use crate::model::SymbolModel;
use crate::node::TreeNode;
use crate::sources::SourcesAtNibble;
use crate::symbol_inputs::SymbolInputs;
use crate::weight_sets::Decision;
use crate::whole_experts::write_experts;

impl SymbolModel {
    /// Forms the predictions at nodes of one nibble. `d` brings what was looked up for the nodes: the contexts' slots
    /// and the network's logits; the answers are in `d.experts`. Each is the same whichever other nodes are predicted
    /// with it.
    #[inline(always)]
    pub(crate) fn predict<const FMA: bool, const N: usize>(
        &self,
        symbol: &SymbolInputs,
        nibble: &SourcesAtNibble,
        nodes: &[TreeNode; N],
        d: &mut Decisions<N>,
    ) {
        let spec = &self.spec;
        // evidence: every context, then every source
        self.contexts.predict(&mut d.contexts);
        self.histories.predict::<FMA, N>(&d.contexts.slots, &mut d.histories);
        self.contexts.write_inputs::<FMA, N>(&mut d.contexts, &d.histories.history, &mut d.inputs);
        self.histories.write_inputs::<FMA, N>(&d.histories, &d.contexts.seen, &mut d.inputs);
        let (sources, inputs) = (&mut d.sources, &mut d.inputs);
        self.sources.predict::<FMA, N>(self.mixing.layout(), &symbol.sources, nibble, nodes, sources, inputs);
        // mixing
        for j in 0..N {
            let (contexts, node) = (&self.contexts, &nodes[j]);
            let at = Decision::new(spec, contexts, j, node, symbol, nibble, &d.contexts, &d.sources);
            self.mixing.select(spec, &at, &mut d.mixed);
        }
        self.mixing.mix::<FMA, N>(&d.inputs, &mut d.mixed);
        for j in 0..N {
            self.mixing.correct(spec, symbol, &nodes[j], j, &mut d.mixed);
            write_experts(spec, self.contexts.orders(), d, j);
        }
    }
}
