//! A node of the code tree: where one binary decision of a symbol is made.

use crate::code::NIBBLES_MAX;

/// Bits of a nibble. On the path of a symbol that came, the decisions of a nibble are predicted together and then
/// learnt together, so that each weight is fetched once and no decision waits for another (PREDICTOR §6).
pub const NIBBLE_BITS: usize = 4;

/// A node of the code tree.
#[derive(Clone, Copy, Default)]
pub struct TreeNode {
    /// Nibbles before this one.
    pub depth: usize,
    /// Those nibbles, packed, the first one highest.
    pub prefix: u32,
    /// Those nibbles, one by one; what stands behind them is 0.
    pub nibbles: [u8; NIBBLES_MAX],
    /// The node within the nibble: 1 is its root, 2k and 2k + 1 are the children of k, and all are below 16.
    pub index: u32,
    /// Bits of the nibble that come after this one.
    pub shift: u32,
    /// The node's number among all nodes of the tree, see [`Code::node`](crate::Code::node).
    pub number: u32,
}

impl TreeNode {
    /// Whether a nibble's value lies below the node.
    #[inline(always)]
    pub fn covers(&self, nibble: u32) -> bool {
        (nibble | 16) >> (self.shift + 1) == self.index
    }

    /// The bit that a nibble's value has at the node.
    #[inline(always)]
    pub fn bit(&self, nibble: u32) -> u32 {
        nibble >> self.shift & 1
    }
}
