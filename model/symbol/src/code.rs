//! How a symbol becomes binary decisions.
//!
//! A symbol is a path of nibbles, and each nibble is four binary decisions in a tree of fifteen inner nodes. Bytes
//! are two nibbles. Symbols of an open vocabulary are coded by arrival: the first twelve take one nibble, the next
//! sixteen two, then 256 take three, 4,096 four, and a million six. Growth is free, and the cost of a decision does
//! not depend on the size of the vocabulary.

/// Which symbols there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The 256 bytes.
    Byte,
    /// Identifiers by order of arrival, 0 first.
    Arrival,
}

/// The largest number of nibbles in a path.
pub const NIBBLES: usize = 6;

/// Symbols that the arrival code can name.
pub const ARRIVAL_MAX: u32 = 4380 + (1 << 20);

/// The nibbles of a symbol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// The nibbles, first to last.
    pub nibbles: [u8; NIBBLES],
    /// How many of them count.
    pub len: u8,
}

impl Code {
    /// The path of a symbol.
    #[inline]
    pub fn path(self, id: u32) -> Path {
        let mut n = [0u8; NIBBLES];
        let (first, rest, digits) = match (self, id) {
            (Code::Byte, _) => ((id >> 4) as u8, id, 1),
            (_, 0..12) => (id as u8, 0, 0),
            (_, 12..28) => (12, id - 12, 1),
            (_, 28..284) => (13, id - 28, 2),
            (_, 284..4380) => (14, id - 284, 3),
            _ => (15, id - 4380, 5),
        };
        n[0] = first & 15;
        for i in 0..digits {
            n[1 + i] = (rest >> (4 * (digits - 1 - i)) & 15) as u8;
        }
        Path { nibbles: n, len: 1 + digits as u8 }
    }

    /// How many nibbles a path has that starts with this one.
    #[inline]
    pub fn length(self, first: u8) -> usize {
        match (self, first) {
            (Code::Byte, _) => 2,
            (_, 0..12) => 1,
            (_, 12) => 2,
            (_, 13) => 3,
            (_, 14) => 4,
            _ => 6,
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

    /// The first symbol, in order of arrival, of those whose paths begin with `depth` nibbles packed into `prefix`, of
    /// which `first` is the first.
    #[inline]
    pub fn least(self, prefix: u32, depth: usize, first: u8) -> u32 {
        self.symbol(prefix << (4 * (self.length(first) - depth)))
    }

    /// A number of the tree node that is reached by `depth` nibbles packed into `prefix` and then by `node` (1..16)
    /// within the next nibble. Nodes are dense by arrival, so arrays indexed by them grow with the vocabulary.
    #[inline]
    pub fn node(self, depth: usize, prefix: u32, node: u32) -> u32 {
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
