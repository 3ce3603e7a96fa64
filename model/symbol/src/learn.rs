//! What is learnt from the bits that came at the nodes of a nibble.

use crate::model::{SymbolModel, SymbolWork};
use crate::node::{NIBBLE_BITS, TreeNode};
use crate::threshold::unsettled;

impl SymbolModel {
    /// Learns the bits that came at the nodes of a nibble's path.
    #[inline(always)]
    pub(crate) fn learn<const FMA: bool>(
        &mut self,
        work: &SymbolWork,
        nodes: &[TreeNode; NIBBLE_BITS],
        bits: &[u32; NIBBLE_BITS],
    ) {
        let d = &work.decisions;
        let y = bits.map(|bit| bit as f32);
        self.sources.learn_bits::<FMA>(&work.symbol.sources, nodes, &d.sources, &d.mixed.probability, bits);
        self.mixing.learn::<FMA>(d, &y);
        for j in 0..NIBBLE_BITS {
            // maps of settled decisions stay as they are, as the mixer's rows do
            if unsettled(y[j] - d.mixed.probability[j]) != 0.0 {
                self.histories.learn::<FMA, NIBBLE_BITS>(&d.histories, j, &d.contexts.seen[j], y[j]);
            }
        }
        let holds_up = self.burst.holds_up(self.symbols);
        self.contexts.learn::<FMA>(&work.lines, nodes, &d.contexts, bits, holds_up);
    }
}
