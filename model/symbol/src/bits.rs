//! Bit histories: one byte that remembers roughly how many zeros and ones were seen, and which came last (PREDICTOR
//! §3).
//!
//! The state machine is the public-domain one of ZPAQ: pairs of counts, bounded so that they fit 255 states, where the
//! opposite count is discounted at each observation.
//!
//! Source: Mahoney, "The ZPAQ Open Standard Format" (2009).

use std::sync::OnceLock;

/// The state machine of bit histories: successors and counts of every state. State 0 has seen nothing.
pub struct BitHistory {
    /// Successor of a state after a bit: `[256, 2]`.
    pub next: [[u8; 2]; 256],
    /// Zeros and ones that a state stands for: `[256, 2]`.
    pub counts: [[u8; 2]; 256],
    /// A state in the form of a slot of counts: zeros and ones together in the third byte, the state in the fourth.
    pub slot: [u32; 256],
}

/// How many states stand for a zeros and b ones: 0 where the pair is out of bounds, 2 where the last bit is remembered.
fn states(a: usize, b: usize) -> usize {
    const BOUND: [usize; 6] = [20, 48, 15, 8, 6, 5];
    let (a, b) = if a < b { (b, a) } else { (a, b) };
    if b >= 6 || a > BOUND[b] { 0 } else { 1 + usize::from(b > 0 && a + b <= 17) }
}

/// The count of one bit after the opposite bit came.
fn discount(n: usize) -> usize {
    [1, 2, 3, 4, 5, 7, 8].iter().filter(|&&k| n >= k).count()
}

/// The counts after a bit, brought back within bounds in about the same proportion.
fn next_counts(a: usize, b: usize, bit: usize) -> (usize, usize) {
    if a < b {
        let (y, x) = next_counts(b, a, 1 - bit);
        return (x, y);
    }
    let (mut a, mut b) = if bit == 1 { (discount(a), b + 1) } else { (a + 1, discount(b)) };
    while states(a, b) == 0 {
        if b < 2 {
            a -= 1;
        } else {
            a = (a * (b - 1) + b / 2) / b;
            b -= 1;
        }
    }
    (a, b)
}

impl BitHistory {
    /// The one table, which is made when it is first asked for.
    pub fn get() -> &'static BitHistory {
        static T: OnceLock<Box<BitHistory>> = OnceLock::new();
        T.get_or_init(|| {
            // number the states by the bits that they stand for, fewest first
            let mut index = vec![[[0u8; 2]; 60]; 60];
            let mut s = 0;
            for total in 0..50 {
                for b in 0..=total {
                    let n = states(total - b, b);
                    if n > 0 {
                        index[total - b][b] = [s as u8, (s + n - 1) as u8];
                        s += n;
                    }
                }
            }
            // then connect them
            let mut t = Box::new(BitHistory { next: [[0; 2]; 256], counts: [[0; 2]; 256], slot: [0; 256] });
            for a in 0..50 {
                for b in 0..50 {
                    for y in 0..states(a, b) {
                        let q = index[a][b][y] as usize;
                        for bit in 0..2 {
                            let (na, nb) = next_counts(a, b, bit);
                            t.next[q][bit] = index[na][nb][bit];
                        }
                        t.counts[q] = [a as u8, b as u8];
                        t.slot[q] = (q as u32) << 24 | ((a + b) as u32) << 16;
                    }
                }
            }
            t
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_count_and_stay_inside() {
        let t = BitHistory::get();
        let mut s = 0u8;
        for _ in 0..8 {
            s = t.next[s as usize][1];
        }
        assert_eq!(t.counts[s as usize], [0, 8]);
        let s = t.next[s as usize][0];
        assert!(t.counts[s as usize][0] == 1 && t.counts[s as usize][1] < 8, "the opposite count is discounted");
        // closure: every reachable state has counts, and only the start has none
        let mut seen = [false; 256];
        let mut todo = vec![0u8];
        while let Some(s) = todo.pop() {
            if !std::mem::replace(&mut seen[s as usize], true) {
                todo.extend(t.next[s as usize]);
            }
        }
        assert!((1..256).all(|s| !seen[s] || t.counts[s] != [0, 0]));
        assert!(seen.iter().filter(|x| **x).count() > 200);
    }
}
