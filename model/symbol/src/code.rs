//! The code tree: how a symbol becomes binary decisions (PREDICTOR §2).
//!
//! A symbol is a path of nibbles, and each nibble is four binary decisions in a tree of fifteen inner nodes. Bytes
//! are two nibbles. Symbols of an open vocabulary are coded by arrival: the first twelve take one nibble, the next
//! sixteen two, then 256 take three, 4,096 four, and a million six. Growth is free, and the cost of a decision does
//! not depend on the size of the vocabulary.

/// How symbols become paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The 256 bytes.
    Byte,
    /// Symbols of an open vocabulary, numbered by order of arrival, 0 first.
    Arrival,
}

/// Nibbles of a path at most.
pub const NIBBLES_MAX: usize = 6;

/// Symbols that the code by arrival can tell apart.
pub const ARRIVAL_MAX: u32 = 4380 + (1 << 20);

/// The nibbles of a symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// The nibbles, first to last.
    pub nibbles: [u8; NIBBLES_MAX],
    /// How many of them count.
    pub len: u8,
}

impl Path {
    /// Whether the path goes on after `depth` nibbles that are the first of these.
    #[inline(always)]
    pub fn starts_with(&self, nibbles: &[u8; NIBBLES_MAX], depth: usize) -> bool {
        // one comparison of words instead of a call for a few bytes
        let first = (1u64 << (8 * depth)) - 1;
        self.len as usize > depth && (as_word(&self.nibbles) ^ as_word(nibbles)) & first == 0
    }
}

/// Nibbles as the bytes of a word, the first one lowest.
#[inline(always)]
fn as_word(nibbles: &[u8; NIBBLES_MAX]) -> u64 {
    let mut bytes = [0; 8];
    bytes[..NIBBLES_MAX].copy_from_slice(nibbles);
    u64::from_le_bytes(bytes)
}

impl Code {
    /// The path of a symbol.
    #[inline]
    pub fn path(self, symbol: u32) -> Path {
        let mut nibbles = [0u8; NIBBLES_MAX];
        // the first nibble tells how many digits follow
        let (first, rest, digits) = match (self, symbol) {
            (Code::Byte, _) => ((symbol >> 4) as u8, symbol, 1),
            (Code::Arrival, 0..12) => (symbol as u8, 0, 0),
            (Code::Arrival, 12..28) => (12, symbol - 12, 1),
            (Code::Arrival, 28..284) => (13, symbol - 28, 2),
            (Code::Arrival, 284..4380) => (14, symbol - 284, 3),
            (Code::Arrival, _) => (15, symbol - 4380, 5),
        };
        nibbles[0] = first & 15;
        for i in 0..digits {
            nibbles[1 + i] = (rest >> (4 * (digits - 1 - i)) & 15) as u8;
        }
        Path { nibbles, len: 1 + digits as u8 }
    }

    /// How many nibbles a path has whose first nibble is this.
    #[inline]
    pub fn length(self, first: u8) -> usize {
        match (self, first) {
            (Code::Byte, _) => 2,
            (Code::Arrival, 0..12) => 1,
            (Code::Arrival, 12) => 2,
            (Code::Arrival, 13) => 3,
            (Code::Arrival, 14) => 4,
            (Code::Arrival, _) => 6,
        }
    }

    /// The symbol of a complete path, whose nibbles are packed into `prefix`, first nibble highest.
    #[inline]
    pub fn symbol(self, prefix: u32) -> u32 {
        match self {
            Code::Byte => prefix,
            Code::Arrival => match prefix {
                0..12 => prefix,
                _ => {
                    // the position of the first nibble tells the class
                    let nibbles = (32 - prefix.leading_zeros()).div_ceil(4);
                    let rest = prefix & ((1u32 << (4 * (nibbles - 1))) - 1);
                    match nibbles {
                        2 => 12 + rest,
                        3 => 28 + rest,
                        4 => 284 + rest,
                        _ => 4380 + rest,
                    }
                }
            },
        }
    }

