//! The weight sets of the mixer, and what selects their rows (PREDICTOR §6).
//!
//! A weight set is one line of the table below: its name, its rows, the recipes that have it, and the row that it
//! selects at a decision. Sizes, selection and documentation are made of that line. The order of the lines is the order
//! of the sets' outputs, so a new set belongs at the end.

use crate::code::Code;
use crate::contexts::{Contexts, ContextsSaid};
use crate::node::TreeNode;
use crate::sources::{SourcesAtNibble, SourcesSaid};
use crate::spec::Spec;
use crate::symbol_inputs::SymbolInputs;
use surmise_lanes::LANES;

/// Rows of a set that is selected by a byte.
const BYTE_ROWS: usize = 256;
/// Rows of a set that is selected by several things together.
const JOINT_ROWS: usize = 2048;

/// An order is sure of a 0 below the first of these probabilities of a 1, and of a 1 above the second (PREDICTOR §6).
const SURE_PROBABILITIES: [f32; 2] = [0.0845, 0.9155];

/// A weight set, as the table declares it.
#[derive(Clone, Copy, Debug)]
pub struct WeightSet {
    /// What selects the set's rows.
    pub name: &'static str,
    /// Rows that the set has where the ceiling of memory allows.
    pub rows: usize,
}

/// Makes [`weight_sets`] and [`select_rows`] of the table. In a line, the first name stands for the recipe and the
/// second for the [`Decision`] at hand.
macro_rules! weight_sets {
    (|$spec:ident, $at:ident| $($name:literal, $rows:expr, if $applies:expr => $row:expr;)+) => {
        /// The weight sets of a recipe, in the order of their outputs.
        pub fn weight_sets($spec: &Spec) -> Vec<WeightSet> {
            let mut sets = Vec::new();
            $(if $applies {
                sets.push(WeightSet { name: $name, rows: $rows });
            })+
            sets
        }

        /// The row that each weight set of a recipe selects at a decision; 0 behind the last set.
        #[inline(always)]
        pub fn select_rows<const N: usize>($spec: &Spec, $at: &Decision<'_, N>) -> [u32; LANES] {
            // under a low ceiling contexts share rows
            let mask = $spec.mixer_rows as u32 - 1;
            let mut rows = [0; LANES];
            let mut set = 0;
            $(if $applies {
                rows[set] = $row & ($rows as u32 - 1) & mask;
                set += 1;
            })+
            let _ = set;
            rows
        }
    };
}

weight_sets! { |spec, at|
    "node", BYTE_ROWS, if true => at.node_row;
    "length of the match and orders seen", BYTE_ROWS, if true => at.match_row;
    "last symbol", BYTE_ROWS, if true => at.last_row;
    "last symbol but one", BYTE_ROWS, if true => at.symbol.last[1] & 255;
    "recent symbols on each side", JOINT_ROWS, if !spec.is_text() && spec.recency => at.recent_sides();
    "agreement of the orders", JOINT_ROWS, if !spec.is_text() && !spec.recency => at.agreement();
    "confidence of the network", JOINT_ROWS, if spec.network.is_some() => at.network_confidence();
    "kinds of the last four bytes", BYTE_ROWS, if spec.is_text() => at.symbol.byte_kinds;
    "place in the line", BYTE_ROWS, if spec.is_text() => at.symbol.line_place;
    "byte that the longest match expects", BYTE_ROWS, if spec.is_text() => at.expected_byte();
    "other fields of the event", BYTE_ROWS, if spec.sides > 0 => at.symbol.side & 255;
    "logits of the event's numbers", BYTE_ROWS, if spec.numbers > 0 => at.number_logits();
}

