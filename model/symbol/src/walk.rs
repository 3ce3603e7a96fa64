//! One symbol's walk down the code tree: at every nibble of its path the predictions of four nodes, then their bits,
//! then learning.

use crate::bits::BitHistory;
use crate::code::Path;
use crate::context::mix;
use crate::model::{SymbolModel, Work};
use crate::node::{Front, Place, TOGETHER};
use surmise_experts::SYMBOL_EXPERTS_MAX;
use surmise_lanes::{LANES, kernels};

impl SymbolModel {
    /// Finds the keys of a symbol's first nibbles, and asks the processor for what they lead to while there is other
    /// work to do; [`SymbolModel::prefetch_counts`] is the second step of that.
    pub(crate) fn approach(&self, front: &Front, path: &Path, keys: &mut [[u32; LANES]; 2]) {
        for depth in 0..(path.len as usize).min(2) {
            let prefix = if depth == 0 { 0 } else { u32::from(path.nibbles[0]) };
            for i in 0..self.lanes {
                let k = nibble_key(front.hashes[i], depth, prefix);
                keys[depth][i] = k;
                if self.counted >> i & 1 == 1 { self.counts.prefetch_tags(k) } else { self.histories.prefetch(k) }
            }
        }
    }

    /// Asks for the lines of counts.
    pub(crate) fn prefetch_counts(&self, path: &Path, keys: &[[u32; LANES]; 2]) {
        for keys in &keys[..(path.len as usize).min(2)] {
            for i in (0..self.lanes).filter(|i| self.counted >> i & 1 == 1) {
                self.counts.prefetch(keys[i]);
            }
        }
    }

    /// Claims the line of every context at a nibble.
    #[inline(always)]
    fn claim(&mut self, keys: &[u32; LANES], lines: &mut [u32; LANES]) {
        self.histories.grow_if_full();
        for i in 0..self.lanes {
            if self.counted >> i & 1 == 0 {
                lines[i] = self.histories.claim(keys[i]);
            }
        }
        for i in 0..self.lanes {
            if self.counted >> i & 1 == 1 {
                if self.counts.is_full() {
                    self.counts.grow();
                    for j in (0..i).filter(|j| self.counted >> j & 1 == 1) {
                        lines[j] = self.counts.claim(keys[j]);
                    }
                }
                lines[i] = self.counts.claim(keys[i]);
            }
        }
    }

    /// The raw statistics of every context at the nodes of a nibble's path, in the one form that predictions read.
    #[inline(always)]
    fn look(&self, lines: &[u32; LANES], at: &[Place; TOGETHER], slots: &mut [[u32; LANES]; TOGETHER]) {
        for i in 0..self.lanes {
            if self.counted >> i & 1 == 1 {
                let line = self.counts.line(lines[i]);
                for j in 0..TOGETHER {
                    slots[j][i] = line[at[j].node as usize & 15];
                }
            } else {
                let line = self.histories.line(lines[i]);
                let slot = &BitHistory::get().slot;
                for j in 0..TOGETHER {
                    slots[j][i] = slot[line[at[j].node as usize & 15] as usize];
                }
            }
        }
    }

    fn score(&mut self, likelihoods: &[f64; SYMBOL_EXPERTS_MAX]) {
        for i in 0..self.names.len() {
            self.expert_nats[i] = -libm::log(likelihoods[i]);
        }
    }
}

/// The hash of a context's line at a nibble.
#[inline(always)]
pub(crate) fn nibble_key(context: u32, depth: usize, prefix: u32) -> u32 {
    let h = if depth == 0 { context } else { mix(context, prefix.wrapping_mul(8).wrapping_add(depth as u32)) };
    if h == 0 { 1 } else { h }
}

kernels! {
/// Walks a symbol's path, predicting and learning at every nibble; returns the mixture's nats.
pub(crate) fn walk[FMA](m: &mut SymbolModel, w: &mut Work, symbol: u32) -> f64 {
    let path = m.spec.code.path(symbol);
    let mut outer = m.share.start();
    let mut mixture = 1f64;
    m.claims = [[0.0; 3]; 10];
    let mut at = Place::default();
    for depth in 0..path.len as usize {
        let nibble = u32::from(path.nibbles[depth]);
        at.depth = depth;
        at.mask = if m.spec.recency { w.front.recent.within(&path.nibbles, depth) } else { 0 };
        let keys = w.keys.get(depth).copied().unwrap_or_else(|| {
            std::array::from_fn(|i| nibble_key(w.front.hashes[i], depth, at.prefix))
        });
        m.claim(&keys, &mut w.lines);
        let (mut ats, mut bits, mut logits) = ([at; TOGETHER], [0; TOGETHER], [0f32; TOGETHER]);
        for j in 0..TOGETHER {
            let shift = (TOGETHER - 1 - j) as u32;
            let node = (nibble | 16) >> (shift + 1);
            ats[j] = Place { node, shift, number: m.spec.code.node(depth, at.prefix, node), ..at };
            bits[j] = nibble >> shift & 1;
        }
        m.prefetch_maps(&w.front, &ats);
        m.look(&w.lines, &ats, &mut w.decisions.slots);
        if let Some(n) = &m.network {
            logits = n.head.logits::<FMA, TOGETHER>(&ats.map(|at| at.number), n.core.features());
        }
        m.predict::<FMA, TOGETHER>(&w.front, &ats, &logits, &mut w.decisions);
        let mut weights = outer.nibble();
        let paid = weights.follow(&w.decisions.experts, &bits);
        for j in 0..TOGETHER {
            let p = if bits[j] == 1 { paid[j] } else { 1.0 - paid[j] };
            let c = &mut m.claims[((p * 10.0) as usize).min(9)];
            c[0] += f64::from(p); c[1] += f64::from(bits[j]); c[2] += 1.0;
            mixture *= f64::from(paid[j]);
        }
        m.learn::<FMA>(w, &ats, &bits);
        outer = outer.after(&weights);
        for e in &mut w.front.expected {
            e.alive &= u32::from(e.path.nibbles[depth]) == nibble && e.path.len as usize > depth + 1;
        }
        at.nibbles[depth] = nibble as u8;
        at.prefix = at.prefix << 4 | nibble;
    }
    m.share.finish(&outer);
    m.score(outer.likelihoods());
    -libm::log(mixture)
}
}