    /// The smallest symbol below a node (1..16) or value (16..32) of the nibble at `depth`, after these nibbles.
    #[inline]
    pub fn least(self, depth: usize, nibbles: &[u8; NIBBLES_MAX], node: u32) -> u32 {
        // the leftmost value below the node, then zeros to the path's end
        let value = (node << (node.leading_zeros() - 27)) & 15;
        let first = if depth == 0 { value as u8 } else { nibbles[0] };
        let prefix = nibbles[..depth].iter().fold(0, |p, n| p << 4 | u32::from(*n)) << 4 | value;
        self.symbol(prefix << (4 * (self.length(first) - depth - 1)))
    }

    /// A number of the tree node that is reached by `depth` nibbles packed into `prefix` and then by `node` (1..16)
    /// within the next nibble. Nodes are dense by arrival, so arrays indexed by them grow with the vocabulary.
    #[inline]
    pub fn node(self, depth: usize, prefix: u32, node: u32) -> u32 {
        // every nibble has a group of sixteen; groups are numbered by when their first symbol can arrive
        let group = match (self, depth) {
            (_, 0) => 0,
            (Code::Byte, _) => 1 + prefix,
            _ => {
                let first = prefix >> (4 * (depth - 1));
                let rest = prefix & ((1u32 << (4 * (depth - 1))) - 1);
                match (first, depth) {
                    (12, _) => 1,
                    (13, 1) => 2,
                    (13, _) => 3 + rest,
                    (14, 1) => 19,
                    (14, 2) => 20 + rest,
                    (14, _) => 36 + rest,
                    (_, 1) => 292,
                    (_, 2) => 293 + rest,
                    (_, 3) => 309 + rest,
                    (_, 4) => 565 + rest,
                    _ => 4661 + rest,
                }
            }
        };
        group * 16 + node
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn paths_are_a_prefix_code_and_invert() {
        for (code, ids) in [
            (Code::Byte, (0..256).collect::<Vec<u32>>()),
            (Code::Arrival, (0..9000).chain([70_000, ARRIVAL_MAX - 1]).collect()),
        ] {
            let mut seen = HashSet::new();
            for id in ids {
                let p = code.path(id);
                assert_eq!(code.length(p.nibbles[0]), p.len as usize);
                let prefix = p.nibbles[..p.len as usize].iter().fold(0, |a, n| a << 4 | u32::from(*n));
                assert_eq!(code.symbol(prefix), id, "{code:?} {id}");
                assert!(seen.insert((p.len, prefix)));
            }
        }
    }

    #[test]
    fn the_least_symbol_below_a_node_is_the_least() {
        for code in [Code::Byte, Code::Arrival] {
            let ids: Vec<u32> = (0..if code == Code::Byte { 256 } else { 6000 }).collect();
            let mut least = std::collections::HashMap::new();
            for id in ids {
                let p = code.path(id);
                for depth in 0..p.len as usize {
                    let mut before = [0; NIBBLES_MAX];
                    before[..depth].copy_from_slice(&p.nibbles[..depth]);
                    for shift in 0..5 {
                        let node = (u32::from(p.nibbles[depth]) | 16) >> shift;
                        let l = *least.entry((depth, before, node)).or_insert(id);
                        assert_eq!(code.least(depth, &before, node), l, "{code:?} {id} {depth} {node}");
                    }
                }
            }
        }
    }

    #[test]
    fn nodes_are_distinct_and_dense() {
        let mut owner = std::collections::HashMap::new();
        for id in (0..6000).chain([70_000, 500_000]) {
            let p = Code::Arrival.path(id);
            let mut prefix = 0;
            for d in 0..p.len as usize {
                let node = Code::Arrival.node(d, prefix, 1);
                assert_eq!(*owner.entry(node).or_insert((d, prefix)), (d, prefix));
                prefix = prefix << 4 | u32::from(p.nibbles[d]);
            }
        }
        assert!(Code::Arrival.node(2, 13 << 4 | 15, 15) < 16 * 19);
    }
}