/// A decision, as far as rows are selected by it.
pub struct Decision<'a, const N: usize> {
    /// Which of the decisions that are predicted together it is.
    pub j: usize,
    /// The node.
    pub node: &'a TreeNode,
    /// What is fixed for the symbol.
    pub symbol: &'a SymbolInputs,
    /// What is fixed for the nibble.
    pub nibble: &'a SourcesAtNibble,
    /// What the contexts said.
    pub contexts: &'a ContextsSaid<N>,
    /// What the sources said.
    pub sources: &'a SourcesSaid<N>,
    /// The row by the node, below 256.
    pub node_row: u32,
    /// The row by the length of the match and the orders seen, below 256.
    pub match_row: u32,
    /// The row by the last symbol, below 256.
    pub last_row: u32,
    orders: usize,
    orders_seen: u32,
    /// The class of the length of the match, below 16.
    match_class: u32,
}

impl<'a, const N: usize> Decision<'a, N> {
    /// The decision `j` of those that are predicted together.
    #[inline(always)]
    pub fn new(
        spec: &Spec,
        model: &Contexts,
        j: usize,
        node: &'a TreeNode,
        symbol: &'a SymbolInputs,
        nibble: &'a SourcesAtNibble,
        contexts: &'a ContextsSaid<N>,
        sources: &'a SourcesSaid<N>,
    ) -> Self {
        let orders_seen = model.orders_seen(contexts, j);
        // longer matches are told apart more coarsely
        let length = sources.matches.length[j];
        let match_class = if length > 0 { (1 + length / 3).min(15) } else { 0 };
        Decision {
            j,
            node,
            symbol,
            nibble,
            contexts,
            sources,
            node_row: node_row(spec.code, node),
            match_row: match_class * 16 + orders_seen.min(15),
            last_row: symbol.last[0] & 255,
            orders: model.orders(),
            orders_seen,
            match_class,
        }
    }

    /// How many recent symbols lie on each side of the node.
    #[inline(always)]
    fn recent_sides(&self) -> u32 {
        let view = &self.sources.recency.views[self.j];
        if view.any { view.sides as u32 } else { 0 }
    }

    /// How many orders are sure of a 1 and how many of a 0, the bit that the short match expects, and the orders seen.
    #[inline(always)]
    fn agreement(&self) -> u32 {
        // ones count eightfold, so that both counts can be read off the sum
        let vote = |p: f32| if p > SURE_PROBABILITIES[1] { 8 } else { u32::from(p < SURE_PROBABILITIES[0]) };
        let orders = self.contexts.seen[self.j].iter().zip(&self.contexts.probability[self.j]).take(self.orders);
        let votes: u32 = orders.filter(|(seen, _)| **seen != 0.0).map(|(_, p)| vote(*p)).sum();
        let expected = self.sources.matches.bits[self.j][0].map_or(0, |bit| bit + 1);
        (votes.min(63) * 4 + expected) * 4 + (self.orders_seen / 2).min(3)
    }

    /// The network's probability in sixteenths, the match, and the node.
    #[inline(always)]
    fn network_confidence(&self) -> u32 {
        let sixteenths = (self.sources.networks.probability[self.j] * 16.0) as u32;
        (sixteenths.min(15) * 8 + self.match_class / 2) * 16 + self.node.index
    }

    /// The byte that the longest match expects, as long as its path agrees.
    #[inline(always)]
    fn expected_byte(&self) -> u32 {
        let expected = self.symbol.sources.matches.longest(&self.nibble.matches);
        expected.map_or(0, |e| u32::from(e.path.nibbles[0]) << 4 | u32::from(e.path.nibbles[1]))
    }

    /// Both logits of the event's numbers, in whole units.
    #[inline(always)]
    fn number_logits(&self) -> u32 {
        let unit = |logit: f32| ((logit + 8.0).clamp(0.0, 15.0)) as u32;
        let [layer, nearest] = self.sources.numbers.logits(self.j);
        unit(layer) * 16 + unit(nearest)
    }
}

/// The row by the node of a decision: every node of a byte has one, nodes of open vocabularies share by depth.
#[inline(always)]
fn node_row(code: Code, node: &TreeNode) -> u32 {
    match code {
        Code::Byte if node.depth == 0 => node.index,
        Code::Byte => (16 + node.prefix * 15 + node.index - 1) & 255,
        Code::Arrival => (node.depth as u32 * 16 + node.index) & 255,
    }
}
